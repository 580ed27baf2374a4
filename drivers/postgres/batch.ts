import { slotOf } from "../../src/decide.js";
import type { Commit, Outcome, StoredRecord, Write } from "../../src/driver.js";
import { StateError } from "../../src/errors.js";
import { commitKeys } from "../../src/slot-key.js";
import type { Parameter, Row } from "./connection.js";

/** The parameters of the function that applies commit by commit, in its order. */
export function packCommits(commits: readonly Commit[]): readonly Parameter[] {
  const writes = commits.flatMap((commit) => commit.writes);
  const counts = commits.map((commit) => commit.writes.length);
  return [arrayLiteral(counts), ...columnsOf(writes), sizesOf(writes), bodyOf(writes)];
}

/** The parameters of the function that applies commits of one write each in rounds, in its order. */
export function packRounds(commits: readonly Commit[], rounds: Rounds): readonly Parameter[] {
  const order = rounds.flat();
  const writes = order.map((index) => commits[index]?.writes[0] as Write);
  let end = 0;
  const ends = rounds.map((round) => {
    end += round.length;
    return end;
  });
  let next = 1;
  const places = writes.map((write) => {
    const place = next;
    next += sizeOf(write) ?? 0;
    return place;
  });
  const [ops, ...columns] = columnsOf(writes);
  const parameters = [arrayLiteral(ends), arrayLiteral(order), ops as string, ...columns];
  return [...parameters, arrayLiteral(places), sizesOf(writes), bodyOf(writes)];
}

/** One outcome per commit, from the rows of the apply function. */
export function unpackOutcomes(rows: readonly Row[], commits: readonly Commit[]): readonly Outcome[] {
  const answers = commits.map((): Row[] => []);
  for (const row of rows) answers[Number(row.commit_no)]?.push(row);
  return commits.map((commit, index) => outcomeOf(answers[index] as Row[], commit.writes.length));
}

/** The commits of each round, by their index. */
export type Rounds = readonly (readonly number[])[];

/** None of a round shares a slot or an event id with another; one that does with an earlier commit is in a later round. */
export function roundsOf(commits: readonly Commit[]): Rounds {
  const rounds: number[][] = [];
  const next = new Map<string, number>();
  for (const [index, commit] of commits.entries()) {
    const keys = commitKeys(commit).alone;
    const round = Math.max(...keys.map((key) => next.get(key) ?? 0));
    for (const key of keys) next.set(key, round + 1);
    rounds[round] ??= [];
    rounds[round].push(index);
  }
  return rounds;
}

/** What both functions are told of each write, as one array per column. */
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

/** As text, which the client leaves as it is, however often it serializes it. */
function bodyOf(writes: readonly Write[]): string {
  const payloads = writes.flatMap((write) => (write.op === "save" ? [write.record.bytes] : []));
  return `\\x${Buffer.concat(payloads).toString("hex")}`;
}

function outcomeOf(rows: readonly Row[], writes: number): Outcome {
  const [row] = rows;
  const current = row?.current_event as string | null;
  switch (row?.verdict) {
    case "applied":
      return { is: "applied", existed: existedOf(rows, writes) };
    case "duplicate":
      return { is: "duplicate" };
    case "conflict":
      return { is: "conflict", write: Number(row.write_no) };
    case "condition":
      return { is: "condition", write: Number(row.write_no), current };
    default:
      throw tornAnswer();
  }
}

function existedOf(rows: readonly Row[], writes: number): readonly boolean[] {
  if (rows.length !== writes) throw tornAnswer();
  const existed = new Array<boolean>(writes).fill(false);
  for (const row of rows) existed[Number(row.write_no)] = row.current_event !== null;
  return existed;
}

function tornAnswer(): StateError<"OUTCOME_UNKNOWN"> {
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
