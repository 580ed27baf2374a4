import { StateError } from "../contract/errors.js";
import { type Amounts, type AmountsInput, formatAmounts } from "./amounts.js";
import type { Hold } from "./hold.js";

/** What a call is expected to use: one call, if nothing else is said. */
export interface ReserveInput extends AmountsInput {
  /** How long the reservation holds, in milliseconds: 1 to a day. Default 10 minutes. */
  readonly ttlMs?: number;
  /**
   * The caller's idempotency key, 1 to 105 UTF-8 bytes, of this session: while it is held, the same id gets the same
   * reservation, and with other amounts IDEMPOTENCY_CONFLICT; once settled, it holds nothing.
   */
  readonly id?: string;
}

/** What a call may use, held back until it is settled, released or overdue; where nothing is limited, nothing is held. */
export interface Reservation {
  /** `settle` and `release` take it. */
  readonly id: string;
  /** What is held back. */
  readonly amounts: Amounts;
  /** From then on it counts no more. */
  readonly expiresAt: Date;
  /** The call was recorded already, so that nothing is held back: there is nothing left to do for it. */
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
