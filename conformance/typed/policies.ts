import assert from "node:assert/strict";
import { createPolicies } from "../../src/policies/index.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf } from "./several.js";

const PUTS_EACH = 4;

/** What policies promise, as far as it depends on the store. */
export const policyCases: readonly ConformanceCase[] = [
  {
    id: "policies/versions-follow-on",
    rule: "Versions of one policy that several stores put at once are numbered without gap or double, and none is lost.",
    needs: "durable",
    async run(context) {
      const where = { tenant: context.tenant() };
      const wrappers = await severalOf(context, createPolicies);
      await Promise.all(
        wrappers.map(async (policies, writer) => {
          for (let turn = 0; turn < PUTS_EACH; turn++)
            await policies.put(where, { name: "careful", tools: [`tool-${writer}-${turn}`] });
        }),
      );
      const [first] = wrappers;
      const { policies: versions } = await first.versions(where, "careful");
      const total = wrappers.length * PUTS_EACH;
      assert.deepEqual(
        versions.map(({ version }) => version),
        Array.from({ length: total }, (_, index) => total - index),
        "versions",
      );
      assert.equal(new Set(versions.flatMap(({ tools }) => tools)).size, total, "what they say");
    },
  },
  {
    id: "policies/missing-forbids",
    rule: "A call is judged by the tenant's own policy: one that is deleted, or only another tenant's, forbids.",
    async run({ store, identity }) {
      const policies = createPolicies(store);
      const [owner, stranger] = [identity(), identity()];
      const call = { policy: "open", tool: "search" };
      await policies.put(owner, { name: "open", tools: "any" });
      const verdict = async (who: typeof owner) => (await policies.judge(who, call)).verdict;
      assert.equal(await verdict(owner), "allow", "under the tenant's own policy");
      assert.equal(await verdict(stranger), "forbid", "under another tenant's policy");
      await policies.delete(owner, "open");
      assert.equal(await verdict(owner), "forbid", "under a policy that was deleted");
    },
  },
];
