import type { ApplyOptions, Commit, Outcome, Session, Swept } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import { payloadBytes } from "../../src/rules/payload-bytes.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { CommitPace } from "./commit-pace.js";
import type { Engine } from "./engine.js";
import type { Eventually, Writer } from "./writer.js";

/** The largest commit that the caller's thread makes. */
const MAX_WRITES = 16;
const MAX_BYTES = 64 * 1024;
/** Lone commits before the caller's thread gets a connection of its own: a short life does without. */
const BEFORE_OPENING = 4;
/**
 * The log is copied into the database by the commits of the other thread, while this one writes nothing. So at least one
 * in so many commits goes there, or one in so many bytes.
 */
const MAX_IN_A_ROW = 512;
const MAX_BYTES_IN_A_ROW = 8 * 1024 * 1024;

/**
 * Makes a commit that comes alone in the caller's thread, as long as the disk is quick, which saves the way to the other
 * thread and back. All other work is done there: shared batches, large commits, erases, and every commit while other work
 * is under way or another process holds the lock. The caller's thread never waits for a lock.
 */
export class AdaptiveWriter implements Writer {
  readonly #far: Writer;
  readonly #openNear: () => Engine;
  readonly #onNearClosed: (near: Engine) => void;
  readonly #pace: CommitPace;
  #near: Engine | undefined;
  /** Requests that the other thread has not answered. */
  #away = 0;
  #lone = 0;
  #inARow = 0;
  #bytesInARow = 0;
  #closed = false;

  /** `openNear` opens a connection of this thread to the files that `far` writes. */
  constructor(
    far: Writer,
    openNear: () => Engine,
    onNearClosed: (near: Engine) => void,
    pace: CommitPace = new CommitPace(),
  ) {
    this.#far = far;
    this.#openNear = openNear;
    this.#onNearClosed = onNearClosed;
    this.#pace = pace;
  }

  apply(commits: readonly Commit[], options: ApplyOptions): Eventually<readonly Outcome[]> {
    const near = this.#nearFor(commits);
    return near === undefined
      ? this.#send(() => this.#far.apply(commits, options))
      : this.#applyNear(near, commits, options);
  }

  sweep(session: Session): Promise<Swept> {
    return this.#send(() => this.#far.sweep(session));
  }

  /** Until it is done all commits go to the other thread: a write by another connection makes a copy begin again. */
  backup(target: string): Promise<void> {
    return this.#send(() => this.#far.backup(target));
  }

  async close(): Promise<void> {
    this.#closed = true;
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
      if (error.details.reason === "busy") this.#pace.wasLocked();
      else {
        // A new connection is tried some other time: this one may be to files that are gone.
        this.#pace.failed();
        this.#closeNear();
      }
      // Nothing was written, and the other thread knows what to do about it.
      return this.#send(() => this.#far.apply(commits, options));
    }
  }

  /** The connection for these commits; `undefined` when the other thread shall make them. */
  #nearFor(commits: readonly Commit[]): Engine | undefined {
    const [commit] = commits;
    if (this.#away > 0 || this.#closed || commit === undefined || commits.length > 1) return undefined;
    const bytes = smallSize(commit);
    if (bytes === undefined || ++this.#lone <= BEFORE_OPENING || !this.#pace.next()) return undefined;
    this.#bytesInARow += bytes;
    if (++this.#inARow >= MAX_IN_A_ROW || this.#bytesInARow >= MAX_BYTES_IN_A_ROW) return undefined;
    return this.#near ?? this.#opened();
  }

  #opened(): Engine | undefined {
    try {
      this.#near = this.#openNear();
    } catch {
      // The other thread says what is wrong, if it cannot write either.
      this.#pace.failed();
    }
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
