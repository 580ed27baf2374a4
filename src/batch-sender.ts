import { judge } from "./batch-verdict.js";
import { safelyRepeatedMs } from "./decide.js";
import { type ToldBatch, tellBatch } from "./diagnostics.js";
import type { Driver, Outcome } from "./driver.js";
import { isStateError } from "./errors.js";
import { type CommitEntry, deliver, type EraseEntry, refuse, settle, unknownOutcome } from "./queue-entry.js";
import { commitKeys } from "./slot-key.js";

export type Writer = Pick<Driver, "name" | "apply" | "erase">;

export interface BatchSenderOptions {
  /** How long an event id stays seen, in milliseconds. */
  readonly window: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Those that were not sent yet. */
export interface WaitingLine {
  count(): number;
  /** Rejects them all. */
  refuse(error: unknown): void;
}

/** Sends batches and erases, and tells each caller what became of its own; asks again where that is safe. */
export class BatchSender {
  readonly #driver: Writer;
  readonly #options: BatchSenderOptions;
  readonly #waiting: WaitingLine;

  constructor(driver: Writer, options: BatchSenderOptions, waiting: WaitingLine) {
    this.#driver = driver;
    this.#options = options;
    this.#waiting = waiting;
  }

  async erase(entry: EraseEntry): Promise<void> {
    try {
      const count = await this.#driver.erase(...entry.erase);
      if (!Number.isSafeInteger(count)) throw new Error("the driver erased a number of records that is none");
      settle(entry)?.resolve(count);
    } catch (error) {
      settle(entry)?.reject(isStateError(error) ? error : unknownOutcome(entry, error));
    }
  }

  async send(entries: readonly CommitEntry[]): Promise<void> {
    const batch = entries.filter((entry) => entry.state === "sent");
    if (batch.length === 0) return;
    const { now, window } = this.#options;
    const started = now();
    try {
      const commits = batch.map((entry) => entry.commit);
      const outcomes = await tellBatch(
        () => this.#describe(batch),
        () => this.#driver.apply(commits, { now: started, window }),
      );
      if (outcomes.length !== batch.length) {
        throw new Error(`the driver gave ${outcomes.length} outcomes for ${batch.length} commits`);
      }
      let cause: unknown;
      const unknown = batch.filter((entry, index) => {
        const error = deliver(entry, outcomes[index]);
        cause ??= error;
        return error !== undefined;
      });
      if (unknown.length > 0)
        await this.#sendOnceMore(inOrder(unknown, batch, outcomes, cause), cause, started);
    } catch (error) {
      await this.#recover(batch, error, started);
    }
  }

  #describe(batch: readonly CommitEntry[]): ToldBatch {
    return {
      operation: "apply",
      driver: this.#driver.name,
      size: batch.length,
      bytes: batch.reduce((sum, { bytes }) => sum + bytes, 0),
      waiting: this.#waiting.count(),
    };
  }

  /** What becomes of a batch that the driver rejected. */
  async #recover(batch: readonly CommitEntry[], error: unknown, started: number): Promise<void> {
    const verdict = judge(error);
    if (verdict === "refused" && batch.length > 1) return this.#sendHalves(batch);
    if (verdict.startsWith("unknown")) return this.#sendOnceMore(batch, error, started);
    for (const entry of batch) refuse(entry, error);
    if (verdict === "unreachable") this.#waiting.refuse(error);
  }

  /** Nothing was written: the halves are tried, until what cannot be written stands alone. */
  async #sendHalves(batch: readonly CommitEntry[]): Promise<void> {
    const middle = batch.length >> 1;
    await this.send(batch.slice(0, middle));
    await this.send(batch.slice(middle));
  }

  /** Members with saves may be sent again, for their event ids tell what happened; the others may not. */
  async #sendOnceMore(batch: readonly CommitEntry[], cause: unknown, started: number): Promise<void> {
    const { now, window } = this.#options;
    const again: CommitEntry[] = [];
    // A layer has sent it again as it was, for it has nothing but saves.
    const isSentAgain = judge(cause) === "unknown for good" && batch.every(hasSave);
    const isEnough = isSentAgain || now() - started > safelyRepeatedMs(window);
    for (const entry of batch) {
      entry.inDoubt = true;
      if (hasSave(entry) && !entry.sentOnceMore && !isEnough) again.push(entry);
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
  unknown: readonly CommitEntry[],
  batch: readonly CommitEntry[],
  outcomes: readonly Outcome[],
  cause: unknown,
): readonly CommitEntry[] {
  const taken = new Set<string>();
  const inDoubt = new Set(unknown);
  const overtaken = new Set<CommitEntry>();
  for (const [index, entry] of [...batch.entries()].toReversed()) {
    const keys = commitKeys(entry.commit);
    if (outcomes[index]?.is === "applied") for (const key of keys) taken.add(key);
    else if (inDoubt.has(entry) && keys.some((key) => taken.has(key))) overtaken.add(entry);
  }
  for (const entry of overtaken) refuse(Object.assign(entry, { inDoubt: true }), cause);
  return unknown.filter((entry) => !overtaken.has(entry));
}

function hasSave({ commit }: CommitEntry): boolean {
  return commit.writes.some((write) => write.op === "save");
}
