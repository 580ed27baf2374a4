import type { Applied, Commit, Outcome, StoredRecord, Write } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { slotOf } from "../../src/rules/decide.js";
import { compareText } from "../../src/rules/order.js";
import { commitKeys } from "../../src/rules/slot-key.js";
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

/** The parameters of the apply-many function, for commits of one write each, in its order. */
export function packRounds(commits: readonly Commit[], rounds: Rounds): readonly Parameter[] {
  const order = rounds.flat();
  const writes = order.map((index) => commits[index]?.writes[0] as Write);
  let end = 0;
  const ends = rounds.map((round) => {
    end += round.length;
    return end;
  });
  let next = 1;
  const offsets = writes.map((write) => {
    const offset = next;
    next += sizeOf(write) ?? 0;
    return offset;
  });
  const [ops, ...columns] = columnsOf(writes);
  // With one round, the SQL sorts the events itself.
  const ascending = rounds.length === 1 ? "1" : "0";
  const parameters = [ascending, arrayLiteral(ends), arrayLiteral(order), ops as string, ...columns];
  return [...parameters, arrayLiteral(offsets), sizesOf(writes), bodyOf(writes)];
}

/** The answer of an apply function. */
export interface Answer {
  /** One per commit; `undefined` when another connection holds a lock of its session, and nothing was done. */
  readonly outcomes: readonly (Outcome | undefined)[];
  /** The time at the head of the expiry queue, if the function read it. */
  readonly queueHead: string | undefined;
}

/** Reads the rows of either function; `undefined` when it did nothing because a session is locked. */
export function unpackAnswer(rows: readonly Row[], commits: readonly Commit[]): Answer | undefined {
  const answers = commits.map((): Row[] => []);
  let queueHead: string | undefined;
  for (const row of rows) {
    if (row.verdict === QUEUE_HEAD) queueHead = row.current_event as string;
    else if (row.commit_no === -1) return undefined;
    else answers[Number(row.commit_no)]?.push(row);
  }
  return {
    outcomes: commits.map(({ writes }, index) => outcomeOf(answers[index] as Row[], writes)),
    queueHead: queueHead,
  };
}

/** The indexes of the commits of each round. */
export type Rounds = readonly (readonly number[])[];

/** Commits of one round share no slot and no event id. A commit that shares one with an earlier commit is in a later round. */
export function roundsOf(commits: readonly Commit[]): Rounds {
  const rounds: number[][] = [];
  const next = new Map<string, number>();
  for (const [index, commit] of commits.entries()) {
    const keys = commitKeys(commit).exclusive;
    const round = Math.max(...keys.map((key) => next.get(key) ?? 0));
    for (const key of keys) next.set(key, round + 1);
    rounds[round] ??= [];
    rounds[round].push(index);
  }
  return rounds;
}

/** The writes as one array per column, for both functions. */
function columnsOf(writes: readonly Write[]): readonly string[] {
  const column = (value: (write: Write) => string | number | null) => arrayLiteral(writes.map(value));
  const ofSave = (value: (record: StoredRecord) => string | number) =>
    column((write) => (write.op === "save" ? value(write.record) : null));
  return [
    column((write) => write.op),
    column((write) => slotOf(write).tenant),
    column((write) => slotOf(write).user),
    column((write) => slotOf(write).session),
    column((write) => slotOf(write).run),
    column((write) => slotOf(write).kind),
    column(({ expect }) => (expect === undefined ? 0 : expect === null ? 1 : 2)),
    column(({ expect }) => expect ?? null),
    ofSave((record) => record.eventId),
    ofSave((record) => record.fingerprint),
    ofSave((record) => record.version),
    ofSave((record) => record.updatedAt),
  ];
}

function sizesOf(writes: readonly Write[]): string {
  return arrayLiteral(writes.map(sizeOf));
}

function sizeOf(write: Write): number | null {
  return write.op === "save" ? write.record.bytes.byteLength : null;
}

/** The payloads as text, which the client does not change, however often it serializes it. */
function bodyOf(writes: readonly Write[]): string {
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

function incompleteAnswer(): StateError<"OUTCOME_UNKNOWN"> {
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
