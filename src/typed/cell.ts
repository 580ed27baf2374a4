import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { EventId, Identity, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { identityOf } from "../identity/identity.js";
import { isTrusted } from "../process/trusted-objects.js";
import { slotKey } from "../rules/slot-key.js";
import { validateIdentity, validateSessionIdentity, validateSlot } from "../validation/validate.js";
import type { Codec } from "./codec.js";
import { inOneSlice } from "./slices.js";
import { shownReason, Undecodable } from "./undecodable.js";

/** A slot with the codec of what lies in it. Made by `TypedSlot.at`, `Collection.at` and `cellAt`. */
export interface Cell<T, Input = T> {
  /** Whose value it is. */
  readonly identity: Identity;
  /** The kind of the record that holds it. */
  readonly kind: string;
  /** Turns the value into bytes and back. */
  readonly codec: Codec<T, Input>;
}

/** A value with what the store knows of it. */
export interface Stored<T> {
  /** The value, as its codec reads it. */
  readonly value: T;
  /** The event that wrote it; `expect` takes it. */
  readonly eventId: EventId;
  /** When it was written. */
  readonly updatedAt: Date;
}

/** The cell of a slot. The identity is checked and copied: what the caller does to it later changes nothing. */
export function cellAt<T, Input>(identity: Identity, kind: string, codec: Codec<T, Input>): Cell<T, Input> {
  const slot = validateSlot(identity, kind);
  // One that the floor vouches for was checked when it was made, and is frozen.
  return { identity: isTrusted(identity) ? identity : identityOf(slot), kind: slot.kind, codec };
}

/** The store, and not a promise of one. */
export function readStore(store: StateStore): StateStore {
  if (typeof store?.commit === "function" && typeof store.find === "function") return store;
  throw invalid("store", "an open StateStore; openStore promises one");
}

/** A copy of an identity that its owner cannot change any more. */
export function ownIdentity(identity: Identity): Identity {
  return identityOf(validateIdentity(identity));
}

/** The same for a session, or a run of it: not for what belongs to a whole user or tenant. */
export function ownRun(identity: Identity): Identity {
  const slot = validateIdentity(identity);
  if (slot.session.startsWith("~"))
    throw invalid("session", "a session, and not a user's or tenant's own state");
  return identityOf(slot);
}

/** The same for a session; one that names a run is refused, for more is meant than whoever passed it has in mind. */
export function ownSession(identity: SessionIdentity): SessionIdentity {
  const own = ownRun(identity);
  validateSessionIdentity(own);
  return own;
}

/** One string per slot. */
export function cellKey({ identity, kind }: Pick<Cell<unknown>, "identity" | "kind">): string {
  const { tenant, user, session, run = "" } = identity;
  return slotKey({ tenant, user, session, run, kind });
}

/** A value of more bytes is decoded in a slice of its own: where several are read at once, others have their turn between. */
const AT_ONCE = 32 * 1024;

/** What a record says, or CORRUPT with its place: nothing that does not decode is skipped or made up for. */
export async function decodeRecord<T>(codec: Codec<T, never>, record: StateRecord): Promise<T> {
  try {
    const decode = () => codec.decode(record.bytes, record.version);
    const value = await (record.bytes.length > AT_ONCE ? inOneSlice(decode) : decode());
    // It would look as if nothing were stored.
    if (value === undefined) throw new Undecodable("it decodes to undefined");
    return value;
  } catch (error) {
    if (isStateError(error, "SCHEMA_TOO_NEW")) throw error;
    throw corruptRecord(record, "a stored value does not decode", error);
  }
}

/** `undefined` where there is no record. */
export async function storedOf<T>(
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
    ...(cause === undefined ? {} : { cause: shownReason(cause) }),
  });
}
