import { setTimeout as sleep } from "node:timers/promises";
import { maintenanceScope, newEventId, type StateStore } from "../../../dist/src/index.js";
import { createRetention } from "../../../dist/src/retention/index.js";
import { openFresh, type Place } from "../fresh-store.js";
import type { LoneSaves, RetentionResult } from "../results.js";
import { CROWD, NOW, POLICY } from "../retained.js";
import { percentile } from "../statistics.js";

export interface RetainedInput extends Place {
  readonly calls: number;
}

const ALONE = { tenant: "alone", user: "ada", session: "session" };
const SCOPE = maintenanceScope({ reason: "bench", tenant: CROWD });
/** In each of the parts that take turns. */
const SAVES = 40;
const PARTS = 5;
const EVERY_MS = 5;

/** Applies the policy in parts, with lone saves of another tenant beside it, and between two parts beside nothing. */
export async function run({ calls, ...place }: RetainedInput): Promise<RetentionResult> {
  const store = await openFresh(place);
  const retention = createRetention(store, { clock: () => NOW });
  // Whatever is loaded or made once is there afterwards.
  await retention.apply(SCOPE, POLICY, { dryRun: true, limit: 1 });
  await saveUntil(store, [], (saved) => saved >= SAVES);
  const before = process.memoryUsage.rss();
  const [alone, beside]: [number[], number[]] = [[], []];
  const limit = Math.ceil(calls / PARTS);
  let [removed, applyingMs] = [0, 0];
  for (let after: string | undefined, isOver = false; !isOver; ) {
    await saveUntil(store, alone, (saved) => saved >= SAVES);
    const started = performance.now();
    let isDone = false;
    const applying = retention.apply(SCOPE, POLICY, { limit, after }).finally(() => {
      isDone = true;
      applyingMs += performance.now() - started;
    });
    const [report] = await Promise.all([applying, saveUntil(store, beside, () => isDone)]);
    if (report.damage !== undefined) throw report.damage;
    removed += report.payloads + report.records;
    after = report.next;
    isOver = after === undefined;
  }
  const addedBytes = process.resourceUsage().maxRSS * 1024 - before;
  const left = await retention.apply(SCOPE, POLICY, { dryRun: true });
  await store.close();
  if (left.payloads + left.records > 0) throw new Error(`${left.payloads + left.records} were left`);
  return {
    driver: place.driver,
    calls,
    removed,
    seconds: applyingMs / 1_000,
    alone: summaryOf(alone),
    beside: summaryOf(beside),
    addedBytes,
  };
}

async function saveUntil(
  store: StateStore,
  latencies: number[],
  isEnough: (saved: number) => boolean,
): Promise<void> {
  for (let saved = 0; !isEnough(saved); saved++) {
    const started = performance.now();
    await store.save({ eventId: newEventId(), identity: ALONE, kind: "kind", bytes: Buffer.alloc(256, 7) });
    latencies.push(performance.now() - started);
    await sleep(EVERY_MS);
  }
}

function summaryOf(latencies: readonly number[]): LoneSaves {
  const sorted = [...latencies].sort((a, b) => a - b);
  return { saves: sorted.length, p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}
