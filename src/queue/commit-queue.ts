import type { Commit, Outcome } from "../contract/driver.js";
import type { StoreStatus } from "../contract/store.js";
import { HeldKeys } from "../rules/slot-key.js";
import { afterDeadline, noAnswerError, waitedTooLongError } from "../timing/call-time.js";
import { onAbort } from "../timing/on-abort.js";
import { monotonicMs } from "../timing/real-timers.js";
import { BatchFilling } from "./batch-builder.js";
import { BatchSender, type BatchSenderOptions, type Writer } from "./batch-sender.js";
import { BatchSize } from "./batch-size.js";
import { Entry, type Payloads, refuse, settle, unknownOutcome } from "./queue-entry.js";
import { QueueRoom, type RoomLimits } from "./queue-room.js";
import { type Choice, TenantQueues } from "./tenant-queues.js";
import { WaitLimit } from "./wait-limit.js";

export interface QueueOptions extends BatchSenderOptions {
  /** How many batches may be under way at once. */
  readonly inFlight: number;
  /** How much may wait and be under way; what comes then waits at the door. */
  readonly room: RoomLimits;
  /** Runs `pump` soon, after the callers that are about to ask for more have done so. */
  readonly schedule: (pump: () => void) => void;
}

/** With fewer, two batches would cost more than one. */
const LEAST_SHARE = 16;

/**
 * Group commit: commits that arrive while a batch is being written share the next one, and tenants take turns in it.
 * Commits that share a slot or an event id, and an erase and the commits of its session, take effect in the order in which
 * they were made. What does not fit in the queue waits at its door, in turn by tenant too, and holds no copy there.
 */
export class CommitQueue {
  readonly #options: QueueOptions;
  readonly #sender: BatchSender;
  readonly #room: QueueRoom;
  readonly #size = new BatchSize();
  readonly #queues = new TenantQueues<Entry>();
  readonly #door = new TenantQueues<Entry>();
  readonly #limits = [
    new WaitLimit(this.#queues, (entry) => refuse(entry, this.#waitedForTurn(entry))),
    new WaitLimit(this.#door, (entry) => refuse(entry, this.#waitedForRoom(entry))),
  ];
  /** Somebody at the door waits for room that nobody has. */
  #isFull = false;
  /** Batches on their way to the driver. */
  readonly #sent = new Set<readonly Entry[]>();
  /** What is under way; kept only where more than one batch may be. */
  readonly #held = new HeldKeys();
  /** Those that their driver set aside. */
  readonly #aside = new Set<Entry>();
  #scheduled = false;
  /** Not settled. */
  #pending = 0;
  /** Not sent, at the door too. */
  readonly #waiting = { commits: 0, bytes: 0 };
  /** At most how many of the waiting are gone. */
  #gone = 0;
  readonly #idle: (() => void)[] = [];

  constructor(driver: Writer, options: QueueOptions) {
    this.#options = options;
    this.#room = new QueueRoom(options.room);
    this.#sender = new BatchSender(driver, options, {
      depth: () => this.#waiting,
      refuse: (error) => this.#refuseWaiting(error),
    });
  }

  /**
   * Resolves with what became of the commit; rejects with a StateError or, while it waits, the signal's reason. Its
   * payloads are the caller's until there is room for it.
   */
  commit(commit: Commit, signal?: AbortSignal, payloads?: Payloads): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const time = this.#options.times.begin();
      const entry = new Entry(commit, time, { resolve, reject, onSettled: this.#onSettled }, payloads);
      entry.callOff = afterDeadline(time, () => refuse(entry, this.#unanswered(entry)));
      this.#pending++;
      this.#waiting.commits++;
      this.#waiting.bytes += entry.bytes;
      if (signal !== undefined) {
        entry.release = onAbort(signal, () => {
          if (entry.state === "waiting") settle(entry)?.reject(signal.reason);
        });
      }
      if (this.#mayEnter(entry)) this.#admit(entry);
      else {
        payloads?.seal();
        this.#door.add(entry);
      }
      for (const limit of this.#limits) limit.watch();
      this.#wake();
    });
  }

  /** What waits, at the door too, and what the driver has and has not answered. */
  get depth(): StoreStatus["writes"] {
    const underWay = { commits: 0, bytes: 0 };
    for (const { isGone, bytes } of [...[...this.#sent].flat(), ...this.#aside])
      if (!isGone) {
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
      ...this.#door.clear(),
    ]) {
      settle(entry)?.reject(
        unknownOutcome(entry, new Error("the store was closed before the write finished")),
      );
    }
  }

  /** Nobody overtakes those of his own tenant, nor one who waits for the room that all have given up. */
  #mayEnter(entry: Entry): boolean {
    if (this.#isFull || this.#door.has(entry.tenant)) return false;
    const lack = this.#room.enter(entry.tenant, entry.bytes);
    if (lack === "room") this.#isFull = true;
    return lack === undefined;
  }

  #admit(entry: Entry): void {
    entry.isIn = true;
    this.#queues.add(entry);
    try {
      const owned = entry.payloads?.own();
      if (owned === undefined) entry.isReady = true;
      else
        owned.then(
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
    this.#options.schedule(() => {
      this.#scheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#door.size > 0) this.#openDoor();
    while (this.#sent.size < this.#options.inFlight) {
      const batch = this.#take();
      if (batch.length === 0) break;
      this.#start(batch);
    }
    if (this.#isIdle()) for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Lets in whom there is room for. */
  #openDoor(): void {
    this.#isFull = false;
    const entered = this.#door.take((entry) => {
      const lack = this.#room.enter(entry.tenant, entry.bytes);
      if (lack === undefined) return "take";
      this.#isFull = lack === "room";
      return this.#isFull ? "stop" : "hold";
    });
    for (const entry of entered) this.#admit(entry);
  }

  #start(entries: readonly Entry[]): void {
    const started = monotonicMs();
    let weight = 0;
    for (const entry of entries) {
      entry.state = "sent";
      entry.release();
      weight += entry.weight;
      this.#waiting.commits--;
      this.#waiting.bytes -= entry.bytes;
    }
    this.#sent.add(entries);
    const finished = () => {
      for (const entry of entries) {
        if (entry.aside === undefined) this.#finish(entry);
        else this.#keepAside(entry, entry.aside);
      }
      this.#size.note(weight, monotonicMs() - started);
      this.#sent.delete(entries);
      this.#wake();
    };
    this.#sender.send(entries).then(finished, finished);
  }

  #finish(entry: Entry): void {
    // Whatever went wrong while a failure was handled, nobody is left waiting.
    settle(entry)?.reject(unknownOutcome(entry, new Error("the driver's answer could not be understood")));
    if (this.#options.inFlight > 1) this.#held.remove(entry.keys);
  }

  /** It takes no place of a batch, and goes on holding back whoever must come after it. */
  #keepAside(entry: Entry, aside: Promise<void>): void {
    this.#aside.add(entry);
    const done = () => {
      this.#aside.delete(entry);
      this.#finish(entry);
      this.#wake();
    };
    aside.then(done, done);
  }

  /** The next batch; empty when there is none that may start now. */
  #take(): readonly Entry[] {
    const passed = new HeldKeys();
    this.#size.meet(this.#queues.tenants(), monotonicMs());
    const filling = new BatchFilling(this.#share(), this.#size);
    let mayMeet = this.#sent.size > 0 || this.#aside.size > 0;
    const batch = this.#queues.take((entry): Choice => {
      const meets = mayMeet && (this.#held.conflictsWith(entry.keys) || passed.conflictsWith(entry.keys));
      if (!meets && entry.isReady) return filling.takes(entry) ? "take" : "stop";
      passed.add(entry.keys);
      mayMeet = true;
      return "pass";
    });
    if (this.#options.inFlight > 1) for (const entry of batch) this.#held.add(entry.keys);
    return batch;
  }

  /** How many commits a batch may take, so that there is as much for the others that may start now. */
  #share(): number {
    const free = this.#options.inFlight - this.#sent.size;
    return Math.max(Math.ceil(this.#queues.size / free), LEAST_SHARE);
  }

  readonly #onSettled = (entry: Entry, wasSent: boolean): void => {
    this.#pending--;
    if (entry.isIn) this.#room.leave(entry.tenant, entry.bytes);
    if (wasSent) return;
    this.#waiting.commits--;
    this.#waiting.bytes -= entry.bytes;
    this.#wake();
    // Behind a driver that hangs, callers that give up must not fill the memory with what they gave up.
    if (++this.#gone * 2 < this.#queues.size + this.#door.size) return;
    this.#queues.sweep();
    this.#door.sweep();
    this.#gone = 0;
  };

  #waitedForTurn({ time }: Entry): unknown {
    const { commits } = this.#waiting;
    const what = `its turn, with ${commits} commits waiting and ${this.#sent.size} batches under way`;
    return waitedTooLongError(time, "nothing was written", what);
  }

  #waitedForRoom({ time }: Entry): unknown {
    const { commits, bytes } = this.#room.held;
    const what = `room in the queue (maxQueuedCommits, maxQueuedBytes), which holds ${commits} commits of ${bytes} bytes`;
    return waitedTooLongError(time, "nothing was written", what);
  }

  /** For one that is over while its driver, or what makes its payloads its own, still has it. */
  #unanswered(entry: Entry): unknown {
    if (entry.state === "waiting") return this.#waitedForTurn(entry);
    entry.inDoubt = true;
    return noAnswerError(entry.time);
  }

  /** Each would only meet the same, one batch after another, and the last of them after a very long time. */
  #refuseWaiting(error: unknown): void {
    for (const entry of [...this.#queues.clear(), ...this.#door.clear()]) settle(entry)?.reject(error);
  }

  #isIdle(): boolean {
    return this.#pending === 0 && this.#sent.size === 0;
  }
}
