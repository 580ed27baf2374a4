import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

const COMPILER = process.env.CC ?? "cc";

/** Why no library can be put between a program and the system here, if so: what a test that needs one is skipped with. */
export const whyNoPreload: string | undefined = reason();

/**
 * Compiles `test/preload/<name>.c` to a shared library that is removed after the test file: its path, which is for
 * `LD_PRELOAD`.
 */
export function buildPreload(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-preload-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const library = join(folder, `${name}.so`);
  const source = fileURLToPath(new URL(`./${name}.c`, import.meta.url));
  const flags = ["-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl", "-lpthread"];
  execFileSync(COMPILER, flags, { stdio: "inherit" });
  return library;
}

function reason(): string | undefined {
  if (process.platform !== "linux") return "it takes Linux";
  try {
    execFileSync(COMPILER, ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return `it takes a C compiler, and ${COMPILER} does not run: install gcc`;
  }
}
