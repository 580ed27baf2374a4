import type { JsonValue } from "../typed/json-value.js";
import type { StepUsage } from "./usage.js";

/** `running` also for a step whose worker was killed: the next `beginStep` or `step` of this key begins it again. */
export const STEP_STATUSES = ["running", "finished", "failed"] as const;

/** The status of a step. */
export type StepStatus = (typeof STEP_STATUSES)[number];

/** A step of a run. Its result is read with `stepResult`. */
export interface RunStep {
  /** Unique within its run. */
  readonly key: string;
  /**
   * Its place among the steps of the run: from 1 on, without gaps, in the order in which they were begun first. What `step`
   * keeps without a `beginStep` before it counts as begun when it is kept.
   */
  readonly number: number;
  /** `running` also if nobody works on it because its worker was killed. */
  readonly status: StepStatus;
  /** What is done, in the caller's words. */
  readonly name?: string;
  /** The caller's notes, in JSON. */
  readonly metadata?: JsonValue;
  /** How often it was begun. */
  readonly attempts: number;
  /** The worker of the latest attempt. */
  readonly worker: string;
  /** The number of the lease of the latest attempt. */
  readonly fence: number;
  /** When the latest attempt began. */
  readonly beganAt: Date;
  /** When the latest attempt ended. */
  readonly endedAt?: Date;
  /** What all its attempts used, as far as they were finished. */
  readonly usage: StepUsage;
  /** `failed`: why. */
  readonly error?: string;
}
