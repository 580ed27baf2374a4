import { subscribe } from "node:diagnostics_channel";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import "../../../dist/drivers/index.js";
import {
  type BatchEvent,
  DIAGNOSTICS,
  type Identity,
  newEventId,
  openStore,
  type StateStore,
  type Watch,
  watchByReading,
} from "../../../dist/src/index.js";
import type { SeenChanges, WaitingCost } from "../results.js";
import { percentile } from "../statistics.js";

export interface WatchInput {
  readonly driver: "sqlite" | "postgres";
  readonly folder: string;
  readonly url?: string;
  readonly notify: boolean;
  readonly waiters: number;
  /** How long the waiters wait, in milliseconds. */
  readonly ms: number;
  /** Changes whose delay is measured. */
  readonly changes: number;
}

const WHO: Identity = { tenant: "acme", user: "ada", session: "session" };
const POLL_MS = 100;
const BYTES = 1024;

/** What waiters cost, and how soon a change of another store is seen. */
export async function run(input: WatchInput): Promise<{ costs: WaitingCost[]; seen: SeenChanges }> {
  const [store, other] = [await open(input), await open(input)];
  const costs = input.notify ? [] : await waitingCosts(store, input);
  const seen = await seenChanges(store, other, input);
  await Promise.all([store.close(), other.close()]);
  return { costs, seen };
}

function open({ driver, folder, url = "", notify }: WatchInput): Promise<StateStore> {
  if (driver === "sqlite") return openStore({ driver, path: join(folder, "watch.db") });
  return openStore({ driver, url, schema: "watch", notify });
}

/** Waiters of one slot each, as `find` at every interval and as `watch`. */
async function waitingCosts(store: StateStore, { driver, waiters, ms }: WatchInput): Promise<WaitingCost[]> {
  const kinds = Array.from({ length: waiters }, (_, number) => `kind/${number}`);
  await Promise.all(kinds.map((kind) => save(store, kind)));
  const calls = countedCalls();
  const ways: [string, StateStore["watch"]][] = [
    ["find of each slot", (places, options) => watchByReading(store, places, options)],
    ["watch", (places, options) => store.watch(places, options)],
  ];
  const costs: WaitingCost[] = [];
  for (const isBusy of [false, true]) {
    for (const [way, watch] of ways) {
      const watches = kinds.map((kind) => watch([{ identity: WHO, kind }], { pollMs: POLL_MS }));
      await Promise.all(watches.map((each) => each.next()));
      const waiting = watches.map((each) => each.next());
      const before = calls();
      const cpu = process.cpuUsage();
      const started = performance.now();
      // Something else in the same database changes all the time: SQLite cannot see from its counter that no slot did.
      while (performance.now() - started < ms) {
        if (isBusy) await save(store, "elsewhere");
        await sleep(20);
      }
      const seconds = (performance.now() - started) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      const after = calls();
      await Promise.all(watches.map((each) => each.return()));
      await Promise.all(waiting);
      costs.push({
        driver,
        way,
        isBusy,
        waiters,
        callsPerSecond: (after.calls - before.calls) / seconds,
        slotsPerSecond: (after.slots - before.slots) / seconds,
        payloadMiBPerSecond: (after.bytes - before.bytes) / seconds / 1024 ** 2,
        cpuShare: (user + system) / 1e6 / seconds,
      });
    }
  }
  return costs;
}

async function seenChanges(store: StateStore, other: StateStore, input: WatchInput): Promise<SeenChanges> {
  const { driver, notify, changes } = input;
  const watch = store.watch([{ identity: WHO, kind: "seen" }], { pollMs: POLL_MS });
  await watch.next();
  // Until the connection listens.
  await sleep(1000);
  const delays: number[] = [];
  for (let change = 0; change < changes; change++) {
    // Not in step with the interval.
    await sleep(Math.random() * POLL_MS);
    const notice = until(watch, await save(other, "seen"));
    const started = performance.now();
    await notice;
    delays.push(performance.now() - started);
  }
  await watch.return();
  delays.sort((a, b) => a - b);
  return {
    driver,
    notify,
    pollMs: POLL_MS,
    changes,
    p50: percentile(delays, 0.5),
    p99: percentile(delays, 0.99),
  };
}

async function until(watch: Watch, eventId: string): Promise<void> {
  for (;;) {
    const { value } = await watch.next();
    if (value?.record?.eventId === eventId) return;
  }
}

async function save(store: StateStore, kind: string): Promise<string> {
  const eventId = newEventId();
  await store.save({ eventId, identity: WHO, kind, bytes: Buffer.alloc(BYTES, 7) });
  return eventId;
}

/** The driver's calls for reads and questions so far, their slots and payload bytes. */
function countedCalls(): () => { calls: number; slots: number; bytes: number } {
  const counted = { calls: 0, slots: 0, bytes: 0 };
  subscribe(DIAGNOSTICS.batch, (event) => {
    const { operation, size, bytes } = event as BatchEvent;
    if (operation === "apply") return;
    counted.calls++;
    counted.slots += size;
    counted.bytes += bytes;
  });
  return () => ({ ...counted });
}
