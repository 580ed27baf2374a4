import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { copyJson } from "../../src/typed/index.js";
import { isSoak } from "../soak.js";

const copy = (value: unknown) => copyJson(value, "value");
const invalidRecord = expect.objectContaining({
  code: "INVALID_RECORD",
  details: expect.objectContaining({ field: "value" }),
});

class Money {
  readonly cents = 5;
}

function argumentsOf(..._: unknown[]): unknown {
  // biome-ignore lint/complexity/noArguments: that is the point.
  return arguments;
}

const cycle: unknown[] = [];
cycle.push({ cycle });

describe("values that JSON would change are refused", () => {
  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["NaN", Number.NaN],
    ["an infinity", [Number.NEGATIVE_INFINITY]],
    ["a bigint", 1n],
    ["a function", { f() {} }],
    ["a symbol", Symbol("s")],
    ["a name that is a symbol", { [Symbol("s")]: 1 }],
    ["a lone surrogate", "\ud800"],
    ["a lone surrogate in a name", { "\udc00": 1 }],
    ["undefined in an array", [undefined]],
    // biome-ignore lint/suspicious/noSparseArray: that is the point.
    ["a hole in an array", [1, , 3]],
    ["a hole at the end of an array", new Array(1)],
    ["an array with names", Object.assign([1], { name: 1 })],
    ["what a regular expression found", /a/.exec("a")],
    ["an array of a class", new (class extends Array {})()],
    ["an array without a prototype", Object.setPrototypeOf([], null)],
    ["a cycle", cycle],
    ["an object of a class", new Money()],
    ["an object of a class that extends null", Object.create(Object.create(null))],
    ["an object that inherits", Object.create({ inherited: 1 })],
    ["a Map", new Map([[1, 2]])],
    ["a Set", new Set([1])],
    ["a Date", new Date(0)],
    ["a RegExp", /a/],
    ["an Error", new Error("e")],
    ["a Promise", Promise.resolve(1)],
    ["bytes", new Uint8Array(1)],
    ["a boxed number", Object(1)],
    ["a boxed string", Object("s")],
    ["the arguments of a function", argumentsOf(1)],
    ["Math", Math],
    ["an object literal with a toJSON", { toJSON: () => 1 }],
    ["a Date of another realm", runInNewContext("new Date(0)")],
    ["a Map of another realm", runInNewContext("new Map()")],
    ["an object of another realm's class", runInNewContext("new (class A {})()")],
  ])("%s", (_, value) => {
    expect(() => copy(value)).toThrow(invalidRecord);
    expect(() => copy({ deep: [value] })).toThrow(invalidRecord);
  });

  test("without showing what it was", () => {
    expect(() => copy({ "ann@acme": "hunter2\ud800" })).toThrow(/^(?!.*(hunter2|ann)).*$/s);
  });

  test.each<[string, unknown, string]>([
    ["a Date", { a: [0, { b: new Date() }] }, "value.a[1].b is a Date, and no plain object"],
    ["undefined", undefined, "value is undefined: leave it out, or give it null"],
    ["undefined in an array", { a: [[1, { c: 1 }], undefined] }, "value.a[1] is undefined: leave it out"],
    ["NaN", [{ a: 1 }, Number.NaN], "value[1] is NaN"],
    ["a bigint after much else", { a: { b: { c: 1 } }, d: 1n }, "value.d is a bigint"],
    ["a class of the caller's", { m: new Money() }, "value.m is a Money"],
    ["an array with names", { a: Object.assign([[1]], { name: 1 }) }, "value.a is an array with names"],
    ["a name that is a symbol", [{ a: 1 }, { [Symbol("s")]: 1 }], "value[1] has a name that is a symbol"],
    ["a cycle", { a: cycle }, "value.a[0].cycle is one of the objects that it lies in"],
    ["a name that is none of a program's", { "a b": { c: 1n } }, "value[a name].c is a bigint"],
  ])("and says where it was: %s", (_, value, says) => {
    expect(() => copy(value)).toThrow(expect.objectContaining({ message: expect.stringContaining(says) }));
  });

  test("of a long way, its ends", () => {
    let value: unknown = 1n;
    for (let level = 0; level < 400; level++) value = { [`l${level}`]: value };
    expect(() => copy(value)).toThrow(/value\.l399\.l398.*\.\.\.\.l5\.l4\.l3\.l2\.l1\.l0 is a bigint$/);
  });
});

test("properties that are undefined are left out", () => {
  expect(Object.keys(copy({ a: undefined, b: null }) as object)).toEqual(["b"]);
});

test("-0 becomes 0", () => {
  expect(Object.is(copy(-0), 0)).toBe(true);
});

test("objects of another realm are accepted", () => {
  expect(copy(runInNewContext("({ a: [1, { b: null }], __proto__: null })"))).toEqual({
    a: [1, { b: null }],
  });
  expect(copy(runInNewContext("[[], {}]"))).toEqual([[], {}]);
});

test("__proto__ is a name like any other, and changes no prototype", () => {
  const copied = copy(JSON.parse('{"__proto__":{"admin":true},"constructor":1}')) as Record<string, unknown>;
  expect(JSON.stringify(copied)).toBe('{"__proto__":{"admin":true},"constructor":1}');
  expect(copied.admin).toBeUndefined();
  expect(Object.getPrototypeOf(copied)).toBe(Object.prototype);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});

test("a getter is read once, so what was checked is what is copied", () => {
  let reads = 0;
  const changing = {
    get value() {
      return reads++ === 0 ? "first" : Number.NaN;
    },
  };
  expect(copy(changing)).toEqual({ value: "first" });
  expect(reads).toBe(1);
});

test("an element is read once", () => {
  let reads = 0;
  const array = Object.defineProperty([0], 0, { enumerable: true, get: () => reads++ });
  expect(copy(array)).toEqual([0]);
  expect(reads).toBe(1);
});

test("500 levels are copied, 501 refused, and 100,000 do not overflow the stack", () => {
  const nested = (levels: number) => {
    let value: unknown[] = [];
    for (let level = 1; level < levels; level++) value = [value];
    return value;
  };
  expect(JSON.stringify(copy(nested(500)))).toBe("[".repeat(500) + "]".repeat(500));
  expect(() => copy(nested(501))).toThrow(invalidRecord);
  expect(() => copy(nested(100_000))).toThrow(invalidRecord);
});

test("the same object twice is no cycle", () => {
  const shared = { n: 1 };
  expect(copy([shared, { shared }])).toEqual([{ n: 1 }, { shared: { n: 1 } }]);
});

test("the copy shares nothing with the value", () => {
  const value = { list: [{ n: 1 }] };
  const copied = copy(value);
  value.list[0]!.n = 2;
  value.list.push({ n: 3 });
  expect(copied).toEqual({ list: [{ n: 1 }] });
});

test("a string of 32 MiB is copied", () => {
  const huge = "é".repeat(16 * 1024 * 1024);
  expect(copy({ huge })).toEqual({ huge });
});

describe("with toJSON", () => {
  const called = (value: unknown) => copyJson(value, "value", "called");

  test("an object stands for what the method returns, read once", () => {
    let reads = 0;
    const part = {
      get toJSON() {
        return reads++ === 0 ? () => ["as", new Date(0)] : "gone";
      },
    };
    expect(called({ part })).toEqual({ part: ["as", "1970-01-01T00:00:00.000Z"] });
    expect(reads).toBe(1);
  });

  test("what it returns is checked like the rest", () => {
    expect(() => called({ toJSON: () => new Map() })).toThrow(invalidRecord);
    expect(() => called({ toJSON: () => undefined })).toThrow(invalidRecord);
    const endless = { toJSON: (): unknown => endless };
    expect(() => called(endless)).toThrow(invalidRecord);
    expect(() => called(new Map())).toThrow(invalidRecord);
  });
});

test("accepted values survive JSON", () => {
  const anything = fc.anything({
    withBigInt: true,
    withDate: true,
    withMap: true,
    withSet: true,
    withNullPrototype: true,
    withSparseArray: true,
    withTypedArray: true,
    withBoxedValues: true,
    withObjectString: true,
    withUnicodeString: true,
  } as fc.ObjectConstraints);
  let accepted = 0;
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), anything), (value) => {
      let copied: unknown;
      try {
        copied = copy(value);
      } catch (error) {
        expect(error).toEqual(invalidRecord);
        return;
      }
      accepted++;
      // toEqual tells 0 from -0, and takes a property that is undefined for none.
      expect(JSON.parse(JSON.stringify(copied))).toStrictEqual(copied);
      expect(copied).toEqual(withoutMinusZero(value));
    }),
    { numRuns: isSoak ? 2000 : 500 },
  );
  expect(accepted).toBeGreaterThan(isSoak ? 500 : 125);
});

function withoutMinusZero(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(withoutMinusZero);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withoutMinusZero(part)]));
}

test("a value with too many bytes is refused before the rest of it is read", () => {
  let read = 0;
  const rows = Array.from({ length: 1000 }, (_, id) => ({
    get id() {
      read++;
      return id;
    },
  }));
  expect(() => copyJson(rows, "value", "refused", 400)).toThrow(/value must be smaller: at most 400 bytes/);
  expect(read).toBeLessThan(100);
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const bytes = Buffer.byteLength(JSON.stringify(value));
      expect(() => copyJson(value, "value", "refused", bytes)).not.toThrow();
    }),
  );
});
