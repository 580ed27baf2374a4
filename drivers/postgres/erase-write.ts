import type { Commit, Outcome, Session, Slot } from "../../src/driver.js";

/** A write of a commit that removes every record of a session. */
export interface Erase {
  readonly op: "erase";
  /** Its session, without run and kind, as no record is. */
  readonly slot: Slot;
  readonly expect?: never;
}

export function isErase(write: { readonly op: string }): boolean {
  return write.op === "erase";
}

export function eraseOf({ tenant, user, session }: Session): Commit {
  const erase: Erase = { op: "erase", slot: { tenant, user, session, run: "", kind: "" } };
  return { tenant, writes: [erase as never] };
}

/** What an applied commit says of its erases. */
export interface Applied {
  readonly is: "applied";
  /** Per write: was there a record before; of an erase false. */
  readonly existed: readonly boolean[];
  /** Per erase, in order: how many records this has removed. Only of a commit with erases. */
  readonly erased?: readonly number[];
  /** A large erase has left records behind for `sweep`, which from then on nothing shows. */
  readonly remains?: boolean;
}

/** A piece of what an erase had left behind. */
export interface Swept {
  /** How many records this has removed. */
  readonly removed: number;
  /** There may be more, so the next piece is asked for. */
  readonly more: boolean;
}

/** Of the outcome of an erase. */
export function erasedOf(outcome: Outcome): { readonly removed: number; readonly more: boolean } {
  if (outcome.is === "failed") throw outcome.error;
  const { erased = [0], remains = false } = outcome as Applied;
  return { removed: erased[0] as number, more: remains };
}
