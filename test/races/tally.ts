import { expect } from "vitest";
import { type Call, codeOf, type History } from "../../conformance/histories/history.js";

/** What was in the histories of a test, so that it can say that it was something. */
export class Tally {
  histories = 0;
  calls = 0;
  /** Calls beside which another was under way. */
  overlapping = 0;
  unknown = 0;
  unavailable = 0;
  duplicates = 0;
  conflicts = 0;
  failedConditions = 0;

  add({ calls }: History): void {
    this.histories++;
    this.calls += calls.length;
    for (const call of calls) {
      if (calls.some((other) => other !== call && overlap(call, other))) this.overlapping++;
      if (call.ended === undefined) this.unknown++;
      const code = codeOf(call.answer);
      if (code === "UNAVAILABLE") this.unavailable++;
      if (code === "IDEMPOTENCY_CONFLICT") this.conflicts++;
      if (code === "CONDITION_FAILED") this.failedConditions++;
      if (isDuplicate(call)) this.duplicates++;
    }
  }

  /** Otherwise the histories were too tame to show anything. */
  mustShowRaces(): void {
    if (process.env.GROUNDSTATE_REPLAY) return;
    expect(this.overlapping / this.calls).toBeGreaterThan(0.5);
    const { unknown, duplicates, conflicts, failedConditions } = this;
    expect(Math.min(unknown, duplicates, conflicts, failedConditions)).toBeGreaterThan(0);
  }

  toString(): string {
    return Object.entries(this)
      .map(([what, count]) => `${what} ${count}`)
      .join(", ");
  }
}

function overlap(one: Call, other: Call): boolean {
  const { began, ended = Number.POSITIVE_INFINITY } = one;
  return began <= (other.ended ?? Number.POSITIVE_INFINITY) && other.began <= ended;
}

function isDuplicate({ answer }: Call): boolean {
  return (answer as { value?: { duplicate?: boolean } } | null)?.value?.duplicate === true;
}
