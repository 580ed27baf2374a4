import { createApprovals } from "../approvals/index.js";
import { createArtifacts, createResults } from "../artifacts/index.js";
import { createCheckpoints } from "../checkpoints/index.js";
import { invalid } from "../contract/errors.js";
import type { MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { createExpiring } from "../expiring/index.js";
import { validateScope } from "../identity/scope.js";
import { createLedger, type Ledger } from "../ledger/index.js";
import { createMemories } from "../memories/index.js";
import { createQuestions } from "../questions/index.js";
import { createRuns } from "../runs/index.js";
import { createSessions, type TenantRef, type UserRef } from "../sessions/index.js";
import { createToolCalls } from "../tool-calls/index.js";
import { readStore } from "../typed/cell.js";
import { readUserData } from "../typed/moving/read-user-data.js";
import type { UserData } from "../typed/moving/user-data.js";
import { type Clock, readClock } from "../typed/time.js";
import { readBoolean, readInteger, readNamed, readOptions, readSignal } from "../validation/validate.js";
import {
  type PastSessionPage,
  type PastSessionSource,
  type PastSessionsOptions,
  pastSessions,
} from "./past-sessions.js";
import { type RetentionPolicy, readPolicy } from "./policy.js";
import { type ApplyRetentionOptions, ReportSoFar, type RetentionReport } from "./report.js";

/** The options of `createRetention`. */
export interface RetentionOptions {
  /** Milliseconds since 1970. Default the process's clock. Ages are counted up to it. */
  readonly clock?: Clock;
  /** Further sorts of data that take part, beside those of this package. */
  readonly data?: readonly UserData[];
  /** The sessions that `pastSessions` lists, where events or metadata have codecs. Default: those of JSON. */
  readonly sessions?: PastSessionSource;
}

/** Payloads and records that go between two looks at the signal. */
const PIECE = 500;
const MAX_LIMIT = 1_000_000_000;
const OPTIONS = ["dryRun", "limit", "after", "onProgress", "signal"];

/** What is kept how long: payloads go first, records later, sessions that are idle last. */
export class Retention {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #data: readonly UserData[];
  readonly #sessions: PastSessionSource;
  readonly #ledger: Ledger;

  /** @internal */
  constructor(store: StateStore, options: RetentionOptions = {}) {
    readNamed(options, "options", ["clock", "data", "sessions"]);
    this.#store = readStore(store);
    this.#now = readClock(options);
    const own = ownData(this.#store, "clock" in options ? { clock: options.clock as Clock } : {});
    const others = readUserData(
      options.data,
      own.map(({ name }) => name),
    );
    // Sessions last: what belongs to a session is counted where it belongs before the session goes with what is left of it.
    this.#data = [...own.slice(0, -1), ...others, ...own.slice(-1)];
    const { sessions = createSessions(this.#store) } = options;
    if (typeof sessions?.overview !== "function") throw invalid("sessions", "what `createSessions` returns");
    this.#sessions = sessions;
    this.#ledger = createLedger(this.#store);
    Object.freeze(this);
  }

  /**
   * The sessions of a user or a tenant, the one whose last event came last first, with what a list of them shows: how many events,
   * when the first and the last, the first text of a person, and what the ledger has of them. INVALID_RECORD, IDENTITY_REQUIRED.
   */
  async pastSessions(who: UserRef | TenantRef, options?: PastSessionsOptions): Promise<PastSessionPage> {
    return pastSessions(this.#sessions, this.#ledger, who, options);
  }

  /** The names of the sorts of data that take part, as `bySort` and reports have them. */
  get sorts(): readonly string[] {
    return this.#data.filter(({ retain }) => retain !== undefined).map(({ name }) => name);
  }

  /**
   * Removes what is older than the policy says, in the scope: of each sort the oldest first, in many commits, each of which leaves
   * the data consistent. What is open stays, and so does everything of pinned sessions. After an interruption, also that of a
   * killed process, the same call goes on. Several processes may call it at the same time.
   *
   * What is damaged is passed over and stays; the report has the first damage. INVALID_RECORD for a policy that makes no sense,
   * MAINTENANCE_SCOPE_REQUIRED.
   *
   * @example
   * ```ts
   * import { maintenanceScope } from "groundstate";
   * import { createRetention } from "groundstate/retention";
   *
   * const retention = createRetention(store);
   * const scope = maintenanceScope({ reason: "retention", tenant: "acme" });
   * const policy = { payloads: "30d", records: "180d", idleSessions: "90d" } as const;
   * const would = await retention.apply(scope, policy, { dryRun: true });
   * console.log(would.sorts.toolCalls);
   * await retention.apply(scope, policy);
   * ```
   */
  async apply(
    scope: MaintenanceScope,
    policy: RetentionPolicy,
    options: ApplyRetentionOptions = {},
  ): Promise<RetentionReport> {
    const checked = validateScope(scope);
    const sorts = this.#data.filter(({ retain }) => retain !== undefined);
    const names = sorts.map(({ name }) => name);
    const cutoffsOf = readPolicy(policy, names, this.#now());
    const { dryRun, limit, onProgress, signal, position } = readApply(options, names);
    const soFar = new ReportSoFar(dryRun);
    let left = limit;
    let { after } = position;
    for (let place = position.place; place < sorts.length; ) {
      signal?.throwIfAborted();
      const sort = sorts[place] as UserData & Required<Pick<UserData, "retain">>;
      if (left === 0) return soFar.report(textOf(sort.name, after));
      const before = cutoffsOf(sort.name);
      const isKept = this.#isKept(signal);
      const range = { before, dryRun, isKept, after, limit: Math.min(PIECE, left), signal };
      const piece = await sort.retain(checked, range);
      soFar.add(sort.name, piece);
      left -= piece.payloads + piece.records;
      after = piece.next;
      if (after === undefined) place++;
      onProgress?.(soFar.report(this.#nextOf(sorts, place, after)));
    }
    return soFar.report();
  }

  #nextOf(sorts: readonly UserData[], place: number, after: string | undefined): string | undefined {
    const sort = sorts[place];
    return sort && textOf(sort.name, after);
  }

  /** Asks all sorts. The answers are those of one piece: a pin that comes meanwhile counts from the next piece on. */
  #isKept(signal: AbortSignal | undefined): (session: SessionIdentity) => Promise<boolean> {
    const known = new Map<string, Promise<boolean>>();
    const ask = async (session: SessionIdentity) => {
      for (const { isKept } of this.#data) if (await isKept?.(session, { signal })) return true;
      return false;
    };
    return ({ tenant, user, session }) => {
      const key = JSON.stringify([tenant, user, session]);
      const answer = known.get(key) ?? ask({ tenant, user, session });
      known.set(key, answer);
      return answer;
    };
  }
}

/** Sessions are the last. */
function ownData(store: StateStore, options: { readonly clock?: Clock }): readonly UserData[] {
  const approvals = createApprovals(store, options);
  const wrappers = [
    createToolCalls(store, options),
    createRuns(store, options),
    createQuestions(store, options),
    createArtifacts(store, options),
    createResults(store, options),
    createCheckpoints(store, options),
    createExpiring(store, options),
    createMemories(store, options),
    createSessions(store, options),
  ];
  return [approvals.userData, approvals.auditData, ...wrappers.map(({ userData }) => userData)];
}

function readApply(options: ApplyRetentionOptions, names: readonly string[]) {
  const given = { ...readOptions(options, OPTIONS) } as ApplyRetentionOptions;
  const { limit, after, onProgress } = given;
  if ("onProgress" in given && typeof onProgress !== "function") throw invalid("onProgress", "a function");
  return {
    dryRun: "dryRun" in given ? readBoolean(given.dryRun, "dryRun") : false,
    limit: limit === undefined ? Number.POSITIVE_INFINITY : readInteger(limit, "limit", 1, MAX_LIMIT),
    onProgress,
    signal: readSignal(given),
    position: after === undefined ? { place: 0, after: undefined } : readPosition(after, names),
  };
}

function textOf(sort: string, after: string | undefined): string {
  return after === undefined ? sort : `${sort} ${after}`;
}

function readPosition(text: unknown, names: readonly string[]) {
  const [, name = "", after] = (typeof text === "string" && /^(\S+)(?: (.+))?$/su.exec(text)) || [];
  const place = names.indexOf(name);
  if (place < 0) throw invalid("after", "the `next` of a call of apply");
  return { place, after };
}
