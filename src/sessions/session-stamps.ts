import type { Identity, RecordHeader, StateStore } from "../contract/store.js";
import { maintenanceScope } from "../identity/scope.js";
import { EDITS } from "./edit-log.js";
import { EVENTS } from "./session-head.js";

/** What tells whether a session has changed: every change writes its head or the log of its edits. */
export interface SessionStamp {
  readonly session: string;
  readonly head: string;
  readonly edits: string | undefined;
  /** When its head was written, by the store's clock. */
  readonly changedAt: number;
}

/** The first name in the order of names. */
const FIRST_NAME = "\u0001";
const FIRST_PAGE = 64;
const MOST_PER_PAGE = 2_000;
const GROWTH = 4;

/**
 * The stamps of the sessions of a user, in the order of their names. A session that was acknowledged before the call, and
 * is not deleted, is among them, with a stamp of its last acknowledged change or a later one.
 */
export async function stampsOf(
  store: StateStore,
  user: Identity,
  most: number,
  signal: AbortSignal,
): Promise<SessionStamp[]> {
  const edits = new Map<string, string>();
  const stamps: SessionStamp[] = [];
  const read = { user, most, signal };
  // Edits first: an edit after this read may belong to a stamp of before, and is then read once more.
  for await (const { identity, eventId } of headersOf(store, EDITS, read))
    edits.set(identity.session, eventId);
  for await (const { identity, eventId, updatedAt } of headersOf(store, EVENTS, read)) {
    const { session } = identity;
    stamps.push({ session, head: eventId, edits: edits.get(session), changedAt: updatedAt.getTime() });
  }
  return stamps;
}

interface StampsRead {
  readonly user: Identity;
  readonly most: number;
  readonly signal: AbortSignal;
}

/** The headers of one kind in all sessions of a user. */
async function* headersOf(
  store: StateStore,
  kind: string,
  { user: { tenant, user }, most, signal }: StampsRead,
): AsyncGenerator<RecordHeader> {
  const scope = maintenanceScope({ reason: "reads which sessions of a user have changed", tenant });
  const first = { identity: { tenant, user, session: FIRST_NAME }, kind };
  const [atFirst] = await store.list(first.identity, kind, { limit: 1, bytes: false, signal });
  if (atFirst?.kind === kind) yield atFirst;
  let read = 0;
  let after = first;
  for (let limit = FIRST_PAGE; ; limit = Math.min(limit * GROWTH, MOST_PER_PAGE)) {
    const page = await store.listKind(scope, kind, { after, limit, bytes: false, signal });
    for (const header of page) {
      if (header.kind !== kind || header.identity.user !== user) return;
      if (header.identity.run === undefined) yield header;
    }
    read += page.length;
    const last = page.at(-1);
    if (last === undefined || page.length < limit || read >= most) return;
    after = { identity: last.identity, kind };
  }
}
