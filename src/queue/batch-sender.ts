import type { Driver, Outcome } from "../contract/driver.js";
import { isStateError } from "../contract/errors.js";
import { type BatchFields, emitBatch } from "../diagnostics/diagnostics.js";
import { verdictOf } from "../rules/batch-verdict.js";
import { safelyRepeatedMs } from "../rules/decide.js";
import { commitKeys, HeldKeys } from "../rules/slot-key.js";
import { type CallTimes, limitOf } from "../timing/call-time.js";
import { monotonicMs } from "../timing/real-timers.js";
import { deliver, type Entry, refuse } from "./queue-entry.js";

export type Writer = Pick<Driver, "name" | "apply">;

export interface BatchSenderOptions {
  /** How long an event id stays seen, in milliseconds. */
  readonly window: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How many batches may be under way at once. */
  readonly inFlight: number;
  /** How long calls may take. */
  readonly times: CallTimes;
}

/** Those that were not sent yet. */
export interface WaitingLine {
  depth(): { readonly commits: number; readonly bytes: number };
  /** Rejects them all. */
  refuse(error: unknown): void;
}

/** Sends batches, and tells each caller what became of its own; asks again where that is safe. */
export class BatchSender {
  readonly #driver: Writer;
  readonly #options: BatchSenderOptions;
  readonly #waiting: WaitingLine;

  constructor(driver: Writer, options: BatchSenderOptions, waiting: WaitingLine) {
    this.#driver = driver;
    this.#options = options;
    this.#waiting = waiting;
  }

  /** A batch ends with the first of its calls that does. */
  async send(entries: readonly Entry[]): Promise<void> {
    const batch = entries.filter((entry) => entry.state === "sent");
    if (batch.length === 0) return;
    const { now, window, inFlight, times } = this.#options;
    const started = now();
    const deadline = Math.min(...batch.map(({ time }) => time.deadline));
    const isAmple = times.hasAmpleTime(deadline);
    try {
      const commits = batch.map((entry) => entry.commit);
      const aside = new Map<number, Promise<Outcome>>();
      const setAside = (index: number, outcome: Promise<Outcome>) => void aside.set(index, outcome);
      // With one batch at a time nobody knows whom a commit that is set aside holds back.
      const options = {
        now: started,
        window,
        ...limitOf(deadline),
        ...(inFlight > 1 ? { setAside } : {}),
      };
      const outcomes = await emitBatch(
        () => this.#describe(batch),
        () => this.#driver.apply(commits, options),
      );
      if (outcomes.length !== batch.length) {
        throw new Error(`the driver gave ${outcomes.length} outcomes for ${batch.length} commits`);
      }
      let cause: unknown;
      const unknown = batch.filter((entry, index) => {
        const later = aside.get(index);
        if (later !== undefined) {
          entry.aside = this.#deliverLater(entry, later, started);
          return false;
        }
        const error = deliver(entry, outcomes[index]);
        cause ??= error;
        return error !== undefined;
      });
      if (unknown.length > 0)
        await this.#sendOnceMore(inOrder(unknown, batch, outcomes, cause), cause, started);
    } catch (error) {
      await this.#recover(batch, error, started, isAmple);
    }
  }

  /** For one that the others of its batch did not wait for. */
  async #deliverLater(entry: Entry, later: Promise<Outcome>, started: number): Promise<void> {
    const outcome = await later.catch(() => undefined);
    entry.aside = undefined;
    const error = deliver(entry, outcome);
    if (error !== undefined) await this.#sendOnceMore([entry], error, started);
    // It may have been set aside again.
    await entry.aside;
  }

  #describe(batch: readonly Entry[]): BatchFields {
    const depth = this.#waiting.depth();
    return {
      operation: "apply",
      driver: this.#driver.name,
      size: batch.length,
      bytes: batch.reduce((sum, { bytes }) => sum + bytes, 0),
      waiting: depth.commits,
      waitingBytes: depth.bytes,
    };
  }

  /** What becomes of a batch that the driver rejected. */
  async #recover(batch: readonly Entry[], error: unknown, started: number, wasAmple: boolean): Promise<void> {
    const verdict = verdictOf(error);
    if (verdict === "refused" && batch.length > 1) return this.#sendHalves(batch);
    if (verdict.startsWith("unknown")) return this.#sendOnceMore(batch, error, started);
    // Where the driver had little time, because one had waited for long, it says nothing of those who have more.
    const { times } = this.#options;
    const again = wasAmple ? [] : batch.filter(({ time }) => times.hasAmpleTime(time.deadline));
    for (const entry of batch) if (!again.includes(entry)) refuse(entry, error);
    if (wasAmple && verdict === "unreachable") this.#waiting.refuse(error);
    await this.send(again);
  }

  /** Nothing was written: the halves are tried, until what cannot be written stands alone. */
  async #sendHalves(batch: readonly Entry[]): Promise<void> {
    const middle = batch.length >> 1;
    await this.send(batch.slice(0, middle));
    await this.send(batch.slice(middle));
  }

  /** Members with saves may be sent again, for their event ids tell what happened; the others may not. */
  async #sendOnceMore(batch: readonly Entry[], cause: unknown, started: number): Promise<void> {
    const { now, window } = this.#options;
    const again: Entry[] = [];
    // A layer has sent it again as it was, for it has nothing but saves.
    const isSentAgain = verdictOf(cause) === "unknown for good" && batch.every(hasSave);
    const isEnough = isSentAgain || now() - started > safelyRepeatedMs(window);
    const instant = monotonicMs();
    for (const entry of batch) {
      entry.inDoubt = true;
      const isLate = instant >= entry.time.deadline;
      if (hasSave(entry) && !entry.sentOnceMore && !isEnough && !isLate) again.push(entry);
      else refuse(entry, cause);
    }
    // An error that is not the floor's own may be one commit's doing: its neighbours shall not share its fate.
    if (!isStateError(cause) && again.length > 1) return this.#sendHalves(again);
    for (const entry of again) entry.sentOnceMore = true;
    await this.send(again);
  }
}

/** Those that would not take effect after one that was made later, and has taken effect; the others are refused. */
function inOrder(
  unknown: readonly Entry[],
  batch: readonly Entry[],
  outcomes: readonly Outcome[],
  cause: unknown,
): readonly Entry[] {
  const taken = new HeldKeys();
  const inDoubt = new Set(unknown);
  const overtaken = new Set<Entry>();
  for (const [index, entry] of [...batch.entries()].toReversed()) {
    const keys = commitKeys(entry.commit);
    if (outcomes[index]?.is === "applied") taken.add(keys);
    else if (inDoubt.has(entry) && taken.conflictsWith(keys)) overtaken.add(entry);
  }
  for (const entry of overtaken) refuse(Object.assign(entry, { inDoubt: true }), cause);
  return unknown.filter((entry) => !overtaken.has(entry));
}

function hasSave({ commit }: Entry): boolean {
  return commit.writes.some((write) => write.op === "save");
}
