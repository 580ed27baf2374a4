import { Decimal } from "decimal.js";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMoney, readMoney } from "../../src/typed/ledger/money.js";

const RULE = /cost must be a decimal of 0 or more/;
/** Precise enough for any sum of these tests; the library knows nothing of how the ledger adds up. */
const Exact = Decimal.clone({ precision: 100, toExpNeg: -100, toExpPos: 100 });

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
        const exact = amounts.reduce((total, each) => total.plus(each), new Exact(0));
        expect(formatMoney(sum)).toBe(exact.toString());
      }),
      { numRuns: 1000 },
    );
  });

  test("a number is the decimal that it prints as", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e14, noNaN: true }), (number) => {
        const exact = new Exact(String(number));
        if (exact.decimalPlaces() > 12) expect(() => readMoney(number, "cost")).toThrow(RULE);
        else expect(formatMoney(readMoney(number, "cost"))).toBe(exact.toString());
      }),
      { numRuns: 1000 },
    );
  });

  test("floats, which this is instead of, fail the same comparison", () => {
    const amounts = ["0.1", "0.2", "0.0000000375"];
    const exact = amounts.reduce((total, each) => total.plus(each), new Exact(0));
    expect(String(amounts.reduce((total, each) => total + Number(each), 0))).not.toBe(exact.toString());
  });
});
