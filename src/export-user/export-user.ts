import { createApprovals } from "../approvals/index.js";
import { createArtifacts, createResults } from "../artifacts/index.js";
import { createCheckpoints } from "../checkpoints/index.js";
import { invalid } from "../contract/errors.js";
import type { CallOptions, Identity, StateStore, UserIdentity } from "../contract/store.js";
import { createExpiring } from "../expiring/index.js";
import { userIdentity } from "../identity/identity.js";
import { createLedger } from "../ledger/index.js";
import { createMemories } from "../memories/index.js";
import { createQuestions } from "../questions/index.js";
import { createRuns } from "../runs/index.js";
import { createSessions, type Sessions } from "../sessions/index.js";
import { createToolCalls } from "../tool-calls/index.js";
import { readStore } from "../typed/cell.js";
import { DamageLog } from "../typed/damage.js";
import { readUserData } from "../typed/moving/read-user-data.js";
import type { UserData } from "../typed/moving/user-data.js";
import { readNamed, readObject, readSignal } from "../validation/validate.js";
import { exportOwner } from "./export-owner.js";
import { type Item, itemLine } from "./lines.js";

/** How `exportUser` exports. */
export interface ExportUserOptions extends CallOptions {
  /** Further sorts of data that take part, beside those of this package. */
  readonly data?: readonly UserData[];
  /** What `createSessions` returned, if it was given codecs. */
  readonly sessions?: Pick<Sessions<unknown, unknown, never, never>, "userData">;
}

const VERSION = 1;
const SESSIONS = 500;

/**
 * Everything of a user of a tenant, across all wrappers, in lines of JSON without ends of lines: what is stored under
 * `userIdentity`, then session by session, and in the end how many lines there were. The page on exporting a user describes the
 * lines. It takes memory for some mebibytes, or for the largest value.
 *
 * It is not of one moment: what is written meanwhile may be in it or not. A session is. What is damaged is passed over, and the
 * first damage is thrown as CORRUPT in the place of the last line, once everything else was yielded; UNAVAILABLE (`busy`) if a
 * session changes all the time. INVALID_RECORD is thrown at the call.
 *
 * @example
 * ```ts
 * import { exportUser } from "groundstate/export-user";
 *
 * for await (const line of exportUser(store, { tenant: "acme", user: "ada" })) process.stdout.write(`${line}\n`);
 * ```
 */
export function exportUser(
  store: StateStore,
  user: UserIdentity,
  options: ExportUserOptions = {},
): AsyncGenerator<string, void, undefined> {
  const given = readNamed(options, "options", ["data", "sessions", "signal"]) as ExportUserOptions;
  const signal = readSignal(given);
  const { tenant, user: name } = readNamed(user, "user", ["tenant", "user"]) as UserIdentity;
  const owner = userIdentity(tenant, name);
  const own = ownData(readStore(store), given);
  const names = [...own.map((each) => each.name), "records"];
  return linesOf(store, owner, [...own, ...readUserData(given.data, names)], { signal });
}

function ownData(store: StateStore, { sessions = createSessions(store) }: ExportUserOptions): UserData[] {
  const { userData } = readObject(sessions, "sessions") as Partial<typeof sessions>;
  if (userData === undefined) throw invalid("sessions", "what `createSessions` returns");
  const approvals = createApprovals(store);
  const wrappers = [
    createQuestions(store),
    createRuns(store),
    createToolCalls(store),
    createCheckpoints(store),
    createArtifacts(store),
    createResults(store),
    createExpiring(store),
    createMemories(store),
    createLedger(store),
  ];
  return [userData, approvals.userData, approvals.auditData, ...wrappers.map((each) => each.userData)];
}

async function* linesOf(
  store: StateStore,
  user: Identity,
  data: readonly UserData[],
  options: CallOptions,
): AsyncGenerator<string, void, undefined> {
  const damage = new DamageLog();
  const { tenant, user: name } = user;
  yield JSON.stringify({ export: { of: "user", version: VERSION, identity: { tenant, user: name } } });
  let lines = 1;
  const counted = async function* (items: AsyncIterable<Item>, session?: string) {
    for await (const item of items) {
      lines++;
      yield itemLine(item, session);
    }
  };
  yield* counted(exportOwner(store, user, data, { ...options, damage, isUser: true }));
  for await (const owner of sessionsOf(store, { tenant, user: name }, options))
    yield* counted(exportOwner(store, owner, data, { ...options, damage, isUser: false }), owner.session);
  damage.throwFirst();
  yield JSON.stringify({ end: { lines } });
}

async function* sessionsOf(store: StateStore, user: UserIdentity, { signal }: CallOptions) {
  for (let range: { after?: string } = {}; ; ) {
    const page = await store.listSessions(user, { ...range, limit: SESSIONS, signal });
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < SESSIONS) return;
    range = { after: last.session };
  }
}
