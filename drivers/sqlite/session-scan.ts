import type { SessionsPage, SessionsQuery } from "../../src/contract/driver.js";
import { afterSession, compareByIdentity } from "../../src/rules/order.js";
import type { Connection } from "./connection.js";
import { corruptError } from "./errors.js";
import { Fences, prepareFences } from "./fences.js";

/** The record after a place, from the index alone. */
const NEXT_OF_USER = `
SELECT id, session, run, kind, CAST(session AS BLOB) FROM record
WHERE tenant = ? AND user = ? AND (session, run, kind) > (?, ?, ?)
ORDER BY session, run, kind LIMIT 1`;

/** How many erased records one page passes over at most. */
const MAX_ERASED = 1000;

export type SessionScanStatements = ReturnType<typeof prepareSessionScan>;

export function prepareSessionScan(connection: Connection) {
  return { ...prepareFences(connection), nextOfUser: connection.prepare(NEXT_OF_USER).raw() };
}

/** The sessions of a user that have a record. Seeks the next session as soon as one has a record that is not erased. */
export function scanSessions(sql: SessionScanStatements, query: SessionsQuery): SessionsPage {
  const { tenant, user, prefix, after, limit } = query;
  const fences = new Fences(sql);
  const sessions: string[] = [];
  let erased = 0;
  const first = { tenant, user, session: prefix, run: "", kind: "" };
  let place = after !== undefined && compareByIdentity(after, first) > 0 ? after : first;
  while (sessions.length < limit) {
    const row = sql.nextOfUser.get(tenant, user, place.session, place.run, place.kind);
    if (row === undefined) return { sessions, more: false };
    const [id, session, run, kind, stored] = row as [number, string, string, string, Buffer];
    // A query by its decoded name would miss it, or find it forever. The names before it come first.
    if (typeof session !== "string" || !stored.equals(Buffer.from(session))) {
      if (sessions.length === 0) throw corruptError("the name of a session is no text");
      return { sessions, more: true };
    }
    if (!session.startsWith(prefix)) return { sessions, more: false };
    const slot = { tenant, user, session, run, kind };
    if (fences.isErased(slot, id)) {
      place = slot;
      if (++erased === MAX_ERASED) return { sessions, more: true, next: place };
      continue;
    }
    sessions.push(session);
    place = afterSession({ tenant, user, session });
  }
  return { sessions, more: true };
}
