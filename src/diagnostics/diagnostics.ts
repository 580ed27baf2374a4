import { type Channel, channel } from "node:diagnostics_channel";
import { isStateError, type StateErrorCode } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import { monotonicMs } from "../timing/real-timers.js";

/**
 * The channels of `node:diagnostics_channel` on which a store tells what it did, to whoever subscribes: names and
 * sizes, never a payload, a key or an event id. Nothing is measured while nobody listens.
 * https://nodejs.org/api/diagnostics_channel.html
 */
export const DIAGNOSTICS = {
  /** An `OperationEvent` when a call of a store has ended. */
  operation: "groundstate:operation",
  /** A `BatchEvent` when a driver has answered what several calls may have asked together. */
  batch: "groundstate:batch",
  /** A `RetryEvent` when a layer is about to try something again. */
  retry: "groundstate:retry",
} as const;

/**
 * `ok`, or the code of the error it ended with. An error that is none of the floor's is, of an operation, the reason of
 * its signal (`aborted`), of a batch the driver's own (`failed`).
 */
export type Ending = "ok" | "aborted" | "failed" | StateErrorCode;

/** A call of a store that has ended. */
export interface OperationEvent {
  /** The method that was called. */
  readonly operation: Exclude<keyof StateStore, symbol | "limits" | "status">;
  /** The driver's name, where it has one. */
  readonly driver: string | undefined;
  /** How it ended. */
  readonly outcome: Ending;
  /** From the call to its end, waiting included. */
  readonly milliseconds: number;
  /** Of a write: how many changes it has. */
  readonly changes?: number;
  /** Of a write: it had happened before. */
  readonly duplicate?: boolean;
  /** Of a read: how many records it brought; of one that erases, how many it removed. */
  readonly records?: number;
  /** Of payloads, written or read. */
  readonly bytes?: number;
}

/** A batch of commits, or of slots to read, that the driver has answered. */
export interface BatchEvent {
  /** `apply` for commits, `read` for slots. */
  readonly operation: "apply" | "read";
  /** The driver's name, where it has one. */
  readonly driver: string | undefined;
  /** How the driver's call ended; its commits may have ended otherwise, each for itself. */
  readonly outcome: Ending;
  /** From the driver's call to its answer. */
  readonly milliseconds: number;
  /** How many commits, or slots to read, it has. */
  readonly size: number;
  /** Of payloads, written or read. */
  readonly bytes: number;
  /** How many commits or reads were left waiting for a later batch when it was sent. */
  readonly waiting: number;
  /** The payloads of those commits, in bytes. */
  readonly waitingBytes: number;
}

/** Something that failed and is about to be tried again. */
export interface RetryEvent {
  /** The driver's method. */
  readonly operation: "apply" | "read" | "readByEventId" | "scan" | "sweep";
  /** The driver's name, where it has one. */
  readonly driver: string | undefined;
  /** How many tries have failed. */
  readonly attempts: number;
  /** How long it waits before the next. */
  readonly pauseMs: number;
  /** The code of the error that the last try ended with. */
  readonly code: StateErrorCode;
  /** Of UNAVAILABLE. */
  readonly reason?: string;
}

/** What is known of a call before its end; filled in on the way. */
type Fields<E> = Writable<Omit<E, "outcome" | "milliseconds">>;
type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type OperationFields = Fields<OperationEvent>;
export type BatchFields = Fields<BatchEvent>;

const operations: Channel = channel(DIAGNOSTICS.operation);
const batches: Channel = channel(DIAGNOSTICS.batch);
const retries: Channel = channel(DIAGNOSTICS.retry);

/** Carries out a call and tells how it ended; `work` may fill in what it is given, and is given nothing when nobody listens. */
export function emitOperation<T>(
  operation: OperationEvent["operation"],
  driver: string | undefined,
  work: (fields?: OperationFields) => Promise<T>,
): Promise<T> {
  return operations.hasSubscribers
    ? emit<OperationFields, T>(operations, "aborted", { operation, driver }, work)
    : work();
}

/** As `emitOperation`; `describe` is asked only when somebody listens. */
export function emitBatch<T>(
  describe: () => BatchFields,
  work: (fields?: BatchFields) => Promise<T>,
): Promise<T> {
  return batches.hasSubscribers ? emit(batches, "failed", describe(), work) : work();
}

export function emitRetry(describe: () => RetryEvent): void {
  if (retries.hasSubscribers) retries.publish(describe());
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
