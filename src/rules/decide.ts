import type { ApplyOptions, Commit, EraseTarget, Outcome, Slot, Write } from "../contract/driver.js";
import type { EventId } from "../contract/store.js";
import { firstSlotOf } from "./erase-range.js";

/** What a driver remembers of an event id. */
export interface SeenEvent {
  /**
   * Of the saved record, or at least its first 20 characters, which no two writes share; `null` once the record was erased.
   */
  readonly fingerprint: string | null;
  /** By the database's clock, milliseconds since 1970. */
  readonly savedAt: number;
  /** It is the current event of its slot. */
  readonly current: boolean;
}

/** The state of the database that a commit is judged against. */
export interface View {
  /** The current event of a slot. */
  current(slot: Slot): EventId | undefined;
  /** Whether a slot holds a record, whichever. Optional and cheaper; without it, `current` is called. */
  exists?(slot: Slot): boolean;
  /** What the driver remembers of an event id, whether or not its window has passed. */
  event(tenant: string, eventId: EventId): SeenEvent | undefined;
  /** The database's clock, milliseconds since 1970. */
  readonly now: number;
  /** How long an event id stays seen after it was saved, in milliseconds. */
  readonly window: number;
}

/** The outcome of a commit. On `applied` the driver does its writes, and adds how many records each erase has removed. */
export type Decision = Exclude<Outcome, { is: "failed" }>;

/** A shorter text is compared as a whole: it is no beginning of a fingerprint. */
const MIN_REMEMBERED = 20;

/**
 * Decides the outcome of a commit. Only its saves decide whether it is a replay. Conflicts are judged before conditions, and
 * the first failing write is reported. If only some of its saves were seen, that is the first save whose event id stands for
 * other content or, if there is none, the first save that was seen.
 */
export function decide(commit: Commit, view: View): Decision {
  return judgeEvents(commit, view) ?? judgeConditions(commit, view);
}

/** Whether an event id is still taken by the write that it was saved with. */
export function isSeen(event: SeenEvent, now: number, window: number): boolean {
  return event.current || event.savedAt > now - window;
}

/** The options after a wait: the window of the event ids starts when they are written, not when the call was made. */
export function afterWaiting(options: ApplyOptions, waitedMs: number): ApplyOptions {
  return { ...options, now: options.now + Math.floor(waitedMs) };
}

/**
 * How long after an attempt of unknown outcome a retry is safe, in milliseconds: its event ids are surely remembered for so
 * long. The other half of the window is a margin for the time that the attempts themselves take.
 */
export function safelyRepeatedMs(window: number): number {
  return window / 2;
}

/**
 * The slot of a write. The erase of a session has its session with an empty run and kind, which no record has; an erase of
 * slots has the prefix for a kind.
 */
export function slotOf(write: Write): Slot {
  if (write.op === "erase") return firstSlotOf(targetOf(write));
  return write.op === "save" ? write.record : write.slot;
}

/** What an erase removes. */
export function targetOf(write: Extract<Write, { op: "erase" }>): EraseTarget {
  return write.session ?? write.slots;
}

function judgeEvents(commit: Commit, view: View): Decision | undefined {
  let saves = 0;
  let duplicates = 0;
  let firstDuplicate = -1;
  const { writes } = commit;
  for (let index = 0; index < writes.length; index++) {
    const write = writes[index] as Write;
    if (write.op !== "save") continue;
    saves++;
    const event = view.event(commit.tenant, write.record.eventId);
    if (event === undefined || !isSeen(event, view.now, view.window)) continue;
    if (event.fingerprint !== null && !isSameWrite(event.fingerprint, write.record.fingerprint)) {
      return { is: "conflict", write: index };
    }
    if (duplicates++ === 0) firstDuplicate = index;
  }
  if (duplicates === 0) return undefined;
  return duplicates === saves ? { is: "duplicate" } : { is: "conflict", write: firstDuplicate };
}

function isSameWrite(remembered: string, fingerprint: string): boolean {
  if (remembered.length < MIN_REMEMBERED) return remembered === fingerprint;
  return fingerprint.startsWith(remembered);
}

function judgeConditions(commit: Commit, view: View): Decision {
  const existed: boolean[] = [];
  const { writes } = commit;
  for (let index = 0; index < writes.length; index++) {
    const write = writes[index] as Write;
    if (write.op === "erase") {
      existed.push(false);
      continue;
    }
    const slot = slotOf(write);
    if (write.expect === undefined && view.exists !== undefined) {
      existed.push(view.exists(slot));
      continue;
    }
    const current = view.current(slot) ?? null;
    if (write.expect !== undefined && write.expect !== current)
      return { is: "condition", write: index, current };
    existed.push(current !== null);
  }
  return { is: "applied", existed };
}
