import { judge } from "./batch-verdict.js";
import { type ToldBatch, tellBatch } from "./diagnostics.js";
import type { Commit, Driver, Outcome } from "./driver.js";
import { isStateError } from "./errors.js";
import { payloadBytes } from "./payload-bytes.js";
import {
  type CommitEntry,
  deliver,
  type Entry,
  type EraseEntry,
  refuse,
  settle,
  unknownOutcome,
} from "./queue-entry.js";
import { commitKeys } from "./slot-key.js";
import { whenAborted } from "./when-aborted.js";

export interface QueueOptions {
  /** How many batches may be under way at once. */
  readonly inFlight: number;
  /** How long an event id stays seen, in milliseconds. */
  readonly window: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Runs `pump` soon, after the callers that are about to ask for more have done so. */
  readonly schedule: (pump: () => void) => void;
}

/** What one batch may hold; a commit that is larger travels alone. */
const BATCH_WRITES = 256;
const BATCH_BYTES = 4 * 1024 * 1024;
/** With fewer, two batches would cost more than one. */
const LEAST_SHARE = 16;

const NO_KEYS: readonly string[] = [];
const NOTHING_TO_RELEASE = (): void => {};

/** How many waiting entries are looked at for one batch when some of them are held back. */
const LOOK_AHEAD = 1024;

/**
 * Group commit: commits that arrive while a batch is being written share the next one. Commits that share a slot
 * or an event id take effect in the order in which they were made, and an erase waits for all that came before it.
 */
export class CommitQueue {
  readonly #driver: Pick<Driver, "name" | "apply" | "erase">;
  readonly #options: QueueOptions;
  /** First come, first served, from `#head` on. */
  #waiting: Entry[] = [];
  #head = 0;
  /** Batches, and erases, on their way to the driver. */
  readonly #sent = new Set<readonly Entry[]>();
  /** Slots and event ids under way; kept only where more than one batch may be. */
  readonly #held = new Set<string>();
  #erasing = false;
  #scheduled = false;
  /** At most how many of the waiting were aborted. */
  #aborted = 0;
  readonly #idle: (() => void)[] = [];

  constructor(driver: Pick<Driver, "name" | "apply" | "erase">, options: QueueOptions) {
    this.#driver = driver;
    this.#options = options;
  }

  /** Resolves with what became of the commit; rejects with a StateError or, while it waits, the signal's reason. */
  commit(commit: Commit, signal?: AbortSignal): Promise<Outcome> {
    const keys = this.#options.inFlight > 1 ? commitKeys(commit) : NO_KEYS;
    const bytes = payloadBytes(commit);
    return new Promise((resolve, reject) => {
      const release = NOTHING_TO_RELEASE;
      const fate = { inDoubt: false, sentOnceMore: false };
      this.#enqueue({ commit, bytes, keys, resolve, reject, release, state: "waiting", ...fate }, signal);
    });
  }

  /** Resolves with the number of records erased. */
  erase(tenant: string, user: string, session: string, signal?: AbortSignal): Promise<number> {
    return new Promise((resolve, reject) => {
      const release = NOTHING_TO_RELEASE;
      this.#enqueue({ erase: [tenant, user, session], resolve, reject, release, state: "waiting" }, signal);
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Rejects everything unfinished; what the driver still answers is ignored. */
  abandon(): void {
    for (const entry of [...[...this.#sent].flat(), ...this.#waiting.slice(this.#head)]) {
      settle(entry)?.reject(
        unknownOutcome(entry, new Error("the store was closed before the write finished")),
      );
    }
    this.#dequeue(this.#waiting.length, []);
  }

  #enqueue(entry: Entry, signal: AbortSignal | undefined): void {
    if (signal !== undefined) {
      entry.release = whenAborted(signal, () => {
        if (entry.state !== "waiting") return;
        settle(entry)?.reject(signal.reason);
        this.#dropAborted();
      });
    }
    this.#waiting.push(entry);
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.schedule(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#sent.size < this.#options.inFlight && !this.#erasing) {
      const work = this.#take();
      if (work === undefined) break;
      this.#start(work);
    }
    if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
  }

  #start(work: CommitEntry[] | EraseEntry): void {
    const entries = Array.isArray(work) ? work : [work];
    for (const entry of entries) {
      entry.state = "sent";
      entry.release();
    }
    this.#sent.add(entries);
    this.#erasing = !Array.isArray(work);
    const finished = () => {
      this.#erasing = false;
      for (const entry of entries) {
        // Whatever went wrong while a failure was handled, nobody is left waiting.
        settle(entry)?.reject(
          unknownOutcome(entry, new Error("the driver's answer could not be understood")),
        );
        if ("keys" in entry) for (const key of entry.keys) this.#held.delete(key);
      }
      this.#sent.delete(entries);
      this.#wake();
    };
    (Array.isArray(work) ? this.#send(work) : this.#erase(work)).then(finished, finished);
  }

  /** The next piece of work, or `undefined` when there is none that may start now. */
  #take(): CommitEntry[] | EraseEntry | undefined {
    const batch: CommitEntry[] = [];
    const passed: Entry[] = [];
    const passedKeys = new Set<string>();
    let writes = 0;
    let bytes = 0;
    const most = this.#share();
    let next = this.#head;
    for (; next < this.#waiting.length && passed.length < LOOK_AHEAD; next++) {
      const entry = this.#waiting[next] as Entry;
      if (entry.state === "settled") continue;
      if ("erase" in entry) {
        if (batch.length > 0 || passed.length > 0 || this.#sent.size > 0) break;
        this.#dequeue(next + 1, passed);
        return entry;
      }
      if (entry.keys.some((key) => this.#held.has(key) || passedKeys.has(key))) {
        passed.push(entry);
        for (const key of entry.keys) passedKeys.add(key);
        continue;
      }
      writes += entry.commit.writes.length;
      bytes += entry.bytes;
      if (batch.length > 0 && (writes > BATCH_WRITES || batch.length === most || bytes > BATCH_BYTES)) break;
      batch.push(entry);
    }
    this.#dequeue(next, passed);
    for (const entry of batch) for (const key of entry.keys) this.#held.add(key);
    return batch.length > 0 ? batch : undefined;
  }

  /** How many commits a batch may take, so that there is as much for the others that may start now. */
  #share(): number {
    const free = this.#options.inFlight - this.#sent.size;
    return Math.max(Math.ceil((this.#waiting.length - this.#head) / free), LEAST_SHARE);
  }

  /** Everything before `next` has left the queue, except for the entries that were passed over. */
  #dequeue(next: number, passed: readonly Entry[]): void {
    this.#head = next - passed.length;
    for (const [index, entry] of passed.entries()) this.#waiting[this.#head + index] = entry;
    if (this.#head * 2 < this.#waiting.length) return;
    this.#waiting = this.#waiting.slice(this.#head);
    this.#head = 0;
  }

  /** Behind a driver that hangs, callers that give up must not fill the memory with what they gave up. */
  #dropAborted(): void {
    this.#aborted++;
    if (this.#aborted * 2 < this.#waiting.length - this.#head) return;
    this.#waiting = this.#waiting.slice(this.#head).filter((entry) => entry.state === "waiting");
    this.#head = 0;
    this.#aborted = 0;
  }

  async #erase(entry: EraseEntry): Promise<void> {
    try {
      const count = await this.#driver.erase(...entry.erase);
      if (!Number.isSafeInteger(count)) throw new Error("the driver erased a number of records that is none");
      settle(entry)?.resolve(count);
    } catch (error) {
      settle(entry)?.reject(isStateError(error) ? error : unknownOutcome(entry, error));
    }
  }

  async #send(entries: readonly CommitEntry[]): Promise<void> {
    const batch = entries.filter((entry) => entry.state === "sent");
    if (batch.length === 0) return;
    const { now, window } = this.#options;
    try {
      const commits = batch.map((entry) => entry.commit);
      const outcomes = await tellBatch(
        () => this.#describe(batch),
        () => this.#driver.apply(commits, { now: now(), window }),
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
      if (unknown.length > 0) await this.#sendOnceMore(unknown, cause);
    } catch (error) {
      await this.#recover(batch, error);
    }
  }

  #describe(batch: readonly CommitEntry[]): ToldBatch {
    return {
      operation: "apply",
      driver: this.#driver.name,
      size: batch.length,
      bytes: batch.reduce((sum, { bytes }) => sum + bytes, 0),
      waiting: this.#waiting.length - this.#head,
    };
  }

  /** What becomes of a batch that the driver rejected. */
  async #recover(batch: readonly CommitEntry[], error: unknown): Promise<void> {
    const verdict = judge(error);
    if (verdict === "refused" && batch.length > 1) return this.#sendHalves(batch);
    if (verdict.startsWith("unknown")) return this.#sendOnceMore(batch, error);
    for (const entry of batch) refuse(entry, error);
    if (verdict === "unreachable") this.#refuseWaiting(error);
  }

  /** Each would only meet the same, one batch after another, and the last of them after a very long time. */
  #refuseWaiting(error: unknown): void {
    for (const entry of this.#waiting.slice(this.#head)) settle(entry)?.reject(error);
    this.#dequeue(this.#waiting.length, []);
  }

  /** Nothing was written: the halves are tried, until what cannot be written stands alone. */
  async #sendHalves(batch: readonly CommitEntry[]): Promise<void> {
    const middle = batch.length >> 1;
    await this.#send(batch.slice(0, middle));
    await this.#send(batch.slice(middle));
  }

  /** Members with saves may be sent again, for their event ids tell what happened; the others may not. */
  async #sendOnceMore(batch: readonly CommitEntry[], cause: unknown): Promise<void> {
    const again: CommitEntry[] = [];
    // A layer has sent it again as it was, for it has nothing but saves.
    const isEnough = judge(cause) === "unknown for good" && batch.every(hasSave);
    for (const entry of batch) {
      entry.inDoubt = true;
      if (hasSave(entry) && !entry.sentOnceMore && !isEnough) again.push(entry);
      else refuse(entry, cause);
    }
    // An error that is not the floor's own may be one commit's doing: its neighbours shall not share its fate.
    if (!isStateError(cause) && again.length > 1) return this.#sendHalves(again);
    for (const entry of again) entry.sentOnceMore = true;
    await this.#send(again);
  }

  #isIdle(): boolean {
    if (this.#sent.size > 0) return false;
    for (let i = this.#head; i < this.#waiting.length; i++)
      if (this.#waiting[i]?.state !== "settled") return false;
    return true;
  }
}

function hasSave({ commit }: CommitEntry): boolean {
  return commit.writes.some((write) => write.op === "save");
}
