import { join } from "node:path";
import "../../dist/drivers/index.js";
import { maintenanceScope, openStore, type StateStore } from "../../dist/src/index.js";
import { PREFIX } from "./grown.js";
import type { Filled } from "./section.js";

export function grownFile(folder: string): string {
  return join(folder, "floor.db");
}

export function grownSchema(records: number): string {
  return `grown_${records}`;
}

/** The floor on a filled database, or on one that is about to be filled. */
export function openGrown({ folder, url, records }: Filled): Promise<StateStore> {
  if (url === undefined) return openStore({ driver: "sqlite", path: grownFile(folder) });
  return openStore({ driver: "postgres", url, schema: grownSchema(records), timeoutMs: 60_000 });
}

/** Rejects when the floor does not find, whole, as much as was filled in. */
export async function checkFilled(filled: Filled): Promise<void> {
  const store = await openGrown(filled);
  try {
    const scope = maintenanceScope({ reason: "check what the bench filled in", allTenants: true });
    const found = await store.listKind(scope, PREFIX.hundredth);
    if (found.length !== filled.records / 100)
      throw new Error(`found ${found.length} records of a hundredth`);
  } finally {
    await store.close();
  }
}
