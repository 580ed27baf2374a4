import { type Channel, channel } from "node:diagnostics_channel";
import { isStateError, type StateErrorCode } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { monotonicMs } from "../timing/real-timers.js";

/**
 * The channels of `node:diagnostics_channel` on which a store publishes events: names and sizes, never a payload, a key or
 * an event id. Without a subscriber nothing is measured.
 * https://nodejs.org/api/diagnostics_channel.html
 */
export const DIAGNOSTICS = {
  /** An `OperationEvent` when a call of a store has ended. */
  operation: "groundstate:operation",
  /** A `BatchEvent` when a driver has answered a batch of calls. */
  batch: "groundstate:batch",
  /** A `RetryEvent` before a layer retries a call of the driver. */
  retry: "groundstate:retry",
  /** A `RedactionEvent` when a wrapper has taken secrets out of a text. */
  redaction: "groundstate:redaction",
} as const;

/**
 * `ok`, or the code of the StateError that it ended with. For any other error: `aborted` of an operation, whose signal has
 * aborted; `failed` of a batch, whose driver threw an error of its own.
 */
export type Ending = "ok" | "aborted" | "failed" | StateErrorCode;

/** A call of a store that has ended. */
export interface OperationEvent {
  /** The method that was called. */
  readonly operation: Exclude<keyof StateStore, symbol | "limits" | "status" | "watch">;
  /** The driver's name, where it has one. */
  readonly driver: string | undefined;
  /** How it ended. */
  readonly outcome: Ending;
  /** From the call to its end, including the wait in the queue. */
  readonly milliseconds: number;
  /** Of a write: how many changes it has. */
  readonly changes?: number;
  /** Of a write: it was a replay of an earlier one. */
  readonly duplicate?: boolean;
  /** Of a read: how many records it returned or counted. Of an erase: how many it removed. */
  readonly records?: number;
  /** Payload bytes written or read. */
  readonly bytes?: number;
}

/** A batch of commits, or of slots to read or to ask about, that the driver has answered. */
export interface BatchEvent {
  /** `apply` for commits, `read` for slots, `watch` for the event ids of watched slots. */
  readonly operation: "apply" | "read" | "watch";
  /** The driver's name, where it has one. */
  readonly driver: string | undefined;
  /** How the driver's call ended. Each commit of the batch has an outcome of its own beside that. */
  readonly outcome: Ending;
  /** From the driver's call to its answer. */
  readonly milliseconds: number;
  /** The number of commits, or of slots to read. */
  readonly size: number;
  /** Payload bytes written or read. */
  readonly bytes: number;
  /** How many commits or reads were left waiting for a later batch when it was sent. */
  readonly waiting: number;
  /** The payloads of those commits, in bytes. */
  readonly waitingBytes: number;
}

/** A call of the driver that failed and is about to be retried. */
export interface RetryEvent {
  /** The driver's method. */
  readonly operation: "apply" | "read" | "readByEventId" | "scan" | "count" | "scanSessions" | "sweep";
  /** The driver's name, where it has one. */
  readonly driver: string | undefined;
  /** How many attempts have failed. */
  readonly attempts: number;
  /** The pause before the next attempt, in milliseconds. */
  readonly pauseMs: number;
  /** The code of the last attempt's error. */
  readonly code: StateErrorCode;
  /** The reason, if the code is UNAVAILABLE. */
  readonly reason?: string;
}

/** Secrets of one kind that were taken out of one text, each time that the text is given. */
export interface RedactionEvent {
  /** The wrapper's name, such as `sessions` or `toolCalls`. */
  readonly wrapper: string | undefined;
  /** The kind of the redactor, such as `github-token`. */
  readonly kind: string;
  /** How many there were. */
  readonly count: number;
}

/** The fields of an event that are known before the end; the work fills them in. */
type Fields<E> = Writable<Omit<E, "outcome" | "milliseconds">>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type OperationFields = Fields<OperationEvent>;
export type BatchFields = Fields<BatchEvent>;

const operations: Channel = channel(DIAGNOSTICS.operation);
const batches: Channel = channel(DIAGNOSTICS.batch);
const retries: Channel = channel(DIAGNOSTICS.retry);
const redactions: Channel = channel(DIAGNOSTICS.redaction);

/** Whether the calls of stores have a subscriber. */
export function isObserved(): boolean {
  return operations.hasSubscribers;
}

/** Runs `work` and publishes how it ended. `work` may fill in the fields; without a subscriber it gets none. */
export function emitOperation<T>(
  operation: OperationEvent["operation"],
  driver: string | undefined,
  work: (fields?: OperationFields) => Promise<T>,
): Promise<T> {
  return operations.hasSubscribers
    ? emit<OperationFields, T>(operations, "aborted", { operation, driver }, work)
    : work();
}

/** The same for a batch; `describe` is called only if there is a subscriber. */
export function emitBatch<T>(
  describe: () => BatchFields,
  work: (fields?: BatchFields) => Promise<T>,
): Promise<T> {
  return batches.hasSubscribers ? emit(batches, "failed", describe(), work) : work();
}

export function emitRetry(describe: () => RetryEvent): void {
  if (retries.hasSubscribers) retries.publish(describe());
}

/** One event for each kind; `kinds` has that of each secret. */
export function emitRedactions(wrapper: string | undefined, kinds: readonly string[]): void {
  if (!redactions.hasSubscribers) return;
  const counts = new Map<string, number>();
  for (const kind of kinds) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  for (const [kind, count] of counts) redactions.publish({ wrapper, kind, count } satisfies RedactionEvent);
}

async function emit<E extends object, T>(
  to: Channel,
  foreign: Ending,
  fields: E,
  work: (fields: E) => Promise<T>,
): Promise<T> {
  const started = monotonicMs();
  let outcome: Ending = "ok";
  try {
    return await work(fields);
  } catch (error) {
    outcome = isStateError(error) ? error.code : foreign;
    throw error;
  } finally {
    to.publish({ ...fields, outcome, milliseconds: monotonicMs() - started });
  }
}
