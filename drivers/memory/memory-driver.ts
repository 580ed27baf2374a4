import type {
  ApplyOptions,
  ChangeFeed,
  Commit,
  CountQuery,
  Driver,
  DriverStatus,
  EraseTarget,
  Outcome,
  ScanPage,
  ScanQuery,
  Session,
  SessionsPage,
  SessionsQuery,
  Slot,
  StoredRecord,
  Swept,
  Write,
} from "../../src/contract/driver.js";
import type { EventId } from "../../src/contract/store.js";
import { decide, slotOf, targetOf, type View } from "../../src/rules/decide.js";
import { eraseRange, type Place, placeAfter } from "../../src/rules/erase-range.js";
import { afterSession, compareByIdentity, compareByKind, compareText } from "../../src/rules/order.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { steadyNow } from "../../src/timing/clock.js";
import { inSlices, type Steps } from "../../src/timing/in-slices.js";
import { ExpiryQueue, type RememberedEvent } from "./expiry-queue.js";
import { type PendingErasure, PendingErasures } from "./pending-erasures.js";
import { SortedBlocks } from "./sorted-blocks.js";
import { ToldChanges } from "./told-changes.js";

interface Entry {
  /** The key of its slot: one string, which its event ids share. */
  readonly key: string;
  record: StoredRecord;
  event: RememberedEvent;
  /** Higher than the number of every earlier entry. */
  readonly added: number;
}

/** Records that the erases of one batch, and one sweep, remove: they block the event loop meanwhile. */
const MAX_ERASED_AT_ONCE = 1000;
const MAX_PER_SWEEP = 300;
/** Records of an abandoned erase that a batch removes. */
const MAX_SWEPT_PER_BATCH = 100;
/** How many tenants and erased records one page of a scan passes over at most. */
const MAX_TENANTS = 100;
const MAX_ERASED = 1000;
/** Entries that a count looks at in one step, where it has to. */
const COUNTED_PER_STEP = 10_000;

/** The reference driver: keeps everything in Maps and follows the same rules as the other drivers. */
export class MemoryDriver implements Driver {
  readonly name = "memory";
  readonly #slots = new Map<string, Entry>();
  readonly #events = new ExpiryQueue();
  readonly #pendingErasures = new PendingErasures();
  readonly #toldChanges = new ToldChanges();
  readonly changes: ChangeFeed = this.#toldChanges;
  #added = 0;
  readonly #byIdentity = new SortedBlocks<Entry>((a, b) => compareByIdentity(a.record, b.record));
  readonly #byKind = new SortedBlocks<Entry>((a, b) => compareByKind(a.record, b.record));

  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const { now, window } = options;
    const view: View = {
      now,
      window,
      current: (slot) => this.#current(keyOf(slot))?.record.eventId,
      event: (tenant, eventId) => this.#event(tenant, eventId),
    };
    const keyOf = lastKey();
    let saves = 0;
    let atOnce = MAX_ERASED_AT_ONCE;
    const outcomes = commits.map((commit) => {
      const decision = decide(commit, view);
      if (decision.is !== "applied") return decision;
      const erased: number[] = [];
      let remains = false;
      for (const write of commit.writes) {
        if (write.op === "erase") {
          const count = this.#erase(targetOf(write), atOnce, now);
          erased.push(count ?? 0);
          atOnce -= count ?? 0;
          remains ||= count === undefined;
        } else this.#write(write, keyOf, now);
        if (write.op === "save") saves++;
      }
      if (erased.length === 0) return decision;
      return { ...decision, erased, ...(remains ? { remains } : {}) };
    });
    const abandoned = this.#pendingErasures.abandoned(now);
    if (abandoned !== undefined) this.#sweep(abandoned, MAX_SWEPT_PER_BATCH);
    this.#events.forget(saves * 2, now, window);
    this.#toldChanges.tell(commits, outcomes);
    return outcomes;
  }

  async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
    return slots.map((slot) => this.#visible(slotKey(slot))?.record);
  }

  async readEventIds(slots: readonly Slot[]): Promise<readonly (EventId | undefined)[]> {
    return slots.map((slot) => this.#visible(slotKey(slot))?.record.eventId);
  }

  async readByEventId(session: Session, eventId: string): Promise<StoredRecord | undefined> {
    const event = this.#events.get(session.tenant, eventId);
    const record = event?.current ? this.#visible(event.slot)?.record : undefined;
    return record?.user === session.user && record.session === session.session ? record : undefined;
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const found of query.identity ? this.#list(query) : this.#listKind(query)) {
      if (records.length === query.limit || bytes >= query.maxBytes) return { records, more: true };
      if (!("record" in found)) return { records, more: true, next: found.next };
      records.push(found.record);
      bytes += found.record.bytes.byteLength;
    }
    return { records, more: false };
  }

  async count(query: CountQuery): Promise<number> {
    const { inRange, pastRange } = boundsOf(query);
    const isErased = this.#pendingErasures.snapshot(query.identity);
    if (isErased === undefined) return Math.min(query.limit, this.#byIdentity.count(inRange, pastRange));
    // Later writes must not change the count, nor the counting block the event loop.
    const entries = [...this.#byIdentity.between(inRange, pastRange)];
    const isAlive = ({ record, added }: Entry) => !isErased(record, added);
    return inSlices(countSteps(entries, isAlive, query.limit));
  }

  /** Seeks the next session when one has a record. */
  async scanSessions({ tenant, user, prefix, after, limit }: SessionsQuery): Promise<SessionsPage> {
    const sessions: string[] = [];
    let erased = 0;
    const first = { tenant, user, session: prefix, run: "", kind: "" };
    let place = after !== undefined && compareByIdentity(after, first) > 0 ? after : first;
    while (sessions.length < limit) {
      let found: StoredRecord | undefined;
      for (const entry of this.#byIdentity.from(({ record }) => compareByIdentity(record, place) > 0)) {
        const { record } = entry;
        if (record.tenant !== tenant || record.user !== user || !record.session.startsWith(prefix)) break;
        if (this.#isErased(entry)) {
          if (++erased === MAX_ERASED) return { sessions, more: true, next: record };
          continue;
        }
        found = record;
        break;
      }
      if (found === undefined) return { sessions, more: false };
      sessions.push(found.session);
      place = afterSession(found);
    }
    return { sessions, more: true };
  }

  async sweep(target: EraseTarget): Promise<Swept> {
    const pending = this.#pendingErasures.within(target);
    if (pending === undefined) return { removed: 0, more: false };
    pending.touchedAt = steadyNow();
    const { removed } = this.#sweep(pending, MAX_PER_SWEEP);
    return { removed, more: this.#pendingErasures.within(target) !== undefined };
  }

  /**
   * The number of records removed; `undefined` when there are so many that they are only marked as erased, or when an
   * earlier erase has left some: sweeps remove and count each record once.
   */
  #erase(target: EraseTarget, atOnce: number, now: number): number | undefined {
    const { from, until } = eraseRange(target);
    const isLeft = this.#pendingErasures.within(target) !== undefined;
    const entries = isLeft ? [] : this.#inRange(target, from, until, atOnce + 1);
    if (isLeft || entries.length > atOnce) {
      this.#pendingErasures.put(target, this.#added, now);
      return undefined;
    }
    for (const entry of entries) this.#forget(entry);
    return entries.length;
  }

  /** Removes the next piece, and the erasure itself after the last one. */
  #sweep(pending: PendingErasure, limit: number): Pick<Swept, "removed"> {
    const examined = this.#inRange(pending.session, pending.next, pending.range.until, limit);
    const dead = examined.filter((entry) => entry.added <= pending.last);
    for (const entry of dead) this.#forget(entry);
    if (examined.length === limit) pending.next = placeAfter((examined.at(-1) as Entry).record);
    else this.#pendingErasures.remove(pending);
    return { removed: dead.length };
  }

  /** The session's entries from one place up to, and without, another, in order. */
  #inRange({ tenant, user, session }: Session, from: Place, until: Place, limit: number): Entry[] {
    const first = { tenant, user, session, ...from };
    const end = { tenant, user, session, ...until };
    const found: Entry[] = [];
    for (const entry of this.#byIdentity.between(
      ({ record }) => compareByIdentity(record, first) >= 0,
      ({ record }) => compareByIdentity(record, end) >= 0,
    )) {
      if (found.length === limit) break;
      found.push(entry);
    }
    return found;
  }

  #isErased({ record, added }: Entry): boolean {
    return this.#pendingErasures.has(record, added);
  }

  /** The entry that readers of the slot see. */
  #visible(key: string): Entry | undefined {
    const entry = this.#slots.get(key);
    return entry === undefined || this.#isErased(entry) ? undefined : entry;
  }

  /** The same, before a write: removes an erased entry. */
  #current(key: string): Entry | undefined {
    const entry = this.#slots.get(key);
    if (entry === undefined || !this.#isErased(entry)) return entry;
    this.#forget(entry);
    return undefined;
  }

  #event(tenant: string, eventId: string): RememberedEvent | undefined {
    const event = this.#events.get(tenant, eventId);
    if (event?.current) this.#current(event.slot);
    return event;
  }

  /** Removes the entry. Its event id is kept, without the fingerprint. */
  #forget(entry: Entry): void {
    this.#remove(entry);
    entry.event.fingerprint = null;
  }

  async status(): Promise<DriverStatus> {
    return { target: "memory:", schemaVersion: 0, pendingMigrations: [] };
  }

  async close(): Promise<void> {}

  #write(write: Exclude<Write, { op: "erase" }>, keyOf: (slot: Slot) => string, now: number): void {
    if (write.op === "check") return;
    const key = keyOf(slotOf(write));
    const entry = this.#current(key);
    if (entry !== undefined) entry.event.current = false;
    if (write.op === "delete") {
      if (entry !== undefined) this.#remove(entry);
      return;
    }
    const { record } = write;
    const event = this.#events.remember(record, entry?.key ?? key, now);
    if (entry === undefined) this.#add({ key, record, event, added: ++this.#added });
    else {
      entry.record = record;
      entry.event = event;
    }
  }

  #add(entry: Entry): void {
    this.#slots.set(entry.key, entry);
    this.#byIdentity.add(entry);
    this.#byKind.add(entry);
  }

  #remove(entry: Entry): void {
    entry.event.current = false;
    this.#slots.delete(entry.key);
    this.#byIdentity.remove(entry);
    this.#byKind.remove(entry);
  }

  *#list(query: ScanQuery): Generator<Entry> {
    const { inRange, pastRange } = boundsOf(query as CountQuery);
    const entries = this.#byIdentity;
    const within = query.reverse
      ? entries.betweenDown(inRange, pastRange)
      : entries.between(inRange, pastRange);
    for (const entry of within) if (!this.#isErased(entry)) yield entry;
  }

  /**
   * Seeks the next tenant when one has no more records, so the cost is that of the returned records and one seek per
   * tenant. After passing over many tenants or erased records it ends with the slot to go on from.
   */
  *#listKind(query: ScanQuery): Generator<Entry | { readonly next: Slot }> {
    const { prefix, after } = query;
    let tenants = 0;
    let dead = 0;
    let tenant = query.tenant ?? this.#tenantFrom(after?.tenant ?? "");
    while (tenant !== undefined) {
      const first: Slot = { tenant, kind: prefix, user: "", session: "", run: "" };
      const inRange = ({ record }: Entry) =>
        compareByKind(record, first) >= 0 && (!after || compareByKind(record, after) > 0);
      for (const entry of this.#byKind.from(inRange)) {
        const { record } = entry;
        if (record.tenant !== tenant || !record.kind.startsWith(prefix)) break;
        if (!this.#isErased(entry)) yield entry;
        else if (++dead === MAX_ERASED) return yield { next: record };
      }
      tenant = query.tenant === undefined ? this.#tenantFrom(`${tenant}\0`) : undefined;
      if (tenant !== undefined && ++tenants === MAX_TENANTS)
        return yield { next: { tenant, kind: "", user: "", session: "", run: "" } };
    }
  }

  /** The first tenant that is not before this name. */
  #tenantFrom(name: string): string | undefined {
    const [entry] = this.#byKind.from(({ record }) => compareText(record.tenant, name) >= 0);
    return entry?.record.tenant;
  }
}

/** `slotKey`, which makes the key of one slot once, however often it is asked for in turn: hashing it is what costs. */
function lastKey(): (slot: Slot) => string {
  let last: Slot | undefined;
  let key = "";
  return (slot) => {
    if (slot !== last) {
      key = slotKey(slot);
      last = slot;
    }
    return key;
  };
}

/** The bounds of a list: true of every record from its first one on, and of every record after its last one. */
function boundsOf({ identity, prefix, from, after, before }: CountQuery) {
  const first = { ...identity, kind: prefix };
  const inRange = ({ record }: Entry) =>
    compareByIdentity(record, first) >= 0 &&
    (from === undefined || compareByIdentity(record, from) >= 0) &&
    (after === undefined || compareByIdentity(record, after) > 0);
  const pastRange = ({ record }: Entry) =>
    isBeyond(record, first) || (before !== undefined && compareByIdentity(record, before) >= 0);
  return { inRange, pastRange };
}

/** Counts entries up to the limit, in steps. */
function* countSteps(
  entries: readonly Entry[],
  isAlive: (entry: Entry) => boolean,
  limit: number,
): Steps<number> {
  let count = 0;
  for (const [index, entry] of entries.entries()) {
    if (isAlive(entry) && ++count === limit) break;
    if (index % COUNTED_PER_STEP === COUNTED_PER_STEP - 1) yield;
  }
  return count;
}

/** Past the last kind with the prefix, or in another identity. */
function isBeyond(record: StoredRecord, first: Slot): boolean {
  const { kind } = record;
  return (
    compareByIdentity(record, first) > 0 &&
    !(compareByIdentity(record, { ...first, kind }) === 0 && kind.startsWith(first.kind))
  );
}
