import { createHash } from "node:crypto";
import type { CallLimit, Driver, Outcome, Slot, StoredRecord, Write } from "../../contract/driver.js";
import { StateError } from "../../contract/errors.js";
import { LIMITS } from "../../contract/limits.js";
import type { EventId, Expect } from "../../contract/store.js";
import { newEventId } from "../../process/event-id.js";
import { fingerprint } from "../../rules/fingerprint.js";
import { steadyNow } from "../../timing/clock.js";

/** The user of the layer's own records. The store refuses the name from callers. */
export const KEYS_USER = "~keys";
const KIND = "~key";
/** The tenant of what belongs to the whole store. The store refuses the name from callers. */
const STORE = "~";

/** What shares data keys: a whole tenant, or one session. */
export interface Scope {
  /** Whose data it is. */
  readonly tenant: string;
  /** The session of the slot that holds the keys; it names the scope within the tenant. */
  readonly session: string;
}

/** The data keys of a tenant. */
export function tenantScope(tenant: string): Scope {
  return { tenant, session: "tenant" };
}

/** The data keys of a session. The name is longer than that of a tenant's scope. */
export function sessionScope({ tenant, user, session }: Omit<Slot, "run" | "kind">): Scope {
  return { tenant, session: createHash("sha256").update(`${user}\0${session}`).digest("base64url") };
}

/** Where a scope says which keys it has. */
export function scopeSlot({ tenant, session }: Scope): Slot {
  return { tenant, user: KEYS_USER, session, run: "", kind: KIND };
}

/** Where the keys of a ring are, if they are kept in another store. */
export function ringSlot(scope: Scope, ring: string): Slot {
  return { ...scopeSlot(scope), kind: `${KIND}/${ring}` };
}

/** Where a store says which key-encryption keys it needs. */
export const STORE_SLOT: Slot = { tenant: STORE, user: KEYS_USER, session: STORE, run: "", kind: KIND };

/** Whether a record is one of the layer's own, which no caller sees. */
export function isOwn({ user }: Pick<Slot, "user">): boolean {
  return user === KEYS_USER;
}

/** The kinds of the layer's own records begin with this. */
export const OWN_KINDS = KIND;

/** A value of the layer's own records. */
export interface OwnValue<T> {
  readonly value: T;
  readonly eventId: EventId;
}

/** Reads the JSON of one of the layer's own records. CORRUPT. */
export function readOwn<T>(record: StoredRecord | undefined): OwnValue<T> | undefined {
  if (record === undefined) return undefined;
  if (fingerprint(record) !== record.fingerprint) throw damaged();
  try {
    const value = JSON.parse(Buffer.from(record.bytes).toString()) as T & { readonly v: number };
    if (value.v !== 1) throw tooNew(value.v);
    return { value, eventId: record.eventId };
  } catch (error) {
    throw error instanceof SyntaxError ? damaged() : error;
  }
}

/** The save of one of the layer's own records. */
export function ownSave(slot: Slot, value: object, expect: Expect): Extract<Write, { op: "save" }> {
  const bytes = Buffer.from(JSON.stringify({ v: 1, ...value }));
  const content = { ...slot, eventId: newEventId(), version: 0, bytes };
  const record = { ...content, fingerprint: fingerprint(content), updatedAt: Math.round(steadyNow()) };
  return { op: "save", record, expect };
}

/** Makes a commit of the layer's own. */
export async function commitOwn(
  driver: Driver,
  writes: readonly Write[],
  limit: CallLimit = {},
): Promise<Outcome> {
  const [first] = writes;
  const tenant = first?.op === "save" ? first.record.tenant : (first as { slot: Slot }).slot.tenant;
  const { deadline } = limit;
  const options = {
    now: Math.round(steadyNow()),
    window: LIMITS.idempotencyWindowMs,
    ...(deadline !== undefined && { deadline }),
  };
  const [outcome] = await driver.apply([{ tenant, writes }], options);
  if (outcome?.is === "failed") throw outcome.error;
  return outcome as Outcome;
}

function damaged(): StateError<"CORRUPT"> {
  const message = "a record of data keys does not pass its checks";
  return new StateError("CORRUPT", message, { details: {} });
}

function tooNew(found: number): StateError<"SCHEMA_TOO_NEW"> {
  const message = "the data keys were written by newer code";
  return new StateError("SCHEMA_TOO_NEW", message, { details: { found, supported: 1 } });
}
