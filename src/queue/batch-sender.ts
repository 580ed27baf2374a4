import { describeType } from "../contract/describe-type.js";
import type { ApplyOptions, Driver, Outcome } from "../contract/driver.js";
import { isStateError } from "../contract/errors.js";
import { type BatchFields, emitBatch } from "../diagnostics/diagnostics.js";
import { verdictOf } from "../rules/batch-verdict.js";
import { safelyRepeatedMs } from "../rules/decide.js";
import { commitKeys, HeldKeys } from "../rules/slot-key.js";
import { type CallTimes, limitOf } from "../timing/call-time.js";
import { monotonicMs } from "../timing/real-timers.js";
import { deliver, type Entry, rejectEntry } from "./queue-entry.js";

export type Writer = Pick<Driver, "name" | "apply">;

export interface BatchSenderOptions {
  /** How long an event id stays seen, in milliseconds. */
  readonly window: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How many batches may be under way at once. */
  readonly inFlight: number;
  /** Makes the deadlines of calls. */
  readonly times: CallTimes;
}

/** The commits that have not been sent yet. */
export interface WaitingCommits {
  depth(): { readonly commits: number; readonly bytes: number };
  rejectAll(error: unknown): void;
}

/** Sends batches to the driver, and gives each caller its outcome. Sends commits again where that is safe. */
export class BatchSender {
  readonly #driver: Writer;
  readonly #options: BatchSenderOptions;
  readonly #waiting: WaitingCommits;

  constructor(driver: Writer, options: BatchSenderOptions, waiting: WaitingCommits) {
    this.#driver = driver;
    this.#options = options;
    this.#waiting = waiting;
  }

  /** A batch has the earliest deadline of its commits. */
  async send(entries: readonly Entry[]): Promise<void> {
    const batch = entries.every(isSent) ? entries : entries.filter(isSent);
    if (batch.length === 0) return;
    const { now, window, inFlight, times } = this.#options;
    const started = now();
    let deadline = Number.POSITIVE_INFINITY;
    for (const { time } of batch) deadline = Math.min(deadline, time.deadline);
    const hadAmpleTime = times.hasAmpleTime(deadline);
    try {
      const commits = batch.map((entry) => entry.commit);
      // Only with several batches in flight does the queue track which commits one that is set aside blocks.
      const aside = inFlight > 1 ? new Map<number, Promise<Outcome>>() : undefined;
      const options: ApplyOptions = {
        now: started,
        window,
        ...limitOf(deadline),
        ...(aside === undefined ? {} : { setAside: (index, outcome) => void aside.set(index, outcome) }),
      };
      const outcomes = await emitBatch(
        () => this.#describe(batch),
        () => this.#driver.apply(commits, options),
      );
      if (!Array.isArray(outcomes))
        throw new TypeError(`apply must resolve with an array of outcomes: ${describeType(outcomes)} came`);
      if (outcomes.length !== batch.length) {
        throw new Error(`the driver gave ${outcomes.length} outcomes for ${batch.length} commits`);
      }
      let cause: unknown;
      const unknown: Entry[] = [];
      for (let index = 0; index < batch.length; index++) {
        const entry = batch[index] as Entry;
        const later = aside?.get(index);
        if (later !== undefined) {
          entry.aside = this.#deliverWhenSettled(entry, later, started);
          continue;
        }
        const error = deliver(entry, outcomes[index]);
        cause ??= error;
        if (error !== undefined) unknown.push(entry);
      }
      if (unknown.length > 0)
        await this.#resend(rejectOvertaken(unknown, batch, outcomes, cause), cause, started);
    } catch (error) {
      await this.#recover(batch, error, started, hadAmpleTime);
    }
  }

  /** For a commit that the driver set aside, so that the rest of its batch need not wait for it. */
  async #deliverWhenSettled(entry: Entry, later: Promise<Outcome>, started: number): Promise<void> {
    const outcome = await later.catch(() => undefined);
    entry.aside = undefined;
    const error = deliver(entry, outcome);
    if (error !== undefined) await this.#resend([entry], error, started);
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

  /** Handles a batch that the driver rejected. */
  async #recover(
    batch: readonly Entry[],
    error: unknown,
    started: number,
    hadAmpleTime: boolean,
  ): Promise<void> {
    const verdict = verdictOf(error);
    if (verdict === "refused" && batch.length > 1) return this.#sendHalves(batch);
    if (verdict.startsWith("unknown")) return this.#resend(batch, error, started);
    // One commit that had waited long may have left the driver too little time: those that have more are sent again.
    const { times } = this.#options;
    const resent = hadAmpleTime ? [] : batch.filter(({ time }) => times.hasAmpleTime(time.deadline));
    for (const entry of batch) if (!resent.includes(entry)) rejectEntry(entry, error);
    if (hadAmpleTime && verdict === "unreachable") this.#waiting.rejectAll(error);
    await this.send(resent);
  }

  /** For a batch of which nothing was written: bisects it, until a commit that cannot be written stands alone. */
  async #sendHalves(batch: readonly Entry[]): Promise<void> {
    const middle = batch.length >> 1;
    await this.send(batch.slice(0, middle));
    await this.send(batch.slice(middle));
  }

  /** Sends commits of unknown outcome again if they have saves: their event ids make that safe. Rejects the others. */
  async #resend(batch: readonly Entry[], cause: unknown, started: number): Promise<void> {
    const { now, window } = this.#options;
    const resent: Entry[] = [];
    // A layer retries a batch in which every commit has a save: it has retried this one enough.
    const wasResentByLayer = verdictOf(cause) === "unknown for good" && batch.every(hasSave);
    const isTooLate = wasResentByLayer || now() - started > safelyRepeatedMs(window);
    const instant = monotonicMs();
    for (const entry of batch) {
      entry.inDoubt = true;
      const isOverdue = instant >= entry.time.deadline;
      if (hasSave(entry) && !entry.wasResent && !isTooLate && !isOverdue) resent.push(entry);
      else rejectEntry(entry, cause);
    }
    // An error that is no StateError may come from one commit: bisect, so that the others do not fail with it.
    if (!isStateError(cause) && resent.length > 1) return this.#sendHalves(resent);
    for (const entry of resent) entry.wasResent = true;
    await this.send(resent);
  }
}

/**
 * The commits of unknown outcome that may be sent again. Rejects those that share keys with a later commit of the batch
 * which was applied: sent again, the older write would take effect after the newer one.
 */
function rejectOvertaken(
  unknown: readonly Entry[],
  batch: readonly Entry[],
  outcomes: readonly Outcome[],
  cause: unknown,
): readonly Entry[] {
  const laterKeys = new HeldKeys();
  const inDoubt = new Set(unknown);
  const overtaken = new Set<Entry>();
  for (const [index, entry] of [...batch.entries()].toReversed()) {
    const keys = commitKeys(entry.commit);
    if (outcomes[index]?.is === "applied") laterKeys.add(keys);
    else if (inDoubt.has(entry) && laterKeys.conflictsWith(keys)) overtaken.add(entry);
  }
  for (const entry of overtaken) rejectEntry(Object.assign(entry, { inDoubt: true }), cause);
  return unknown.filter((entry) => !overtaken.has(entry));
}

function isSent({ state }: Entry): boolean {
  return state === "sent";
}

function hasSave({ commit }: Entry): boolean {
  return commit.writes.some((write) => write.op === "save");
}
