import { slotOf } from "../../src/decide.js";
import type { Commit, Outcome, Write } from "../../src/driver.js";
import { StateError } from "../../src/errors.js";
import { slotKey } from "../../src/slot-key.js";
import type { Parameter, Row } from "./client-pool.js";

/** The parameters of the apply function that stand for a batch, in its order. */
export function packBatch(commits: readonly Commit[]): readonly Parameter[] {
  const rounds = roundsOf(commits);
  const columns: Column[] = Array.from({ length: 15 }, () => []);
  const body: Uint8Array[] = [];
  let place = 1;
  for (const [index, commit] of commits.entries()) {
    for (const write of commit.writes) {
      const row = rowOf(write, [rounds[index] as number, index], place);
      for (const [at, value] of row.entries()) columns[at]?.push(value);
      if (write.op !== "save") continue;
      body.push(write.record.fingerprint, write.record.bytes);
      place += write.record.fingerprint.byteLength + write.record.bytes.byteLength;
    }
  }
  return [String(Math.max(...rounds)), ...columns.map(arrayLiteral), Buffer.concat(body)];
}

/** One outcome per commit, from the rows of the apply function. */
export function unpackOutcomes(rows: readonly Row[], count: number): readonly Outcome[] {
  const outcomes = new Array<Outcome>(count);
  for (const row of rows) outcomes[Number(row.commit_no)] = outcomeOf(row);
  if (outcomes.length !== count || outcomes.includes(undefined as never)) {
    throw new StateError("OUTCOME_UNKNOWN", "the server's answer is not whole: read before you write again", {
      details: {},
    });
  }
  return outcomes;
}

/** Text goes in quotes; numbers and NULL do not. */
type Column = (string | number | null)[];

/**
 * Commits of one round see the same snapshot; one that shares a slot or an event id with an earlier commit comes in
 * a later round.
 */
function roundsOf(commits: readonly Commit[]): readonly number[] {
  const last = new Map<string, number>();
  return commits.map((commit) => {
    const keys = commit.writes.map((write) => slotKey(slotOf(write)));
    for (const write of commit.writes) {
      if (write.op === "save") keys.push(`${commit.tenant}\0${write.record.eventId}`);
    }
    const round = 1 + Math.max(...keys.map((key) => last.get(key) ?? 0));
    for (const key of keys) last.set(key, round);
    return round;
  });
}

function rowOf(write: Write, [round, commit]: readonly [number, number], place: number): Column {
  const { tenant, user, session, run, kind } = slotOf(write);
  const { expect } = write;
  const condition = expect === undefined ? 0 : expect === null ? 1 : 2;
  const saved =
    write.op === "save"
      ? [
          write.record.eventId,
          write.record.version,
          write.record.updatedAt,
          place,
          write.record.bytes.byteLength,
        ]
      : [null, null, null, null, null];
  return [round, commit, write.op, tenant, user, session, run, kind, condition, expect ?? null, ...saved];
}

function outcomeOf(row: Row): Outcome {
  switch (row.verdict) {
    case "applied":
      return { is: "applied", existed: Array.from(row.existed as string, (digit) => digit === "1") };
    case "duplicate":
      return { is: "duplicate" };
    case "conflict":
      return { is: "conflict", write: Number(row.write_no) };
    default:
      return { is: "condition", write: Number(row.write_no), current: row.current_event as string | null };
  }
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function arrayLiteral(values: readonly (string | number | null)[]): string {
  const elements = values.map((value) => {
    if (value === null) return "NULL";
    return typeof value === "number" ? String(value) : `"${value.replace(/["\\]/g, "\\$&")}"`;
  });
  return `{${elements.join(",")}}`;
}
