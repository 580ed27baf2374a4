import fc from "fast-check";
import { expect, test } from "vitest";
import { fingerprint, fingerprintSteps } from "../../src/rules/fingerprint.js";

const RECORD = {
  eventId: "01JD",
  tenant: "acme",
  user: "ann",
  session: "s1",
  run: "",
  kind: "note/ä\u{1F600}",
  version: 7,
  bytes: Buffer.from([0, 1, 255]),
};

/** Stored records contain fingerprints, so this value must never change. */
test("has not changed", () => {
  expect(fingerprint(RECORD)).toBe("z5X0sbi_yxl5TWtiTDx_bVKm6hEHMdGFxga2oLDufI0");
  const other = { ...RECORD, version: Number.MAX_SAFE_INTEGER, bytes: Buffer.alloc(0) };
  expect(fingerprint(other)).toBe("xztXAXKFnFtj-AHTuOorgAhI96jnWCSlQI85KjcluoU");
});

test("does not depend on when the record was updated, nor on the kind of its bytes", () => {
  const again = { ...RECORD, updatedAt: 9, bytes: new Uint8Array([0, 1, 255]) };
  expect(fingerprint(again)).toEqual(fingerprint(RECORD));
});

test("moving a character between neighbouring fields changes it", () => {
  const seen = new Set<string>();
  const variants = [
    { tenant: "ab", user: "c" },
    { tenant: "a", user: "bc" },
    { tenant: "abc", user: "" },
    { session: "s1x", run: "" },
    { session: "s1", run: "x" },
    { session: "s", run: "1x" },
    { run: "s1", session: "" },
    { kind: "a", version: 0, bytes: Buffer.from([0, 1]) },
    { kind: "a", version: 0, bytes: Buffer.from("0\0") },
    { kind: "a0", version: 0, bytes: Buffer.from("0") },
    { kind: "a", version: 256, bytes: Buffer.from([1]) },
    { kind: "a", version: 1, bytes: Buffer.alloc(0) },
    { kind: "a", version: 0, bytes: Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]) },
    { eventId: "", tenant: "01JDacme" },
  ];
  for (const variant of variants) seen.add(fingerprint({ ...RECORD, ...variant }));
  expect(seen.size).toBe(variants.length);
});

test("differs wherever two records do", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "0", "\u0001", "ä", "\u{1F600}"), maxLength: 3 });
  const record = fc.record({
    eventId: text,
    tenant: text,
    user: text,
    session: text,
    run: text,
    kind: text,
    version: fc.nat(3),
    bytes: fc.uint8Array({ maxLength: 3 }),
  });
  fc.assert(
    fc.property(
      record,
      record,
      fc.subarray(["eventId", "tenant", "user", "session", "run", "kind", "version", "bytes"] as const),
      (a, other, same) => {
        const b = { ...other, ...Object.fromEntries(same.map((field) => [field, a[field]])) };
        const isSame = JSON.stringify(a) === JSON.stringify(b);
        expect(fingerprint(a) === fingerprint(b)).toBe(isSame);
      },
    ),
    { numRuns: 3000 },
  );
});

test("accepts texts at their limits", () => {
  const long = { tenant: "\u{1F600}".repeat(63), kind: "ä".repeat(256), eventId: "\uFFFF".repeat(42) };
  expect(fingerprint({ ...RECORD, ...long })).toHaveLength(43);
});

test.each([
  [256 * 1024, 0],
  [256 * 1024 + 1, 1],
  [3 * 256 * 1024 + 7, 3],
])("of %i bytes in steps is the same, with %i pauses, and depends on the last byte", (length, pauses) => {
  const record = { ...RECORD, bytes: new Uint8Array(length).map((_, index) => index % 251) };
  const expected = fingerprint(record);
  expect(inSteps(record)).toEqual({ value: expected, pauses });
  record.bytes[length - 1] = 255;
  expect(inSteps(record).value).not.toBe(expected);
});

function inSteps(record: Parameters<typeof fingerprintSteps>[0]) {
  const steps = fingerprintSteps(record);
  let pauses = 0;
  let step = steps.next();
  for (; step.done !== true; step = steps.next()) pauses++;
  return { value: step.value, pauses };
}
