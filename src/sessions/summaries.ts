import type { CallOptions, EventId, SaveReceipt, SessionIdentity, StateStore } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { Collection, type Item, type ItemsOptions } from "../typed/collection.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import { digestOf, readScopedId, scopedEventId, unscopedId } from "../typed/names.js";
import { type Operation, perform } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { readBoolean, readInteger, readNamed, readSignal } from "../validation/validate.js";
import type { History } from "./history.js";
import { headCell } from "./session-head.js";
import type { SessionRecords } from "./session-records.js";
import { SUMMARIES, summaryCell, summaryId } from "./summary-place.js";

/** A summary of the events of a session up to a number. */
export interface Summary {
  /** The number of the last event it covers. */
  readonly upTo: number;
  /** The summary, in JSON. */
  readonly value: JsonValue;
  /** When it was saved. */
  readonly at: Date;
}

/** A summary to save. */
export interface NewSummary extends Pick<Summary, "upTo"> {
  /** The summary: any JSON. */
  readonly value: JsonInput;
  /** Makes the save idempotent. 1 to 105 UTF-8 bytes. */
  readonly eventId?: EventId;
}

/** The options of `saveSummary`. */
export interface SaveSummaryOptions extends CallOptions {
  /** Removes the events that the summary covers, in the same commit: no reader sees one without the other. */
  readonly trim?: boolean;
}

/** The summaries of sessions, in the order of the numbers up to which they cover events. */
export class Summaries {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #history: History<unknown, never>;
  readonly #saved: Collection<JsonValue>;
  readonly #inputs: InputReader;

  constructor(
    store: StateStore,
    records: SessionRecords,
    history: History<unknown, never>,
    inputs: InputReader,
  ) {
    this.#inputs = inputs;
    this.#store = store;
    this.#records = records;
    this.#history = history;
    this.#saved = new Collection(store, SUMMARIES);
  }

  async save(
    owner: SessionIdentity,
    summary: NewSummary,
    options: SaveSummaryOptions = {},
  ): Promise<SaveReceipt> {
    const { signal: _, ...how } = {
      ...readNamed(options, "options", ["signal", "trim"]),
    } as SaveSummaryOptions;
    const signal = readSignal(options);
    const { result, duplicate } = await perform(this.#store, this.operation(owner, summary, how, signal), {
      signal,
    });
    return { ...result, duplicate };
  }

  /** What `save` does. The records of trimmed events that a commit has no room for are removed after it. */
  operation(
    owner: SessionIdentity,
    summary: NewSummary,
    options: Omit<SaveSummaryOptions, "signal"> = {},
    signal?: AbortSignal,
  ): Operation<SaveReceipt> {
    readNamed(options, "options", ["trim"]);
    const trim = "trim" in options ? readBoolean(options.trim, "trim") : false;
    readNamed(summary, "summary", ["upTo", "value", "eventId"]);
    const value = this.#inputs.json(summary.value, "value");
    const upTo = readInteger(summary.upTo, "upTo", 1, Number.MAX_SAFE_INTEGER);
    const repeatable = "eventId" in summary;
    const purpose = digestOf(SUMMARIES, owner.user, owner.session);
    const ownId = repeatable ? scopedEventId(purpose, readScopedId(summary.eventId, "eventId")) : undefined;
    const cell = summaryCell(owner, upTo);
    const save = async (transaction: Transaction, isKnown: boolean) => {
      await this.#records.get(transaction, owner);
      await this.#history.requireAppended(transaction, owner, upTo);
      const eventId = isKnown ? (ownId as EventId) : await transaction.write(cell, value, ownId);
      const isDone = trim ? await this.#history.trimIn(transaction, owner, { upTo }) : true;
      if (!isDone) transaction.afterCommit(() => this.#history.sweep(owner, signal));
      return { eventId: unscopedId(purpose, eventId), duplicate: isKnown };
    };
    return {
      turn: headCell(owner),
      repeatable,
      apply: (transaction) => save(transaction, false),
      async recall(transaction) {
        const isKnown = ownId !== undefined && (await transaction.isKnown(cell, value, ownId));
        return isKnown ? save(transaction, true) : undefined;
      },
    };
  }

  async latest(owner: SessionIdentity, options?: CallOptions): Promise<Summary | undefined> {
    return (await this.#list(owner, { limit: 1, reverse: true }, options))[0];
  }

  async all(owner: SessionIdentity, options?: CallOptions): Promise<Summary[]> {
    return this.#list(owner, {}, options);
  }

  async #list(owner: SessionIdentity, range: ItemsOptions, options: CallOptions = {}): Promise<Summary[]> {
    const signal = readSignal(readNamed(options, "options", ["signal"]));
    const items = await this.#saved.list(owner, { ...range, signal });
    await this.#records.requireExisting(owner, { signal });
    return items.map((item) => this.#summaryOf(owner, item));
  }

  #summaryOf(owner: SessionIdentity, { id, value, updatedAt }: Item<JsonValue>): Summary {
    const upTo = Number(id);
    if (summaryId(upTo) !== id) throw corruptRecord(this.#saved.at(owner, id), "a summary of no number");
    return { upTo, value, at: updatedAt };
  }
}
