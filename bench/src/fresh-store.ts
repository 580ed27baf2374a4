import { join } from "node:path";
import "../../dist/drivers/index.js";
import { openStore, type StateStore } from "../../dist/src/index.js";
import type { Context } from "./section.js";

/** Where a job is to open a store of its own. */
export interface Place {
  readonly driver: "sqlite" | "postgres" | "memory";
  /** The schema, and the file's name. */
  readonly name: string;
  readonly folder: string;
  readonly url?: string;
}

const MAX_BYTES = 16 * 1024 * 1024;

/** An empty store that takes the largest payloads there are. */
export function openFresh({ driver, name, folder, url = "" }: Place): Promise<StateStore> {
  if (driver === "memory") return openStore({ driver, maxBytes: MAX_BYTES });
  if (driver === "sqlite")
    return openStore({ driver, path: join(folder, `${name}.db`), maxBytes: MAX_BYTES });
  return openStore({ driver, url, schema: name, maxBytes: MAX_BYTES, timeoutMs: 120_000 });
}

/** A place on each of the drivers, one after the other. */
export async function* eachDriver(context: Context, name: string): AsyncGenerator<Place> {
  for (const driver of ["memory", "sqlite", "postgres"] as const) {
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    yield { driver, name, folder: context.folder(`${name}-${driver}`), ...server };
  }
}
