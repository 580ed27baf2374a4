import "./errors.js";
import type { StateStore } from "../contract/store.js";
import type { RunsOptions } from "./options.js";
import { Runs } from "./runs.js";

/**
 * Runs of agents and their steps, worked on by one worker at a time.
 *
 * @example
 * ```ts
 * import { createRuns } from "groundstate/runs";
 *
 * const runs = createRuns(store);
 * await runs.start(session, { id: "run-1", name: "nightly", budget: { loops: 10, cost: "0.50" } });
 * const claimed = await runs.claimNext({ tenant: session.tenant }, { worker: "w1", leaseMs: 30_000 });
 * if (claimed !== undefined) {
 *   const { lease } = claimed;
 *   const answer = await runs.step<string>(lease, "ask", async (step) => {
 *     step.use({ tokens: 120, cost: "0.0042" });
 *     return "forty-two";
 *   });
 *   await runs.complete(lease, { result: answer });
 * }
 * ```
 */
export function createRuns(store: StateStore, options?: RunsOptions): Runs {
  return new Runs(store, options);
}

export type { ListedOf, WaitOptions } from "../lifecycle/options.js";
export type { Repeatable } from "../lifecycle/repeat.js";
export type {
  BeginStepInput,
  ClaimInput,
  ClaimNextInput,
  CompleteInput,
  FailInput,
  FinishStepInput,
  HaltInput,
  RenewInput,
  ResumeInput,
  StartInput,
  StopInput,
} from "./actions.js";
export type { RunsInUnit } from "./in-unit.js";
export type { Lease } from "./lease.js";
export type {
  AllStepsOptions,
  ClaimedRun,
  ClaimOptions,
  ListRunsOptions,
  ListStepsOptions,
  RunPage,
  RunReceipt,
  RunsOptions,
} from "./options.js";
export type { LeasedWork } from "./renew-while.js";
export type {
  BudgetLimit,
  Run,
  RunBudget,
  RunBudgetInput,
  RunHolder,
  RunOutcome,
  RunPause,
  RunStatus,
  RunUsage,
} from "./run.js";
export type { Runs } from "./runs.js";
export type { RunStep, StepStatus } from "./step.js";
export type { KeptStep, StepContext, StepOptions, StepPart, StepWork } from "./step-work.js";
export type { FinishedStep, StepPage } from "./steps.js";
export type { StepUsage, StepUsageInput } from "./usage.js";
