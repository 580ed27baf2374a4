import { isStateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { CallOptions, MaintenanceScope, RecordKey, StateRecord, StateStore } from "../contract/store.js";
import { readLimit, readOptions } from "../validation/validate.js";

/** Where `scanKind` begins, and how much it holds at once. */
export interface ScanKindOptions extends CallOptions {
  /** Where to go on from: the last record seen, or the place a CORRUPT error named. */
  readonly after?: RecordKey;
  /** How many records are held at once: 1 to 10,000. Default 500. */
  readonly pageSize?: number;
}

const DEFAULT_PAGE_SIZE = 500;

/**
 * Every record that `listKind` finds, in its order, in bounded memory. It throws what a page throws, never ends early
 * in silence, and has by then handed out every record before the one that is damaged.
 */
export async function* scanKind(
  store: StateStore,
  scope: MaintenanceScope,
  kindPrefix: string,
  options?: ScanKindOptions,
): AsyncGenerator<StateRecord, void, undefined> {
  const { pageSize, ...rest } = readOptions(options, ["signal", "after", "pageSize"]) as ScanKindOptions;
  let limit =
    options && "pageSize" in options ? readLimit(pageSize, LIMITS.limit, "pageSize") : DEFAULT_PAGE_SIZE;
  let from: { after?: RecordKey } = {};
  for (;;) {
    let page: StateRecord[];
    try {
      page = await store.listKind(scope, kindPrefix, { ...rest, ...from, limit });
    } catch (error) {
      if (limit === 1 || !isStateError(error, "CORRUPT")) throw error;
      // The page holds a damaged record: smaller pages hand out what lies before it.
      limit = limit >> 1;
      continue;
    }
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    from = { after: { identity: last.identity, kind: last.kind } };
  }
}
