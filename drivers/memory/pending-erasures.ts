import type { Session, Slot } from "../../src/contract/driver.js";
import { sessionKey } from "../../src/rules/slot-key.js";

/** A large erase whose records are not all removed yet. */
export interface PendingErasure {
  readonly session: Session;
  /** Records of the session with this number or a lower one are erased. */
  last: number;
  /** Records up to this slot are removed. */
  sweptUpTo: Slot;
  touchedAt: number;
}

/** After this time without a sweep, an erase counts as abandoned. */
const ABANDONED_MS = 60_000;

/** The large erases that are under way. Usually there are none. */
export class PendingErasures {
  readonly #bySession = new Map<string, PendingErasure>();

  of(session: Session): PendingErasure | undefined {
    return this.#bySession.size === 0 ? undefined : this.#bySession.get(sessionKey(session));
  }

  has(session: Session, added: number): boolean {
    const pending = this.of(session);
    return pending !== undefined && added <= pending.last;
  }

  /** Marks all records of the session up to `last` as erased. */
  put(session: Session, last: number, now: number): void {
    this.#bySession.set(sessionKey(session), {
      session,
      last,
      sweptUpTo: { ...session, run: "", kind: "" },
      touchedAt: now,
    });
  }

  delete(session: Session): void {
    this.#bySession.delete(sessionKey(session));
  }

  abandoned(now: number): PendingErasure | undefined {
    for (const pending of this.#bySession.values())
      if (Math.abs(now - pending.touchedAt) > ABANDONED_MS) return pending;
    return undefined;
  }
}
