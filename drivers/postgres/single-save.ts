import type { Commit, Outcome, Write } from "../../src/contract/driver.js";
import { LETTER } from "./apply-many-function.js";
import { type Answer, conditionOf, incompleteAnswer } from "./batch.js";
import type { Row } from "./client.js";
import type { Parameter } from "./connection.js";

export type Save = Extract<Write, { op: "save" }>;

/** The save, if the batch is nothing but one. */
export function singleSave(commits: readonly Commit[]): Save | undefined {
  const [first, second] = commits;
  const [write] = first?.writes ?? [];
  return second === undefined && first?.writes.length === 1 && write?.op === "save" ? write : undefined;
}

/** The parameters of the apply-one function, in its order. */
export function packSave({ record, expect }: Save): readonly Parameter[] {
  const { tenant, user, session, run, kind, eventId, fingerprint, version, updatedAt, bytes } = record;
  const { buffer, byteOffset, byteLength } = bytes;
  const body = `\\x${Buffer.from(buffer, byteOffset, byteLength).toString("hex")}`;
  return [
    ...[tenant, user, session, run, kind, String(conditionOf(expect)), expect ?? null, eventId, fingerprint],
    ...[String(version), String(updatedAt), String(byteLength), body],
  ];
}

/** Reads the row of the apply-one function; `undefined` when it did nothing. */
export function unpackSave(rows: readonly Row[]): Answer | undefined {
  const [row] = rows;
  if (row === undefined) throw incompleteAnswer();
  if (row.verdict === null) return undefined;
  const queueHead = row.queue_head === null ? undefined : String(row.queue_head);
  return { outcomes: [outcomeOf(row)], queueHead };
}

function outcomeOf({ verdict, current_event }: Row): Outcome {
  switch (verdict) {
    case LETTER.applied:
    case LETTER.replaced:
      return { is: "applied", existed: [verdict === LETTER.replaced] };
    case LETTER.duplicate:
      return { is: "duplicate" };
    case LETTER.conflict:
      return { is: "conflict", write: 0 };
    case LETTER.condition:
      return { is: "condition", write: 0, current: current_event as string | null };
    default:
      throw incompleteAnswer();
  }
}
