import type { CallOptions, SaveReceipt, SessionIdentity, StateStore } from "../contract/store.js";
import { performCombined } from "../typed/combined/perform-combined.js";
import type { InputReader } from "../typed/input-reader.js";
import type { NewEntry } from "../typed/journal.js";
import { type Operation, perform } from "../typed/operation.js";
import { readNamed, readSignal } from "../validation/validate.js";
import type { History } from "./history.js";
import type { LargeEvents } from "./large-events.js";
import { orClear } from "./or-clear.js";
import { type RedactOptions, type Replacement, Replacing } from "./replacing.js";
import { type RewriteOptions, type RewriteReceipt, Rewriting } from "./rewriting.js";
import type { SessionEvent } from "./session-event.js";
import type { SessionRecords } from "./session-records.js";
import { type TakeBackOptions, TakingBack, type Truncated, type TruncateRange } from "./taking-back.js";

/** Edits of the events of sessions, each in a commit of its own. */
export class HistoryEdits<E, Input> {
  readonly replacing: Replacing<E, Input>;
  readonly takingBack: TakingBack<E, Input>;
  readonly #store: StateStore;
  readonly #history: History<E, Input>;
  readonly #rewriting: Rewriting<E, Input>;

  constructor(
    store: StateStore,
    records: SessionRecords,
    history: History<E, Input>,
    large: LargeEvents,
    inputs: InputReader,
  ) {
    this.#store = store;
    this.#history = history;
    this.replacing = new Replacing(store, records, history.journal, large, inputs);
    this.takingBack = new TakingBack(store, records, history.journal, large);
    this.#rewriting = new Rewriting(store, records, history.journal, large);
  }

  async replace(
    owner: SessionIdentity,
    replacement: Replacement<Input>,
    options: CallOptions = {},
  ): Promise<SaveReceipt> {
    const signal = readSignal(readNamed(options, "options", ["signal"]));
    const replacing = await this.replacing.replace(owner, replacement, signal);
    return orClear(replacing, () => performCombined(this.#store, replacing, signal));
  }

  async redact(owner: SessionIdentity, number: number, options: RedactOptions): Promise<void> {
    const { signal: _, ...why } = {
      ...readNamed(options, "options", ["by", "reason", "signal"]),
    } as RedactOptions;
    return this.#perform(this.replacing.redact(owner, number, why), readSignal(options));
  }

  /** One commit per 1,000 numbers. If the session goes on meanwhile, what is left stays. */
  async truncate(
    owner: SessionIdentity,
    range: TruncateRange,
    options: TakeBackOptions = {},
  ): Promise<Truncated> {
    const { signal: _, ...how } = {
      ...readNamed(options, "options", ["expect", "signal"]),
    } as TakeBackOptions;
    const signal = readSignal(options);
    for (let expected = how; ; ) {
      const { last, isDone } = await this.#perform(
        this.takingBack.truncatePiece(owner, range, expected),
        signal,
      );
      if (isDone) return { last };
      expected = { expect: last };
    }
  }

  async pop(
    owner: SessionIdentity,
    count: number,
    options: TakeBackOptions = {},
  ): Promise<SessionEvent<E>[]> {
    const { signal: _, ...how } = {
      ...readNamed(options, "options", ["expect", "signal"]),
    } as TakeBackOptions;
    return this.#perform(this.takingBack.pop(owner, count, how), readSignal(options));
  }

  async rewrite(
    owner: SessionIdentity,
    events: readonly NewEntry<Input>[],
    options: RewriteOptions = {},
  ): Promise<RewriteReceipt> {
    const { signal: _, ...how } = {
      ...readNamed(options, "options", ["expect", "signal"]),
    } as RewriteOptions;
    const signal = readSignal(options);
    const rewriting = await this.rewriting(owner, events, how, signal);
    return orClear(rewriting, () => this.#perform(rewriting, signal));
  }

  /** What `rewrite` does. The records of old events that a commit has no room for are removed after it. */
  rewriting(
    owner: SessionIdentity,
    events: readonly NewEntry<Input>[],
    options?: Omit<RewriteOptions, "signal">,
    signal?: AbortSignal,
  ): Promise<Operation<RewriteReceipt>> {
    const sweep = () => this.#history.sweep(owner, signal);
    return this.#rewriting.rewrite(owner, events, { options, sweep, signal });
  }

  async #perform<R>(operation: Operation<R>, signal: AbortSignal | undefined): Promise<R> {
    return (await perform(this.#store, operation, { signal })).result;
  }
}
