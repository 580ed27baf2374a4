import type { Commit, Session, Slot } from "../contract/driver.js";
import { slotOf } from "./decide.js";

/** One string per slot: no part of a slot holds a NUL, so no two run together. */
export function slotKey(slot: Slot): string {
  return `${slot.tenant}\0${slot.user}\0${slot.session}\0${slot.run}\0${slot.kind}`;
}

/** One string per session, which is no slot's: a slot has a kind. */
export function sessionKey({ tenant, user, session }: Session): string {
  return `${tenant}\0${user}\0${session}\0\0`;
}

/** What a commit is about. Two commits of which none has alone what the other has may change places. */
export interface CommitKeys {
  /** Its slots, the event ids it saves, the sessions it erases. */
  readonly exclusive: readonly string[];
  /** The sessions it writes without erasing them. */
  readonly shared: readonly string[];
}

export function commitKeys(commit: Commit): CommitKeys {
  const exclusive: string[] = [];
  const shared: string[] = [];
  for (const write of commit.writes) {
    const slot = slotOf(write);
    if (write.op === "erase") exclusive.push(sessionKey(slot));
    else {
      exclusive.push(slotKey(slot));
      shared.push(sessionKey(slot));
    }
    // One NUL where a slot's key has four: an event's key is never a slot's.
    if (write.op === "save") exclusive.push(`${commit.tenant}\0${write.record.eventId}`);
  }
  return { exclusive, shared };
}

/** The keys of several commits, each of which may be put in and taken out. */
export class HeldKeys {
  readonly #alone = new Map<string, number>();
  readonly #shared = new Map<string, number>();

  add({ exclusive, shared }: CommitKeys): void {
    for (const key of exclusive) this.#alone.set(key, (this.#alone.get(key) ?? 0) + 1);
    for (const key of shared) this.#shared.set(key, (this.#shared.get(key) ?? 0) + 1);
  }

  remove({ exclusive, shared }: CommitKeys): void {
    for (const key of exclusive) decrement(this.#alone, key);
    for (const key of shared) decrement(this.#shared, key);
  }

  /** Whether a commit with these keys may not change places with one of those that are in. */
  conflictsWith({ exclusive, shared }: CommitKeys): boolean {
    return (
      exclusive.some((key) => this.#alone.has(key) || this.#shared.has(key)) ||
      shared.some((key) => this.#alone.has(key))
    );
  }
}

function decrement(counts: Map<string, number>, key: string): void {
  const count = counts.get(key) ?? 0;
  if (count > 1) counts.set(key, count - 1);
  else counts.delete(key);
}
