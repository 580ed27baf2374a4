import { createApprovals } from "../approvals/index.js";
import type { CallOptions, Identity, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { createLedger } from "../ledger/index.js";
import { createMemories } from "../memories/index.js";
import { createQuestions } from "../questions/index.js";
import { createRuns } from "../runs/index.js";
import { createSessions } from "../sessions/index.js";
import { createToolCalls } from "../tool-calls/index.js";
import { DamageLog } from "../typed/damage.js";
import { readUserData } from "../typed/moving/read-user-data.js";
import type { UserData } from "../typed/moving/user-data.js";
import { lastUnder } from "../typed/names.js";
import { readNamed, readOptions, readSignal } from "../validation/validate.js";

/** How many records of each kind were removed. */
export interface ForgottenUser {
  /** Approvals that were removed. */
  readonly approvals: number;
  /** Questions that were removed. */
  readonly questions: number;
  /** Entries of the ledger that no longer name the user and now belong to the tenant. */
  readonly entries: number;
  /** Runs that were removed, with their steps. */
  readonly runs: number;
  /** Tool calls that were removed. */
  readonly toolCalls: number;
  /** Sessions that were deleted. */
  readonly sessions: number;
  /** Memories. */
  readonly memories: number;
  /** Other records that were stored under the user's own identity. */
  readonly records: number;
}

/** How `forgetUser` forgets. */
export interface ForgetUserOptions extends CallOptions {
  /** Further sorts of data that take part, beside those of this package. They are not counted. */
  readonly data?: readonly UserData[];
}

/** Erased with the sessions. */
const USER_STATE = "user.state/";

/**
 * Forgets a user of a tenant, across all wrappers: the approvals, the questions, the runs, the tool calls, the sessions with
 * everything under them, the memories, the state, the user's names in the ledger, and all other records under `userIdentity`. The user's usage stays in the sums of the
 * tenant.
 *
 * Makes many commits, each of which leaves the data consistent. After an interruption, call it again: it goes on.
 * UNAVAILABLE (`busy`) while a process of version 0.2 deletes a session of the user. What is damaged is passed over, and the
 * first damage is thrown as CORRUPT once everything else is gone. These stay:
 *
 * - records that are written for the user meanwhile or later;
 * - sessions that `createSessions` did not create, except their approvals, questions, runs, tool calls and ledger
 *   entries (`erase` removes them);
 * - the user's name in fields that callers fill, such as who decided another user's approval.
 *
 * @example
 * ```ts
 * import { forgetUser } from "groundstate/forget-user";
 *
 * const { sessions: deleted, entries } = await forgetUser(store, { tenant: "acme", user: "ada" });
 * console.log(deleted, entries);
 * ```
 */
export async function forgetUser(
  store: StateStore,
  user: Pick<Identity, "tenant" | "user">,
  options: ForgetUserOptions = {},
): Promise<ForgottenUser> {
  const given = readOptions(options, ["signal", "data"]) as ForgetUserOptions;
  const signal = readSignal(given);
  const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as Identity;
  const owner = userIdentity(tenant, name);
  const counts: Record<string, number> = {};
  // What is damaged in one wrapper must not keep the user in the others.
  const damage = new DamageLog();
  const past = async (work: Promise<number> = Promise.resolve(0)): Promise<number> =>
    (await damage.skipIfDamaged(work)) ?? 0;
  const own = ownData(store);
  const data = [
    ...own,
    ...readUserData(
      given.data,
      own.map(({ name: of }) => of),
    ),
  ];
  for (const each of data)
    counts[each.name] = await past(each.forgetUser?.({ tenant, user: name }, { signal }));
  const left = [USER_STATE, ...data.flatMap(({ ownPrefixes = [] }) => ownPrefixes)];
  const records = await past(deleteOtherRecords(store, owner, left, signal));
  damage.throwFirst();
  const removed = Object.fromEntries(own.map(({ name: of }) => [of, counts[of]]));
  return { ...removed, records } as unknown as ForgottenUser;
}

/** Sessions last: what belongs to a session is found by other ways too. */
function ownData(store: StateStore): readonly UserData[] {
  const wrappers = [
    createApprovals(store),
    createQuestions(store),
    createLedger(store),
    createRuns(store),
    createToolCalls(store),
    createMemories(store),
    createSessions(store),
  ];
  return wrappers.map(({ userData }) => userData);
}

/** Asks for one record of each name: what the names are is not known, and those of the wrappers must stay. */
async function deleteOtherRecords(
  store: StateStore,
  owner: Identity,
  left: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number> {
  let deleted = 0;
  for (let from: { after?: string } = {}; ; ) {
    const [record] = await store.list(owner, "", { ...from, limit: 1, signal, bytes: false });
    if (record === undefined) return deleted;
    const { kind } = record;
    const ownPrefix = left.find((prefix) => kind.startsWith(prefix));
    from = { after: ownPrefix === undefined ? kind : lastUnder(ownPrefix, kind) };
    if (ownPrefix !== undefined) continue;
    const prefix = prefixOf(kind);
    if (prefix !== undefined) deleted += await store.erase(owner, { prefix, ownState: true, signal });
    else if (await store.delete(owner, kind, { signal })) deleted++;
  }
}

/** `app/` of `app/profile`: no prefix of a wrapper begins with it. */
function prefixOf(kind: string): string | undefined {
  const slash = kind.indexOf("/");
  return slash < 0 ? undefined : kind.slice(0, slash + 1);
}
