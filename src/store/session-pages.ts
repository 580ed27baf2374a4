import { describeType, shapeOf } from "../contract/describe-type.js";
import type { Driver, SessionsPage, Slot } from "../contract/driver.js";
import { StateError } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { SessionIdentity } from "../contract/store.js";
import { isReserved } from "../identity/identity.js";
import { driverError } from "../queue/call-driver.js";
import { afterSession, compareByIdentity, compareText } from "../rules/order.js";
import type { SessionsRange } from "../validation/ranges.js";
import type { DriverReads } from "./driver-reads.js";

/** Sessions per page: each costs the driver a seek. */
const PAGE_SIZE = 500;

/** The sessions of a user that have records, read in pages. Each page has a deadline of its own. */
export async function readSessions(
  driver: Driver,
  reads: DriverReads,
  { limit: wanted = Number.POSITIVE_INFINITY, after, ...which }: SessionsRange,
  signal: AbortSignal | undefined,
): Promise<SessionIdentity[]> {
  const { tenant, user } = which;
  const found: SessionIdentity[] = [];
  let position = after === undefined ? undefined : afterSession({ tenant, user, session: after });
  while (found.length < wanted) {
    const query = {
      ...which,
      limit: Math.min(PAGE_SIZE, wanted - found.length),
      ...(position && { after: position }),
    };
    const { sessions, more, next } = await reads.read(
      tenant,
      async (limit) =>
        requireSessions(await driver.scanSessions(query, { ...limit, ...(signal && { signal }) })),
      signal,
    );
    for (const session of sessions) {
      const identity = { tenant, user, session };
      if (!isNextName(session, which.prefix, position)) throw outOfOrder();
      position = afterSession(identity);
      if (!isReserved(session)) found.push(identity);
    }
    if (!more) break;
    if (next !== undefined) {
      if (!isProgress(next, { tenant, user }, position))
        throw driverError("the driver's `next` does not move the listing forward");
      position = next;
    } else if (sessions.length === 0)
      throw driverError("the driver gave an empty page and said that there is more");
  }
  return found;
}

function requireSessions(page: SessionsPage): SessionsPage {
  if (Array.isArray(page?.sessions)) return page;
  const what = `whose sessions are ${describeType(page?.sessions)}`;
  const wanted = "scanSessions must resolve with { sessions, more }, sessions an array";
  throw new TypeError(`${wanted}: ${shapeOf(page, what)} came`);
}

/** Whether a name matches, and lies beyond all names before it. */
function isNextName(session: unknown, prefix: string, position: Slot | undefined): boolean {
  if (typeof session !== "string" || session === "" || session.length > LIMITS.nameBytes) return false;
  return (
    session.startsWith(prefix) && (position === undefined || compareText(session, position.session) >= 0)
  );
}

/** Whether a listing that continues from `next` makes progress. */
function isProgress(
  next: Slot,
  { tenant, user }: Pick<Slot, "tenant" | "user">,
  position: Slot | undefined,
): boolean {
  const names = [next?.session, next?.run, next?.kind];
  if (next?.tenant !== tenant || next.user !== user || names.some((name) => typeof name !== "string"))
    return false;
  return position === undefined || compareByIdentity(next, position) > 0;
}

function outOfOrder(): StateError<"CORRUPT"> {
  const message = "a listing returned a session that does not match, or is out of order";
  return new StateError("CORRUPT", message, { details: {} });
}
