import type { SessionIdentity } from "../contract/store.js";
import { type Cell, cellAt } from "../typed/cell.js";
import { type Codec, mappedJson } from "../typed/codec.js";
import { type Head, readHead } from "../typed/journal-bounds.js";
import type { JsonValue } from "../typed/json-value.js";
import { readObject } from "../validation/validate.js";
import { type Activity, readActivity } from "./activity.js";

/** The journal of a session's events; its head is stored under the same kind. */
export const EVENTS = "session.events";

/**
 * The head of the journal of a session's events, with what else changes with every event: an append reads and writes this
 * record and no other of the session. A version before 0.5 wrote it without the activity, which was in the session's record.
 */
export interface SessionHead extends Head {
  readonly activity?: Activity;
  /** The session has, or had, an event whose content lies elsewhere. */
  readonly hasLarge?: true;
}

export const SESSION_HEAD: Codec<SessionHead> = mappedJson<SessionHead>({
  version: 1,
  write: (head) => ({ ...head }) as unknown as JsonValue,
  read(value) {
    const given = readObject(value, "head") as SessionHead;
    return {
      ...readHead(given),
      ...("activity" in given && { activity: readActivity(given.activity) }),
      ...(given.hasLarge === true && { hasLarge: true as const }),
    };
  },
});

/** The cell of a session's head. All writers of the session in this process take its lock. */
export function headCell(owner: SessionIdentity): Cell<SessionHead> {
  return cellAt(owner, EVENTS, SESSION_HEAD);
}
