import { BatchSender, type BatchSenderOptions, type Writer } from "./batch-sender.js";
import type { Commit, Outcome } from "./driver.js";
import { payloadBytes } from "./payload-bytes.js";
import { type CommitEntry, type Entry, type EraseEntry, settle, unknownOutcome } from "./queue-entry.js";
import { commitKeys } from "./slot-key.js";
import { whenAborted } from "./when-aborted.js";

export interface QueueOptions extends BatchSenderOptions {
  /** How many batches may be under way at once. */
  readonly inFlight: number;
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
  readonly #options: QueueOptions;
  readonly #sender: BatchSender;
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

  constructor(driver: Writer, options: QueueOptions) {
    this.#options = options;
    this.#sender = new BatchSender(driver, options, {
      count: () => this.#waiting.length - this.#head,
      refuse: (error) => this.#refuseWaiting(error),
    });
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
    (Array.isArray(work) ? this.#sender.send(work) : this.#sender.erase(work)).then(finished, finished);
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

  /** Each would only meet the same, one batch after another, and the last of them after a very long time. */
  #refuseWaiting(error: unknown): void {
    for (const entry of this.#waiting.slice(this.#head)) settle(entry)?.reject(error);
    this.#dequeue(this.#waiting.length, []);
  }

  #isIdle(): boolean {
    if (this.#sent.size > 0) return false;
    for (let i = this.#head; i < this.#waiting.length; i++)
      if (this.#waiting[i]?.state !== "settled") return false;
    return true;
  }
}
