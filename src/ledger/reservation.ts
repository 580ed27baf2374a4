import { StateError } from "../contract/errors.js";
import type { Identity } from "../contract/store.js";
import { type Amounts, type AmountsInput, formatAmounts } from "./amounts.js";
import type { Hold } from "./hold.js";

/** The amounts that a call is expected to use, and which call it is. Default: one call. */
export interface ReserveInput extends AmountsInput {
  /** For how long the reservation is held, in milliseconds: 1 to a day. Default 10 minutes. */
  readonly ttlMs?: number;
  /**
   * The caller's idempotency key, 1 to 105 UTF-8 bytes, unique in the session. While the reservation is held, the same id
   * returns it, and other amounts are IDEMPOTENCY_CONFLICT. After it was settled, the id reserves nothing.
   */
  readonly id?: string;
  /** Who will be asked. Required where a budget limits the calls of a provider. */
  readonly provider?: string;
  /** The model that will be called. Required where a budget limits the calls of a model. */
  readonly model?: string;
  /** The tags that the call will have. Budgets of tags that it does not have do not limit it. */
  readonly tags?: Readonly<Record<string, string>>;
}

/** For how long a reservation is extended. */
export interface ExtendInput {
  /** Milliseconds from now: 1 to a day. Default 10 minutes. */
  readonly ttlMs?: number;
}

/** Amounts that are held back until they are settled, released or overdue. Without a budget, nothing is held back. */
export interface Reservation {
  /** The id for `settle` and `release`. */
  readonly id: string;
  /** The amounts that are held back. */
  readonly amounts: Amounts;
  /** From this time on the reservation no longer counts. */
  readonly expiresAt: Date;
  /** The call was recorded before: nothing is held back, and the reservation need not be settled or released. */
  readonly settled: boolean;
}

/** A reservation in a list, with whose it is. */
export interface OpenReservation {
  /** The session or run that made it. `settle` and `release` take it with the id. */
  readonly identity: Identity;
  /** The id of the reservation. */
  readonly id: string;
  /** The amounts that are held back. */
  readonly amounts: Amounts;
  /** When it was made. */
  readonly reservedAt: Date;
  /** From this time on it no longer counts. */
  readonly expiresAt: Date;
}

export function reservationConflict(): StateError<"IDEMPOTENCY_CONFLICT"> {
  return new StateError("IDEMPOTENCY_CONFLICT", "other amounts were reserved under this id", {
    details: { change: 0 },
  });
}

export function reservationOf(
  id: string,
  { amounts, until }: Pick<Hold, "amounts" | "until">,
  settled = false,
): Reservation {
  return { id, amounts: formatAmounts(amounts), expiresAt: new Date(until), settled };
}
