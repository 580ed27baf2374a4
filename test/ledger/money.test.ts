import { Decimal } from "decimal.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMoney, moneyFrom, readMoney } from "../../src/ledger/money.js";
import { priceOf } from "../../src/ledger/price.js";

const RULE = /cost must be a decimal of 0 or more/;
/** A reference that is precise enough for any sum of these tests and independent of the ledger's arithmetic. */
const ExactDecimal = Decimal.clone({ precision: 100, toExpNeg: -100, toExpPos: 100 });

const amount = fc
  .tuple(
    fc.bigInt({ min: 0n, max: 10n ** 15n - 1n }),
    fc.nat({ max: 12 }),
    fc.bigInt({ min: 0n, max: 10n ** 12n - 1n }),
  )
  .map(([whole, places, fraction]) =>
    places === 0 ? `${whole}` : `${whole}.${`${fraction}`.padStart(places, "0").slice(0, places)}`,
  );

describe("money", () => {
  test.each([
    ["0", "0"],
    ["1", "1"],
    ["0.0000000375", "0.0000000375"],
    ["00012.50", "12.5"],
    ["999999999999999.999999999999", "999999999999999.999999999999"],
    [0.1, "0.1"],
    [1.3e-8, "0.000000013"],
    [3.75e-8, "0.0000000375"],
    [1e-12, "0.000000000001"],
    [2e14, "200000000000000"],
    [-0, "0"],
  ])("%s is %s", (given, decimal) => {
    expect(formatMoney(readMoney(given, "cost"))).toBe(decimal);
  });

  test.each([
    ["a negative", "-1"],
    ["a negative number", -0.01],
    ["a sign", "+1"],
    ["nothing", ""],
    ["words", "free"],
    ["a space", " 1"],
    ["a comma", "1,5"],
    ["no digits behind the point", "1."],
    ["no digits before it", ".5"],
    ["an exponent in text", "1e3"],
    ["hexadecimal", "0x10"],
    ["a digit too many behind the point", "0.0000000000001"],
    ["a digit too many before it", "1000000000000000"],
    ["a float that is no short decimal", 0.1 + 0.2],
    ["a number too small", 1e-13],
    ["a number too large", 1e15],
    ["a number far too large", Number.MAX_VALUE],
    ["NaN", Number.NaN],
    ["infinity", Number.POSITIVE_INFINITY],
    ["a bigint", 1n],
    ["null", null],
    ["an object that says it is a number", Object(1)],
    ["a thousand digits", "1".repeat(1000)],
  ])("refuses %s, naming the field and not the value", (_, given) => {
    expect(() => readMoney(given, "cost")).toThrow(RULE);
  });

  test("adds up as arbitrary precision does, from text to text", () => {
    fc.assert(
      fc.property(fc.array(amount, { minLength: 1, maxLength: 50 }), (amounts) => {
        const sum = amounts.reduce((total, each) => total + readMoney(each, "cost"), 0n);
        const exact = amounts.reduce((total, each) => total.plus(each), new ExactDecimal(0));
        expect(formatMoney(sum)).toBe(exact.toString());
      }),
      { numRuns: 1000 },
    );
  });

  test("a number is the decimal that it prints as", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (number) => {
        const exact = new ExactDecimal(String(number));
        if (exact.decimalPlaces() > 12) expect(() => readMoney(number, "cost")).toThrow(RULE);
        else expect(formatMoney(readMoney(number, "cost"))).toBe(exact.toString());
      }),
      { numRuns: 1000 },
    );
  });

  test("floats, which this is instead of, fail the same comparison", () => {
    const amounts = ["0.1", "0.2", "0.0000000375"];
    const exact = amounts.reduce((total, each) => total.plus(each), new ExactDecimal(0));
    expect(String(amounts.reduce((total, each) => total + Number(each), 0))).not.toBe(exact.toString());
  });
});

describe("a float", () => {
  test.each([0.1 + 0.2, 1200 * 0.15e-6 + 300 * 0.6e-6, 1.8500000000000002e-5])(
    "%s is called one, and the exact way is named",
    (value) => {
      expect(() => readMoney(value, "cost")).toThrow(/not a float that was calculated: priceOf\(/);
    },
  );

  test("is not blamed for text, or for a missing value", () => {
    expect(() => readMoney("0.30000000000000004", "cost")).not.toThrow(/float/);
    expect(() => readMoney(undefined, "cost")).toThrow(/not undefined/);
  });
});

describe("priceOf", () => {
  test("multiplies and adds without a float", () => {
    const price = fc.tuple(fc.nat({ max: 1000 }), fc.nat({ max: 999_999 }));
    const kinds = fc.array(fc.tuple(fc.nat({ max: 10 ** 9 }), price), { maxLength: 5 });
    fc.assert(
      fc.property(kinds, (given) => {
        const decimals = given.map(([, [whole, rest]]) => `${whole}.${String(rest).padStart(6, "0")}`);
        const names = given.map((_, index) => `kind${index}`);
        const tokens = Object.fromEntries(names.map((name, index) => [name, given[index]?.[0]]));
        const perMillion = Object.fromEntries(names.map((name, index) => [name, decimals[index] as string]));
        const exact = given.reduce(
          (sum, [count], index) => sum.plus(new ExactDecimal(decimals[index] as string).times(count)),
          new ExactDecimal(0),
        );
        expect(priceOf({ tokens, perMillion })).toBe(exact.dividedBy(1e6).toString());
      }),
    );
  });

  test.each<[string, Parameters<typeof priceOf>[0], string]>([
    ["one kind", { tokens: 1200, perMillion: "0.15" }, "0.00018"],
    ["a price that is a number", { tokens: 1200, perMillion: 0.15 }, "0.00018"],
    ["a count that is undefined", { tokens: { a: 3, b: undefined }, perMillion: { a: 1 } }, "0.000003"],
    ["nothing", { tokens: {}, perMillion: {} }, "0"],
  ])("%s", (_, input, price) => {
    expect(priceOf(input)).toBe(price);
  });

  test.each<[string, string, unknown]>([
    ["a kind without a price", "perMillion.b", { tokens: { a: 1, b: 2 }, perMillion: { a: "1" } }],
    ["a price of the prototype", "perMillion.toString", { tokens: { toString: 1 }, perMillion: {} }],
    ["half a token", "tokens", { tokens: 0.5, perMillion: "1" }],
    ["a price that leaves what is exact", "perMillion", { tokens: 1, perMillion: "0.0000001" }],
    ["a price that was calculated", "perMillion", { tokens: 1, perMillion: 0.1 + 0.2 }],
    ["more than money holds", "price", { tokens: Number.MAX_SAFE_INTEGER, perMillion: "999999999" }],
    ["another name", "price", { tokens: 1, perMillion: "1", per: 1 }],
  ])("refuses %s", (_, field, input) => {
    expect(() => priceOf(input as never)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
    );
  });
});

test.each<[number, string]>([
  [0.1 + 0.2, "0.3"],
  [1.8500000000000002e-5, "0.0000185"],
  [17_231 * 0.15e-6, "0.00258465"],
  [1e-13, "0"],
  [0, "0"],
  [999_999_999_999_999, "999999999999999"],
])("moneyFrom(%d) is the nearest decimal", (float, money) => {
  expect(moneyFrom(float)).toBe(money);
  expect(readMoney(moneyFrom(float), "cost")).toBe(readMoney(money, "cost"));
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, -0.1, 1e15, "0.1" as never])(
  "moneyFrom(%d) is refused",
  (float) => {
    expect(() => moneyFrom(float)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
  },
);
