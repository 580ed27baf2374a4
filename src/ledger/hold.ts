import { invalid } from "../contract/errors.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import { type AmountsInput, type ExactAmounts, formatAmounts, readRequest } from "./amounts.js";
import { readLabel } from "./entry.js";

/** A budget that holds something back, and the line of it that this is in: a budget set anew has another line. */
export interface HeldIn {
  /** The budget's id, and whether it is the tenant's or lies under the user. */
  readonly of: "tenant" | "user";
  readonly budget: string;
  readonly queue: string;
}

/** What a reservation holds back, in every budget that limits it. */
export interface Hold {
  readonly amounts: ExactAmounts;
  /** In milliseconds since 1970. */
  readonly until: number;
  readonly heldIn: readonly HeldIn[];
}

/** That a budget holds something back until a time, which its id says. */
export interface Due {
  readonly user: string;
  /** The id of the hold, under the user. */
  readonly hold: string;
}

/** The same before holds had records of their own: they lay in the budget's. */
export interface InlineHold {
  readonly id: string;
  readonly amounts: ExactAmounts;
  readonly until: number;
}

/** What the ids of all holds of a session begin with. */
export function holdPrefix(session: string): string {
  return `${digestOf(session)}/`;
}

export function holdId(session: string, id: string): string {
  return holdPrefix(session) + digestOf("hold", session, id);
}

/** In the order of time within a line; the times of no two holds run together. */
export function dueId(queue: string, until: number, { user, hold }: Due): string {
  return `${queue}/${timeKey(until)}.${digestOf(user, hold)}`;
}

/** The time that the id of a due says. */
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
