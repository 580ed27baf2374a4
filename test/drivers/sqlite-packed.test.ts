import Database from "better-sqlite3";
import fc from "fast-check";
import { expect, test } from "vitest";
import { packCommits, unpackCommits } from "../../drivers/sqlite/thread/packed-commits.js";
import { packError, unpackError } from "../../drivers/sqlite/thread/packed-error.js";
import type { Commit, Slot, StoredRecord, Write } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";

const text = fc.string({ unit: "binary", maxLength: 5 }).map((value) => value.replaceAll("\0", ""));
const expectation = fc.option(fc.option(text, { nil: null }), { nil: undefined });
const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

const commit: fc.Arbitrary<Commit> = text.chain((tenant) => {
  const slot: fc.Arbitrary<Slot> = fc.record({
    tenant: fc.constant(tenant),
    user: text,
    session: text,
    run: text,
    kind: text,
  });
  const record: fc.Arbitrary<StoredRecord> = slot.chain((own) =>
    fc
      .record({
        eventId: text,
        fingerprint: text,
        version: number,
        updatedAt: fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }),
        bytes: fc.uint8Array({ maxLength: 9 }),
      })
      .map((content) => ({ ...own, ...content })),
  );
  const conditional = (write: Write, expect: string | null | undefined): Write =>
    expect === undefined ? write : ({ ...write, expect } as Write);
  const write: fc.Arbitrary<Write> = fc.oneof(
    fc.tuple(record, expectation).map(([saved, on]) => conditional({ op: "save", record: saved }, on)),
    fc.tuple(slot, expectation).map(([own, on]) => conditional({ op: "delete", slot: own }, on)),
    fc.tuple(slot, fc.option(text)).map(([own, on]): Write => ({ op: "check", slot: own, expect: on })),
  );
  return fc.record({ tenant: fc.constant(tenant), writes: fc.array(write, { maxLength: 4 }) });
});

test("commits are unpacked in another thread exactly as they were packed", () => {
  fc.assert(
    fc.property(fc.array(commit, { maxLength: 4 }), (commits) => {
      const sent = structuredClone(packCommits(commits));
      expect(unpackCommits(sent)).toEqual(commits);
    }),
    { numRuns: 500 },
  );
});

function sent(error: unknown): Error {
  return unpackError(structuredClone(packError(error)), Database.SqliteError);
}

test("a StateError stays one, with its code, details, cause and stack", () => {
  const cause = new Database.SqliteError("disk I/O error", "SQLITE_IOERR");
  const error = new StateError("UNAVAILABLE", "m", { details: { reason: "setup" }, cause, retryable: false });
  const arrived = sent(error) as StateError;
  expect(arrived).toBeInstanceOf(StateError);
  expect(arrived).toMatchObject({ code: "UNAVAILABLE", message: "m", details: { reason: "setup" } });
  expect(arrived.retryable).toBe(false);
  expect(arrived.stack).toBe(error.stack);
  expect(arrived.cause).toBeInstanceOf(Database.SqliteError);
  expect(arrived.cause).toMatchObject({
    message: "disk I/O error",
    code: "SQLITE_IOERR",
    name: "SqliteError",
  });
});

test("other errors keep their class, code and causes", () => {
  const system = Object.assign(new Error("ENOENT"), {
    code: "ENOENT",
    errno: -2,
    path: "p",
    circle: () => 1,
  });
  const arrived = sent(new TypeError("t", { cause: system }));
  expect(arrived).toBeInstanceOf(TypeError);
  expect(arrived.cause).toBeInstanceOf(Error);
  // What cannot be sent, such as a function, stays behind.
  expect({ ...(arrived.cause as object) }).toEqual({ code: "ENOENT", errno: -2, path: "p" });
  class Own extends RangeError {
    override name = "Own";
  }
  expect(sent(new Own("o"))).toMatchObject({ name: "Own", message: "o" });
});

test("what is thrown but is no error becomes one", () => {
  for (const thrown of ["text", undefined, { a: 1 }]) {
    expect(sent(thrown)).toBeInstanceOf(Error);
    expect(sent(thrown).message).toBe(String(thrown));
  }
});
