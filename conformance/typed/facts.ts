import assert from "node:assert/strict";
import { createFacts, type Namespace } from "../../src/facts/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf } from "./several.js";

const UPDATES_EACH = 4;

/** What facts promise, as far as it depends on the store. */
export const factCases: readonly ConformanceCase[] = [
  {
    id: "facts/updates-are-all-counted",
    rule: "Of several stores that update one fact at once none loses another's update.",
    needs: "durable",
    async run(context) {
      const { tenant, user } = context.identity();
      const wrappers = await severalOf(context, createFacts);
      const add = (count: unknown) => ((count as number | undefined) ?? 0) + 1;
      await Promise.all(
        wrappers.map(async (facts) => {
          for (let turn = 0; turn < UPDATES_EACH; turn++)
            await facts.update({ tenant, user }, ["counts"], "visits", add);
        }),
      );
      const total = await wrappers[0].get({ tenant, user }, ["counts"], "visits");
      assert.equal(total, wrappers.length * UPDATES_EACH, "updates");
    },
  },
  {
    id: "facts/listed-by-whole-parts",
    rule: "Facts of a namespace, and of those below it, are listed by whole parts of its path, whatever the parts hold.",
    async run({ store, identity }) {
      const { tenant, user } = identity();
      const facts = createFacts(store);
      const spaces: Namespace[] = [
        ["a"],
        ["a", "b"],
        ["a", "b", "c"],
        ["a", "bc"],
        ["a", "b/c"],
        ["a/b"],
        ["ab"],
      ];
      for (const namespace of spaces)
        await facts.put({ tenant, user }, namespace, "b/k", namespace.join("|"));
      const valuesOf = async (namespace: Namespace, nested: boolean) =>
        (await facts.list({ tenant, user }, namespace, { nested })).facts.map(({ value }) => value);
      assert.deepEqual(await valuesOf(["a"], false), ["a"], "facts of a");
      assert.deepEqual(await valuesOf(["a", "b"], false), ["a|b"], "facts of a, b");
      assert.deepEqual((await valuesOf(["a", "b"], true)).sort(), ["a|b", "a|b|c"], "facts below a, b");
      assert.deepEqual(await valuesOf(["a/b"], true), ["a/b"], "facts below a/b");
      const { namespaces } = await facts.namespaces({ tenant, user }, ["a", "b"]);
      assert.deepEqual(
        namespaces.map((parts) => parts.join("|")),
        ["a|b", "a|b|c"],
        "namespaces",
      );
    },
  },
];
