import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { EventId, Identity, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { identityOf } from "../identity/identity.js";
import { isTrusted } from "../process/trusted-objects.js";
import { slotKey } from "../rules/slot-key.js";
import { validateIdentity, validateSessionIdentity, validateSlot } from "../validation/validate.js";
import type { Codec } from "./codec.js";
import { inOneSlice } from "./slices.js";
import { redactedReason, Undecodable } from "./undecodable.js";

/** A slot with the codec of its value. Made by `TypedSlot.at`, `Collection.at` and `cellAt`. */
export interface Cell<T, Input = T> {
  /** Whose value it is. */
  readonly identity: Identity;
  /** The kind of the record that holds it. */
  readonly kind: string;
  /** Turns the value into bytes and back. */
  readonly codec: Codec<T, Input>;
}

/** A value, with the event that wrote it and the time. */
export interface Stored<T> {
  /** The value, as its codec reads it. */
  readonly value: T;
  /** The event that wrote it; `expect` takes it. */
  readonly eventId: EventId;
  /** When it was written. */
  readonly updatedAt: Date;
}

/** A record that is stored or about to be: then it has no time yet. */
export type SeenRecord = Omit<StateRecord, "updatedAt"> & Partial<Pick<StateRecord, "updatedAt">>;

/** Makes the cell of a slot. The identity is checked and copied, so later changes to the caller's object have no effect. */
export function cellAt<T, Input>(identity: Identity, kind: string, codec: Codec<T, Input>): Cell<T, Input> {
  const slot = validateSlot(identity, kind);
  // An identity that this package made was checked then and is frozen, so it needs no copy.
  return { identity: isTrusted(identity) ? identity : identityOf(slot), kind: slot.kind, codec };
}

/** Checks that the value is an open store. A common mistake is to pass the promise that `openStore` returns. */
export function readStore(store: StateStore): StateStore {
  if (typeof store?.commit === "function" && typeof store.find === "function" && store.limits) return store;
  throw invalid("store", "an open StateStore; openStore promises one");
}

/** Checks an identity and copies it, so that the caller cannot change it during the call. */
export function copyIdentity(identity: Identity): Identity {
  return identityOf(validateIdentity(identity));
}

/** The same for the identity of a session or of a run. Refuses the identities of a user's or tenant's own state. */
export function copySessionOrRun(identity: Identity): Identity {
  const slot = validateIdentity(identity);
  if (slot.session.startsWith("~"))
    throw invalid("session", "a session, and not a user's or tenant's own state");
  return identityOf(slot);
}

/** The same for the identity of a session. Refuses one that names a run: the call would act on the whole session. */
export function copySession(identity: SessionIdentity): SessionIdentity {
  const own = copySessionOrRun(identity);
  validateSessionIdentity(own);
  return own;
}

/** One string per slot. */
export function cellKey({ identity, kind }: Pick<Cell<unknown>, "identity" | "kind">): string {
  const { tenant, user, session, run = "" } = identity;
  return slotKey({ tenant, user, session, run, kind });
}

/** A larger value is decoded in a slice of its own, so that a read of many values does not block the event loop. */
const MAX_INLINE_BYTES = 32 * 1024;

/** Decodes the value of a record. CORRUPT, naming the slot, where that fails. */
export async function decodeRecord<T>(codec: Codec<T, never>, record: SeenRecord): Promise<T> {
  try {
    const decode = () => codec.decode(record.bytes, record.version);
    const value = await (record.bytes.length > MAX_INLINE_BYTES ? inOneSlice(decode) : decode());
    // Callers would take `undefined` for an empty slot.
    if (value === undefined) throw new Undecodable("it decodes to undefined");
    return value;
  } catch (error) {
    if (isStateError(error, "SCHEMA_TOO_NEW")) throw error;
    throw corruptRecord(record, "a stored value does not decode", error);
  }
}

/** `undefined` where there is no record. */
export async function decodeStored<T>(
  codec: Codec<T, never>,
  record: StateRecord | undefined,
): Promise<Stored<T> | undefined> {
  if (record === undefined) return undefined;
  const { eventId, updatedAt } = record;
  return { value: await decodeRecord(codec, record), eventId, updatedAt };
}

/** CORRUPT, naming the slot. */
export function corruptRecord(
  { identity, kind }: Pick<StateRecord, "identity" | "kind">,
  message: string,
  cause?: unknown,
): StateError<"CORRUPT"> {
  return new StateError("CORRUPT", message, {
    details: { at: { identity, kind } },
    ...(cause === undefined ? {} : { cause: redactedReason(cause) }),
  });
}
