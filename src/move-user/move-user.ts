import { createApprovals } from "../approvals/index.js";
import { createArtifacts } from "../artifacts/index.js";
import { createCheckpoints } from "../checkpoints/index.js";
import { invalid } from "../contract/errors.js";
import type { CallOptions, StateStore, UserIdentity } from "../contract/store.js";
import { createExpiring } from "../expiring/index.js";
import { createLedger } from "../ledger/index.js";
import { createMemories } from "../memories/index.js";
import { createQuestions } from "../questions/index.js";
import { createRuns } from "../runs/index.js";
import { createSessions } from "../sessions/index.js";
import { steadyNow } from "../timing/clock.js";
import { createToolCalls } from "../tool-calls/index.js";
import { readStore } from "../typed/cell.js";
import { DamageLog } from "../typed/damage.js";
import { readUserData } from "../typed/moving/read-user-data.js";
import type { UserData, UserMove } from "../typed/moving/user-data.js";
import { readNamed, readOneOf, readOptions, readSignal } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import type { Counts } from "./commit-move.js";
import { bothHaveSessions, otherUserMoved } from "./errors.js";
import { MovedKinds } from "./kinds.js";
import { mark, movedTo } from "./mark.js";
import { SessionMoves } from "./move-session.js";
import { OwnRecords, type WhereBoth } from "./own-records.js";

/** How `moveUser` moves. */
export interface MoveUserOptions extends CallOptions {
  /**
   * What happens to records under the user's own identity, such as values of the user's state, where both users have one of the
   * same name: `refuse` (the default) moves nothing, and `keep-target` keeps the other user's and removes this one.
   */
  readonly whereBoth?: WhereBoth;
  /** Further sorts of data that take part, beside those of this package. */
  readonly data?: readonly UserData[];
}

/** How many records of each kind have moved. */
export interface MovedUser {
  /** Approvals. */
  readonly approvals: number;
  /** Questions. */
  readonly questions: number;
  /** Entries of the ledger. */
  readonly entries: number;
  /** Runs, with their steps. */
  readonly runs: number;
  /** Tool calls. */
  readonly toolCalls: number;
  /** Sessions. */
  readonly sessions: number;
  /** Lineages of checkpoints. */
  readonly lineages: number;
  /** Artifacts of sessions, with their versions. Those of the user itself are among the `records`. */
  readonly artifacts: number;
  /** Values that expire, of the user itself. Those of sessions come with these. */
  readonly expiring: number;
  /** Memories. Of the same content, those of the other user stay. */
  readonly memories: number;
  /** Other records that are stored under the user's own identity. */
  readonly records: number;
  /** Those of the sorts of data that the caller added, by their names. */
  readonly others: Readonly<Record<string, number>>;
}

/** Sessions that move at the same time. */
const AT_ONCE = 4;
const PAGE = 500;
const MAX_NAMED = 10;
const OWN_NAMES = [
  "approvals",
  "questions",
  "entries",
  "runs",
  "toolCalls",
  "sessions",
  "lineages",
  "artifacts",
  "expiring",
  "memories",
] as const;

/**
 * Makes everything of one user of a tenant another user's of the same tenant, as when a visitor without an account signs in: the
 * sessions with all their records, the approvals, questions, runs, tool calls, checkpoints and artifacts, the entries of the ledger with
 * their sums, budgets and reservations, the state, and all other records under `userIdentity`. The other user may have data of
 * its own.
 *
 * A session moves in one commit with everything that is stored under its identity, unless it is too large for one: the page
 * "Moving a user" says what a reader of such a session sees. After an interruption, the same call goes on; what was written for
 * the old user meanwhile is moved by the next call. Nothing was moved after MOVE_CONFLICT (both users have a session of one name,
 * or a record of one kind; or the other user was itself moved), LEASE_HELD (a worker holds a run) and UNAVAILABLE of a deletion
 * by a process of version 0.2, unless an earlier call was interrupted. What is damaged stays, with its session, and the first
 * damage is thrown as CORRUPT once everything else has moved.
 *
 * @example
 * ```ts
 * import { moveUser } from "groundstate/move-user";
 *
 * const moved = await moveUser(store, { tenant: "acme", user: "anon-1" }, "ada");
 * console.log(moved.sessions);
 * ```
 */
export async function moveUser(
  store: StateStore,
  user: UserIdentity,
  to: string,
  options: MoveUserOptions = {},
): Promise<MovedUser> {
  readNamed(options, "options", ["signal", "whereBoth", "data"]);
  const signal = readSignal(readOptions(options, ["signal", "whereBoth", "data"]) as CallOptions);
  const whereBoth =
    "whereBoth" in options ? readOneOf(options.whereBoth, "whereBoth", ["refuse", "keep-target"]) : "refuse";
  const { tenant, user: from } = readNamed(user, "user", ["tenant", "user"]) as UserIdentity;
  const move = { tenant: readName(tenant, "tenant"), from: readName(from, "user"), to: readName(to, "to") };
  if (move.from === move.to) throw invalid("to", "another user");
  const data = [...ownData(readStore(store)), ...readUserData(options.data, OWN_NAMES)];
  const left = data.flatMap(({ ownPrefixes = [] }) => ownPrefixes);
  const own = new OwnRecords(store, move, left, signal);
  const wasMoved = await refuseConflicts(store, move, data, signal);
  if (whereBoth === "refuse") await own.refuseBoth();
  if (!wasMoved) await mark(store, { tenant, user: from }, to, { signal });
  const counts: Counts = new Map();
  const damage = new DamageLog();
  await moveSessions(store, move, data, { counts, damage, signal });
  for (const { name, moveOwn } of data) {
    const moved = await damage.skipIfDamaged(moveOwn?.(move, { signal }) ?? Promise.resolve(0));
    counts.set(name, (counts.get(name) ?? 0) + (moved ?? 0));
  }
  const records = await own.move();
  damage.throwFirst();
  return movedOf(counts, records);
}

function ownData(store: StateStore): UserData[] {
  const wrappers = [
    createApprovals(store),
    createQuestions(store),
    createRuns(store),
    createToolCalls(store),
    createSessions(store),
    createCheckpoints(store),
    createArtifacts(store),
    createLedger(store),
    createExpiring(store),
    createMemories(store),
  ];
  return wrappers.map(({ userData }) => userData);
}

/** Returns whether an earlier call has moved the user there. Then the sessions that both have may be what it left. */
async function refuseConflicts(
  store: StateStore,
  move: UserMove,
  data: readonly UserData[],
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { tenant, from, to } = move;
  const [before, other] = await Promise.all([
    movedTo(store, { tenant, user: from }, { signal }),
    movedTo(store, { tenant, user: to }, { signal }),
  ]);
  if (other !== undefined && steadyNow() - other.at.getTime() < store.limits.idempotencyWindowMs)
    throw otherUserMoved(other.user);
  for (const { checkMove } of data) await checkMove?.(move, { signal });
  if (before?.user === to) return true;
  const both: string[] = [];
  for await (const names of sessionsOf(store, { tenant, user: from }, signal)) {
    const there = await Promise.all(
      names.map((session) => hasSession(store, { tenant, user: to }, session, signal)),
    );
    both.push(...names.filter((_, index) => there[index]).slice(0, MAX_NAMED - both.length));
    if (both.length === MAX_NAMED) break;
  }
  if (both.length > 0) throw bothHaveSessions(both);
  return false;
}

interface Moving {
  readonly counts: Counts;
  readonly damage: DamageLog;
  readonly signal: AbortSignal | undefined;
}

async function moveSessions(
  store: StateStore,
  { tenant, from, to }: UserMove,
  data: readonly UserData[],
  { counts, damage, signal }: Moving,
): Promise<void> {
  const moves = new SessionMoves(store, new MovedKinds(data), counts, signal);
  for await (const names of sessionsOf(store, { tenant, user: from }, signal))
    for (let start = 0; start < names.length; start += AT_ONCE) {
      const some = names.slice(start, start + AT_ONCE).map((session) => {
        const move = { from: { tenant, user: from, session }, to: { tenant, user: to, session } };
        return damage.skipIfDamaged(moves.move(move));
      });
      await Promise.all(some);
    }
}

/** The names of a user's sessions, also of those that `createSessions` did not make. */
async function* sessionsOf(
  store: StateStore,
  { tenant, user }: UserIdentity,
  signal: AbortSignal | undefined,
): AsyncGenerator<string[]> {
  for (let after: string | undefined; ; ) {
    const page = await store.listSessions({ tenant, user }, { after, limit: PAGE, signal });
    const names = page.map(({ session }) => session);
    if (names.length > 0) yield names;
    if (names.length < PAGE) return;
    after = names.at(-1);
  }
}

async function hasSession(
  store: StateStore,
  { tenant, user }: UserIdentity,
  session: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const [first] = await store.listSessions({ tenant, user }, { prefix: session, limit: 1, signal });
  return first?.session === session;
}

function movedOf(counts: Counts, records: number): MovedUser {
  const own = Object.fromEntries(OWN_NAMES.map((name) => [name, counts.get(name) ?? 0]));
  const others = [...counts].filter(([name]) => !OWN_NAMES.some((own) => own === name));
  return { ...own, records, others: Object.fromEntries(others) } as unknown as MovedUser;
}
