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

type Driver = Place["driver"];

/** A place on each of the drivers, one after the other. */
export function eachDriver(context: Context, name: string): AsyncGenerator<Place> {
  return placesOn(["memory", "sqlite", "postgres"], context, name);
}

/** A place on each of the databases, one after the other. */
export function eachDatabase(context: Context, name: string): AsyncGenerator<DatabasePlace> {
  return placesOn(["sqlite", "postgres"], context, name);
}

export type DatabasePlace = Place & { readonly driver: "sqlite" | "postgres" };

async function* placesOn<D extends Driver>(
  drivers: readonly D[],
  context: Context,
  name: string,
): AsyncGenerator<Place & { readonly driver: D }> {
  for (const driver of drivers) {
    const server = driver === "postgres" ? { url: (await context.postgres()).url } : {};
    yield { driver, name, folder: context.folder(`${name}-${driver}`), ...server };
  }
}
