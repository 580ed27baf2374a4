import assert from "node:assert/strict";
import { newEventId } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { assertDuplicate, assertRejectedOnlyWith, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalOf } from "./several.js";

const CALL = { provider: "acme-ai", model: "large", promptTokens: 10, completionTokens: 1, cost: "0.1" };
const CALLS_EACH = 12;

/** What the ledger promises, as far as it depends on the store. */
export const ledgerCases: readonly ConformanceCase[] = [
  {
    id: "ledger/sums-are-exact",
    rule: "The totals of calls that several stores record at once are the sums of all of them, of the session and of the tenant.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createLedger);
      await Promise.all(
        wrappers.map(async (ledger) => {
          for (let turn = 0; turn < CALLS_EACH; turn++) await ledger.record(owner, CALL);
        }),
      );
      const total = wrappers.length * CALLS_EACH;
      const [ledger] = wrappers;
      assert.equal((await ledger.entries(owner)).length, total, "entries");
      for (const scope of [owner, { tenant: owner.tenant }]) {
        const { calls, promptTokens, cost } = await ledger.totals(scope);
        assert.deepEqual([calls, promptTokens, Number(cost)], [total, total * 10, total / 10], "totals");
      }
    },
  },
  {
    id: "ledger/record-once",
    rule: "A call that is recorded again with its event id is a duplicate and counts once; other content is IDEMPOTENCY_CONFLICT.",
    async run({ store, identity }) {
      const owner = identity();
      const ledger = createLedger(store);
      const call = { ...CALL, eventId: newEventId() };
      await ledger.record(owner, call);
      await ledger.record(owner, CALL);
      assertDuplicate(await ledger.record(owner, call), "the call recorded again");
      await refused("IDEMPOTENCY_CONFLICT", "another call of this id", () =>
        ledger.record(owner, { ...call, promptTokens: 11 }),
      );
      assert.equal((await ledger.totals(owner)).calls, 2, "calls in the totals");
    },
  },
  {
    id: "ledger/budget-holds",
    rule: "Several stores that reserve from one budget at once get no more than its limit.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createLedger);
      const [first] = wrappers;
      const { tenant } = owner;
      await first.setBudget({ tenant }, { tokens: 100 });
      const outcomes = await Promise.allSettled(
        [...wrappers, ...wrappers, ...wrappers].map((ledger) => ledger.reserve(owner, { tokens: 30 })),
      );
      assertRejectedOnlyWith(["BUDGET_EXCEEDED"], outcomes, "a reservation");
      const granted = outcomes.filter(({ status }) => status === "fulfilled").length;
      assert.equal(granted, 3, "reservations of 30 from a budget of 100");
      assert.equal((await first.budget({ tenant }))?.reserved.tokens, 90, "tokens reserved");
    },
  },
  {
    id: "ledger/periods-count-once",
    rule: "Calls that several stores record at once count once each in a monthly budget, and one of them reports the share that they reach.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createLedger);
      const [first] = wrappers;
      const of = { tenant: owner.tenant, model: CALL.model };
      await first.setBudget(of, { calls: 100, every: "month", warnAt: [0.1] });
      const receipts = await Promise.all(
        wrappers.flatMap((ledger) =>
          Array.from({ length: CALLS_EACH }, async () => {
            await ledger.record(owner, { ...CALL, model: "small" });
            return ledger.record(owner, CALL);
          }),
        ),
      );
      const total = wrappers.length * CALLS_EACH;
      assert.equal((await first.budget(of))?.spent.calls, total, "calls in the budget");
      assert.equal(receipts.flatMap(({ warnings }) => warnings).length, 1, "reports of the share");
    },
  },
  {
    id: "ledger/summaries-add-up",
    rule: "A summary by one thing, from sums, and one by two, from entries, count each call of a period once.",
    async run({ store, identity }) {
      const owner = identity();
      const ledger = createLedger(store);
      const midnight = Date.UTC(2026, 0, 2);
      for (let call = 0; call < CALLS_EACH; call++) {
        const at = new Date(midnight + (call - 3) * 7_200_000);
        await ledger.record(owner, { ...CALL, model: `m${call % 2}`, at });
      }
      const { tenant, user } = owner;
      const period = { since: new Date(midnight - 7_200_000), until: new Date(midnight + 86_400_000) };
      for (const by of ["model", ["model", "user"], ["hour"]] as const) {
        const whole = await ledger.summarize({ tenant }, { by });
        assert.equal(whole.total.calls, CALLS_EACH, `calls by ${by}`);
        const { groups, total } = await ledger.summarize({ tenant, user }, { by, ...period });
        assert.equal(total.calls, CALLS_EACH - 2, `calls of the period by ${by}`);
        assert.equal(
          groups.reduce((sum, { calls }) => sum + calls, 0),
          total.calls,
          `groups by ${by}`,
        );
      }
    },
  },
  {
    id: "ledger/exported-in-order",
    rule: "An export has each entry of a tenant once, in the order of time, and goes on behind any of them.",
    async run({ store, identity }) {
      const owner = identity();
      const ledger = createLedger(store);
      for (let call = 0; call < CALLS_EACH; call++) {
        const at = new Date(Date.UTC(2026, 0, 1, (call * 5) % CALLS_EACH));
        await ledger.record({ ...owner, session: `s${call % 2}` }, { ...CALL, at });
      }
      const times = async (options: { readonly after?: string }) => {
        let text = "";
        for await (const piece of ledger.export({ tenant: owner.tenant }, { format: "jsonl", ...options }))
          text += piece.text;
        const lines = text.split("\n").filter((line) => line !== "");
        return lines.map((line) => JSON.parse(line) as { readonly id: string; readonly at: string });
      };
      const whole = await times({});
      const hours = Array.from({ length: CALLS_EACH }, (_, hour) =>
        new Date(Date.UTC(2026, 0, 1, hour)).toISOString(),
      );
      assert.deepEqual(
        whole.map(({ at }) => at),
        hours,
        "times of the entries",
      );
      for (const [index, { id }] of whole.entries())
        assert.deepEqual(await times({ after: id }), whole.slice(index + 1), "entries behind one");
    },
  },
  {
    id: "ledger/corrections-add-up",
    rule: "Corrections of one call that several stores make at once all count, each once.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const wrappers = await severalOf(context, createLedger);
      const [first] = wrappers;
      const { entry } = await first.record(owner, { ...CALL, cost: "100" });
      const corrections = wrappers.map(async (ledger, index) => {
        for (let part = 0; part < 5; part++) {
          const eventId = `part-${index}-${part}`;
          const refund = { reason: "a part", by: { cost: "-0.5" }, eventId };
          await ledger.adjust(owner, entry.id, refund);
          assertDuplicate(await ledger.adjust(owner, entry.id, refund), "the correction made again");
        }
      });
      await Promise.all(corrections);
      const { cost, calls } = await first.totals(owner);
      assert.deepEqual([Number(cost), calls], [100 - wrappers.length * 2.5, 1], "totals");
      const [call] = await first.entries(owner);
      assert.equal(call?.corrected?.cost, cost, "the corrected cost of the call");
    },
  },
];
