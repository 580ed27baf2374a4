import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runScript } from "../../conformance/histories/run-script.js";
import type { Script } from "../../conformance/histories/script.js";
import { openMemory } from "../../drivers/memory/index.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import type { Driver } from "../../src/contract/driver.js";
import type { StateStore } from "../../src/contract/store.js";
import { createMigratedDatabase } from "../postgres/database.js";

/** A store under a name that a failure can be reported by. */
export interface Named {
  readonly name: string;
  readonly store: StateStore;
}

/** Asks a store what the script says. Rejects, under its name, where it answers something else than the model. */
export async function asked(
  script: Script,
  { name, store }: Named,
  wait?: () => Promise<void>,
): Promise<void> {
  await runScript(script, { store: () => store, ...(wait && { wait }) }).catch((cause: Error) => {
    throw new Error(`${name}, ${cause.message}`, { cause });
  });
}

export interface Drivers {
  readonly drivers: readonly { readonly name: string; readonly driver: Driver }[];
  /** Removes what they stored; they are closed by then. */
  clean(): Promise<void>;
}

/** Every driver, each on an empty place of its own. */
export async function openDrivers(): Promise<Drivers> {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-differential-"));
  const database = await createMigratedDatabase();
  return {
    drivers: [
      { name: "memory", driver: await openMemory() },
      { name: "sqlite in memory", driver: await openSqlite({ path: ":memory:" }) },
      { name: "sqlite", driver: await openSqlite({ path: join(folder, "state.db") }) },
      { name: "postgres", driver: await openPostgres({ url: database.url, timeoutMs: 60_000 }) },
    ],
    async clean() {
      rmSync(folder, { recursive: true, force: true });
      await database.drop();
    },
  };
}
