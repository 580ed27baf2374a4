import { slotOf } from "../../src/decide.js";
import type { Commit, Outcome, Write } from "../../src/driver.js";
import { StateError } from "../../src/errors.js";
import { commitKeys } from "../../src/slot-key.js";
import type { Parameter, Row } from "./client-pool.js";

/** The parameters of the apply function that stand for a batch, in its order. */
export function packBatch(commits: readonly Commit[]): readonly Parameter[] {
  const ends: number[] = [];
  const columns: Column[] = Array.from({ length: COLUMNS }, () => []);
  const body: Uint8Array[] = [];
  let place = 1;
  for (const round of roundsOf(commits)) {
    for (const index of round) {
      for (const [number, write] of (commits[index] as Commit).writes.entries()) {
        for (const [at, value] of rowOf(write, index, number, place).entries()) columns[at]?.push(value);
        if (write.op !== "save") continue;
        body.push(write.record.bytes);
        place += write.record.bytes.byteLength;
      }
    }
    ends.push((columns[0] as Column).length);
  }
  return [arrayLiteral(ends), ...columns.map(arrayLiteral), Buffer.concat(body)];
}

/** One outcome per commit, from the rows of the apply function. */
export function unpackOutcomes(rows: readonly Row[], commits: readonly Commit[]): readonly Outcome[] {
  const answers = commits.map((): Row[] => []);
  for (const row of rows) answers[Number(row.commit_no)]?.push(row);
  return commits.map((commit, index) => outcomeOf(answers[index] as Row[], commit.writes.length));
}

/** Text goes in quotes; numbers and NULL do not. */
type Column = (string | number | null)[];

const COLUMNS = 16;

/**
 * The commits of each round, by their index. Those of one round see the same snapshot; one that shares a slot or an
 * event id with an earlier commit comes in a later round.
 */
function roundsOf(commits: readonly Commit[]): readonly (readonly number[])[] {
  const rounds: number[][] = [];
  const next = new Map<string, number>();
  for (const [index, commit] of commits.entries()) {
    const keys = commitKeys(commit);
    const round = Math.max(...keys.map((key) => next.get(key) ?? 0));
    for (const key of keys) next.set(key, round + 1);
    rounds[round] ??= [];
    rounds[round].push(index);
  }
  return rounds;
}

function rowOf(write: Write, commit: number, number: number, place: number): Column {
  const { tenant, user, session, run, kind } = slotOf(write);
  const { expect } = write;
  const condition = expect === undefined ? 0 : expect === null ? 1 : 2;
  const saved =
    write.op === "save"
      ? [
          write.record.eventId,
          write.record.fingerprint,
          write.record.version,
          write.record.updatedAt,
          place,
          write.record.bytes.byteLength,
        ]
      : [null, null, null, null, null, null];
  return [commit, number, write.op, tenant, user, session, run, kind, condition, expect ?? null, ...saved];
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
