import type { ApplyOptions, Commit, Outcome, Slot, Write } from "../contract/driver.js";
import type { EventId } from "../contract/store.js";

/** What is remembered of an event id. */
export interface SeenEvent {
  /** `null` once its record was erased. */
  readonly fingerprint: string | null;
  /** By the database's clock, milliseconds since 1970. */
  readonly savedAt: number;
  /** It is the current event of its slot. */
  readonly current: boolean;
}

/** The state a commit is judged against. */
export interface View {
  /** The current event of a slot. */
  current(slot: Slot): EventId | undefined;
  /** Whether a slot holds a record; asked where it does not matter which. Without it, `current` is. */
  exists?(slot: Slot): boolean;
  /** What is remembered of an event id, whether or not its window has passed. */
  event(tenant: string, eventId: EventId): SeenEvent | undefined;
  /** The database's clock, milliseconds since 1970. */
  readonly now: number;
  /** How long an event id stays seen after it was saved, in milliseconds. */
  readonly window: number;
}

/** The outcome of a commit; `applied` tells the driver to do its writes, and to add what its erases have removed. */
export type Decision = Exclude<Outcome, { is: "failed" }>;

/**
 * The rules of a commit. Its saves alone decide whether it is a replay; conflict is judged before conditions; the
 * first failing write is reported. Of a commit that was seen in part, that is the first save whose id stands for
 * other content or, where there is none, the first that was seen.
 */
export function decide(commit: Commit, view: View): Decision {
  return judgeEvents(commit, view) ?? judgeConditions(commit, view);
}

/** Whether an id still stands for the write it was saved with. */
export function isSeen(event: SeenEvent, now: number, window: number): boolean {
  return event.current || event.savedAt > now - window;
}

/** For a write that was waited for: what it saves is remembered from then on, and not from when it was asked for. */
export function afterWaiting(options: ApplyOptions, waitedMs: number): ApplyOptions {
  return { ...options, now: options.now + Math.floor(waitedMs) };
}

/**
 * How long after a try of unknown outcome the ids of its saves surely tell what became of it, in milliseconds. The rest
 * of the window is for the tries themselves, which take their time.
 */
export function safelyRepeatedMs(window: number): number {
  return window / 2;
}

/** The slot a write is about. An erase is about its session: without run and kind, as no record is. */
export function slotOf(write: Write): Slot {
  if (write.op === "erase") return { ...write.session, run: "", kind: "" };
  return write.op === "save" ? write.record : write.slot;
}

function judgeEvents(commit: Commit, view: View): Decision | undefined {
  let saves = 0;
  let duplicates = 0;
  let firstDuplicate = -1;
  for (const [index, write] of commit.writes.entries()) {
    if (write.op !== "save") continue;
    saves++;
    const event = view.event(commit.tenant, write.record.eventId);
    if (event === undefined || !isSeen(event, view.now, view.window)) continue;
    if (event.fingerprint !== null && event.fingerprint !== write.record.fingerprint) {
      return { is: "conflict", write: index };
    }
    if (duplicates++ === 0) firstDuplicate = index;
  }
  if (duplicates === 0) return undefined;
  return duplicates === saves ? { is: "duplicate" } : { is: "conflict", write: firstDuplicate };
}

function judgeConditions(commit: Commit, view: View): Decision {
  const existed: boolean[] = [];
  for (const [index, write] of commit.writes.entries()) {
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
