import { invalid } from "../contract/errors.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import { type AmountsInput, type ExactAmounts, formatAmounts, readRequest } from "./amounts.js";
import { readLabel } from "./entry.js";

/** A budget in which a hold counts, and its queue. A budget that is removed and set again has another queue. */
export interface HeldIn {
  /** Whether the budget is stored under the tenant or the user. */
  readonly of: "tenant" | "user";
  readonly budget: string;
  readonly queue: string;
}

/** The amounts that a reservation holds back in every budget that limits it. */
export interface Hold {
  readonly amounts: ExactAmounts;
  /** In milliseconds since 1970. */
  readonly until: number;
  readonly heldIn: readonly HeldIn[];
}

/** An entry in a budget's queue. Its id contains the time at which the hold is overdue. */
export interface Due {
  readonly user: string;
  /** The id of the hold, under the user. */
  readonly hold: string;
}

/** A hold of an older version, stored inside the budget's record. */
export interface InlineHold {
  readonly id: string;
  readonly amounts: ExactAmounts;
  readonly until: number;
}

/** The prefix of the ids of all holds of a session. */
export function holdPrefix(session: string): string {
  return `${digestOf(session)}/`;
}

export function holdId(session: string, id: string): string {
  return holdPrefix(session) + digestOf("hold", session, id);
}

/** The id of a queue's entry. Ids sort by time within a queue; the digest makes them unique. */
export function dueId(queue: string, until: number, { user, hold }: Due): string {
  return `${queue}/${timeKey(until)}.${digestOf(user, hold)}`;
}

/** The time that a queue entry's id contains. */
export function timeOfDue(id: string): number {
  const time = Date.parse(id.slice(id.indexOf("/") + 1).slice(0, timeKey(0).length));
  if (Number.isNaN(time)) throw invalid("id", "the time of a reservation");
  return time;
}

export const HOLD_CODEC = mappedJson<Hold>({
  write: ({ amounts, until, heldIn }) => ({
    amounts: { ...formatAmounts(amounts) } as JsonValue,
    until,
    // Stored, the queue is called `line`.
    heldIn: heldIn.map(({ of, budget, queue }) => ({ of, budget, line: queue })),
  }),
  read(value) {
    const { amounts, until, heldIn } = readObject(value, "reservation") as Record<string, unknown>;
    if (!Array.isArray(heldIn)) throw invalid("heldIn", "an array");
    return {
      amounts: readRequest(amounts as AmountsInput),
      until: readUntil(until),
      heldIn: heldIn.map(readHeldIn),
    };
  },
});

export const DUE_CODEC = mappedJson<Due>({
  write: (due) => ({ ...due }),
  read(value) {
    const { user, hold } = readObject(value, "due") as Record<string, unknown>;
    return { user: readName(user, "user"), hold: readLabel(hold, "hold") };
  },
});

export function readUntil(value: unknown): number {
  return readInteger(value, "until", 0, Number.MAX_SAFE_INTEGER);
}

function readHeldIn(value: unknown): HeldIn {
  const { of, budget, line: queue } = readObject(value, "heldIn") as Record<string, unknown>;
  if (of !== "tenant" && of !== "user") throw invalid("of", "tenant or user");
  return { of, budget: readLabel(budget, "budget"), queue: readLabel(queue, "line") };
}
