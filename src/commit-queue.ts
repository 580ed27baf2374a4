import { BatchSender, type BatchSenderOptions, type Writer } from "./batch-sender.js";
import { BatchSize } from "./batch-size.js";
import type { Commit, Outcome } from "./driver.js";
import { StateError } from "./errors.js";
import { Entry, type Payloads, refuse, settle, unknownOutcome } from "./queue-entry.js";
import { QueueRoom, type RoomLimits } from "./queue-room.js";
import { monotonicMs, setTimeout, type Timer } from "./real-timers.js";
import { HeldKeys } from "./slot-key.js";
import { type Choice, TenantLines } from "./tenant-lines.js";
import { whenAborted } from "./when-aborted.js";

export interface QueueOptions extends BatchSenderOptions {
  /** How many batches may be under way at once. */
  readonly inFlight: number;
  /** How much may wait and be under way; what comes then waits at the door. */
  readonly room: RoomLimits;
  /** How long a commit may wait before it is sent, in milliseconds. */
  readonly waitMs: number;
  /** Runs `pump` soon, after the callers that are about to ask for more have done so. */
  readonly schedule: (pump: () => void) => void;
}

/** What one batch may hold; a commit that is larger travels alone. */
const BATCH_WRITES = 256;
/** Each may remove a thousand records and more: whoever comes meanwhile shall not wait for many. */
const BATCH_ERASES = 4;
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
  readonly #lines = new TenantLines<Entry>();
  readonly #door = new TenantLines<Entry>();
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
  #timer: Timer | undefined;
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
      const deadline = monotonicMs() + this.#options.waitMs;
      const entry = new Entry(commit, deadline, { resolve, reject, onSettled: this.#onSettled }, payloads);
      this.#pending++;
      this.#waiting.commits++;
      this.#waiting.bytes += entry.bytes;
      if (signal !== undefined) {
        entry.release = whenAborted(signal, () => {
          if (entry.state === "waiting") settle(entry)?.reject(signal.reason);
        });
      }
      if (this.#mayEnter(entry)) this.#admit(entry);
      else {
        payloads?.seal();
        this.#door.add(entry);
      }
      this.#watch();
      this.#wake();
    });
  }

  /** Resolves when nothing waits and nothing is under way. */
  idle(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Rejects everything unfinished; what the driver still answers is ignored. */
  abandon(): void {
    for (const entry of [
      ...[...this.#sent].flat(),
      ...this.#aside,
      ...this.#lines.clear(),
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
    this.#lines.add(entry);
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
    let count = 0;
    let writes = 0;
    let bytes = 0;
    let weight = 0;
    let erases = 0;
    const most = this.#share();
    this.#size.meet(this.#lines.tenants(), monotonicMs());
    let mayMeet = this.#sent.size > 0 || this.#aside.size > 0;
    const batch = this.#lines.take((entry): Choice => {
      const meets = mayMeet && (this.#held.meets(entry.keys) || passed.meets(entry.keys));
      if (meets || !entry.isReady) {
        passed.add(entry.keys);
        mayMeet = true;
        return "pass";
      }
      writes += entry.commit.writes.length;
      bytes += entry.bytes;
      weight += entry.weight;
      for (const { op } of entry.commit.writes) if (op === "erase") erases++;
      const isFull =
        writes > BATCH_WRITES || erases > BATCH_ERASES || count === most || this.#size.isOver(bytes, weight);
      if (isFull && count > 0) return "stop";
      count++;
      return "take";
    });
    if (this.#options.inFlight > 1) for (const entry of batch) this.#held.add(entry.keys);
    return batch;
  }

  /** How many commits a batch may take, so that there is as much for the others that may start now. */
  #share(): number {
    const free = this.#options.inFlight - this.#sent.size;
    return Math.max(Math.ceil(this.#lines.size / free), LEAST_SHARE);
  }

  readonly #onSettled = (entry: Entry, wasSent: boolean): void => {
    this.#pending--;
    if (entry.isIn) this.#room.leave(entry.tenant, entry.bytes);
    if (wasSent) return;
    this.#waiting.commits--;
    this.#waiting.bytes -= entry.bytes;
    this.#wake();
    // Behind a driver that hangs, callers that give up must not fill the memory with what they gave up.
    if (++this.#gone * 2 < this.#lines.size + this.#door.size) return;
    this.#lines.sweep();
    this.#door.sweep();
    this.#gone = 0;
  };

  /** Sees to it that nobody waits longer than that. */
  #watch(): void {
    if (this.#timer !== undefined) return;
    let first = Number.POSITIVE_INFINITY;
    for (const lines of [this.#lines, this.#door])
      for (const { deadline } of lines.heads()) first = Math.min(first, deadline);
    if (first === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const now = monotonicMs();
        const isOver = ({ deadline }: Entry) => deadline <= now;
        for (const entry of [...this.#lines.shed(isOver), ...this.#door.shed(isOver)])
          refuse(entry, waitedTooLong());
        this.#watch();
      },
      Math.max(1, first - monotonicMs()),
    );
    this.#timer.unref();
  }

  /** Each would only meet the same, one batch after another, and the last of them after a very long time. */
  #refuseWaiting(error: unknown): void {
    for (const entry of [...this.#lines.clear(), ...this.#door.clear()]) settle(entry)?.reject(error);
  }

  #isIdle(): boolean {
    return this.#pending === 0 && this.#sent.size === 0;
  }
}

function waitedTooLong(): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", "nothing was written: too much waits to be written before it", {
    details: { reason: "busy" },
  });
}
