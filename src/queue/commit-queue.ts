import type { Commit, Outcome } from "../contract/driver.js";
import type { StoreStatus } from "../contract/store.js";
import { HeldKeys } from "../rules/slot-key.js";
import { afterDeadline, noAnswerError, waitedTooLongError } from "../timing/call-time.js";
import { onAbort } from "../timing/on-abort.js";
import { monotonicMs } from "../timing/real-timers.js";
import { BatchBuilder } from "./batch-builder.js";
import { BatchSender, type BatchSenderOptions, type Writer } from "./batch-sender.js";
import { BatchSize, MAX_BYTES } from "./batch-size.js";
import { Entry, type Payloads, rejectEntry, settle, unknownOutcome } from "./queue-entry.js";
import { QueueRoom, type RoomLimits } from "./queue-room.js";
import type { Choice } from "./tenant-queue.js";
import { TenantQueues } from "./tenant-queues.js";
import { WaitLimit } from "./wait-limit.js";

export interface QueueOptions extends BatchSenderOptions {
  /** How many batches may be under way at once. */
  readonly inFlight: number;
  /** How much may wait and be under way. Commits beyond that wait for room. */
  readonly room: RoomLimits;
  /** Batches hold commits of one tenant each. Default false. */
  readonly oneTenant?: boolean;
  /** Told of each commit when it is settled, before its caller is. */
  readonly onSettled?: (commit: Commit) => void;
  /** Runs `pump` soon, so that calls made at the same moment share a batch. */
  readonly schedule: (pump: () => void) => void;
  /** The same for a commit that no other is near to. Absent: `schedule`. */
  readonly scheduleLone?: (pump: () => void) => void;
}

/** After so many batches of one commit, the next commit is taken for a lone one. */
const LONE_BATCHES = 4;

/** The least number of commits per batch when they are divided among several: smaller batches cost more than they gain. */
const MIN_SHARE = 16;

/**
 * Group commit: commits that arrive while a batch is being written share the next batch; tenants are served in round robin.
 * Commits that share a slot or an event id, and an erase and the commits of its session, take effect in the order in which
 * they were made. When the queue is full, further commits wait for room, in round robin too; their payloads are not copied
 * until then.
 */
export class CommitQueue {
  readonly #options: QueueOptions;
  readonly #sender: BatchSender;
  readonly #room: QueueRoom;
  readonly #batchSize = new BatchSize();
  readonly #queues: TenantQueues<Entry>;
  readonly #awaitingRoom = new TenantQueues<Entry>();
  readonly #waitLimits: readonly WaitLimit<Entry>[];
  /** The first commit that waits for room cannot have it, whatever its tenant: no other commit may pass it. */
  #isFull = false;
  /** Batches on their way to the driver. */
  readonly #sent = new Set<readonly Entry[]>();
  /** The keys of commits under way, as far as they are noted. */
  readonly #keysInFlight = new HeldKeys();
  /** The commits that the driver has set aside. */
  readonly #aside = new Set<Entry>();
  #scheduled = false;
  /** How many batches of one commit have been sent since the last larger one. */
  #loneBatches = 0;
  /** How many commits are not settled. */
  #pending = 0;
  /** The commits that are not sent, including those that wait for room. */
  readonly #waiting = { commits: 0, bytes: 0 };
  /** At most so many of the waiting commits are settled. */
  #settledSinceSweep = 0;
  readonly #idle: (() => void)[] = [];

  constructor(driver: Writer, options: QueueOptions) {
    this.#options = options;
    this.#queues = new TenantQueues(options.oneTenant ? { oneTenant: true, quantum: MAX_BYTES } : {});
    this.#waitLimits = [
      new WaitLimit(this.#queues, (entry) => rejectEntry(entry, this.#waitedInQueueError(entry))),
      new WaitLimit(this.#awaitingRoom, (entry) => rejectEntry(entry, this.#waitedForRoomError(entry))),
    ];
    this.#room = new QueueRoom(options.room);
    this.#sender = new BatchSender(driver, options, {
      depth: () => this.#waiting,
      rejectAll: (error) => this.#rejectWaiting(error),
    });
  }

  /**
   * Resolves with the outcome of the commit. Rejects with a StateError or, if the signal aborts before the commit is sent,
   * with the signal's reason. The payloads stay in the caller's memory until there is room.
   */
  commit(commit: Commit, signal?: AbortSignal, payloads?: Payloads): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const time = this.#options.times.begin();
      const entry = new Entry(commit, time, resolve, reject, this.#onSettled, payloads);
      this.#giveUpLate(entry);
      this.#pending++;
      this.#waiting.commits++;
      this.#waiting.bytes += entry.bytes;
      if (signal !== undefined) {
        entry.removeAbortListener = onAbort(signal, () => {
          if (entry.state === "waiting") settle(entry)?.reject(signal.reason);
        });
      }
      if (this.#reserveRoom(entry)) this.#admit(entry);
      else {
        payloads?.seal();
        this.#awaitingRoom.add(entry);
      }
      for (const limit of this.#waitLimits) limit.watch();
      this.#wake();
    });
  }

  /** The commits that wait, including those that wait for room, and those that the driver has not answered yet. */
  get depth(): StoreStatus["writes"] {
    const underWay = { commits: 0, bytes: 0 };
    for (const { isSettled, bytes } of [...[...this.#sent].flat(), ...this.#aside])
      if (!isSettled) {
        underWay.commits++;
        underWay.bytes += bytes;
      }
    return { waiting: { ...this.#waiting }, underWay };
  }

  /** Resolves when nothing waits and nothing is under way. */
  finished(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Rejects everything unfinished; what the driver still answers is ignored. */
  abandon(): void {
    for (const entry of [
      ...[...this.#sent].flat(),
      ...this.#aside,
      ...this.#queues.clear(),
      ...this.#awaitingRoom.clear(),
    ]) {
      settle(entry)?.reject(
        unknownOutcome(entry, new Error("the store was closed before the write finished")),
      );
    }
  }

  /** Fails if the tenant has commits waiting for room, which must stay first, or if the queue is full for everybody. */
  #reserveRoom(entry: Entry): boolean {
    if (this.#isFull || this.#awaitingRoom.has(entry.tenant)) return false;
    const reason = this.#room.reserve(entry);
    if (reason === "room") this.#isFull = true;
    return reason === undefined;
  }

  #admit(entry: Entry): void {
    entry.holdsRoom = true;
    this.#queues.add(entry);
    // Nobody calls when room is free again.
    for (const limit of this.#waitLimits) limit.watch();
    try {
      const copied = entry.payloads?.copy();
      if (copied === undefined) entry.isReady = true;
      else
        copied.then(
          () => this.#ready(entry),
          (error: unknown) => settle(entry)?.reject(error),
        );
    } catch (error) {
      settle(entry)?.reject(error);
    }
  }

  #ready(entry: Entry): void {
    entry.isReady = true;
    this.#wake();
  }

  #wake(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const { schedule, scheduleLone = schedule } = this.#options;
    const soon = this.#isLone() ? scheduleLone : schedule;
    soon(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  /** One commit waits, none is under way, and the last ones were alone too: to wait for company would only delay it. */
  #isLone(): boolean {
    return (
      this.#loneBatches >= LONE_BATCHES &&
      this.#queues.size === 1 &&
      this.#sent.size + this.#aside.size + this.#awaitingRoom.size === 0
    );
  }

  #pump(): void {
    if (this.#awaitingRoom.size > 0) this.#admitThoseWithRoom();
    while (this.#queues.size > 0 && this.#sent.size < this.#options.inFlight) {
      const started = monotonicMs();
      const batch = this.#take(started);
      if (batch.length === 0) break;
      this.#start(batch, started);
    }
    if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Admits the commits that wait for room, as far as there is room. */
  #admitThoseWithRoom(): void {
    this.#isFull = false;
    const admitted = this.#awaitingRoom.take((entry) => {
      const reason = this.#room.reserve(entry);
      if (reason === undefined) return "take";
      this.#isFull = reason === "room";
      return this.#isFull ? "stop" : "hold";
    });
    for (const entry of admitted) this.#admit(entry);
  }

  #start(entries: readonly Entry[], started: number): void {
    let weight = 0;
    for (const entry of entries) {
      for (const limit of this.#waitLimits) limit.sending(entry);
      entry.state = "sent";
      entry.removeAbortListener();
      weight += entry.weight;
      this.#waiting.commits--;
      this.#waiting.bytes -= entry.bytes;
    }
    this.#loneBatches = entries.length === 1 ? this.#loneBatches + 1 : 0;
    this.#sent.add(entries);
    const finished = () => {
      for (const entry of entries) {
        if (entry.aside === undefined) this.#finish(entry);
        else this.#keepAside(entry, entry.aside);
      }
      this.#batchSize.noteDuration(weight, monotonicMs() - started);
      this.#sent.delete(entries);
      if (this.#queues.size + this.#awaitingRoom.size + this.#idle.length > 0) this.#wake();
    };
    this.#sender.send(entries).then(finished, finished);
  }

  #finish(entry: Entry): void {
    // Whatever has failed before, no caller may be left waiting.
    settle(entry)?.reject(unknownOutcome(entry, new Error("the driver's answer could not be understood")));
    if (entry.holdsKeys) this.#keysInFlight.remove(entry.keys);
    entry.holdsKeys = false;
  }

  /** A commit set aside does not count as a batch in flight, but still blocks the commits that share keys with it. */
  #keepAside(entry: Entry, aside: Promise<void>): void {
    this.#aside.add(entry);
    const done = () => {
      this.#aside.delete(entry);
      this.#finish(entry);
      this.#wake();
    };
    aside.then(done, done);
  }

  /** Takes the next batch from the queue; empty if nothing may start now. */
  #take(now: number): readonly Entry[] {
    let passedKeys: HeldKeys | undefined;
    let mayConflict = this.#sent.size > 0 || this.#aside.size > 0;
    if (mayConflict) this.#holdKeys();
    this.#batchSize.noteTenants(this.#queues.tenants(), now);
    const builder = new BatchBuilder(this.#batchShare(), this.#batchSize);
    return this.#queues.take((entry): Choice => {
      const conflicts =
        mayConflict &&
        (this.#keysInFlight.conflictsWith(entry.keys) || passedKeys?.conflictsWith(entry.keys) === true);
      if (!conflicts && entry.isReady) return builder.tryAdd(entry) ? "take" : "stop";
      passedKeys ??= new HeldKeys();
      passedKeys.add(entry.keys);
      mayConflict = true;
      return "pass";
    });
  }

  /** Notes the keys of the commits under way: not before another batch may start beside them, which may never be. */
  #holdKeys(): void {
    for (const batch of this.#sent) for (const entry of batch) this.#holdKeysOf(entry);
    for (const entry of this.#aside) this.#holdKeysOf(entry);
  }

  #holdKeysOf(entry: Entry): void {
    if (entry.holdsKeys) return;
    entry.holdsKeys = true;
    this.#keysInFlight.add(entry.keys);
  }

  /** How many commits a batch may take: the waiting ones are divided among the batches that may start now. */
  #batchShare(): number {
    const free = this.#options.inFlight - this.#sent.size;
    return Math.max(Math.ceil(this.#queues.size / free), MIN_SHARE);
  }

  readonly #onSettled = (entry: Entry, wasSent: boolean): void => {
    this.#pending--;
    if (entry.isAnswered) for (const limit of this.#waitLimits) limit.noteAnswer(entry.tenant);
    if (entry.holdsRoom) this.#room.release(entry);
    this.#options.onSettled?.(entry.commit);
    if (wasSent) return;
    this.#waiting.commits--;
    this.#waiting.bytes -= entry.bytes;
    this.#wake();
    // While a driver hangs, the commits of callers that gave up must not fill the memory.
    if (++this.#settledSinceSweep * 2 < this.#queues.size + this.#awaitingRoom.size) return;
    this.#queues.removeSettled();
    this.#awaitingRoom.removeSettled();
    this.#settledSinceSweep = 0;
  };

  #waitedInQueueError({ time }: Entry): unknown {
    const { commits } = this.#waiting;
    const what = `its turn, with ${commits} commits waiting and ${this.#sent.size} batches under way`;
    return waitedTooLongError(time, "nothing was written", what);
  }

  #waitedForRoomError({ time }: Entry): unknown {
    const { commits, bytes } = this.#room.used;
    const what = `room in the queue (maxQueuedCommits, maxQueuedBytes), which holds ${commits} commits of ${bytes} bytes`;
    return waitedTooLongError(time, "nothing was written", what);
  }

  /** If the event loop was held up, a commit that waits may be overdue before it was said that others of its tenant moved. */
  #giveUpLate(entry: Entry): void {
    const { time } = entry;
    if (time.deadline === Number.POSITIVE_INFINITY) return;
    entry.cancelDeadline = afterDeadline(time, () => {
      const before = time.deadline;
      if (entry.state === "waiting") for (const limit of this.#waitLimits) limit.sending(entry);
      if (time.deadline > before) this.#giveUpLate(entry);
      else rejectEntry(entry, this.#overdueError(entry));
    });
  }

  /** The error for a commit whose deadline has passed, before or after it was sent. */
  #overdueError(entry: Entry): unknown {
    if (entry.state === "waiting") return this.#waitedInQueueError(entry);
    entry.inDoubt = true;
    return noAnswerError(entry.time);
  }

  /** Sent one batch after another, they would all fail in the same way, the last of them after a very long time. */
  #rejectWaiting(error: unknown): void {
    for (const entry of [...this.#queues.clear(), ...this.#awaitingRoom.clear()])
      settle(entry)?.reject(error);
  }

  #isIdle(): boolean {
    return this.#pending === 0 && this.#sent.size === 0;
  }
}
