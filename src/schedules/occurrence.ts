import type { JsonValue } from "../typed/json-value.js";

/** To which statuses each status of an occurrence may change. */
export const OCCURRENCE_TRANSITIONS = {
  running: ["running", "completed", "failed"],
  completed: [],
  failed: [],
} as const;

/** `running`: a worker has claimed it, and nobody has finished it yet. */
export type OccurrenceStatus = keyof typeof OCCURRENCE_TRANSITIONS;

/** Who works on an occurrence. */
export interface OccurrenceHolder {
  /** The worker. */
  readonly worker: string;
  /** The number of its lease. */
  readonly fence: number;
  /** From then on another worker may take over. */
  readonly until: Date;
}

/** How an occurrence ended. */
export interface OccurrenceOutcome {
  /** When. */
  readonly at: Date;
  /** Why it failed. */
  readonly error?: string;
  /** The id of the run that did it. */
  readonly run?: string;
  /** No worker said so: the last lease passed. */
  readonly crashed?: true;
}

/** One time of a schedule that a worker has claimed. */
export interface Occurrence {
  /** The tenant. */
  readonly tenant: string;
  /** The name of the schedule. */
  readonly schedule: string;
  /** From 1 on, in the order of the times. */
  readonly number: number;
  /** Unique in the tenant, also if the schedule is deleted and put again. */
  readonly id: string;
  /** The time of the schedule that it is for. */
  readonly at: Date;
  /** The first missed time that has no occurrence of its own because this one stands for it, or because it was too long ago. */
  readonly missedSince?: Date;
  /** What is to be done: the action of the schedule at the time of the claim. */
  readonly action: JsonValue;
  /** How far it is. */
  readonly status: OccurrenceStatus;
  /** When it was claimed first. */
  readonly claimedAt: Date;
  /** How often it was claimed. */
  readonly attempts: number;
  /** While it is `running`. */
  readonly holder?: OccurrenceHolder;
  /** Once it has ended. */
  readonly outcome?: OccurrenceOutcome;
}
