import type { Slot } from "../contract/driver.js";
import { isStateError } from "../contract/errors.js";
import type { Watch, WatchedSlot } from "../contract/store.js";
import { identityOf } from "../identity/identity.js";
import { onAbort } from "../timing/on-abort.js";
import type { WatchSettings } from "../validation/validate-watch.js";
import type { WatchSource } from "./watch-source.js";
import { WatchedPlace } from "./watched-place.js";

/** What a watch needs of those that share its store. */
export interface WatchHost {
  readonly source: WatchSource;
  /** From now on the host marks the places of the watch. */
  add(watch: RunningWatch): void;
  remove(watch: RunningWatch): void;
  /** The caller of a watch with `ref` begins, or ceases, to wait for a change. */
  waiting(by: 1 | -1): void;
  /** Calls `resume` of the watch after a pause: so many of its reads were UNAVAILABLE, one after another. */
  resumeLater(watch: RunningWatch, failures: number): void;
}

/** How many slots of one watch are read at once, and held until the caller takes them. */
const READ_AHEAD = 16;

const DONE = { done: true, value: undefined } as const;

/** A watch from its first `next` to its end. */
export class RunningWatch {
  readonly places: readonly WatchedPlace[];
  readonly settings: WatchSettings;
  readonly #host: WatchHost;
  readonly #marked = new Set<WatchedPlace>();
  /** Those that have a record for the caller, in order. A place whose record was dropped stays until its turn. */
  readonly #ready: WatchedPlace[] = [];
  #wake: (() => void) | undefined;
  #isReading = false;
  /** The last read was UNAVAILABLE. */
  #isPaused = false;
  /** How many reads were UNAVAILABLE, one after another. */
  #failures = 0;
  /** Why the watch will end, once the caller has got what was read before. */
  #failure: { readonly error: unknown } | undefined;
  #isEnded = false;
  #isStarted = false;
  #removeAbortListener: (() => void) | undefined;

  constructor(slots: readonly Slot[], settings: WatchSettings, host: WatchHost) {
    const onMarked = () => this.#isPaused || this.#wake?.();
    this.places = slots.map((slot, index) => new WatchedPlace(slot, index, this.#marked, onMarked));
    this.settings = settings;
    this.#host = host;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  async next(): Promise<IteratorResult<WatchedSlot, undefined>> {
    if (!this.#isStarted) this.#start();
    while (!this.#isEnded) {
      const place = this.#nextReady();
      if (place !== undefined) return { done: false, value: noticeOf(place) };
      if (this.#failure !== undefined) {
        this.end();
        throw this.#failure.error;
      }
      if (this.#marked.size > 0 && !this.#isPaused && !this.#isReading) void this.#readMarked();
      else await this.#change();
    }
    return DONE;
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    if (!this.#isStarted) return;
    this.#removeAbortListener?.();
    this.#host.remove(this);
    this.#marked.clear();
    this.#ready.length = 0;
    this.#wake?.();
  }

  resume(): void {
    this.#isPaused = false;
    this.#wake?.();
  }

  #start(): void {
    this.#isStarted = true;
    const { signal } = this.settings;
    if (signal?.aborted) this.#isEnded = true;
    if (this.#isEnded) return;
    if (signal !== undefined) this.#removeAbortListener = onAbort(signal, () => this.end());
    // Registered before the first read: what changes after the read is then noticed.
    for (const place of this.places) place.mark();
    this.#host.add(this);
  }

  #nextReady(): WatchedPlace | undefined {
    for (;;) {
      const place = this.#ready.shift();
      if (place === undefined || place.isReady) return place;
    }
  }

  /** Reads the places that were marked first. Never rejects; `next` goes on afterwards, unless the watch has ended before. */
  async #readMarked(): Promise<void> {
    this.#isReading = true;
    const places = [...this.#marked].slice(0, READ_AHEAD);
    for (const place of places) place.beginRead();
    const reads = await Promise.allSettled(places.map(({ slot }) => this.#host.source.read(slot)));
    this.#isReading = false;
    if (this.#isEnded) return;
    for (const [index, read] of reads.entries()) {
      const place = places[index] as WatchedPlace;
      if (read.status === "fulfilled") {
        this.#failures = 0;
        // Only the first goes to the caller as it is: otherwise a slot that always changes would never be yielded.
        if (place.endRead(read.value, this.#ready.length === 0)) this.#ready.push(place);
      } else if (isStateError(read.reason, "UNAVAILABLE")) this.#retryLater(place);
      else this.#failure ??= { error: read.reason };
    }
    this.#wake?.();
  }

  #retryLater(place: WatchedPlace): void {
    place.endFailedRead();
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#host.resumeLater(this, ++this.#failures);
  }

  /** Resolves when the watch is woken. */
  async #change(): Promise<void> {
    const { ref } = this.settings;
    if (ref) this.#host.waiting(1);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    if (ref) this.#host.waiting(-1);
  }
}

function noticeOf(place: WatchedPlace): WatchedSlot {
  const { slot, index } = place;
  return { place: index, identity: identityOf(slot), kind: slot.kind, record: place.take() };
}

/** Ends the watch of an iterator that the caller has dropped without ending it. */
const dropped = new FinalizationRegistry<RunningWatch>((running) => running.end());

/** What the caller holds. The store holds only the running watch. */
export class SlotWatch implements Watch {
  readonly #running: RunningWatch;
  #last: Promise<unknown> = Promise.resolve();

  constructor(running: RunningWatch) {
    this.#running = running;
    dropped.register(this, running);
  }

  async next(): Promise<IteratorResult<WatchedSlot, undefined>> {
    // Calls of `next` wait for each other, as those of a generator do.
    const result = this.#last.then(() => this.#running.next());
    this.#last = result.catch(() => undefined);
    const notice = await result;
    // Also keeps this object alive until now: while `next` waits, the caller may hold nothing but its promise.
    return this.#running.isEnded ? DONE : notice;
  }

  async return(): Promise<IteratorResult<WatchedSlot, undefined>> {
    this.#running.end();
    return DONE;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#running.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
