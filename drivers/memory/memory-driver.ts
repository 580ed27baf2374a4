import { decide, slotOf, type View } from "../../src/decide.js";
import type {
  ApplyOptions,
  Commit,
  Driver,
  DriverStatus,
  Outcome,
  ScanPage,
  ScanQuery,
  Slot,
  StoredRecord,
  Write,
} from "../../src/driver.js";
import { compareByIdentity, compareByKind, compareText } from "../../src/order.js";
import { slotKey } from "../../src/slot-key.js";
import { EventLine, type RememberedEvent } from "./event-line.js";
import { SortedBlocks } from "./sorted-blocks.js";

interface Entry {
  record: StoredRecord;
  event: RememberedEvent;
}

/** The reference driver: everything in Maps, with the same rules as the others. */
export class MemoryDriver implements Driver {
  readonly name = "memory";
  readonly #slots = new Map<string, Entry>();
  readonly #events = new EventLine();
  readonly #byIdentity = new SortedBlocks<Entry>((a, b) => compareByIdentity(a.record, b.record));
  readonly #byKind = new SortedBlocks<Entry>((a, b) => compareByKind(a.record, b.record));

  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const { now, window } = options;
    const view: View = {
      now,
      window,
      current: (slot) => this.#slots.get(slotKey(slot))?.record.eventId,
      event: (tenant, eventId) => this.#events.get(tenant, eventId),
    };
    let saves = 0;
    const outcomes = commits.map((commit) => {
      const decision = decide(commit, view);
      if (decision.is !== "applied") return decision;
      for (const write of commit.writes) {
        this.#write(write, now);
        if (write.op === "save") saves++;
      }
      return decision;
    });
    this.#events.forget(saves * 2, now, window);
    return outcomes;
  }

  async read(slots: readonly Slot[]): Promise<readonly (StoredRecord | undefined)[]> {
    return slots.map((slot) => this.#slots.get(slotKey(slot))?.record);
  }

  async readByEventId(tenant: string, eventId: string): Promise<StoredRecord | undefined> {
    const event = this.#events.get(tenant, eventId);
    return event?.current ? this.#slots.get(event.slot)?.record : undefined;
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    const records: StoredRecord[] = [];
    let bytes = 0;
    for (const record of query.identity ? this.#list(query) : this.#listKind(query)) {
      if (records.length === query.limit || bytes >= query.maxBytes) return { records, more: true };
      records.push(record);
      bytes += record.bytes.byteLength;
    }
    return { records, more: false };
  }

  async erase(tenant: string, user: string, session: string): Promise<number> {
    const first: Slot = { tenant, user, session, run: "", kind: "" };
    const erased: Entry[] = [];
    for (const entry of this.#byIdentity.from((other) => compareByIdentity(other.record, first) >= 0)) {
      const { record } = entry;
      if (record.tenant !== tenant || record.user !== user || record.session !== session) break;
      erased.push(entry);
    }
    for (const entry of erased) {
      this.#remove(entry);
      entry.event.fingerprint = null;
    }
    return erased.length;
  }

  async status(): Promise<DriverStatus> {
    return { target: "memory:", schemaVersion: 0, pendingMigrations: [] };
  }

  async close(): Promise<void> {}

  #write(write: Write, now: number): void {
    if (write.op === "check") return;
    const key = slotKey(slotOf(write));
    const entry = this.#slots.get(key);
    if (entry !== undefined) entry.event.current = false;
    if (write.op === "delete") {
      if (entry !== undefined) this.#remove(entry);
      return;
    }
    const { record } = write;
    const event = this.#events.remember(record, key, now);
    if (entry !== undefined) Object.assign(entry, { record, event });
    else this.#add(key, { record, event });
  }

  #add(key: string, entry: Entry): void {
    this.#slots.set(key, entry);
    this.#byIdentity.add(entry);
    this.#byKind.add(entry);
  }

  #remove(entry: Entry): void {
    entry.event.current = false;
    this.#slots.delete(slotKey(entry.record));
    this.#byIdentity.remove(entry);
    this.#byKind.remove(entry);
  }

  *#list(query: ScanQuery): Generator<StoredRecord> {
    const { identity, prefix, after, before, reverse } = query;
    const first = { ...(identity as Omit<Slot, "kind">), kind: prefix };
    const inRange = ({ record }: Entry) =>
      compareByIdentity(record, first) >= 0 && (!after || compareByIdentity(record, after) > 0);
    const pastRange = ({ record }: Entry) =>
      isBeyond(record, first) || (before !== undefined && compareByIdentity(record, before) >= 0);
    const entries = reverse ? this.#byIdentity.before(pastRange) : this.#byIdentity.from(inRange);
    for (const entry of entries) {
      if (reverse ? !inRange(entry) : pastRange(entry)) return;
      yield entry.record;
    }
  }

  /** Seeks the next tenant when one has no more, so that it pays for what it returns and for each tenant once. */
  *#listKind(query: ScanQuery): Generator<StoredRecord> {
    const { prefix, after } = query;
    let tenant = query.tenant ?? this.#tenantFrom(after?.tenant ?? "");
    while (tenant !== undefined) {
      const first: Slot = { tenant, kind: prefix, user: "", session: "", run: "" };
      const inRange = ({ record }: Entry) =>
        compareByKind(record, first) >= 0 && (!after || compareByKind(record, after) > 0);
      for (const { record } of this.#byKind.from(inRange)) {
        if (record.tenant !== tenant || !record.kind.startsWith(prefix)) break;
        yield record;
      }
      tenant = query.tenant === undefined ? this.#tenantFrom(`${tenant}\0`) : undefined;
    }
  }

  /** The first tenant that is not before this name. */
  #tenantFrom(name: string): string | undefined {
    const [entry] = this.#byKind.from(({ record }) => compareText(record.tenant, name) >= 0);
    return entry?.record.tenant;
  }
}

/** Past the last kind with the prefix, or in another identity. */
function isBeyond(record: StoredRecord, first: Slot): boolean {
  const { kind } = record;
  return (
    compareByIdentity(record, first) > 0 &&
    !(compareByIdentity(record, { ...first, kind }) === 0 && kind.startsWith(first.kind))
  );
}
