import { invalid, StateError } from "../../contract/errors.js";
import type { CallOptions, SessionIdentity, StateStore } from "../../contract/store.js";
import { copySession, readStore } from "../../typed/cell.js";
import { InputReader } from "../../typed/input-reader.js";
import { type Entry, Journal, type NewEntry } from "../../typed/journal.js";
import type { AppendReceipt } from "../../typed/journal-append.js";
import type { Operation } from "../../typed/operation.js";
import { Unit } from "../../typed/together/unit.js";
import { readLimit, readNamed, readOptions, readSignal } from "../../validation/validate.js";
import { readCall } from "../input.js";
import { ErrorsInUnit } from "./in-unit.js";
import type {
  ErrorPage,
  ErrorReceipt,
  ErrorsOptions,
  ListErrorsOptions,
  NewRecordedError,
  RecordedError,
} from "./recorded-error.js";
import { ERROR_CODEC, readNewError, type StoredError } from "./stored-error.js";

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
const REF = /^E([1-9]\d{0,14})$/;

/**
 * Errors of tools: a model is shown a short reference and the message, and may look up the rest.
 *
 * The identity is that of a session; the session need not exist. Errors are numbered in the order in which they were recorded,
 * by whatever process. Every method rejects with the errors of the store.
 */
export class RecordedErrors {
  readonly #store: StateStore;
  readonly #journal: Journal<StoredError>;
  readonly #inputs: InputReader;

  /** @internal */
  constructor(store: StateStore, options: ErrorsOptions = {}) {
    readNamed(options, "options", ["redact"]);
    this.#store = readStore(store);
    this.#inputs = new InputReader(options, "errors");
    this.#journal = new Journal(this.#store, "error", { codec: ERROR_CODEC });
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ErrorsInUnit {
    return new ErrorsInUnit(Unit.check(unit, this.#store), (...given) => this.#recording(...given));
  }

  /**
   * Records an error. With an `id` it is recorded once: the same call again has the same reference, and another error under
   * the id is IDEMPOTENCY_CONFLICT.
   */
  async record(
    identity: SessionIdentity,
    error: NewRecordedError,
    options?: CallOptions,
  ): Promise<ErrorReceipt> {
    const owner = copySession(identity);
    return receiptOf(await this.#journal.append(owner, [entryOf(error, this.#inputs)], readCall(options)));
  }

  async #recording(identity: SessionIdentity, error: NewRecordedError): Promise<Operation<ErrorReceipt>> {
    const { turn, repeatable, apply, recall } = await this.#journal.operation(copySession(identity), [
      entryOf(error, this.#inputs),
    ]);
    return {
      turn,
      repeatable,
      apply: async (transaction) => receiptOf(await apply(transaction)),
      recall: async (transaction) => {
        const receipt = await recall?.(transaction);
        return receipt && receiptOf(receipt);
      },
    };
  }

  /** The error of a reference. NOT_FOUND, also for a text that is no reference: a model may have made it up. CORRUPT. */
  async get(identity: SessionIdentity, ref: string, options?: CallOptions): Promise<RecordedError> {
    const found = await this.find(identity, ref, options);
    if (found === undefined)
      throw new StateError("NOT_FOUND", "there is no error of this reference", { details: {} });
    return found;
  }

  /** The error of a reference, or `undefined`. CORRUPT. */
  async find(
    identity: SessionIdentity,
    ref: string,
    options?: CallOptions,
  ): Promise<RecordedError | undefined> {
    const owner = copySession(identity);
    if (typeof ref !== "string") throw invalid("ref", "a string");
    const { signal } = readCall(options);
    const number = numberOf(ref);
    if (number === undefined) return undefined;
    const [entry] = await this.#journal.read(owner, { from: number, limit: 1, signal });
    return entry?.number === number ? recordedOf(entry) : undefined;
  }

  /** The errors of a session, newest first. CORRUPT. */
  async list(identity: SessionIdentity, options?: ListErrorsOptions): Promise<ErrorPage> {
    const owner = copySession(identity);
    const given = readOptions(options, ["after", "limit", "signal"]) as ListErrorsOptions;
    const limit = given.limit === undefined ? DEFAULT_LIMIT : readLimit(given.limit, MAX_LIMIT);
    const signal = readSignal(given);
    const after = given.after === undefined ? undefined : numberOf(given.after);
    if (given.after !== undefined && after === undefined) throw invalid("after", "the `next` of a page");
    if (after === 1) return { errors: [] };
    const from = after === undefined ? {} : { from: after - 1 };
    const entries = await this.#journal.read(owner, { ...from, limit, reverse: true, signal });
    const last = entries.at(-1);
    const errors = entries.map(recordedOf);
    return last !== undefined && entries.length === limit && last.number > 1
      ? { errors, next: refOf(last.number) }
      : { errors };
  }

  /** Removes the oldest errors, all but the last `keep`. Numbers are not given again. Returns how many records it removed. */
  async trim(identity: SessionIdentity, keep: number, options?: CallOptions): Promise<number> {
    return this.#journal.trim(copySession(identity), keep, readCall(options));
  }
}

function entryOf(error: NewRecordedError, inputs: InputReader): NewEntry<StoredError> {
  const { error: value, id } = readNewError(error, inputs);
  return id === undefined ? { value } : { id, value };
}

function receiptOf({ numbers, duplicate }: AppendReceipt): ErrorReceipt {
  return { ref: refOf(numbers[0] as number), duplicate };
}

function refOf(number: number): string {
  return `E${number}`;
}

function numberOf(ref: string): number | undefined {
  const [, digits] = REF.exec(ref) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function recordedOf({ number, value, at }: Entry<StoredError>): RecordedError {
  return { ref: refOf(number), ...value, at };
}
