import type { RedactOption } from "../contract/redact.js";
import type { CallOptions } from "../contract/store.js";
import type { LifecycleOptions } from "../lifecycle/lifecycle.js";
import { MAX_WAIT_MS } from "../lifecycle/options.js";
import { readInteger, readOptions, readSignal } from "../validation/validate.js";
import type { ClaimWait } from "./claim-in-turn.js";
import type { Lease } from "./lease.js";
import type { Run, RunStatus } from "./run.js";

/** The options of `createRuns`. */
export interface RunsOptions extends LifecycleOptions, RedactOption {}

/** The result of a start. */
export interface RunReceipt {
  /** The run. */
  readonly run: Run;
  /** The run was started before: this call wrote nothing, and `run` is its current state. */
  readonly duplicate: boolean;
}

/** A run that a worker holds. */
export interface ClaimedRun {
  /** The worker's hold: the methods of its work take it. */
  readonly lease: Lease;
  /** The run as it is now. */
  readonly run: Run;
}

/** How long `claim` and `claimNext` wait for their turn. */
export interface ClaimOptions extends CallOptions {
  /** 1 to ten years, in milliseconds. Default: the call does not wait. */
  readonly waitMs?: number;
}

/** Which runs `list` returns. */
export interface ListRunsOptions extends CallOptions {
  /** Only these statuses. Default all. */
  readonly status?: RunStatus | readonly RunStatus[];
  /** Only runs of this name. */
  readonly name?: string;
  /** 1 to 1,000. Default 50. */
  readonly limit?: number;
  /** The `next` of the previous page. Absent or `undefined`: the first page. */
  readonly after?: string | undefined;
}

/** A page of runs. */
export interface RunPage {
  /** Newest first. They can be fewer than `limit` though there are more: one call reads about 16 MiB of runs at most. */
  readonly runs: readonly Run[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** Which steps `steps` returns. */
export interface ListStepsOptions extends CallOptions {
  /** 1 to 1,000. Default 100. */
  readonly limit?: number;
  /** The `next` of the previous page, or the number of a step. Absent or `undefined`: from the first on. */
  readonly after?: number | undefined;
}

/** From which step on `allSteps` goes. */
export type AllStepsOptions = Omit<ListStepsOptions, "limit">;

/** Reads how long a claim waits. */
export function readClaimWait(options: ClaimOptions | undefined): ClaimWait {
  const given = readOptions(options, ["waitMs", "signal"]) as ClaimOptions;
  const waitMs = "waitMs" in given ? readInteger(given.waitMs, "waitMs", 1, MAX_WAIT_MS) : 0;
  return { waitMs, signal: readSignal(given) };
}
