import { invalid } from "../contract/errors.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { timeKey } from "../typed/time.js";
import { optional } from "../validation/fields.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readEventId, readName } from "../validation/validate-text.js";
import { type ExactAmounts, readStoredAmounts, writeAmounts } from "./amounts.js";
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
  /** What `reservations` shows of it. Holds of earlier versions do not have it. */
  readonly shown?: ShownHold;
}

/** Whose hold it is, and since when. Its record is removed when its session is forgotten. */
export interface ShownHold {
  readonly id: string;
  readonly session: string;
  readonly run?: string;
  readonly since: number;
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

/** Version 0 had no amounts by name, and did not say whose it is. */
export const HOLD_CODEC = mappedJson<Hold>({
  version: 1,
  write: ({ amounts, until, heldIn, shown }) => ({
    amounts: writeAmounts(amounts),
    until,
    ...(shown && { shown: { ...shown } as JsonValue }),
    // Stored, the queue is called `line`.
    heldIn: heldIn.map(({ of, budget, queue }) => ({ of, budget, line: queue })),
  }),
  read(value) {
    const given = readObject(value, "reservation") as Record<string, unknown>;
    const { amounts, until, heldIn } = given;
    if (!Array.isArray(heldIn)) throw invalid("heldIn", "an array");
    return {
      amounts: readStoredAmounts(amounts),
      until: readUntil(until),
      heldIn: heldIn.map(readHeldIn),
      ...optional(given, "shown", readShown),
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

function readShown(value: unknown): ShownHold {
  const given = readObject(value, "shown") as Record<string, unknown>;
  return {
    id: readEventId(given.id, "id"),
    session: readName(given.session, "session"),
    ...optional(given, "run", (run) => readName(run, "run")),
    since: readUntil(given.since),
  };
}

function readHeldIn(value: unknown): HeldIn {
  const { of, budget, line: queue } = readObject(value, "heldIn") as Record<string, unknown>;
  if (of !== "tenant" && of !== "user") throw invalid("of", "tenant or user");
  return { of, budget: readLabel(budget, "budget"), queue: readLabel(queue, "line") };
}
