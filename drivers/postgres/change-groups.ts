import { createHash } from "node:crypto";
import type { Commit, Session } from "../../src/contract/driver.js";
import { slotOf } from "../../src/rules/decide.js";
import { sessionKey } from "../../src/rules/slot-key.js";

/** The length of a group, in characters of base64url. */
const LENGTH = 4;
/** A notification holds less than 8,000 bytes. https://www.postgresql.org/docs/current/sql-notify.html */
const MAX_GROUPS = 1900;
const ANY = "*";

/**
 * A short hash of a session. Everybody who may connect to the database can listen, so a notification names no session. Of
 * 16 million groups two sessions seldom share one; then the store asks once in vain.
 */
export function groupOf(session: Session): string {
  return createHash("sha256")
    .update(`change\0${sessionKey(session)}`)
    .digest("base64url")
    .slice(0, LENGTH);
}

/** What to notify of a batch; empty if it writes nothing. */
export function payloadOf(commits: readonly Commit[]): string {
  const sessions = new Map<string, Session>();
  for (const { writes } of commits)
    for (const write of writes) {
      if (write.op === "check") continue;
      const slot = slotOf(write);
      sessions.set(sessionKey(slot), slot);
    }
  if (sessions.size > MAX_GROUPS) return ANY;
  return [...new Set([...sessions.values()].map(groupOf))].sort().join("");
}

/** The groups of such a payload; `undefined` for any group. */
export function groupsIn(payload: string): readonly string[] | undefined {
  return payload === ANY ? undefined : (payload.match(/.{4}/g) ?? []);
}
