import type { Change } from "../../src/index.js";
import type { Step } from "./step.js";

/** The step with one thing less in it, each time another one. Finite: no step leads back to itself. */
export function* simplerSteps(step: Step): Iterable<Step> {
  if (step.at !== undefined) {
    const { at: _, ...first } = step;
    yield first as Step;
  }
  if (step.ask === "together") yield* simplerTogether(step);
  if (step.ask === "commit") for (const changes of simplerCommits(step.changes)) yield { ...step, changes };
  if (step.ask === "list" || step.ask === "count")
    for (const query of without(step.query)) yield { ...step, query };
  if (step.ask === "listSessions") for (const query of without(step.query)) yield { ...step, query };
  if (step.ask === "listKind") {
    const { after: _, ...fromTheStart } = step;
    const { limit: __, ...unlimited } = step;
    if (step.after) yield fromTheStart as Step;
    if (step.limit !== undefined) yield unlimited as Step;
  }
}

function* simplerTogether(step: Extract<Step, { ask: "together" }>): Iterable<Step> {
  const { commits } = step;
  for (const index of commits.keys()) {
    const fewer = commits.toSpliced(index, 1);
    const [only, ...others] = fewer;
    if (only === undefined) continue;
    const at = step.at === undefined ? {} : { at: step.at };
    yield others.length === 0 ? { ask: "commit", changes: only, ...at } : { ...step, commits: fewer };
  }
  for (const [index, commit] of commits.entries())
    for (const changes of simplerCommits(commit)) yield { ...step, commits: commits.with(index, changes) };
}

function* simplerCommits(changes: readonly Change[]): Iterable<readonly Change[]> {
  if (changes.length > 1) for (const index of changes.keys()) yield changes.toSpliced(index, 1);
  for (const [index, change] of changes.entries())
    for (const simpler of simplerChanges(change)) yield changes.with(index, simpler);
}

function* simplerChanges(change: Change): Iterable<Change> {
  if ((change.op === "save" || change.op === "delete") && change.expect !== undefined) {
    const { expect: _, ...unconditional } = change;
    yield unconditional as Change;
  }
  if (change.op !== "save") return;
  const { record } = change;
  if (record.version) yield { ...change, record: { ...record, version: 0 } };
  if (record.bytes.length > 1) yield { ...change, record: { ...record, bytes: Uint8Array.of(0x78) } };
}

function* without<T extends object>(query: T): Iterable<T> {
  for (const key of Object.keys(query) as (keyof T)[]) {
    const { [key]: _, ...rest } = query;
    yield rest as T;
  }
}
