import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { compact } from "../../drivers/sqlite/index.js";
import { maintenanceScope, openStore, type StateStore } from "../../src/index.js";
import { createRetention } from "../../src/retention/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { together } from "../../src/typed.js";
import { report } from "../crash/figures.js";
import { isSoak } from "../soak.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const NOW = START + 400 * DAY;
const POLICY = { payloads: "30d", records: "180d", idleSessions: "90d" } as const;
const SCOPE = maintenanceScope({ reason: "retention", tenant: "acme" });
/** As many calls as a soak has time for; each is a call with two parts and two entries of lists. */
const CALLS = isSoak ? 1_000_000 : 300;
const KILLS = isSoak ? 10 : 1;
const AT_ONCE = 40;

/** Applies the policy, and tells after its first piece that it is at work. */
const WORKER = `
  import { maintenanceScope, openStore } from "groundstate";
  import "groundstate/drivers";
  import { createRetention } from "groundstate/retention";
  const { url, now, policy } = JSON.parse(process.argv[1]);
  const store = await openStore(url);
  const scope = maintenanceScope({ reason: "retention", tenant: "acme" });
  let most = 0, told = false;
  const onProgress = ({ payloads, records }) => {
    most = Math.max(most, process.memoryUsage().rss);
    if (!told && payloads + records > 0) told = process.stdout.write("at work\\n");
  };
  await createRetention(store, { clock: () => now }).apply(scope, policy, { onProgress });
  await store.close();
  process.stdout.write("done " + most);
`;

/** Calls that ended over 400 days, in sessions of 50. Every tenth session is pinned. */
async function fill(store: StateStore): Promise<{ readonly pinned: number }> {
  let now = START;
  const clock = () => now;
  const [sessions, calls] = [createSessions(store, { clock }), createToolCalls(store, { clock })];
  const all = Math.ceil(CALLS / 50);
  let pinned = 0;
  const fillOne = async (number: number) => {
    const who = { tenant: "acme", user: `u-${number % 100}`, session: `s-${number}` };
    const isPinned = number % 10 === 0;
    if (isPinned) pinned += 50;
    await together(store, async (unit) => {
      await sessions.in(unit).create(who);
      await sessions.in(unit).append(who, { value: "x".repeat(200) });
      if (isPinned) await sessions.in(unit).pin(who);
    });
    for (let n = 0; n < 50; n += 10)
      await together(store, async (unit) => {
        for (let id = n; id < n + 10; id++) {
          await calls.in(unit).begin(who, { id: `${id}`, tool: "t", arguments: { text: "y".repeat(300) } });
          await calls.in(unit).succeed(who, `${id}`, { result: "z".repeat(300) });
        }
      });
  };
  for (let from = 0; from < all; from += AT_ONCE) {
    now = START + Math.floor((from / all) * 400) * DAY;
    const some = Array.from({ length: Math.min(AT_ONCE, all - from) }, (_, n) => fillOne(from + n));
    await Promise.all(some);
  }
  return { pinned };
}

/** Runs the worker, and kills it a while after it began to work. Returns what it said if it was done before. */
async function worker(url: string, killAfterMs: number | undefined): Promise<number | undefined> {
  const given = JSON.stringify({ url, now: NOW, policy: POLICY });
  const child: ChildProcess = spawn(process.execPath, ["--input-type=module", "-e", WORKER, given], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout?.on("data", (chunk) => {
    said += chunk;
  });
  const exit = once(child, "exit");
  if (killAfterMs !== undefined) {
    await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), exit]);
    await Promise.race([sleep(killAfterMs), exit]);
    child.kill("SIGKILL");
  }
  await exit;
  const [, most] = /done (\d+)/.exec(said) ?? [];
  return most === undefined ? undefined : Number(most);
}

test(`${CALLS} calls of mixed age, a process that is killed ${KILLS} times, and what is left is what a dry run said`, async () => {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-retention-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "s.db");
  const url = `sqlite:${path}`;
  const store = await openStore(url);
  onTestFinished(() => store.close());
  const began = performance.now();
  const { pinned } = await fill(store);
  const filledMs = performance.now() - began;
  const retention = createRetention(store, { clock: () => NOW });
  const would = await retention.apply(SCOPE, POLICY, { dryRun: true });
  expect(would.sorts.toolCalls?.kept).toBeGreaterThan(0);
  await compact(store);
  const full = statSync(path).size;

  const slowest: number[] = [];
  let working = true;
  const neighbour = (async () => {
    for (let n = 0; working; n++) {
      const started = performance.now();
      const record = { eventId: `n-${n}`, identity: { tenant: "b", user: "u", session: "s" }, kind: "k" };
      await store.save({ ...record, bytes: Buffer.from("x") });
      slowest.push(performance.now() - started);
      await sleep(isSoak ? 5 : 20);
    }
  })();
  const worked = performance.now();
  for (let kill = 0; kill < KILLS; kill++) await worker(url, isSoak ? 500 + Math.random() * 3_000 : 5);
  const memory = await worker(url, undefined);
  const workedMs = performance.now() - worked;
  working = false;
  await neighbour;

  expect(await retention.apply(SCOPE, POLICY, { dryRun: true })).toMatchObject({ payloads: 0, records: 0 });
  // What was younger, and what is pinned, is there with its payload.
  const isWhole = ({ arguments: args }: { arguments: unknown }) => args !== null;
  let [whole, bare] = [0, 0];
  const calls = createToolCalls(store);
  for (let after: string | undefined; ; ) {
    const page = await calls.list({ tenant: "acme" }, { limit: 200, ...(after && { after }) });
    for (const call of page.calls) isWhole(call) ? whole++ : bare++;
    if (page.next === undefined) break;
    after = page.next;
  }
  const { payloads, records, kept } = would.sorts.toolCalls as {
    payloads: number;
    records: number;
    kept: number;
  };
  const sessionsGone = would.sorts.sessions?.records as number;
  expect(kept).toBeLessThanOrEqual(pinned);
  // Calls of sessions that went for idleness went with these, whatever was left of them.
  expect(bare).toBe(Math.max(0, payloads - (sessionsGone * 50 - records)));
  expect(whole).toBe(CALLS - payloads - records);
  await compact(store);
  expect(statSync(path).size).toBeLessThan(full * 0.6);
  slowest.sort((a, b) => a - b);
  report("retention", {
    ...{ calls: CALLS, kills: KILLS, "filled in s": Math.round(filledMs / 1_000) },
    ...{ "worked for s": Math.round(workedMs / 1_000), "memory in MiB": Math.round((memory ?? 0) / 2 ** 20) },
    "p50, p99 of another tenant's save in ms": [0.5, 0.99].map((q) =>
      (slowest[Math.floor(slowest.length * q)] ?? 0).toFixed(1),
    ),
    "MiB before and after": [full, statSync(path).size].map((size) => Math.round(size / 2 ** 20)),
  });
  if (isSoak) expect((memory ?? 0) / 2 ** 20).toBeLessThan(300);
}, 7_200_000);
