import type { ApprovalsOptions } from "../approvals/index.js";
import type { ArtifactsOptions, ErrorsOptions, ResultsOptions } from "../artifacts/index.js";
import type { CheckpointsOptions } from "../checkpoints/index.js";
import type { Redact } from "../contract/redact.js";
import type { ExpiringOptions } from "../expiring/index.js";
import type { FactsOptions } from "../facts/index.js";
import type { LedgerOptions } from "../ledger/index.js";
import type { MemoriesOptions } from "../memories/index.js";
import type { PoliciesOptions } from "../policies/index.js";
import type { QuestionsOptions } from "../questions/index.js";
import type { RetentionOptions } from "../retention/index.js";
import type { RunsOptions } from "../runs/index.js";
import type { SchedulesOptions } from "../schedules/index.js";
import type { Metadata, MetadataInputOf, SessionsOptions } from "../sessions/index.js";
import type { ToolCallsOptions } from "../tool-calls/index.js";
import type { JsonInputOf, JsonValue } from "../typed/json-value.js";
import type { Clock } from "../typed/time.js";

/**
 * The options of each wrapper, under the wrapper's name. `M` is the metadata of sessions, `E` their events and `V` the values
 * of checkpoints; `MetadataInput`, `EventInput` and `ValueInput` may be written.
 */
export interface RuntimeOptions<
  M = Metadata,
  E = JsonValue,
  MetadataInput = MetadataInputOf<M>,
  EventInput = JsonInputOf<E>,
  V = JsonValue,
  ValueInput = JsonInputOf<V>,
> {
  /**
   * The `redact` of every wrapper whose own options name none: `redacting()` of `groundstate/layers`. Default: texts are
   * stored as they are given.
   */
  readonly redact?: Redact;
  /** Milliseconds since 1970: the clock of every wrapper whose own options name none. Default the process's clock. */
  readonly clock?: Clock;
  /** The options of `createSessions`. */
  readonly sessions?: SessionsOptions<M, E, MetadataInput, EventInput>;
  /** The options of `createApprovals`. */
  readonly approvals?: ApprovalsOptions;
  /** The options of `createQuestions`. */
  readonly questions?: QuestionsOptions;
  /** The options of `createRuns`. */
  readonly runs?: RunsOptions;
  /** The options of `createToolCalls`. */
  readonly toolCalls?: ToolCallsOptions;
  /** The options of `createCheckpoints`. */
  readonly checkpoints?: CheckpointsOptions<V, ValueInput>;
  /** The options of `createLedger`. */
  readonly ledger?: LedgerOptions;
  /** The options of `createPolicies`. */
  readonly policies?: PoliciesOptions;
  /** The options of `createSchedules`. */
  readonly schedules?: SchedulesOptions;
  /** The options of `createFacts`. */
  readonly facts?: FactsOptions;
  /** The options of `createMemories`. */
  readonly memories?: MemoriesOptions;
  /** The options of `createExpiring`. */
  readonly expiring?: ExpiringOptions;
  /** The options of `createArtifacts`. */
  readonly artifacts?: ArtifactsOptions;
  /** The options of `createResults`. */
  readonly results?: ResultsOptions;
  /** The options of `createErrors`. */
  readonly errors?: ErrorsOptions;
  /** The options of `createRetention`. */
  readonly retention?: RetentionOptions;
}

/** The wrappers that have options. */
export type WrapperName = Exclude<keyof RuntimeOptions, "clock" | "redact">;

export const WRAPPER_NAMES = [
  "sessions",
  "approvals",
  "questions",
  "runs",
  "toolCalls",
  "checkpoints",
  "ledger",
  "policies",
  "schedules",
  "facts",
  "memories",
  "expiring",
  "artifacts",
  "results",
  "errors",
  "retention",
] as const satisfies readonly WrapperName[];
