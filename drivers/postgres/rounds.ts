import type { Commit, Outcome, Write } from "../../src/contract/driver.js";
import { commitKeys } from "../../src/rules/slot-key.js";
import { LETTER } from "./apply-many-function.js";
import { type Answer, arrayLiteral, bodyOf, columnsOf, incompleteAnswer, sizeOf, sizesOf } from "./batch.js";
import type { Row } from "./client.js";
import type { Parameter } from "./connection.js";

/** The indexes of the commits of each round. */
export type Rounds = readonly (readonly number[])[];

/** Commits of one round share no slot and no event id. A commit that shares one with an earlier commit is in a later round. */
export function roundsOf(commits: readonly Commit[]): Rounds {
  const rounds: number[][] = [];
  const next = new Map<string, number>();
  for (const [index, commit] of commits.entries()) {
    const keys = commitKeys(commit).exclusive;
    let round = 0;
    for (const key of keys) round = Math.max(round, next.get(key) ?? 0);
    for (const key of keys) next.set(key, round + 1);
    rounds[round] ??= [];
    rounds[round]?.push(index);
  }
  return rounds;
}

/** The parameters of the apply-many function, in its order. */
export function packRounds(commits: readonly Commit[], rounds: Rounds): readonly Parameter[] {
  const ends: number[] = [];
  const numbers: number[] = [];
  const writes: Write[] = [];
  let number = 0;
  for (const round of rounds) {
    for (const index of round) {
      for (const write of (commits[index] as Commit).writes) {
        writes.push(write);
        numbers.push(number);
      }
      number++;
    }
    ends.push(writes.length);
  }
  let next = 1;
  const offsets = writes.map((write) => {
    const offset = next;
    next += sizeOf(write) ?? 0;
    return offset;
  });
  const lists = [...eventsOf(writes.slice(ends[0])), ends, numbers].map(arrayLiteral);
  return [...lists, ...columnsOf(writes), arrayLiteral(offsets), sizesOf(writes), bodyOf(writes)];
}

/** The tenants and ids of the events that these writes save. */
function eventsOf(writes: readonly Write[]): readonly [string[], string[]] {
  const records = writes.flatMap((write) => (write.op === "save" ? [write.record] : []));
  return [records.map(({ tenant }) => tenant), records.map(({ eventId }) => eventId)];
}

/** Reads the row of the apply-many function; `undefined` when it did nothing because a session is locked. */
export function unpackRounds(
  rows: readonly Row[],
  commits: readonly Commit[],
  rounds: Rounds,
): Answer | undefined {
  const [row] = rows;
  if (row === undefined) throw incompleteAnswer();
  if (row.verdicts === null) return undefined;
  const letters = String(row.verdicts);
  const currents = JSON.parse(String(row.currents)) as (string | null)[];
  const outcomes = new Array<Outcome | undefined>(commits.length);
  let place = 0;
  for (const index of rounds.flat()) {
    const count = (commits[index] as Commit).writes.length;
    outcomes[index] = outcomeOf(letters.slice(place, place + count), count, currents);
    place += count;
  }
  if (place !== letters.length) throw incompleteAnswer();
  return { outcomes, queueHead: row.queue_head === null ? undefined : String(row.queue_head) };
}

/** Takes the current event of a failed condition from the front of `currents`. */
function outcomeOf(letters: string, count: number, currents: (string | null)[]): Outcome {
  if (letters.length !== count) throw incompleteAnswer();
  const condition = letters.indexOf(LETTER.condition);
  if (condition >= 0) return { is: "condition", write: condition, current: currents.shift() ?? null };
  const conflict = letters.indexOf(LETTER.conflict);
  if (conflict >= 0) return { is: "conflict", write: conflict };
  if (letters.startsWith(LETTER.duplicate)) return { is: "duplicate" };
  const existed: boolean[] = [];
  for (const letter of letters) {
    if (letter !== LETTER.applied && letter !== LETTER.replaced) throw incompleteAnswer();
    existed.push(letter === LETTER.replaced);
  }
  return { is: "applied", existed };
}
