import { slotOf } from "./decide.js";
import type { Commit, Slot } from "./driver.js";

/** One string per slot: no part of a slot holds a NUL, so no two run together. */
export function slotKey(slot: Slot): string {
  return `${slot.tenant}\0${slot.user}\0${slot.session}\0${slot.run}\0${slot.kind}`;
}

/** What a commit is about: its slots and the event ids it saves. Commits that share none may change places. */
export function commitKeys(commit: Commit): readonly string[] {
  const keys = commit.writes.map((write) => slotKey(slotOf(write)));
  for (const write of commit.writes) {
    // One NUL where a slot's key has four: an event's key is never a slot's.
    if (write.op === "save") keys.push(`${commit.tenant}\0${write.record.eventId}`);
  }
  return keys;
}
