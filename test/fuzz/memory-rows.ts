import { openMemory } from "../../drivers/memory/index.js";
import type { ApplyOptions, Commit, Driver, Outcome, Slot, StoredRecord } from "../../src/contract/driver.js";
import { slotOf } from "../../src/rules/decide.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { createStore } from "../../src/store/driver-store.js";
import { ERASED, type Population, populate } from "./population.js";
import type { Edit, RawEvent, RawRecord, RawRows, Rows, Value } from "./raw-rows.js";

const ALL = { prefix: "", limit: 1e6, maxBytes: 1e9, reverse: false };
const CONTENT = ["fingerprint", "version", "updatedAt", "bytes"] as const;
const INTEGERS: readonly string[] = ["version", "updatedAt"];

type Content = Partial<Pick<RawRecord, (typeof CONTENT)[number]>>;

/**
 * Damages what a memory driver returns, for there are no rows beside which anything could be changed. Places and event
 * ids are left as they are: by them the driver finds its records.
 */
export class MemoryRows implements RawRows {
  readonly driver: Driver;
  #inner: Driver;
  #population: Population = { writes: [], current: new Map() };
  readonly #damage = new Map<string, Content>();

  constructor(inner: Driver) {
    this.#inner = inner;
    this.driver = {
      apply: (commits, options) => this.#apply(commits, options),
      read: async (slots) => (await this.#inner.read(slots)).map((record) => record && this.#damaged(record)),
      readByEventId: async (session, eventId) => {
        const record = await this.#inner.readByEventId(session, eventId);
        return record && this.#damaged(record);
      },
      scan: async (query) => {
        const { records, ...rest } = await this.#inner.scan(query);
        return { records: records.map((record) => this.#damaged(record)), ...rest };
      },
      scanSessions: (query) => this.#inner.scanSessions(query),
      sweep: (session) => this.#inner.sweep(session),
      status: () => this.#inner.status(),
      close: () => this.#inner.close(),
    };
  }

  async read(): Promise<Rows> {
    const { records } = await this.#inner.scan(ALL);
    const rows = records.map((record, index) => this.#rawRecord(record, BigInt(index)));
    return { records: rows, events: this.#population.writes.map((write) => rawEvent(write, rows)) };
  }

  async edit(edits: readonly Edit[]): Promise<void> {
    for (const edit of edits) {
      if (!("record" in edit)) throw new TypeError("the memory of events is out of reach");
      this.#damage.set(keyOf(edit.record), edit.set ?? {});
    }
  }

  async age(): Promise<void> {}

  async keep(): Promise<void> {
    await this.restore();
  }

  /** Everything is made anew. */
  async restore(): Promise<void> {
    this.#damage.clear();
    this.#inner = await openMemory();
    this.#population = await populate(createStore(this.#inner));
  }

  /** What is written over damage takes its place. */
  async #apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    const outcomes = await this.#inner.apply(commits, options);
    for (const [index, { writes }] of commits.entries()) {
      if (outcomes[index]?.is !== "applied") continue;
      for (const write of writes) if (write.op !== "check") this.#damage.delete(slotKey(slotOf(write)));
    }
    return outcomes;
  }

  #damaged(record: StoredRecord): StoredRecord {
    const damage = this.#damage.get(slotKey(record));
    if (damage === undefined) return record;
    const fields = Object.entries(damage).map(([name, value]) => [name, asDrivenBack(value)]);
    return { ...record, ...Object.fromEntries(fields) };
  }

  #rawRecord(record: StoredRecord, id: bigint): RawRecord {
    const { tenant, user, session, run, kind, eventId } = record;
    const damaged = this.#damaged(record) as unknown as Record<string, Value>;
    const content = CONTENT.map((name) => [name, asStored(name, damaged[name] as Value)]);
    const place = { tenant, user, session, run, kind };
    return { id, ...place, eventId, ...Object.fromEntries(content), broken: [] };
  }
}

function keyOf({ tenant, user, session, run, kind }: RawRecord): string {
  return slotKey({ tenant, user, session, run, kind } as Slot);
}

function rawEvent(
  { tenant, eventId, session, fingerprint }: StoredRecord,
  rows: readonly RawRecord[],
): RawEvent {
  const record = rows.find((row) => row.tenant === tenant && row.eventId === eventId)?.id ?? -1n;
  const now = BigInt(Date.now());
  const kept = session === ERASED.session ? null : fingerprint;
  return { tenant, eventId, record, fingerprint: kept, savedAt: now, linedUpAt: now };
}

/** Integers come back as numbers, as exactly as numbers go. */
function asDrivenBack(value: Value): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}

function asStored(name: string, value: Value): Value {
  if (name === "bytes" && (value as unknown) instanceof Uint8Array) return Buffer.from(value as Buffer);
  return INTEGERS.includes(name) && Number.isInteger(value) ? BigInt(value as number) : value;
}
