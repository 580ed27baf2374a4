import { isStateError } from "../contract/errors.js";
import type { Change, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { isReserved } from "../identity/identity.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import { itemPrefix } from "../typed/names.js";
import { type Fate, retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import type { Activity } from "./activity.js";
import { eraseSession } from "./erase-session.js";
import { LARGE_PREFIXES } from "./large-events.js";
import { EVENTS } from "./session-head.js";
import { listOf, readEntry } from "./session-lists.js";
import type { FoundActivity, SessionRecords } from "./session-records.js";
import { SESSION_STATE } from "./state-values.js";
import { SUMMARIES } from "./summary-place.js";

type Signal = AbortSignal | undefined;

interface Parts {
  readonly store: StateStore;
  readonly records: SessionRecords;
}

/** The payload of a session: what stays are its record with the metadata, and its times. */
const PAYLOAD = [EVENTS, SUMMARIES, SESSION_STATE].map(itemPrefix);

/**
 * Removes the events, summaries and state of sessions that have been idle for long, and later the sessions with everything that
 * is stored under their identities. Pinned ones stay. A session that is used meanwhile stays too: its deletion depends on its
 * entry in the list, which moves then.
 */
export function retainSessions(
  parts: Parts,
  scope: MaintenanceScope,
  options: RetainOptions,
): Promise<Retained> {
  const { records: recordsBefore = -Infinity, payloads: payloadsBefore = -Infinity } = options.before;
  const before = Math.max(recordsBefore, payloadsBefore);
  if (before === -Infinity) return Promise.resolve({ payloads: 0, records: 0, kept: 0 });
  const list = listOf("updatedAt", false);
  const prefixes = [list.prefix, list.closedPrefix];
  const isIdle = ({ updatedAt }: Activity) => updatedAt < recordsBefore;
  return retainPages(parts.store, scope, { prefixes, before }, options, async (record) => {
    const { session, slot, createdAt } = await readEntry(list, record);
    const owner = { tenant: slot.identity.tenant, user: slot.identity.user, session };
    const found = await parts.records.findActivity(owner, { signal: options.signal });
    const { activity } = found;
    // An entry whose session is gone is removed by the next list of its user.
    if (activity === undefined || activity.createdAt !== createdAt) return undefined;
    if (isIdle(activity)) return remove(parts, owner, isIdle, options);
    return activity.updatedAt < payloadsBefore ? empty(parts, owner, found, options) : undefined;
  });
}

/** Whether everything of a session stays because it is pinned. */
export async function isPinned(
  records: SessionRecords,
  owner: SessionIdentity,
  signal: Signal,
): Promise<boolean> {
  if (isReserved(owner.session)) return false;
  return (await records.findActivity(owner, { signal })).activity?.pinnedAt !== undefined;
}

async function remove(
  { store, records }: Parts,
  owner: SessionIdentity,
  isIdle: (activity: Activity) => boolean,
  { dryRun, isKept, signal }: RetainOptions,
): Promise<Fate> {
  if (await isKept(owner)) return "kept";
  if (dryRun) return "record";
  const isDoomed = (activity: Activity) => isIdle(activity) && activity.pinnedAt === undefined;
  return (await eraseSession(store, records, owner, signal, isDoomed)) ? "record" : undefined;
}

/**
 * Removes the events, summaries and state in one commit, however many there are; readers see the events as trimmed. Whoever
 * appends, touches or pins meanwhile changes the head, and then the session stays as it is.
 */
async function empty(
  { store, records }: Parts,
  owner: SessionIdentity,
  { head, activity }: FoundActivity,
  { dryRun, isKept, signal }: RetainOptions,
): Promise<Fate> {
  const found = await Promise.all(
    [...PAYLOAD, ...(head?.value.hasLarge ? LARGE_PREFIXES : [])].map(async (prefix) => {
      const [first] = await store.list(owner, prefix, { limit: 1, bytes: false, signal });
      return first === undefined ? [] : [prefix];
    }),
  );
  const prefixes = found.flat();
  if (prefixes.length === 0) return undefined;
  if (activity?.pinnedAt !== undefined || (await isKept(owner))) return "kept";
  if (dryRun) return "payload";
  const erases = prefixes.map((prefix): Change => ({ op: "erase", identity: owner, prefix }));
  try {
    const changes = [await records.trimmedHead(owner, head), ...erases];
    await commitWithRetries(store, changes, { signal, repeatable: true });
    return "payload";
  } catch (error) {
    if (isStateError(error, "CONDITION_FAILED")) return undefined;
    throw error;
  }
}
