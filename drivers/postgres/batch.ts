import type { Applied, Commit, Outcome, StoredRecord, Write } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import type { Expect } from "../../src/contract/store.js";
import { slotOf } from "../../src/rules/decide.js";
import { compareText } from "../../src/rules/order.js";
import { packedOpOf } from "../packed-op.js";
import type { Row } from "./client.js";
import type { Parameter } from "./connection.js";
import { QUEUE_HEAD } from "./expiry-queue.js";

/** The parameters of the apply function, in its order. */
export function packCommits(commits: readonly Commit[]): readonly Parameter[] {
  const writes = commits.flatMap((commit) => commit.writes);
  const counts = commits.map((commit) => commit.writes.length);
  const ascending = isAscending(writes) ? "1" : "0";
  return [ascending, arrayLiteral(counts), ...columnsOf(writes), sizesOf(writes), bodyOf(writes)];
}

/** One per commit; `undefined` when another connection holds a lock of its session, and nothing was done. */
export type Outcomes = readonly (Outcome | undefined)[];

/** The answer of an apply function. */
export interface Answer {
  readonly outcomes: Outcomes;
  /** The time at the head of the expiry queue, if the function read it. */
  readonly queueHead: string | undefined;
}

/** Reads the rows of the apply function. */
export function unpackAnswer(rows: readonly Row[], commits: readonly Commit[]): Answer {
  const answers = commits.map((): Row[] => []);
  let queueHead: string | undefined;
  for (const row of rows) {
    if (row.verdict === QUEUE_HEAD) queueHead = row.current_event as string;
    else answers[Number(row.commit_no)]?.push(row);
  }
  return {
    outcomes: commits.map(({ writes }, index) => outcomeOf(answers[index] as Row[], writes)),
    queueHead: queueHead,
  };
}

/** The writes as one array per column. */
export function columnsOf(writes: readonly Write[]): readonly string[] {
  const column = (value: (write: Write) => string | number | null) => arrayLiteral(writes.map(value));
  const ofSave = (value: (record: StoredRecord) => string | number) =>
    column((write) => (write.op === "save" ? value(write.record) : null));
  return [
    column(packedOpOf),
    column((write) => slotOf(write).tenant),
    column((write) => slotOf(write).user),
    column((write) => slotOf(write).session),
    column((write) => slotOf(write).run),
    column((write) => slotOf(write).kind),
    column(({ expect }) => conditionOf(expect)),
    column(({ expect }) => expect ?? null),
    ofSave((record) => record.eventId),
    ofSave((record) => record.fingerprint),
    ofSave((record) => record.version),
    ofSave((record) => record.updatedAt),
  ];
}

/** A write's condition: 0 for none, 1 for an empty slot, 2 for an event. */
export function conditionOf(expect: Expect | undefined): number {
  return expect === undefined ? 0 : expect === null ? 1 : 2;
}

export function sizesOf(writes: readonly Write[]): string {
  return arrayLiteral(writes.map(sizeOf));
}

export function sizeOf(write: Write): number | null {
  return write.op === "save" ? write.record.bytes.byteLength : null;
}

/** The payloads as text, which the client does not change, however often it serializes it. */
export function bodyOf(writes: readonly Write[]): string {
  const payloads = writes.flatMap((write) => (write.op === "save" ? [write.record.bytes] : []));
  return `\\x${Buffer.concat(payloads).toString("hex")}`;
}

/** Whether the batch saves its event ids in ascending order, which cannot cause a deadlock. */
function isAscending(writes: readonly Write[]): boolean {
  let last: StoredRecord | undefined;
  for (const write of writes) {
    if (write.op !== "save") continue;
    const { record } = write;
    const order =
      last && (compareText(last.eventId, record.eventId) || compareText(last.tenant, record.tenant));
    if (order !== undefined && order > 0) return false;
    last = record;
  }
  return true;
}

function outcomeOf(rows: readonly Row[], writes: readonly Write[]): Outcome | undefined {
  const [row] = rows;
  const current = row?.current_event as string | null;
  switch (row?.verdict) {
    case "applied":
      return appliedOf(rows, writes);
    case "duplicate":
      return { is: "duplicate" };
    case "conflict":
      return { is: "conflict", write: Number(row.write_no) };
    case "condition":
      return { is: "condition", write: Number(row.write_no), current };
    case "locked":
      return undefined;
    default:
      throw incompleteAnswer();
  }
}

function appliedOf(rows: readonly Row[], writes: readonly Write[]): Applied {
  if (rows.length !== writes.length) throw incompleteAnswer();
  const existed = new Array<boolean>(writes.length).fill(false);
  for (const row of rows) existed[Number(row.write_no)] = row.current_event !== null;
  const erases = rows.filter((row) => row.erased !== null);
  if (erases.length === 0) return { is: "applied", existed };
  const erased = erases.map((row) => Number(row.erased));
  return { is: "applied", existed, erased, ...(erases.some((row) => row.remains) ? { remains: true } : {}) };
}

export function incompleteAnswer(): StateError<"OUTCOME_UNKNOWN"> {
  return new StateError("OUTCOME_UNKNOWN", "the server's answer is not whole: read before you write again", {
    details: {},
  });
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function arrayLiteral(values: readonly (string | number | null)[]): string {
  const elements = values.map((value) => {
    if (value === null) return "NULL";
    return typeof value === "number" ? String(value) : `"${value.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${elements.join(",")}}`;
}
