import fc from "fast-check";
import { expect, test } from "vitest";
import { compareText, kindRange } from "../../src/rules/order.js";

const letters = (bounds: { minLength: number; maxLength: number }) =>
  fc.array(fc.constantFrom("a", "b", "\u{10ffff}"), bounds).map((each) => each.join(""));
const kind = letters({ minLength: 1, maxLength: 3 });
const prefix = letters({ minLength: 0, maxLength: 2 });
const slot = kind.map((name) => ({ tenant: "t", user: "u", session: "s", run: "r", kind: name }));
const query = fc.record({ prefix, from: slot, after: slot, before: slot }, { requiredKeys: ["prefix"] });

test("the kinds of a scan are those of its range, whatever bounds it has", () => {
  fc.assert(
    fc.property(query, kind, (asked, name) => {
      const { from, until } = kindRange(asked);
      const isInRange = compareText(name, from) >= 0 && (until === undefined || compareText(name, until) < 0);
      const isAsked =
        name.startsWith(asked.prefix) &&
        (asked.from === undefined || compareText(name, asked.from.kind) >= 0) &&
        (asked.after === undefined || compareText(name, asked.after.kind) > 0) &&
        (asked.before === undefined || compareText(name, asked.before.kind) < 0);
      expect(isInRange).toBe(isAsked);
    }),
    { numRuns: 1000 },
  );
});
