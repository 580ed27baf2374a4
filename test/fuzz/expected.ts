import { createHash } from "node:crypto";
import type { Slot, StoredRecord } from "../../src/contract/driver.js";
import { LIMITS } from "../../src/contract/limits.js";
import type { EventId, Identity, RecordKey, StateRecord } from "../../src/contract/store.js";
import { identityOf } from "../../src/identity/identity.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { slotAt } from "./population.js";
import type { RawEvent, RawRecord, Rows, Value } from "./raw-rows.js";

/** What a read has to answer. */
export type Answer =
  | { readonly is: "nothing" }
  | { readonly is: "record"; readonly record: StateRecord }
  /** Without a place where the row has none to go on from. */
  | { readonly is: "corrupt"; readonly at?: RecordKey }
  /** With a place or without: it cannot be said in text. */
  | { readonly is: "corrupt somewhere" };

export type Retry = "applied" | "duplicate" | "conflict" | "cannot be told";

const NOTHING: Answer = { is: "nothing" };

/**
 * What a store has to say of the rows that are really there: whatever is not, byte by byte, what was acknowledged for
 * its slot is damaged.
 */
export class Expected {
  readonly rows: Rows;
  readonly #acknowledged: ReadonlyMap<string, StoredRecord>;

  constructor(rows: Rows, acknowledged: ReadonlyMap<string, StoredRecord>) {
    this.rows = rows;
    this.#acknowledged = acknowledged;
  }

  find(slot: Slot): Answer {
    const row = this.rowAt(slot);
    return row === undefined ? NOTHING : this.#answer(row);
  }

  rowAt(slot: Slot): RawRecord | undefined {
    return this.rows.records.find((row) => isAt(row, slot));
  }

  loadByEventId({ tenant, user, session }: Identity, eventId: EventId): Answer {
    const event = this.#event(tenant, eventId);
    const row = event && this.#current(event);
    return row && row.user === user && row.session === session ? this.#answer(row) : NOTHING;
  }

  /** In the order of kinds. */
  list(identity: Identity): readonly Answer[] {
    const { kind: _, ...owner } = slotAt(identity, "");
    const isOwn = (row: RawRecord) => isText(row.kind) && isAt(row, { ...owner, kind: row.kind as string });
    return this.rows.records.filter(isOwn).map((row) => this.#answer(row));
  }

  /** In the order of a scan; of one tenant if it is given. */
  scan(prefix: string, tenant?: string): readonly Answer[] {
    const isMeant = (row: RawRecord) =>
      tenant === undefined
        ? isFound(row, prefix) || !hasTenant(row)
        : row.tenant === tenant && isFound(row, prefix);
    return this.rows.records.filter(isMeant).map((row) => this.#answer(row));
  }

  countOf({ tenant, user, session }: Identity): number {
    const isOwn = (row: RawRecord) =>
      row.broken.every((column) => column === "kind" || column === "run") &&
      row.tenant === tenant &&
      row.user === user &&
      row.session === session;
    return this.rows.records.filter(isOwn).length;
  }

  /** What becomes of a save that is sent again. */
  retry({ tenant, eventId, fingerprint }: StoredRecord, window: number): Retry {
    const event = this.#event(tenant, eventId);
    if (event === undefined) return "applied";
    if (typeof event.savedAt !== "bigint" || !(isText(event.fingerprint) || event.fingerprint === null))
      return "cannot be told";
    const isRecent = event.savedAt > BigInt(Date.now() - window);
    if (!isRecent && this.#current(event) === undefined) return "applied";
    return event.fingerprint === null || isOf(event.fingerprint, fingerprint) ? "duplicate" : "conflict";
  }

  #event(tenant: string, eventId: string): RawEvent | undefined {
    return this.rows.events.find((event) => event.tenant === tenant && event.eventId === eventId);
  }

  /** The record whose current event it is. */
  #current({ tenant, eventId, record }: RawEvent): RawRecord | undefined {
    return this.rows.records.find(
      (row) => row.id !== null && row.id === record && row.tenant === tenant && row.eventId === eventId,
    );
  }

  #answer(row: RawRecord): Answer {
    if (row.broken.length > 0) return { is: "corrupt somewhere" };
    if (!hasPlace(row)) return { is: "corrupt" };
    const { tenant, user, session, run, kind } = row;
    const slot = { tenant, user, session, run, kind } as Slot;
    const acknowledged = this.#acknowledged.get(slotKey(slot));
    if (acknowledged === undefined || !isRight(row, acknowledged))
      return { is: "corrupt", at: { identity: identityOf(slot), kind: slot.kind } };
    const { eventId, version, bytes } = acknowledged;
    const updatedAt = new Date(Number(row.updatedAt));
    const record = { eventId, identity: identityOf(slot), kind: slot.kind, bytes, version, updatedAt };
    return { is: "record", record };
  }
}

function isAt(row: RawRecord, { tenant, user, session, run, kind }: Slot): boolean {
  return (
    row.broken.every((column) => column === "kind") &&
    row.tenant === tenant &&
    row.user === user &&
    row.session === session &&
    row.run === run &&
    row.kind === kind
  );
}

/** By a scan. A user that is NULL is before every place, also before the first one of a prefix. */
function isFound({ tenant, user, kind, broken }: RawRecord, prefix: string): boolean {
  if (tenant === null || broken.includes("tenant")) return false;
  if (typeof kind !== "string" || !kind.startsWith(prefix)) return false;
  return kind !== prefix || user !== null;
}

/** Without one no scan goes past it. */
function hasTenant({ tenant, broken }: RawRecord): boolean {
  return tenant === null || (typeof tenant === "string" && !broken.includes("tenant"));
}

/** Whether this is the fingerprint, or what a database remembers of it: its half, or half of its hash. */
function isOf(remembered: Value, fingerprint: string): boolean {
  const hash = createHash("sha256").update(fingerprint).digest("hex");
  if (remembered === fingerprint || remembered === hash.slice(0, 32)) return true;
  return remembered === fingerprint.slice(0, 21) && fingerprint.length === 43;
}

function isText(value: unknown): boolean {
  return typeof value === "string";
}

/** Longer than any kind is no name. */
function hasPlace({ tenant, user, session, run, kind }: RawRecord): boolean {
  const names = [tenant, user, session, run, kind];
  return names.every((name) => typeof name === "string" && name.length <= LIMITS.kindBytes);
}

/** The time is no part of what a fingerprint covers: all that can be told is whether it may be one. */
function isRight(row: RawRecord, { eventId, fingerprint, version, bytes }: StoredRecord): boolean {
  return (
    row.eventId === eventId &&
    row.fingerprint === fingerprint &&
    row.version === BigInt(version) &&
    Buffer.isBuffer(row.bytes) &&
    row.bytes.equals(bytes) &&
    typeof row.updatedAt === "bigint" &&
    row.updatedAt >= LIMITS.earliest &&
    row.updatedAt <= LIMITS.latest
  );
}
