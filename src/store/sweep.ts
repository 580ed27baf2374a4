import { invalid, isStateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type {
  CallOptions,
  EventId,
  MaintenanceScope,
  RecordKey,
  StateRecord,
  StateStore,
} from "../contract/store.js";
import { readLimit, readOptions, readSignal } from "../validation/validate.js";
import { type ScanKindOptions, scanKind } from "./scan-kind.js";

/** How much one `sweep` does. */
export interface SweepOptions extends CallOptions {
  /** Starts after this key: `next` of the sweep before. */
  readonly after?: RecordKey;
  /** How many records it looks at, damaged ones included: 1 to 10,000. Default 1,000. */
  readonly limit?: number;
}

/** What one `sweep` did. */
export interface SweepReport {
  /** How many records it deleted. */
  readonly deleted: number;
  /** The damaged records that it passed over. */
  readonly damaged: readonly RecordKey[];
  /** Where the next sweep goes on, as its `after`. Absent: it has looked at the last one. */
  readonly next?: RecordKey;
}

type Found = RecordKey & { readonly eventId: EventId };

const DEFAULT_LIMIT = 1000;
/** How many records are held, and how many are deleted at a time. */
const AT_A_TIME = 100;

/**
 * Deletes the records of a prefix, across identities, that `isOver` says are over: expired, finished, orphaned. Each is
 * deleted only if it still is what `isOver` was shown; one that was written meanwhile stays. It looks at `limit` records at
 * most, so a job calls it again with `next` until that is absent. Damaged records are passed over and named in the report.
 *
 * The store itself lets nothing expire: this is for a job of yours, in one process or in several at once. If it is aborted
 * or fails, or `isOver` throws, it rejects, and what was deleted until then stays deleted; repeating it does no harm.
 *
 * The scope is that of `listKind`. MAINTENANCE_SCOPE_REQUIRED, INVALID_RECORD.
 *
 * @example
 * ```ts
 * import { maintenanceScope, sweep, type SweepReport } from "groundstate";
 *
 * const scope = maintenanceScope({ reason: "remove uploads that nobody finished", tenant: "acme" });
 * const yesterday = Date.now() - 86_400_000;
 * let report: SweepReport | undefined;
 * do {
 *   const from = report?.next ? { after: report.next } : {};
 *   report = await sweep(store, scope, "upload/", ({ updatedAt }) => updatedAt.getTime() < yesterday, from);
 * } while (report.next);
 * ```
 */
export async function sweep(
  store: StateStore,
  scope: MaintenanceScope,
  kindPrefix: string,
  isOver: (record: StateRecord) => boolean | Promise<boolean>,
  options?: SweepOptions,
): Promise<SweepReport> {
  const given = readOptions(options, ["signal", "after", "limit"]) as SweepOptions;
  if (typeof isOver !== "function") throw invalid("isOver", "a function");
  const signal = readSignal(given);
  const limit = "limit" in given ? readLimit(given.limit, LIMITS.limit) : DEFAULT_LIMIT;
  const pageSize = Math.min(limit, AT_A_TIME);
  const damaged: RecordKey[] = [];
  let over: Found[] = [];
  let deleted = 0;
  const deleteOver = async () => {
    deleted += await deleteUnchanged(store, over, signal);
    over = [];
  };
  let looked = 0;
  let next: RecordKey | undefined;
  const after = "after" in given ? { after: given.after as RecordKey } : {};
  for await (const { key, record } of pastDamage(store, scope, kindPrefix, { signal, pageSize, ...after })) {
    if (record === undefined) damaged.push(key);
    else if (await isOver(record)) over.push({ ...key, eventId: record.eventId });
    if (over.length === AT_A_TIME) await deleteOver();
    if (++looked < limit) continue;
    next = key;
    break;
  }
  await deleteOver();
  return { deleted, damaged, ...(next === undefined ? {} : { next }) };
}

/** Every record that `scanKind` yields, and the key alone of each damaged one. */
async function* pastDamage(
  store: StateStore,
  scope: MaintenanceScope,
  kindPrefix: string,
  options: ScanKindOptions,
): AsyncGenerator<{ readonly key: RecordKey; readonly record?: StateRecord }, void, undefined> {
  for (let from = options; ; ) {
    try {
      for await (const record of scanKind(store, scope, kindPrefix, from)) {
        const { identity, kind } = record;
        yield { key: { identity, kind }, record };
      }
      return;
    } catch (error) {
      if (!isStateError(error, "CORRUPT") || error.details.at === undefined) throw error;
      const key = error.details.at;
      yield { key };
      from = { ...options, after: key };
    }
  }
}

/** Deletes those records that still are what was found. Returns how many. */
async function deleteUnchanged(
  store: StateStore,
  found: readonly Found[],
  signal: AbortSignal | undefined,
): Promise<number> {
  const deleting = found.map(async ({ identity, kind, eventId }) => {
    try {
      return await store.delete(identity, kind, { expect: eventId, signal });
    } catch (error) {
      if (isStateError(error, "CONDITION_FAILED")) return false;
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(deleting);
  const failed = outcomes.find((outcome) => outcome.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return outcomes.filter((outcome) => outcome.status === "fulfilled" && outcome.value).length;
}
