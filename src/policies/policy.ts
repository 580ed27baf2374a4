import type { RunBudget, RunBudgetInput } from "../runs/run.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";

/** When a call needs a person's consent: if both fields that are there match. One has to be there. */
export interface ApprovalRule {
  /** The tool, to the letter: 1 to 512 UTF-8 bytes. */
  readonly tool?: string;
  /** The side effect class, such as `write` or `write.*`; each `*` stands for any text. 1 to 512 UTF-8 bytes. */
  readonly sideEffect?: string;
}

/** The tools that a policy allows: these, to the letter, or any. An empty list allows none. */
export type AllowedTools = readonly string[] | "any";

/** A version of a policy. */
export interface Policy {
  /** Its name, unique in its tenant. */
  readonly name: string;
  /** From 1 on, without a gap. */
  readonly version: number;
  /** When its first version was put. */
  readonly createdAt: Date;
  /** When this version was put. */
  readonly updatedAt: Date;
  /** Which tools may be called at all. */
  readonly tools: AllowedTools;
  /** Which calls need a person's consent. */
  readonly approvals: readonly ApprovalRule[];
  /** What a run under the policy may use up, unless it says otherwise: as `runs.start` takes it. */
  readonly budget?: RunBudget;
  /** The caller's own fields. */
  readonly metadata: Readonly<Record<string, JsonValue>>;
}

/** A policy to put. */
export interface NewPolicy {
  /** 1 to 512 UTF-8 bytes. */
  readonly name: string;
  /** Up to 1,000 tools, or `any`. It has to be said: a forgotten list must not allow everything. */
  readonly tools: AllowedTools;
  /** Up to 1,000 rules. Default none. */
  readonly approvals?: readonly ApprovalRule[];
  /** Default none. */
  readonly budget?: RunBudgetInput;
  /** Any JSON object, up to 64 KiB. */
  readonly metadata?: Readonly<Record<string, JsonInput>>;
  /** Makes the put happen once: 1 to 105 UTF-8 bytes. */
  readonly id?: string;
}

/** What a version of a policy says. */
export type PolicyContent = Pick<Policy, "tools" | "approvals" | "budget" | "metadata">;
