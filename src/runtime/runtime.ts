import { type Approvals, createApprovals } from "../approvals/index.js";
import {
  type Artifacts,
  createArtifacts,
  createErrors,
  createResults,
  type RecordedErrors,
  type Results,
} from "../artifacts/index.js";
import { type Checkpoints, createCheckpoints } from "../checkpoints/index.js";
import type {
  CallOptions,
  CloseOptions,
  MaintenanceScope,
  StateStore,
  UserIdentity,
} from "../contract/store.js";
import { createExpiring, type Expiring } from "../expiring/index.js";
import { type ExportUserOptions, exportUser } from "../export-user/index.js";
import { createFacts, type Facts } from "../facts/index.js";
import { type ForgetUserOptions, type ForgottenUser, forgetUser } from "../forget-user/index.js";
import { createLedger, type Ledger } from "../ledger/index.js";
import { createMemories, type Memories } from "../memories/index.js";
import { type MovedUser, type MoveUserOptions, moveUser } from "../move-user/index.js";
import { createPolicies, type Policies } from "../policies/index.js";
import { createQuestions, type Questions } from "../questions/index.js";
import { createRetention, type Retention } from "../retention/index.js";
import { createRuns, type Runs } from "../runs/index.js";
import { createSchedules, type Schedules } from "../schedules/index.js";
import { createSessions, type Metadata, type MetadataInputOf, type Sessions } from "../sessions/index.js";
import { createToolCalls, type ToolCalls } from "../tool-calls/index.js";
import { readStore } from "../typed/cell.js";
import { readRedact } from "../typed/input-reader.js";
import type { JsonInputOf, JsonValue } from "../typed/json-value.js";
import { type TogetherOptions, together } from "../typed/together/together.js";
import type { Unit } from "../typed/together/unit.js";
import { readNamed, readObject, readOptions, readSignal } from "../validation/validate.js";
import { type Maintained, maintainAll } from "./maintenance.js";
import { type RuntimeOptions, WRAPPER_NAMES, type WrapperName } from "./options.js";

/** One store with all wrappers on it. `createRuntime` and `openRuntime` make it. */
export class Runtime<
  M = Metadata,
  E = JsonValue,
  MetadataInput = MetadataInputOf<M>,
  EventInput = JsonInputOf<E>,
  V = JsonValue,
  ValueInput = JsonInputOf<V>,
> implements AsyncDisposable
{
  /** The store itself. */
  readonly store: StateStore;
  /** Sessions with their events, metadata and state. */
  readonly sessions: Sessions<M, E, MetadataInput, EventInput>;
  /** Approvals of calls by people. */
  readonly approvals: Approvals;
  /** Questions to people. */
  readonly questions: Questions;
  /** Runs with their steps, queue, leases and budgets. */
  readonly runs: Runs;
  /** Intents and outcomes of tool calls. */
  readonly toolCalls: ToolCalls;
  /** Checkpoints of graphs. */
  readonly checkpoints: Checkpoints<V, ValueInput>;
  /** Costs, budgets and reservations. */
  readonly ledger: Ledger;
  /** Named rules for tools, and grants. */
  readonly policies: Policies;
  /** Recurring and one-time tasks of tenants. */
  readonly schedules: Schedules;
  /** What was learned about users and in tenants. */
  readonly facts: Facts;
  /** What is remembered about users and in tenants. */
  readonly memories: Memories;
  /** Values with a time to live. */
  readonly expiring: Expiring;
  /** Named content in versions. */
  readonly artifacts: Artifacts;
  /** Large results of tools, with a preview. */
  readonly results: Results;
  /** Errors of tools, under short references. */
  readonly errors: RecordedErrors;
  /** What is kept how long. */
  readonly retention: Retention;

  /** @internal */
  constructor(
    store: StateStore,
    options: RuntimeOptions<M, E, MetadataInput, EventInput, V, ValueInput> = {},
  ) {
    this.store = readStore(store);
    const given = readNamed(options, "options", ["clock", "redact", ...WRAPPER_NAMES]) as typeof options;
    if ("redact" in given) readRedact(given.redact);
    const own = <Name extends WrapperName>(name: Name) => withShared(given[name], name, given);
    this.sessions = createSessions(store, own("sessions"));
    this.approvals = createApprovals(store, own("approvals"));
    this.questions = createQuestions(store, own("questions"));
    this.runs = createRuns(store, own("runs"));
    this.toolCalls = createToolCalls(store, own("toolCalls"));
    this.checkpoints = createCheckpoints(store, own("checkpoints"));
    this.ledger = createLedger(store, own("ledger"));
    this.policies = createPolicies(store, own("policies"));
    this.schedules = createSchedules(store, own("schedules"));
    this.facts = createFacts(store, own("facts"));
    this.memories = createMemories(store, own("memories"));
    this.expiring = createExpiring(store, own("expiring"));
    this.artifacts = createArtifacts(store, own("artifacts"));
    this.results = createResults(store, own("results"));
    this.errors = createErrors(store, own("errors"));
    this.retention = createRetention(store, { sessions: this.sessions, ...own("retention") });
    Object.freeze(this);
  }

  /** Makes one commit of the calls that `work` makes through `in(unit)` of the wrappers: `together` on this store. */
  together<R>(work: (unit: Unit) => R | Promise<R>, options?: TogetherOptions): Promise<R> {
    return together(this.store, work, options);
  }

  /** Everything of a user of a tenant, across all wrappers, as lines of JSON: `exportUser` on this store, with these sessions. */
  exportUser(
    user: UserIdentity,
    options?: Omit<ExportUserOptions, "sessions">,
  ): AsyncGenerator<string, void, undefined> {
    return exportUser(this.store, user, { sessions: this.sessions, ...options });
  }

  /** Forgets a user of a tenant, across all wrappers: `forgetUser` on this store. */
  forgetUser(user: UserIdentity, options?: ForgetUserOptions): Promise<ForgottenUser> {
    return forgetUser(this.store, user, options);
  }

  /** Moves a user's data to another user of the tenant, across all wrappers: `moveUser` on this store. */
  moveUser(user: UserIdentity, to: string, options?: MoveUserOptions): Promise<MovedUser> {
    return moveUser(this.store, user, to, options);
  }

  /**
   * Does once what the wrappers need done now and then: marks overdue approvals and questions, and removes histories of deleted schedules, memories,
   * values and results past their time, uploads and large tool calls that were cut off, and leftovers of checkpoints. Makes many commits; after an interruption, call
   * it again. What fails in one wrapper keeps no other from its turn: the first error is thrown at the end.
   * MAINTENANCE_SCOPE_REQUIRED; an abort rejects with the signal's reason.
   */
  async maintain(scope: MaintenanceScope, options?: CallOptions): Promise<Maintained> {
    const signal = readSignal(readOptions(options, ["signal"]) as CallOptions);
    return maintainAll(this, scope, { signal });
  }

  /** Closes the store, whoever opened it. */
  close(options?: CloseOptions): Promise<void> {
    return this.store.close(options);
  }

  /** The same as `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** What wrappers have in common, and which of them have no such option. */
const SHARED: readonly (readonly [option: "clock" | "redact", but: WrapperName])[] = [
  ["clock", "errors"],
  ["redact", "retention"],
];

function withShared<O>(options: O, name: WrapperName, all: Pick<RuntimeOptions, "clock" | "redact">): O {
  const shared = SHARED.filter(([option, but]) => all[option] !== undefined && name !== but);
  if (shared.length === 0) return options;
  const given = options === undefined ? {} : readObject(options, name);
  return { ...Object.fromEntries(shared.map(([option]) => [option, all[option]])), ...given } as O;
}
