import { isStateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type {
  CallOptions,
  MaintenanceScope,
  RecordHeader,
  RecordKey,
  StateRecord,
  StateStore,
  WithoutBytes,
} from "../contract/store.js";
import { readLimit, readOptions } from "../validation/validate.js";

/** Where `scanKind` begins, and how much it holds at once. */
export interface ScanKindOptions extends CallOptions {
  /** Starts after this key: the last record seen, or the `details.at` of a CORRUPT error. */
  readonly after?: RecordKey | undefined;
  /** How many records are held at once: 1 to 10,000. Default 500. */
  readonly pageSize?: number;
  /** `false`: without payloads, as `WithoutBytes` says. Default true. */
  readonly bytes?: true;
}

const DEFAULT_PAGE_SIZE = 500;
const OPTIONS = ["signal", "after", "pageSize", "bytes"];

/**
 * Yields every record that `listKind` finds, in its order, in bounded memory. It rejects with the error of a page, after it
 * has yielded every record before the damaged one; it never ends early without an error.
 */
export function scanKind(
  store: StateStore,
  scope: MaintenanceScope,
  kindPrefix: string,
  options: WithoutBytes<ScanKindOptions>,
): AsyncGenerator<RecordHeader, void, undefined>;
export function scanKind(
  store: StateStore,
  scope: MaintenanceScope,
  kindPrefix: string,
  options?: ScanKindOptions,
): AsyncGenerator<StateRecord, void, undefined>;
export async function* scanKind(
  store: StateStore,
  scope: MaintenanceScope,
  kindPrefix: string,
  options?: ScanKindOptions | WithoutBytes<ScanKindOptions>,
): AsyncGenerator<RecordHeader, void, undefined> {
  const { pageSize, ...rest } = readOptions(options, OPTIONS) as ScanKindOptions;
  let limit =
    options && "pageSize" in options ? readLimit(pageSize, LIMITS.limit, "pageSize") : DEFAULT_PAGE_SIZE;
  let from: { after?: RecordKey } = {};
  for (;;) {
    let page: readonly RecordHeader[];
    try {
      page = await store.listKind(scope, kindPrefix, { ...rest, ...from, limit });
    } catch (error) {
      if (limit === 1 || !isStateError(error, "CORRUPT")) throw error;
      // The page holds a damaged record: smaller pages reach the records before it.
      limit = limit >> 1;
      continue;
    }
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < limit) return;
    from = { after: { identity: last.identity, kind: last.kind } };
  }
}
