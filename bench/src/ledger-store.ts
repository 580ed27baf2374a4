import { join } from "node:path";
import "../../dist/drivers/index.js";
import { openStore, type StateStore } from "../../dist/src/index.js";
import type { Setting } from "./contestant.js";
import type { Filled } from "./section.js";

/** The floor on a file or a schema of this name. */
export function openNamed(
  { folder, url }: Pick<Setting, "folder" | "url">,
  name: string,
): Promise<StateStore> {
  if (url === undefined) return openStore({ driver: "sqlite", path: join(folder, `${name}.db`) });
  return openStore({ driver: "postgres", url, schema: name, timeoutMs: 60_000 });
}

/** The floor on a ledger that was filled, or is about to be. */
export function openLedgerStore(filled: Filled): Promise<StateStore> {
  return openNamed(filled, `ledger_${filled.records}`);
}
