import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import "../../../dist/drivers/index.js";
import { type NewRecord, newEventId, openStore, type StateStore } from "../../../dist/src/index.js";
import type { BurstResult } from "../results.js";

export interface BurstInput {
  readonly driver: "sqlite" | "postgres" | "memory";
  readonly folder: string;
  readonly url?: string;
  readonly saves: number;
}

/** Every tenth save goes to one of a hundred slots, each of the others to a slot of its own. */
const SHARED_EVERY = 10;
const SHARED = 100;
const TENANTS = 50;
const BYTES = 256;

/** Asks for all saves in one go, then reads everything back. */
export async function run(input: BurstInput): Promise<BurstResult> {
  const store = await open(input);
  const records = Array.from({ length: input.saves }, (_, number) => recordOf(number));
  const before = process.memoryUsage.rss();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const started = performance.now();
  const settled = await Promise.allSettled(records.map((record) => store.save(record)));
  const seconds = (performance.now() - started) / 1_000;
  delay.disable();
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  const acknowledged = settled.filter(({ status }) => status === "fulfilled").length;
  const stored = await compare(store, records);
  await store.close();
  return {
    driver: input.driver,
    saves: input.saves,
    seconds,
    acknowledged,
    ...stored,
    peakBytes,
    addedBytes: peakBytes - before,
    loopMax: delay.max / 1e6,
  };
}

function open({ driver, folder, url = "" }: BurstInput): Promise<StateStore> {
  if (driver === "memory") return openStore({ driver });
  if (driver === "sqlite") return openStore({ driver, path: join(folder, "burst.db") });
  // The last of them waits for all the others.
  return openStore({ driver, url, schema: "burst", timeoutMs: 120_000 });
}

function recordOf(number: number): NewRecord {
  const isShared = number % SHARED_EVERY === 0;
  const slot = isShared ? (number / SHARED_EVERY) % SHARED : number;
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUInt32BE(number);
  const identity = { tenant: `tenant-${slot % TENANTS}`, user: "ada", session: `session-${slot % 1_000}` };
  return { eventId: newEventId(), identity, kind: `${isShared ? "shared" : "own"}/${slot}`, bytes };
}

/** Whether each slot holds the last save that was asked for in it. */
async function compare(
  store: StateStore,
  records: readonly NewRecord[],
): Promise<Pick<BurstResult, "lost" | "outOfOrder">> {
  const last = new Map<string, NewRecord>();
  for (const record of records) last.set(`${record.identity.tenant} ${record.kind}`, record);
  const wanted = [...last.values()];
  let lost = 0;
  let outOfOrder = 0;
  for (let at = 0; at < wanted.length; at += 512) {
    const some = wanted.slice(at, at + 512);
    const found = await Promise.all(some.map(({ identity, kind }) => store.find(identity, kind)));
    for (const [index, record] of found.entries()) {
      if (record === undefined) lost++;
      else if (record.eventId !== some[index]?.eventId) outOfOrder++;
    }
  }
  return { lost, outOfOrder };
}
