import type { EraseTarget, Session, Slot } from "../../src/contract/driver.js";
import {
  covers,
  type EraseRange,
  eraseRange,
  isInRange,
  overlap,
  type Place,
} from "../../src/rules/erase-range.js";
import { sessionKey } from "../../src/rules/slot-key.js";

/** A large erase whose records are not all removed yet. */
export interface PendingErasure {
  readonly session: Session;
  readonly range: EraseRange;
  /** Records in the range with this number or a lower one are erased. */
  readonly last: number;
  /** Those before this place are removed. */
  next: Place;
  touchedAt: number;
}

/** After this time without a sweep, an erase counts as abandoned. */
const ABANDONED_MS = 60_000;

/** The large erases that are under way. Usually there are none. */
export class PendingErasures {
  readonly #bySession = new Map<string, PendingErasure[]>();

  has(slot: Slot, added: number): boolean {
    return isErasedBy(this.#of(slot), slot, added);
  }

  /** What `has` says now of the slots of a session, whatever happens later; `undefined` where nothing is pending. */
  snapshot(session: Session): ((slot: Slot, added: number) => boolean) | undefined {
    const erasures = this.#of(session);
    return erasures.length === 0 ? undefined : (slot, added) => isErasedBy(erasures, slot, added);
  }

  /** One of those that concern slots of the target. */
  within(target: EraseTarget): PendingErasure | undefined {
    const range = eraseRange(target);
    return this.#of(target).find((pending) => overlap(pending.range, range));
  }

  /** Marks all records of the target up to `last` as erased. Takes the place of the erasures that it covers. */
  put(target: EraseTarget, last: number, now: number): void {
    const range = eraseRange(target);
    this.#keep(target, (pending) => !covers(range, pending.range));
    const pending = { session: target, range, last, next: range.from, touchedAt: now };
    this.#bySession.set(sessionKey(target), [...this.#of(target), pending]);
  }

  remove(finished: PendingErasure): void {
    this.#keep(finished.session, (pending) => pending !== finished);
  }

  abandoned(now: number): PendingErasure | undefined {
    for (const erasures of this.#bySession.values())
      for (const pending of erasures) if (Math.abs(now - pending.touchedAt) > ABANDONED_MS) return pending;
    return undefined;
  }

  #of(session: Session): readonly PendingErasure[] {
    return this.#bySession.size === 0 ? [] : (this.#bySession.get(sessionKey(session)) ?? []);
  }

  #keep(session: Session, isKept: (pending: PendingErasure) => boolean): void {
    const kept = this.#of(session).filter(isKept);
    if (kept.length > 0) this.#bySession.set(sessionKey(session), kept);
    else this.#bySession.delete(sessionKey(session));
  }
}

function isErasedBy(erasures: readonly PendingErasure[], slot: Slot, added: number): boolean {
  return erasures.some(({ range, last }) => added <= last && isInRange(slot, range));
}
