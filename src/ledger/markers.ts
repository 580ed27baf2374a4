import type { Cell } from "../typed/cell.js";
import { digestOf } from "../typed/names.js";
import type { StoredEntry } from "./entry.js";
import { formatMoney } from "./money.js";
import { formatQuantities } from "./quantity.js";

/** Marks an id under which an entry was recorded. */
export interface Marker {
  /** The id of the entry. */
  readonly entry: string;
  /**
   * The digest of the content. Removed when the session is forgotten: then every retry is a duplicate, and nobody can
   * confirm a guess of the content.
   */
  readonly content?: string;
  /** The user to whom the entry has moved: this marker is left where it was, so that a late retry counts nothing twice. */
  readonly user?: string;
}

/** An id that an entry is recorded under. */
export interface EntryKey {
  /** The type of the id, for error messages. */
  readonly what: "event id" | "response id" | "reservation";
  /** The hash that is the id of the marker, unique per user. */
  readonly id: string;
  /** The digest of the content that a retry must have too. */
  readonly content: string;
}

/** The same with the marker's cell. */
export interface IdMarker extends EntryKey {
  readonly cell: Cell<Marker>;
}

/**
 * The ids of an entry. The caller's ids are unique per session. A retry with the same event id must have the same content,
 * except for a time that the caller did not give. The provider's id is unique per user, and a retry must have the same
 * content as far as the provider knows it: so a gateway and an agent can both record the answer.
 */
export function entryKeys(entry: StoredEntry, isTimeGiven: boolean): EntryKey[] {
  const { eventId, responseId, reservation, session = "", at, cost, units: exact, ...recorded } = entry;
  if (eventId === undefined && responseId === undefined && reservation === undefined) return [];
  // These came later than the call.
  const { charged, corrected, warnings, unpricedCalls, ...others } = recorded;
  // Without units and currencies the digests are those of earlier versions.
  const units = exact && { units: formatQuantities(exact) };
  const rest = { ...others, ...units };
  const { provider, model, promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens, priced } =
    rest;
  const tokens = { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens, ...units };
  const { currency } = entry;
  const money = formatMoney(cost) + (currency === undefined ? "" : ` ${currency}`);
  const entryDigest = digestOf(JSON.stringify([session, rest, responseId, money, isTimeGiven ? at : null]));
  const answerDigest = digestOf(JSON.stringify([provider, model, tokens, priced, money]));
  const ids: EntryKey[] = [];
  if (eventId !== undefined) {
    ids.push({ what: "event id", id: eventMarkerId(session, eventId), content: entryDigest });
  }
  if (reservation !== undefined) {
    ids.push({ what: "reservation", id: reservationMarker(session, reservation), content: answerDigest });
  }
  if (responseId !== undefined) {
    ids.push({ what: "response id", id: digestOf("response", provider, responseId), content: answerDigest });
  }
  return ids;
}

/** The id of the marker of an event id. */
export function eventMarkerId(session = "", eventId: string): string {
  return digestOf("event", session, eventId);
}

/** The id of the marker of a reservation that was settled. */
export function reservationMarker(session: string, reservation: string): string {
  return digestOf("reservation", session, reservation);
}
