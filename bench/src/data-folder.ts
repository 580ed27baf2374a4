import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const DEFAULT = fileURLToPath(new URL("../.data", import.meta.url));

/** Where a run keeps its files: a folder of its own, which `remove` removes. */
export class DataFolder {
  readonly path: string;
  readonly #parent: string | undefined;

  constructor(given: string | undefined) {
    const parent = given === undefined ? DEFAULT : resolve(given);
    mkdirSync(parent, { recursive: true });
    this.path = mkdtempSync(join(parent, "run-"));
    this.#parent = given === undefined ? parent : undefined;
  }

  folder(name: string): string {
    const path = join(this.path, name);
    mkdirSync(path);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 3 });
    if (this.#parent === undefined) return;
    try {
      rmdirSync(this.#parent);
    } catch {
      // Another run has its files there.
    }
  }
}
