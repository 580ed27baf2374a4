import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { type Identity, maintenanceScope } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { urlOfWorkers, workersHaveEnded } from "../crash/killed-workers.js";
import { isSoak } from "../soak.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { expectBalanced, foldedAccounts, storedAccounts } from "./accounts.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Records the entries 0, 1, ... of a list that all processes share, again and again, until it is killed. */
const RECORDER = `
  import { openStore } from "groundstate";
  import "groundstate/drivers";
  import { createLedger } from "groundstate/ledger";
  const { url, who, count } = JSON.parse(process.argv[1]);
  const ledger = createLedger(await openStore(url));
  const record = (index) => ledger.record(
    { ...who, session: "s" + (index % 4), run: "r" + (index % 7) },
    {
      provider: "p" + (index % 2),
      model: "m" + (index % 5),
      promptTokens: index,
      cost: "0.0000000" + (index + 1),
      at: new Date(Date.UTC(2026, 0, 1 + (index % 3))),
      tags: { parity: String(index % 2) },
      ...(index % 3 === 0 ? { eventId: "e" + index } : { responseId: "resp-" + index }),
    },
  );
  process.stdout.write("ready\\n");
  for (let index = 0; index < count; index += 8) {
    await Promise.all(Array.from({ length: 8 }, (_, next) => record(index + next)));
  }
  process.exit(0);
`;

onSharedStores((opened) => {
  test("after crashes and retries, with two processes at once, the rollups are the sums of the entries", async () => {
    const who = newSession();
    const count = 160;
    const given = JSON.stringify({ url: urlOfWorkers(opened.url), who, count });
    const start = () =>
      spawn(process.execPath, ["--input-type=module", "-e", RECORDER, given], {
        cwd: ROOT,
        stdio: ["ignore", "pipe", "inherit"],
      });

    // Counted in the commit of each call, like the rollups.
    const ledger = createLedger(opened.store);
    const even = { tenant: who.tenant, tags: { parity: "0" } };
    const clock = () => Date.UTC(2026, 0, 2);
    await createLedger(opened.store, { clock }).setBudget(even, { tokens: 1e6, every: "day" });
    const countedByBudget = async () =>
      (await ledger.budgetPeriods(even)).reduce((sum, { spent }) => sum + (spent.tokens ?? 0), 0);
    const countedByTag = async () => {
      const { groups } = await ledger.summarize(
        { tenant: who.tenant },
        { by: { tag: "parity" }, since: new Date(Date.UTC(2026, 0, 2)) },
      );
      return groups.find(({ key }) => key === "0")?.promptTokens ?? 0;
    };

    let kills = 0;
    for (let round = 0; round < (isSoak ? 5 : 3); round++) {
      const both = [start(), start()];
      const ended = both.map((child) => once(child, "exit"));
      await Promise.all(both.map((child) => once(child.stdout, "data")));
      const delays = both.map((child) => setTimeout(() => child.kill("SIGKILL"), 20 + Math.random() * 150));
      const exits = await Promise.all(ended);
      for (const delay of delays) clearTimeout(delay);
      kills += exits.filter(([, signal]) => signal === "SIGKILL").length;
      await workersHaveEnded(opened.url);
      const stored = await storedAccounts(opened.store, who.tenant);
      expect(stored).toEqual(await foldedAccounts(opened.store, who.tenant));
      expect(await countedByBudget()).toBe(await countedByTag());
    }
    expect(kills).toBeGreaterThan(0);

    const last = [start(), start()];
    const codes = await Promise.all(last.map(async (child) => (await once(child, "exit"))[0]));
    expect(codes).toEqual([0, 0]);
    await expectBalanced(opened.store, who.tenant);
    expect(await countedByBudget()).toBe(await countedByTag());
    expect(await countedByBudget()).toBeGreaterThan(0);
    const { calls, promptTokens } = await createLedger(opened.store).totals({ tenant: who.tenant });
    expect({ calls, promptTokens }).toEqual({ calls: count, promptTokens: (count * (count - 1)) / 2 });
  });
});

onEveryStore((opened) => {
  test("the check of the rollups detects a wrong one (control)", async () => {
    const who = newSession();
    await createLedger(opened.store).record(who, { provider: "p", model: "m", cost: "1" });
    await expectBalanced(opened.store, who.tenant);
    // As it is where entries and sums are written separately, and a process dies in between.
    const scope = maintenanceScope({ reason: "loses an entry", tenant: who.tenant });
    const [entry] = await opened.store.listKind(scope, "ledger.entry/");
    await opened.store.delete(entry?.identity as Identity, entry?.kind as string);
    await expect(expectBalanced(opened.store, who.tenant)).rejects.toThrow();
  });
});
