import type { ApplyOptions, Commit, EraseTarget, Outcome, Swept } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import { payloadBytes } from "../../src/rules/payload-bytes.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { CommitPace } from "./commit-pace.js";
import type { Compacted } from "./compact.js";
import type { Engine } from "./engine.js";
import type { Eventually, Writer } from "./writer.js";

/** The largest commit that the caller's thread makes. */
const MAX_WRITES = 16;
const MAX_BYTES = 64 * 1024;
/**
 * The log is copied into the database by the commits of the other thread, while this one writes nothing. So at least one
 * in so many commits goes there, or one in so many bytes.
 */
const MAX_IN_A_ROW = 512;
const MAX_BYTES_IN_A_ROW = 8 * 1024 * 1024;

/** A writer in another thread, which takes a while to start. */
export interface FarWriter extends Writer {
  readonly isReady: boolean;
  start(): void;
  /** Resolves once a start that is under way has ended, however it did. */
  settled(): Promise<void>;
}

/**
 * Makes a commit that comes alone in the caller's thread, as long as the disk is quick, which saves the way to the other
 * thread and back. All other work is done there: shared batches, large commits, erases, and every commit while other work
 * is under way or another process holds the lock. The caller's thread never waits for a lock.
 */
export class AdaptiveWriter implements Writer {
  readonly #far: FarWriter;
  readonly #onNearClosed: (near: Engine) => void;
  readonly #pace: CommitPace;
  #near: Engine | undefined;
  /** Requests that the other thread has not answered. */
  #away = 0;
  #inARow = 0;
  #bytesInARow = 0;

  /** `near` writes the files that `far` writes. */
  constructor(
    far: FarWriter,
    near: Engine | undefined,
    onNearClosed: (near: Engine) => void,
    pace: CommitPace = new CommitPace(),
  ) {
    this.#far = far;
    this.#near = near;
    this.#onNearClosed = onNearClosed;
    this.#pace = pace;
  }

  apply(commits: readonly Commit[], options: ApplyOptions): Eventually<readonly Outcome[]> {
    const near = this.#nearFor(commits);
    return near === undefined
      ? this.#send(() => this.#far.apply(commits, options))
      : this.#applyNear(near, commits, options);
  }

  sweep(target: EraseTarget): Promise<Swept> {
    return this.#send(() => this.#far.sweep(target));
  }

  /** Until it is done all commits go to the other thread: a write by another connection makes a copy begin again. */
  backup(target: string): Promise<void> {
    return this.#send(() => this.#far.backup(target));
  }

  giveBack(): Promise<Compacted> {
    return this.#send(() => this.#far.giveBack());
  }

  emptyLog(): Promise<void> {
    return this.#send(() => this.#far.emptyLog());
  }

  /** Not earlier: while the log has no name, only the connections that are open can save what it holds. */
  async close(): Promise<void> {
    // A connection that is being opened to a new log would keep this one from being the last, which saves the old log.
    await this.#far.settled();
    this.#closeNear();
    await this.#far.close();
  }

  #applyNear(
    near: Engine,
    commits: readonly Commit[],
    options: ApplyOptions,
  ): Eventually<readonly Outcome[]> {
    const started = monotonicMs();
    try {
      const outcomes = near.apply(commits, options);
      this.#pace.took(monotonicMs() - started);
      return outcomes;
    } catch (error) {
      if (!isStateError(error, "UNAVAILABLE")) throw error;
      if (error.details.reason === "busy") {
        // The driver tries again, and then the other thread does.
        this.#pace.wasLocked();
        throw error;
      }
      // Nothing was written, and the other thread knows what to do about it.
      return this.#send(() => this.#far.apply(commits, options));
    }
  }

  /** The connection for these commits; `undefined` when the other thread shall make them. */
  #nearFor(commits: readonly Commit[]): Engine | undefined {
    const [commit] = commits;
    if (this.#near === undefined || this.#away > 0 || commit === undefined || commits.length > 1)
      return undefined;
    const bytes = smallSize(commit);
    if (bytes === undefined) return undefined;
    this.#bytesInARow += bytes;
    const mayStay = ++this.#inARow < MAX_IN_A_ROW && this.#bytesInARow < MAX_BYTES_IN_A_ROW;
    if (this.#pace.next() && mayStay) return this.#near;
    if (this.#far.isReady) return undefined;
    // A slow commit takes less than the start of a thread.
    this.#far.start();
    return this.#near;
  }

  async #send<T>(work: () => Eventually<T>): Promise<T> {
    this.#away++;
    this.#inARow = 0;
    this.#bytesInARow = 0;
    try {
      return await work();
    } finally {
      this.#away--;
    }
  }

  #closeNear(): void {
    const near = this.#near;
    if (near === undefined) return;
    this.#near = undefined;
    near.close();
    this.#onNearClosed(near);
  }
}

/** The bytes of a commit that is small enough and erases nothing. */
function smallSize(commit: Commit): number | undefined {
  if (commit.writes.length > MAX_WRITES || commit.writes.some(({ op }) => op === "erase")) return undefined;
  const bytes = payloadBytes(commit);
  return bytes > MAX_BYTES ? undefined : bytes;
}
