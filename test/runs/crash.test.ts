import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openStore } from "../../src/index.js";
import { withDice } from "../random.js";
import { isSoak } from "../soak.js";
import { newSession, onSharedStores } from "../typed/stores.js";
import { workOff } from "./crew.js";
import { judge, tally } from "./judge.js";

const SAMPLE = { workers: 3, runs: 24, steps: 3, kills: 3, leaseMs: 400, stalls: 0.03 };
const WHOLE = { workers: 8, runs: 500, steps: 3, kills: 40, leaseMs: 1500, stalls: 0.005 };

onSharedStores((opened) => {
  const work = async (task: typeof SAMPLE & { readonly fencing: boolean; readonly seed: number }) => {
    const accounts = await workOff(opened, newSession(), task);
    return { wrong: accounts.flatMap((account) => judge(account, task.steps)), ...tally(accounts) };
  };

  test("workers that are killed at random leave each run done once, by the latest lease, and no kept step done again", {
    timeout: 600_000,
  }, async ({ annotate }) => {
    const task = isSoak ? WHOLE : SAMPLE;
    await withDice(async (dice) => {
      const { wrong, ...met } = await work({ ...task, fencing: true, seed: dice.below(2 ** 31) });
      await annotate(JSON.stringify(met));
      expect(wrong).toEqual([]);
      expect(met.takenOver).toBeGreaterThan(0);
    });
  });
});

test("without fencing, writes of workers that were taken over are found (control)", {
  timeout: 600_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-runs-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const url = `sqlite:${join(folder, "state.db")}`;
  await using store = await openStore(url);
  const task = { ...SAMPLE, runs: 6, kills: 0, leaseMs: 150, stalls: 0.5, fencing: false };
  for (let seed = 1; ; seed++) {
    const accounts = await workOff({ store, url }, newSession(), { ...task, seed });
    if (accounts.some((account) => judge(account, task.steps).length > 0)) break;
    expect(seed).toBeLessThan(10);
  }
});
