import { isStateError, type StateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import type { Entry, Journal } from "../typed/journal.js";
import type { Redaction } from "../typed/journal-entry.js";
import type { FoundEntry } from "../typed/journal-read.js";

export type { Redaction } from "../typed/journal-entry.js";

/** An event with its value. */
export interface ValueEvent<E> extends Entry<E> {
  /** When its value was replaced last; absent if it never was. */
  readonly replacedAt?: Date;
  /** Absent: an event whose content was removed is a `RedactedEvent`. */
  readonly redacted?: undefined;
}

/** An event whose content was removed. Its number, its id and its time stay. */
export interface RedactedEvent {
  /** Its place among the events, counted from 1. */
  readonly number: number;
  /** The caller's id, or the one that was made for it. */
  readonly id: string;
  /** When it was appended, by the store's clock. */
  readonly at: Date;
  /** Who removed the content, why and when. */
  readonly redacted: Redaction;
  /** Gone. */
  readonly value?: undefined;
}

/** An event of a session. */
export type SessionEvent<E> = ValueEvent<E> | RedactedEvent;

/** What stands for an event that cannot be read, where the caller asked for `damaged: "mark"`. */
export interface DamagedEvent {
  /** The number of the event; the lowest, if the records of several in a row are missing. */
  readonly number: number;
  /** The highest of these numbers. */
  readonly upTo: number;
  /** CORRUPT, or SCHEMA_TOO_NEW if a newer release wrote the event. */
  readonly damage: StateError;
  /** There is none. */
  readonly value?: undefined;
  /** Absent: who cannot read an event does not see whether its content was removed. */
  readonly redacted?: undefined;
}

/**
 * An event as callers see it, whole. Rejects where the value does not decode, unless it is to be marked. Throws `Outdated` if a
 * large one was changed since it was found.
 */
export async function eventOf<E, Input>(
  journal: Journal<E, Input>,
  owner: SessionIdentity,
  found: FoundEntry,
  { marksDamage = false, signal }: { readonly marksDamage?: boolean } & CallOptions = {},
): Promise<SessionEvent<E> | DamagedEvent> {
  if (found.is === "damaged") return { number: found.from, upTo: found.number, damage: found.error };
  if (found.is === "redacted") {
    const { number, id, at, redacted } = found;
    return { number, id, at, redacted };
  }
  const { number, replacedAt } = found;
  try {
    const entry = await journal.decode(owner, found, { signal });
    return replacedAt === undefined ? entry : { ...entry, replacedAt };
  } catch (error) {
    if (marksDamage && isStateError(error)) return { number, upTo: number, damage: error };
    throw error;
  }
}
