import type { Cell } from "../typed/cell.js";
import { digestOf } from "../typed/names.js";
import type { StoredEntry } from "./entry.js";
import { formatMoney } from "./money.js";

/** That an entry was recorded under an id, and what with. */
export interface Marker {
  /** The id of the entry. */
  readonly entry: string;
  /** Of its content. Forgotten with the session: then every retry is a duplicate, and no guess can be confirmed. */
  readonly content?: string;
}

/** An id that an entry is recorded under. */
export interface EntryKey {
  /** What it is, for people. */
  readonly what: "event id" | "response id" | "reservation";
  /** The hash that its marker lies under, among those of a user. */
  readonly id: string;
  /** A digest of what a retry has to have in common with the entry. */
  readonly content: string;
}

/** The same, with the marker's cell. */
export interface IdMarker extends EntryKey {
  readonly cell: Cell<Marker>;
}

/**
 * The ids of an entry. The caller's own belong to the session, and stand for all of the entry, but for the time where
 * it was made up. The provider's belongs to the user, and stands for what the provider knows: so a gateway and an agent
 * may both record the answer, each with what it knows besides.
 */
export function entryKeys(entry: StoredEntry, isTimeGiven: boolean): EntryKey[] {
  const { eventId, responseId, reservation, session = "", at, cost, ...rest } = entry;
  const { provider, model, promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens, priced } =
    rest;
  const tokens = { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens };
  const money = formatMoney(cost);
  const entryDigest = digestOf(JSON.stringify([session, rest, responseId, money, isTimeGiven ? at : null]));
  const answerDigest = digestOf(JSON.stringify([provider, model, tokens, priced, money]));
  const ids: EntryKey[] = [];
  if (eventId !== undefined) {
    ids.push({ what: "event id", id: digestOf("event", session, eventId), content: entryDigest });
  }
  if (reservation !== undefined) {
    ids.push({ what: "reservation", id: reservationMarker(session, reservation), content: answerDigest });
  }
  if (responseId !== undefined) {
    ids.push({ what: "response id", id: digestOf("response", provider, responseId), content: answerDigest });
  }
  return ids;
}

/** What remembers that a session's reservation was settled. */
export function reservationMarker(session: string, reservation: string): string {
  return digestOf("reservation", session, reservation);
}
