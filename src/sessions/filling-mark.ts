import type { EventId, Identity, SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { json, mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { itemKind, itemPrefix } from "../typed/names.js";
import { optional, readTime } from "../validation/fields.js";
import { readInteger, readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readText } from "../validation/validate-text.js";
import { userOf } from "./owners.js";

/**
 * Says that a session is being filled by a fork or an import. While it is there, the session is not seen, and no other of its
 * name is created. Every piece that is written depends on it, so an erase of the session ends the filling.
 */
export interface FillingMark {
  /** What fills it. The same call again goes on. */
  readonly source: string;
  /** Another for each filling of a name. */
  readonly fill: EventId;
  /** When a piece was written last, in milliseconds since 1970. */
  readonly at: number;
  /** How far the filling has come: the number of the last event of a fork, or of the last line of an import. */
  readonly position: number;
  /** Of an import: the digest of the lines up to there. */
  readonly proof?: string;
  /** Which event ids the events have: `own` ones, as an append gives them, or those of `copies`. Absent before the first. */
  readonly ids?: EventIds;
  /** What the filler has to know to go on. */
  readonly about: JsonValue;
}

const EVENT_IDS = ["own", "copies", "both"] as const;

export type EventIds = (typeof EVENT_IDS)[number];

const MAX_DIGEST_BYTES = 128;

const MARK = mappedJson<FillingMark>({
  write: (mark) => ({ ...mark }),
  read(value) {
    const given = readObject(value, "mark") as FillingMark;
    return {
      source: readText(given.source, "source", MAX_DIGEST_BYTES),
      fill: readEventId(given.fill, "fill"),
      at: readTime(given.at, "at"),
      position: readInteger(given.position, "position", 0, Number.MAX_SAFE_INTEGER),
      ...optional(given, "proof", (proof, field) => readText(proof, field, MAX_DIGEST_BYTES)),
      ...optional(given, "ids", (ids, field) => readOneOf(ids, field, EVENT_IDS)),
      about: given.about,
    };
  },
});

/** The cell of the mark of a session that is being filled. */
export function markCell(owner: SessionIdentity): Cell<FillingMark> {
  return cellAt(owner, "session.filling", MARK);
}

const LIST = "session.filling";
const LISTED = json<true>();

/** The prefix of the records, under a user's own identity, that name the sessions that are being filled. */
export const FILLINGS = itemPrefix(LIST);

/** The record that names a session that is being filled. */
export function listedFillingCell(owner: SessionIdentity): Cell<true> {
  return cellAt(userOf(owner), itemKind(LIST, owner.session), LISTED);
}

/** The session that such a record names. */
export function listedOwner({ tenant, user }: Identity, kind: string): SessionIdentity {
  return { tenant, user, session: kind.slice(FILLINGS.length) };
}
