import { invalid } from "../contract/errors.js";
import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, EventId, Expect, SaveReceipt, StateStore } from "../contract/store.js";
import { newEventId } from "../process/event-id.js";
import { readNamed, readSignal } from "../validation/validate.js";
import { type Cell, decodeStored, type Stored } from "./cell.js";
import type { Codec } from "./codec.js";
import { commitWithRetries } from "./commit-with-retries.js";
import { type TransactOptions, transact } from "./transact.js";

/** How the values of a shape are stored. */
export interface ShapeOptions<T, Input> extends RedactOption {
  /** Default `json()`, which checks that the value survives JSON and nothing else. */
  readonly codec?: Codec<T, Input>;
}

/** How a value is written. */
export interface PutOptions extends CallOptions {
  /** Makes the write idempotent: with the same value it happens once, with another it is IDEMPOTENCY_CONFLICT. */
  readonly eventId?: EventId;
  /** Absent: unconditional. An event id: only if it is the current one. `null`: only if there is nothing. */
  readonly expect?: Expect;
}

/** How often an update is tried (`attempts`), and what cancels it (`signal`). */
export interface UpdateOptions extends CallOptions, Pick<TransactOptions, "attempts"> {}

/**
 * Returns the new value for the current one. It is called again when another writer was faster. Other writers of the
 * same value in this process wait while it runs, so do slow work before the update.
 */
export type Updater<T, Input> = (current: T | undefined) => Input | Promise<Input>;

export async function findCell<T>(
  store: StateStore,
  cell: Cell<T, never>,
  options?: CallOptions,
): Promise<Stored<T> | undefined> {
  return decodeStored(cell.codec, await store.find(cell.identity, cell.kind, options));
}

/** CONDITION_FAILED, IDEMPOTENCY_CONFLICT. */
export async function putCell<T, Input>(
  store: StateStore,
  { identity, kind, codec }: Cell<T, Input>,
  value: Input,
  options: PutOptions = {},
): Promise<SaveReceipt> {
  readNamed(options, "options", ["signal", "eventId", "expect"]);
  const signal = readSignal(options);
  const repeatable = "eventId" in options;
  const { eventId = repeatable ? undefined : newEventId() } = options;
  const condition = "expect" in options ? { expect: options.expect as Expect } : {};
  const bytes = await codec.encode(value);
  const record = { eventId: eventId as EventId, identity, kind, bytes, version: codec.version };
  const { duplicate } = await commitWithRetries(store, [{ op: "save", record, ...condition }], {
    signal,
    repeatable,
  });
  return { eventId: record.eventId, duplicate };
}

/** Returns the new value, as a read returns it. */
export async function updateCell<T, Input>(
  store: StateStore,
  cell: Cell<T, Input>,
  update: Updater<T, Input>,
  options: UpdateOptions = {},
): Promise<T> {
  readNamed(options, "options", ["signal", "attempts"]);
  if (typeof update !== "function") throw invalid("update", "a function");
  return transact(
    store,
    async (transaction) => {
      await transaction.set(cell, await update(await transaction.get(cell)));
      return (await transaction.get(cell)) as T;
    },
    { ...options, turn: cell },
  );
}
