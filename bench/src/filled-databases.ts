import { runJob } from "./child-process.js";
import type { BenchPostgres } from "./postgres-server.js";
import type { Filled } from "./section.js";

const FILL_MS = 30 * 60_000;

/** Databases of a given size, each filled once in a run. */
export class FilledDatabases {
  readonly #filled = new Map<string, Promise<Filled>>();
  readonly #folder: (name: string) => string;
  readonly #postgres: () => Promise<BenchPostgres>;

  constructor(folder: (name: string) => string, postgres: () => Promise<BenchPostgres>) {
    this.#folder = folder;
    this.#postgres = postgres;
  }

  get(driver: "sqlite" | "postgres", records: number): Promise<Filled> {
    const name = `grown-${driver}-${records}`;
    const found = this.#filled.get(name) ?? this.#fill(driver, records, name);
    this.#filled.set(name, found);
    return found;
  }

  async #fill(driver: "sqlite" | "postgres", records: number, name: string): Promise<Filled> {
    const server = driver === "postgres" ? { url: (await this.#postgres()).url } : {};
    const filled = { folder: this.#folder(name), records, ...server };
    await runJob(`fill-${driver}`, filled, FILL_MS);
    return filled;
  }
}
