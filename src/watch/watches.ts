import type { ChangeListener, Commit, Slot } from "../contract/driver.js";
import type { Watch } from "../contract/store.js";
import { mayConcernOneSlot } from "../queue/read-queue.js";
import { jitteredPause } from "../timing/backoff.js";
import { monotonicMs, queueMicrotask } from "../timing/real-timers.js";
import type { WatchSettings } from "../validation/validate-watch.js";
import { PlaceIndex } from "./place-index.js";
import { RunningWatch, SlotWatch, type WatchHost } from "./slot-watch.js";
import { WakeTimer } from "./wake-timer.js";
import type { WatchSource } from "./watch-source.js";
import type { WatchedPlace } from "./watched-place.js";

/** How many slots one call of the driver asks about. */
const MAX_ASKED = 500;

/** The pauses after questions and reads that failed. */
const PAUSE = { baseMs: 100, mostMs: 5000, random: () => 0.5 + Math.random() / 2 };

const NEVER = Number.POSITIVE_INFINITY;

/**
 * The watches of one store. They share one question: which events are current in the watched slots. A place whose answer
 * differs from what its caller knows is marked, and its watch reads the record. An answer may be old, and a mark may be in
 * vain; so no order of questions, reads and changes loses the last state.
 */
export class Watches implements WatchHost {
  readonly source: WatchSource;
  readonly #index: PlaceIndex;
  readonly #running = new Set<RunningWatch>();
  readonly #paused = new Set<RunningWatch>();
  readonly #timer = new WakeTimer(() => this.#tick());
  /** The places that the feed has named: asked about without waiting for the next poll. */
  readonly #due = new Set<WatchedPlace>();
  #unsubscribe: (() => void) | undefined;
  /** How often the store asks while the feed is live. */
  #livePollMs: number | undefined;
  #pollAt = NEVER;
  #resumeAt = NEVER;
  #isAsking = false;
  /** The driver's change counter before the last whole question. */
  #counter: string | number | undefined;
  /** How many questions have failed, one after another. */
  #failures = 0;
  /** How many callers wait for a change. */
  #waiting = 0;
  #isClosed = false;

  constructor(source: WatchSource) {
    this.source = source;
    this.#index = new PlaceIndex(source.changes);
  }

  open(slots: readonly Slot[], settings: WatchSettings): Watch {
    return new SlotWatch(new RunningWatch(slots, settings, this));
  }

  /** A commit of this store has been answered, whatever the outcome: an unknown one may have written. */
  committed(commit: Commit): void {
    if (this.#running.size === 0) return;
    for (const place of this.#index.writtenBy(commit)) place.mark();
  }

  /** Ends every watch. */
  async finished(): Promise<void> {
    this.#isClosed = true;
    for (const watch of this.#running) watch.end();
  }

  add(watch: RunningWatch): void {
    if (this.#isClosed) {
      watch.end();
      return;
    }
    this.#running.add(watch);
    for (const place of watch.places) this.#index.add(place);
    if (this.#running.size === 1) this.#subscribe();
    this.#pollBy(monotonicMs() + this.#intervalOf(watch.settings.pollMs));
  }

  remove(watch: RunningWatch): void {
    if (!this.#running.delete(watch)) return;
    for (const place of watch.places) {
      this.#index.remove(place);
      this.#due.delete(place);
    }
    this.#paused.delete(watch);
    if (this.#running.size > 0) return;
    this.#pollAt = NEVER;
    this.#resumeAt = NEVER;
    this.#setTimer();
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#livePollMs = undefined;
  }

  waiting(by: 1 | -1): void {
    this.#waiting += by;
    this.#timer.keepAlive(this.#waiting > 0);
  }

  resumeLater(watch: RunningWatch, failures: number): void {
    this.#paused.add(watch);
    this.#resumeAt = Math.min(this.#resumeAt, monotonicMs() + jitteredPause(failures, PAUSE));
    this.#setTimer();
  }

  #subscribe(): void {
    let isSubscribed = true;
    const listener: ChangeListener = {
      changed: (groups) => {
        if (isSubscribed) this.#changed(groups);
      },
      live: (pollMs) => {
        if (isSubscribed) this.#setLive(pollMs);
      },
      lost: () => {
        if (isSubscribed) this.#setLive(undefined);
      },
    };
    const end = this.source.changes?.subscribe(listener);
    this.#unsubscribe = () => {
      isSubscribed = false;
      end?.();
    };
  }

  #changed(groups: readonly string[] | undefined): void {
    for (const place of this.#index.inGroups(groups)) if (!place.isMarked) this.#due.add(place);
    if (this.#due.size > 0) this.#askSoon();
  }

  /** Asks at once: changes may have been missed until now. */
  #setLive(pollMs: number | undefined): void {
    this.#livePollMs = pollMs;
    this.#pollBy(monotonicMs());
  }

  #intervalOf(pollMs: number): number {
    return Math.max(pollMs, this.#livePollMs ?? 0);
  }

  #interval(): number {
    let least = NEVER;
    for (const { settings } of this.#running) least = Math.min(least, settings.pollMs);
    return this.#intervalOf(least);
  }

  #pollBy(time: number): void {
    this.#pollAt = Math.min(this.#pollAt, time);
    this.#tick();
  }

  #setTimer(): void {
    this.#timer.set(Math.min(this.#resumeAt, this.#isAsking ? NEVER : this.#pollAt));
  }

  #tick(): void {
    if (this.#resumeAt <= monotonicMs()) {
      this.#resumeAt = NEVER;
      const paused = [...this.#paused];
      this.#paused.clear();
      for (const watch of paused) watch.resume();
    }
    if (this.#isPollDue) this.#askSoon();
    this.#setTimer();
  }

  get #isPollDue(): boolean {
    return this.#pollAt <= monotonicMs();
  }

  /** Asks one question after another until none is due. In a microtask, so that changes told together share a question. */
  #askSoon(): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    queueMicrotask(() => void this.#askWhileDue());
  }

  async #askWhileDue(): Promise<void> {
    while (this.#running.size > 0 && (this.#isPollDue || this.#due.size > 0)) {
      try {
        if (this.#isPollDue) await this.#poll();
        else await this.#ask(this.#takeDue());
        this.#failures = 0;
      } catch {
        // Tried again, about all slots: whatever was due is among them.
        this.#due.clear();
        this.#counter = undefined;
        this.#failures++;
        const pause = Math.max(jitteredPause(this.#failures, PAUSE), this.#leastPause());
        this.#pollAt = monotonicMs() + pause;
      }
    }
    this.#isAsking = false;
    this.#setTimer();
  }

  /** While questions fail, they are not asked more often than when they succeed. */
  #leastPause(): number {
    return Math.min(this.#interval(), PAUSE.mostMs);
  }

  #takeDue(): readonly WatchedPlace[] {
    const due = [...this.#due];
    this.#due.clear();
    return due;
  }

  async #poll(): Promise<void> {
    // Read before the question: a change after this moment makes it differ at the next poll.
    const counter = await this.source.changeCounter?.();
    if (counter === undefined || counter !== this.#counter) {
      await this.#ask(this.#index.inGroups(undefined));
      this.#counter = counter;
    }
    this.#pollAt = this.#running.size === 0 ? NEVER : monotonicMs() + this.#interval();
  }

  /** Asks about the slots of these places, except where the answer is known to be needed no more: a marked place is read. */
  async #ask(places: Iterable<WatchedPlace>): Promise<void> {
    const bySlot = new Map<string, WatchedPlace>();
    for (const place of places) if (!place.isMarked) bySlot.set(place.key, place);
    for (const asked of this.#questions([...bySlot.values()])) {
      if (this.#running.size === 0) return;
      await this.#askAbout(asked);
    }
  }

  /** The places of each call of the driver. */
  *#questions(places: readonly WatchedPlace[]): Generator<readonly WatchedPlace[]> {
    const byTenant = new Map<string, WatchedPlace[]>();
    for (const place of places) {
      const tenant = this.source.oneTenant ? place.slot.tenant : "";
      const others = byTenant.get(tenant);
      if (others === undefined) byTenant.set(tenant, [place]);
      else others.push(place);
    }
    for (const all of byTenant.values())
      for (let start = 0; start < all.length; start += MAX_ASKED) yield all.slice(start, start + MAX_ASKED);
  }

  async #askAbout(places: readonly WatchedPlace[]): Promise<void> {
    try {
      const found = await this.source.readEventIds(places.map(({ slot }) => slot));
      for (const [index, place] of places.entries())
        for (const each of this.#index.sharing(place)) each.found(found[index] ?? null);
    } catch (error) {
      // One of the slots may be damaged: each watch reads its own, and finds out whether it is that.
      if (mayConcernOneSlot(error))
        for (const place of places) for (const each of this.#index.sharing(place)) each.mark();
      throw error;
    }
  }
}
