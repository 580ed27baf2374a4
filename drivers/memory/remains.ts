import type { Session, Slot } from "../../src/contract/driver.js";
import { sessionKey } from "../../src/rules/slot-key.js";

/** What a large erase has left behind. */
export interface Remainder {
  readonly session: Session;
  /** Records of the session that were added as this one or before are erased. */
  last: number;
  /** Up to here they are removed. */
  sweptUpTo: Slot;
  touchedAt: number;
}

/** Nobody has gone on with it for so long. */
const LEFT_ALONE_MS = 60_000;

/** What is erased and still there. Mostly nothing is. */
export class Remains {
  readonly #bySession = new Map<string, Remainder>();

  of(session: Session): Remainder | undefined {
    return this.#bySession.size === 0 ? undefined : this.#bySession.get(sessionKey(session));
  }

  has(session: Session, added: number): boolean {
    const remainder = this.of(session);
    return remainder !== undefined && added <= remainder.last;
  }

  /** Whatever the session has up to now. */
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

  leftAlone(now: number): Remainder | undefined {
    for (const remainder of this.#bySession.values())
      if (Math.abs(now - remainder.touchedAt) > LEFT_ALONE_MS) return remainder;
    return undefined;
  }
}
