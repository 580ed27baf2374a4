import { expect, test } from "vitest";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { report } from "../crash/figures.js";
import { isSoak } from "../soak.js";
import { collectGarbage } from "../store/store-rig.js";
import { inMemory, newSession } from "../typed/stores.js";

/** In a short run few large events, in a soak many. */
const [EVENTS, BYTES] = isSoak ? [100_000, 200] : [800, 20_000];
const ENTRIES = 100_000;
/** A page of events or entries, and what the collector leaves. */
const MAX_GROWTH = 6 * 1024 * 1024;

inMemory((opened) => {
  test("an export of a session holds no more of it than a page", async () => {
    const sessions = createSessions(opened.store);
    const who = newSession();
    await sessions.create(who);
    for (let from = 0; from < EVENTS; from += 200) {
      const text = "x".repeat(BYTES);
      const events = Array.from({ length: 200 }, (_, n) => ({ value: `${from + n} ${text}` }));
      await sessions.append(who, events);
    }
    const { pieces, growth } = await growthOf(sessions.export(who), EVENTS);
    expect(pieces).toBeGreaterThan(EVENTS);
    expect(growth).toBeLessThan(MAX_GROWTH);
    report("export of a session", { events: EVENTS, bytes: EVENTS * BYTES, growth });
  }, 600_000);

  test.runIf(isSoak)(
    "an export of a tenant's ledger holds no more of it than a page",
    async () => {
      const ledger = createLedger(opened.store);
      const who = newSession();
      const call = { provider: "p", model: "m", promptTokens: 5, completionTokens: 7, cost: "0.01" };
      for (let from = 0; from < ENTRIES; from += 500) {
        const ids = Array.from({ length: 500 }, (_, n) => `e${from + n}`);
        await Promise.all(ids.map((eventId) => ledger.record(who, { ...call, eventId })));
      }
      const exported = ledger.export({ tenant: who.tenant }, { format: "jsonl" });
      const { growth } = await growthOf(exported, ENTRIES / 500);
      expect(growth).toBeLessThan(MAX_GROWTH);
      report("export of a tenant's ledger", { entries: ENTRIES, growth });
    },
    1_200_000,
  );
});

/** How many bytes of the heap were in use beyond those before it, at most, at ten moments of an export. */
async function growthOf(all: AsyncIterable<unknown>, about: number) {
  const used = () => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = used();
  let [pieces, most] = [0, 0];
  for await (const _ of all) if (++pieces % Math.ceil(about / 10) === 0) most = Math.max(most, used());
  return { pieces, growth: most - before };
}
