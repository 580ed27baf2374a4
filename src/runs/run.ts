import type { SessionIdentity } from "../contract/store.js";
import type { Money, MoneyInput } from "../ledger/money.js";
import type { JsonValue } from "../typed/json-value.js";

/**
 * To which statuses each status may change. `running` leads to itself, because a lease is renewed and taken over, and steps
 * are counted, without a change of the status.
 */
export const RUN_TRANSITIONS = {
  pending: ["running", "paused", "cancelled", "halted"],
  paused: ["pending", "cancelled", "halted"],
  running: ["running", "pending", "paused", "completed", "failed", "cancelled", "halted"],
  completed: [],
  failed: [],
  cancelled: [],
  halted: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** The status of a run. */
export type RunStatus = keyof typeof RUN_TRANSITIONS;

/** The limits of a budget that a run can use up. */
export const BUDGET_LIMITS = ["tokens", "cost", "loops", "seconds"] as const;

/** A limit that a run can use up. */
export type BudgetLimit = (typeof BUDGET_LIMITS)[number];

/** What a run may use at most. What is left out has no limit. */
export interface RunBudget {
  /** Tokens of all its steps. */
  readonly tokens?: number;
  /** Money: a decimal in text. */
  readonly cost?: Money;
  /** Loops of all its steps. */
  readonly loops?: number;
  /** Whole seconds during which the run is `running`. */
  readonly seconds?: number;
}

/** A budget as callers pass it. Each limit is more than 0. */
export interface RunBudgetInput extends Omit<RunBudget, "cost"> {
  /** Money: a decimal in text, such as `"0.05"`. */
  readonly cost?: MoneyInput;
}

/** What a run has used, summed up exactly from its steps. */
export interface RunUsage {
  /** Tokens of all steps. */
  readonly tokens: number;
  /** The exact cost of all steps: a decimal in text. */
  readonly cost: Money;
  /** Loops of all steps. */
  readonly loops: number;
  /**
   * Seconds during which the run was `running`, to the millisecond, by the clocks of its workers: up to the latest lease,
   * renewal or step. The time after a lease has passed does not count, unless its worker was still at work.
   */
  readonly seconds: number;
  /** The number of steps that were begun. */
  readonly steps: number;
}

/** Who holds a run, and how long it is theirs alone. */
export interface RunHolder {
  /** The worker, in its own words. */
  readonly worker: string;
  /** The number of the lease. It grows with each lease of the run. */
  readonly fence: number;
  /** From this time on another worker may claim the run. */
  readonly until: Date;
}

/** How a run ended. */
export interface RunOutcome {
  /** When. */
  readonly at: Date;
  /** `completed`: what the run returned, in JSON. */
  readonly result?: JsonValue;
  /** `failed`: why. */
  readonly error?: string;
  /** `cancelled`, `halted`: why. */
  readonly reason?: string;
  /** `halted`: the limit of the budget that was used up, if that was the reason. */
  readonly limit?: BudgetLimit;
  /** Who ended it, if that was given. */
  readonly by?: string;
}

/** Why and when a run was paused. */
export interface RunPause {
  /** When. */
  readonly at: Date;
  /** Why, if that was given. */
  readonly reason?: string;
  /** Who paused it, if that was given. */
  readonly by?: string;
}

/** One execution of an agent. */
export interface Run {
  /** Unique within its session; the `id` of `start` if it had one. */
  readonly id: string;
  /** The session that it belongs to. */
  readonly identity: SessionIdentity;
  /** `running` also while nobody works on it because its lease has passed. */
  readonly status: RunStatus;
  /** What is run, in the caller's words: runs are listed and claimed by it. */
  readonly name?: string;
  /** What it was started with, in JSON. */
  readonly input?: JsonValue;
  /** The name of the policy that applies to it. */
  readonly policy?: string;
  /** What it may use at most. */
  readonly budget?: RunBudget;
  /** The caller's notes, in JSON. */
  readonly metadata?: JsonValue;
  /** The id of the run that started it. */
  readonly parent?: string;
  /** When it was started: from then on it can be claimed. */
  readonly createdAt: Date;
  /** When it was claimed first. */
  readonly claimedAt?: Date;
  /** What it has used. */
  readonly usage: RunUsage;
  /** How often it was claimed. */
  readonly claims: number;
  /** Who holds it, while it is `running`. */
  readonly holder?: RunHolder;
  /** While it is `paused`: since when, and why. */
  readonly pause?: RunPause;
  /** How it ended, if it did. */
  readonly outcome?: RunOutcome;
  /** When retention removed the input, the result, the text of the error, and the results of the steps. */
  readonly payloadRemovedAt?: Date;
}
