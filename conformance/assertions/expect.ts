import assert from "node:assert/strict";
import {
  isStateError,
  type NewRecord,
  type StateError,
  type StateErrorCode,
  type StateRecord,
} from "../../src/index.js";
import { bytesDifference } from "./first-difference.js";

/** The call must reject with a StateError of this code. */
export async function refused<C extends StateErrorCode>(
  code: C,
  what: string,
  call: () => Promise<unknown>,
): Promise<StateError<C>> {
  const error = await rejection(what, `StateError ${code}`, call);
  if (isStateError(error, code)) return error;
  throw broken(`${what}: expected StateError ${code}, got ${describe(error)}`, error);
}

/** The call must reject, with whatever; `expected` says in words with what. */
export async function rejection(
  what: string,
  expected: string,
  call: () => Promise<unknown>,
): Promise<unknown> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    throw broken(
      `${what}: expected a promise that rejects with ${expected}, but it threw ${describe(error)}`,
      error,
    );
  }
  const [outcome] = await Promise.allSettled([promise]);
  if (outcome.status === "rejected") return outcome.reason;
  throw broken(`${what}: expected ${expected}, but it resolved with ${describe(outcome.value)}`);
}

/** The call must throw a StateError of this code where it is made. */
export function thrown(code: StateErrorCode, what: string, call: () => unknown): void {
  try {
    call();
  } catch (error) {
    if (isStateError(error, code)) return;
    throw broken(`${what}: expected StateError ${code}, got ${describe(error)}`, error);
  }
  throw broken(`${what}: expected it to throw StateError ${code}`);
}

/** None of these calls may have been rejected with anything but a StateError of one of these codes. */
export function assertRejectedOnlyWith(
  codes: readonly StateErrorCode[],
  outcomes: readonly PromiseSettledResult<unknown>[],
  what: string,
): void {
  for (const outcome of outcomes) {
    if (outcome.status === "fulfilled") continue;
    if (isStateError(outcome.reason) && codes.includes(outcome.reason.code)) continue;
    throw broken(`${what}: one was rejected with ${describe(outcome.reason)}`, outcome.reason);
  }
}

/** A rule that was broken; if by an error, that is its cause, for its own cause is what a driver author looks for. */
export function broken(message: string, cause?: unknown): assert.AssertionError {
  const error = new assert.AssertionError({ message });
  return cause === undefined ? error : Object.assign(error, { cause });
}

/** The record must be what was saved, in every field but `updatedAt` (compared only where it was given). */
export function assertRecord(actual: StateRecord | undefined, saved: NewRecord, what: string): void {
  assert.ok(actual, `${what}: expected a record, found none`);
  assert.equal(actual.eventId, saved.eventId, `${what}: another event is current`);
  const { run, ...session } = saved.identity;
  assert.deepEqual({ ...actual.identity }, run ? { ...session, run } : session, `${what}: identity`);
  assert.equal(actual.kind, saved.kind, `${what}: kind`);
  assert.equal(actual.version, saved.version ?? 0, `${what}: version`);
  assertBytes(actual.bytes, saved.bytes, what);
  assert.ok(actual.updatedAt instanceof Date, `${what}: updatedAt must be a Date`);
  if (saved.updatedAt)
    assert.equal(actual.updatedAt.getTime(), saved.updatedAt.getTime(), `${what}: updatedAt`);
}

export function assertBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert.ok(actual instanceof Uint8Array, `${what}: bytes must be a Uint8Array, got ${describe(actual)}`);
  if (Buffer.compare(actual, expected) !== 0) throw broken(`${what}: ${bytesDifference(actual, expected)}`);
}

export function assertDuplicate(receipt: { readonly duplicate: boolean }, what: string): void {
  assert.equal(
    receipt.duplicate,
    true,
    `${what}: expected duplicate: true, but it was taken for a new write`,
  );
}

export function assertWritten(receipt: { readonly duplicate: boolean }, what: string): void {
  assert.equal(receipt.duplicate, false, `${what}: expected a new write, but it was taken for a duplicate`);
}

/** The order of names and kinds. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function describe(value: unknown): string {
  if (isStateError(value)) return `StateError ${value.code} (${value.message})`;
  if (value instanceof Error) return `${value.name} (${value.message})`;
  return typeof value === "object" && value !== null
    ? (value.constructor?.name ?? "an object")
    : String(value);
}
