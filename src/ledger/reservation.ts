import { StateError } from "../contract/errors.js";
import { type Amounts, type AmountsInput, formatAmounts } from "./amounts.js";
import type { Hold } from "./hold.js";

/** The amounts that a call is expected to use. Default: one call. */
export interface ReserveInput extends AmountsInput {
  /** For how long the reservation is held, in milliseconds: 1 to a day. Default 10 minutes. */
  readonly ttlMs?: number;
  /**
   * The caller's idempotency key, 1 to 105 UTF-8 bytes, unique in the session. While the reservation is held, the same id
   * returns it, and other amounts are IDEMPOTENCY_CONFLICT. After it was settled, the id reserves nothing.
   */
  readonly id?: string;
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
