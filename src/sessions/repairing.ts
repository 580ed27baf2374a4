import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { type Cell, corruptRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { itemPrefix } from "../typed/names.js";
import { transact } from "../typed/transact.js";
import { entriesByName } from "./entries-by-name.js";
import { changedAllTheTime, noSession } from "./errors.js";
import { hasLargeEvents } from "./large-events.js";
import { EVENTS, headCell, type SessionHead } from "./session-head.js";
import { moveEntries } from "./session-lists.js";
import { type SessionRecord, type StoredMetadata, sessionCell } from "./session-record.js";
import type { SessionRecords } from "./session-records.js";

/** What a damaged session gets anew. */
export interface RepairOptions<Input> extends CallOptions {
  /** The metadata, where the stored one is damaged. Otherwise it stays as it is. */
  readonly metadata?: Input;
}

/** A record of a session as far as it can be read. */
interface Read<V> {
  readonly value: V | undefined;
  /** What a write of it expects. */
  readonly expect: string | null;
}

const MAX_ATTEMPTS = 3;

/**
 * Makes a session whose record or head is damaged or missing readable again. What is left of it says what the rest was: times
 * from its entries and events, the numbers of events from their records. Does nothing to one that is whole. NOT_FOUND,
 * SCHEMA_TOO_NEW, INVALID_RECORD where metadata are needed.
 */
export async function repairSession(
  store: StateStore,
  records: SessionRecords,
  owner: SessionIdentity,
  { metadata, signal }: { readonly metadata: StoredMetadata | undefined } & CallOptions,
): Promise<void> {
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const [head, record, entries] = await Promise.all([
      read(store, headCell(owner), signal),
      read(store, sessionCell(owner), signal),
      entriesByName(store, owner, signal),
    ]);
    if (head.expect === null && record.expect === null && entries.length === 0) throw noSession();
    const isOld = record.value?.old !== undefined;
    if (record.value !== undefined && (head.value?.activity !== undefined || isOld)) return;
    if (record.value === undefined && metadata === undefined)
      throw invalid("metadata", "given: that of the session is damaged");
    try {
      return await writeAnew(store, records, owner, { head, record, entries, metadata, signal });
    } catch (error) {
      if (!isStateError(error, "CONDITION_FAILED")) throw error;
    }
  }
  throw changedAllTheTime();
}

interface Remains {
  readonly head: Read<SessionHead>;
  readonly record: Read<SessionRecord>;
  readonly entries: readonly RecordHeader[];
  readonly metadata: StoredMetadata | undefined;
  readonly signal: AbortSignal | undefined;
}

async function writeAnew(
  store: StateStore,
  records: SessionRecords,
  owner: SessionIdentity,
  { head, record, entries, metadata, signal }: Remains,
): Promise<void> {
  const now = records.now();
  const [bounds, lastEventAt] = await remainingEvents(store, owner, head.value, signal);
  const times = entries.map(({ updatedAt }) => updatedAt.getTime());
  const createdAt = record.value?.createdAt ?? head.value?.activity?.createdAt ?? Math.min(now, ...times);
  const anew: SessionRecord = record.value ?? { createdAt, metadata: metadata as StoredMetadata };
  const known = head.value?.activity ?? {
    updatedAt: Math.max(createdAt, ...times, lastEventAt ?? createdAt),
    ...(lastEventAt !== undefined && { lastEventAt }),
  };
  await transact(
    store,
    async (transaction) => {
      for (const { identity, kind } of entries)
        transaction.delete({ identity, kind, codec: headCell(owner).codec } as Cell<unknown, never>);
      const activity = moveEntries(
        transaction,
        owner,
        undefined,
        records.listed({ ...known, createdAt }, anew),
      );
      await transaction.set(headCell(owner), { ...bounds, activity }, undefined, head.expect);
      await transaction.set(sessionCell(owner), anew, undefined, record.expect);
    },
    { signal, turn: headCell(owner) },
  );
}

/** The bounds of the events that there are, and the time of the last one. */
async function remainingEvents(
  store: StateStore,
  owner: SessionIdentity,
  head: SessionHead | undefined,
  signal: AbortSignal | undefined,
): Promise<[Omit<SessionHead, "activity">, number | undefined]> {
  const prefix = itemPrefix(EVENTS);
  const [[first], [last]] = (await Promise.all(
    [false, true].map((reverse) => store.list(owner, prefix, { reverse, limit: 1, bytes: false, signal })),
  )) as [RecordHeader[], RecordHeader[]];
  const at = last?.updatedAt.getTime();
  if (head !== undefined) {
    const { activity: _, ...bounds } = head;
    return [bounds, at];
  }
  const hasLarge = await hasLargeEvents(store, owner, signal);
  const large = hasLarge && { hasLarge };
  if (first === undefined || last === undefined) return [{ first: 1, next: 1, ...large }, undefined];
  return [{ first: numberOf(first, prefix), next: numberOf(last, prefix) + 1, ...large }, at];
}

function numberOf(header: RecordHeader, prefix: string): number {
  const number = Number(header.kind.slice(prefix.length));
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw corruptRecord(header, "the record of an event is not where it belongs");
}

async function read<V>(
  store: StateStore,
  cell: Cell<V, never>,
  signal: AbortSignal | undefined,
): Promise<Read<V>> {
  const { identity, kind } = cell;
  const [header] = await store.list(identity, kind, { limit: 1, bytes: false, signal });
  const expect = header?.kind === kind ? header.eventId : null;
  try {
    return { value: (await findCell(store, cell, { signal }))?.value, expect };
  } catch (error) {
    if (!isStateError(error, "CORRUPT")) throw error;
    return { value: undefined, expect };
  }
}
