import type { Commit, Session, Slot } from "../contract/driver.js";
import { slotOf } from "./decide.js";

/** One string per slot. No part of a slot contains a NUL, so different slots have different keys. */
export function slotKey(slot: Slot): string {
  return `${slot.tenant}\0${slot.user}\0${slot.session}\0${slot.run}\0${slot.kind}`;
}

/** One string per session. It is no slot's key, since a slot has a kind. */
export function sessionKey({ tenant, user, session }: Session): string {
  return `${tenant}\0${user}\0${session}\0\0`;
}

/**
 * The keys that order commits, like exclusive and shared locks: two commits may be reordered unless one has an exclusive key
 * that the other has too.
 */
export interface CommitKeys {
  /** Its slots, the event ids it saves, the sessions in which it erases. */
  readonly exclusive: readonly string[];
  /** The sessions of its other writes. */
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
    // An event's key has one NUL where a slot's key has four, so they never coincide.
    if (write.op === "save") exclusive.push(`${commit.tenant}\0${write.record.eventId}`);
  }
  return { exclusive, shared };
}

/** The keys of several commits. */
export class HeldKeys {
  readonly #exclusive = new Map<string, number>();
  readonly #shared = new Map<string, number>();

  add({ exclusive, shared }: CommitKeys): void {
    for (const key of exclusive) this.#exclusive.set(key, (this.#exclusive.get(key) ?? 0) + 1);
    for (const key of shared) this.#shared.set(key, (this.#shared.get(key) ?? 0) + 1);
  }

  remove({ exclusive, shared }: CommitKeys): void {
    for (const key of exclusive) decrement(this.#exclusive, key);
    for (const key of shared) decrement(this.#shared, key);
  }

  /** Whether a commit with these keys may not be reordered with one of the commits added. */
  conflictsWith({ exclusive, shared }: CommitKeys): boolean {
    return (
      exclusive.some((key) => this.#exclusive.has(key) || this.#shared.has(key)) ||
      shared.some((key) => this.#exclusive.has(key))
    );
  }
}

function decrement(counts: Map<string, number>, key: string): void {
  const count = counts.get(key) ?? 0;
  if (count > 1) counts.set(key, count - 1);
  else counts.delete(key);
}
