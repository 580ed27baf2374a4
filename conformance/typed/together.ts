import assert from "node:assert/strict";
import type { SessionIdentity, StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together } from "../../src/typed/index.js";
import { assertDuplicate } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { severalStores } from "./several.js";

const UNITS_EACH = 8;

/** What a unit of several wrappers promises, as far as it depends on the store. */
export const togetherCases: readonly ConformanceCase[] = [
  {
    id: "together/all-of-a-unit",
    rule: "Every call of a unit takes effect, and of units that several stores make at once none undoes another's.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const stores = await severalStores(context);
      await createSessions(context.store).create(owner);
      await Promise.all(
        stores.map(async (store, index) => {
          for (let turn = 0; turn < UNITS_EACH; turn++) await step(store, owner, `${index}-${turn}`);
        }),
      );
      const units = stores.length * UNITS_EACH;
      const entries = await createSessions(context.store).read(owner);
      assert.deepEqual(
        entries.map(({ number }) => number),
        Array.from({ length: units }, (_, index) => index + 1),
        "numbers of events",
      );
      const { calls } = await createLedger(context.store).totals(owner);
      assert.equal(calls, units, "calls in the totals");
    },
  },
  {
    id: "together/once",
    rule: "A unit that another store makes again with the same ids answers as before and writes nothing.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [here, there] = await severalStores(context);
      await createSessions(here).create(owner);
      const first = await step(here, owner, "step");
      await step(here, owner, "later");
      const again = await step(there, owner, "step");
      assertDuplicate(again, "the unit made again");
      assert.deepEqual(again.numbers, first.numbers, "its event's number");
      assert.equal((await createSessions(there).read(owner)).length, 2, "events");
      assert.equal((await createLedger(there).totals(owner)).calls, 2, "calls in the totals");
    },
  },
];

/** A step of an agent: an event and what it cost, as one unit. */
function step(store: StateStore, owner: SessionIdentity, id: string) {
  return together(store, async (unit) => {
    const appended = await createSessions(store)
      .in(unit)
      .append(owner, { id, value: { step: id } });
    await createLedger(store)
      .in(unit)
      .record(owner, { eventId: id, provider: "acme-ai", model: "large", cost: "0.1" });
    return appended;
  });
}
