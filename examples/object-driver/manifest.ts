import { randomUUID } from "node:crypto";
import type { ApplyOptions, Commit, EraseTarget, Outcome, Slot, StoredRecord, Write } from "groundstate";
import { decide, isInTarget, isSeen, slotKey, targetOf } from "groundstate";

/** A record whose payload is a part of an object. */
export interface Entry extends Omit<StoredRecord, "bytes"> {
  readonly blob: string;
  readonly offset: number;
  readonly size: number;
}

type Event = readonly [eventId: string, fingerprint: string | null, savedAt: number, slot: string];

/** All that is known of a tenant but the payloads: one object, so one conditional put changes all of it or nothing. */
export class Manifest {
  /** The object of the payloads that this manifest adds. */
  readonly blob = randomUUID();
  readonly payloads: Uint8Array[] = [];
  readonly etag: string;
  readonly #records: Map<string, Entry>;
  /** The next to be forgotten comes first. */
  readonly #events: Map<string, Event>;
  #size = 0;
  #isChanged = false;

  constructor(etag: string, text: string) {
    const stored = text === "" ? { records: [], events: [] } : JSON.parse(text);
    const { records, events } = stored as { records: Entry[]; events: Event[] };
    this.etag = etag;
    this.#records = new Map(records.map((record) => [slotKey(record), record]));
    this.#events = new Map(events.map((event) => [event[0], event]));
  }

  get isChanged(): boolean {
    return this.#isChanged;
  }

  get records(): Entry[] {
    return [...this.#records.values()];
  }

  get blobs(): Set<string> {
    return new Set(this.records.map(({ blob }) => blob));
  }

  at(slot: Slot): Entry | undefined {
    return this.#records.get(slotKey(slot));
  }

  byEventId(eventId: string): Entry | undefined {
    const record = this.#records.get(this.#events.get(eventId)?.[3] ?? "");
    return record?.eventId === eventId ? record : undefined;
  }

  toString(): string {
    return JSON.stringify({ records: this.records, events: [...this.#events.values()] });
  }

  apply(commits: readonly Commit[], { now, window }: ApplyOptions): Outcome[] {
    let saves = 0;
    const outcomes = commits.map((commit): Outcome => {
      const current = (slot: Slot) => this.at(slot)?.eventId;
      const outcome = decide(commit, { current, event: (_, eventId) => this.#event(eventId), now, window });
      if (outcome.is !== "applied") return outcome;
      saves += commit.writes.filter(({ op }) => op === "save").length;
      return { ...outcome, erased: commit.writes.flatMap((write) => this.#write(write, now)) };
    });
    this.#forget(saves * 2, now, window);
    return outcomes;
  }

  /** Returns how many records an erase has removed. */
  #write(write: Write, now: number): number[] {
    if (write.op === "check") return [];
    if (write.op === "erase") return [this.#erase(targetOf(write))];
    this.#isChanged = true;
    if (write.op === "delete") {
      this.#records.delete(slotKey(write.slot));
      return [];
    }
    const { bytes, ...record } = write.record;
    const slot = slotKey(record);
    this.#records.set(slot, { ...record, blob: this.blob, offset: this.#size, size: bytes.byteLength });
    this.#size += this.payloads.push(bytes) && bytes.byteLength;
    this.#lineUp([record.eventId, record.fingerprint, now, slot]);
    return [];
  }

  #erase(target: EraseTarget): number {
    const erased = this.records.filter((record) => isInTarget(record, target));
    for (const record of erased) {
      const [eventId, , savedAt, slot] = this.#events.get(record.eventId) as Event;
      this.#records.delete(slotKey(record));
      this.#events.set(eventId, [eventId, null, savedAt, slot]);
    }
    this.#isChanged ||= erased.length > 0;
    return erased.length;
  }

  #event(eventId: string) {
    const found = this.#events.get(eventId);
    if (found === undefined) return undefined;
    const [, fingerprint, savedAt, slot] = found;
    return { fingerprint, savedAt, current: this.#records.get(slot)?.eventId === eventId };
  }

  #lineUp(event: Event): void {
    this.#events.delete(event[0]);
    this.#events.set(event[0], event);
  }

  #forget(most: number, now: number, window: number): void {
    for (const event of [...this.#events.values()].slice(0, most)) {
      const known = this.#event(event[0]);
      if (known?.current) this.#lineUp(event);
      else if (known && isSeen(known, now, window)) return;
      else this.#events.delete(event[0]);
    }
  }
}
