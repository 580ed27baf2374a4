import { type Checkpoints, createCheckpoints } from "../../../dist/src/checkpoints/index.js";
import type { SessionIdentity, StateStore } from "../../../dist/src/index.js";
import { openFresh, type Place } from "../fresh-store.js";
import { median } from "../statistics.js";

export interface GrownCheckpointsInput extends Place {
  /** The checkpoints of a lineage, the pending writes of a checkpoint; a tenth as many lineages, a hundredth as many namespaces. */
  readonly size: number;
}

export interface GrownCheckpointsResult {
  readonly operation: string;
  readonly ms: number;
  /** The CPU time of the process, in milliseconds. */
  readonly cpuMs: number;
  /** How many records it is about; absent where it is about one, whatever there is beside it. */
  readonly of?: number;
}

interface Rig {
  readonly store: StateStore;
  readonly saved: Checkpoints;
  readonly size: number;
  measure(operation: string, work: () => Promise<unknown>, of?: number, times?: number): Promise<void>;
}

const THREAD = { lineage: "thread" };
const CHANNELS = 10;
const KEPT = 100;
const TIMES = 30;
const AT_ONCE = 64;
const WRITES_OF_TASK = 100;

/** How long calls on checkpoints take in sessions of this size. */
export async function run(input: GrownCheckpointsInput): Promise<GrownCheckpointsResult[]> {
  const store = await openFresh(input);
  const results: GrownCheckpointsResult[] = [];
  const rig: Rig = {
    store,
    saved: createCheckpoints(store),
    size: input.size,
    async measure(operation, work, of, times = 1) {
      const taken: number[] = [];
      const cpuBefore = process.cpuUsage();
      for (let time = 0; time < times; time++) {
        const started = performance.now();
        await work();
        taken.push(performance.now() - started);
      }
      const { user, system } = process.cpuUsage(cpuBefore);
      const cpuMs = (user + system) / 1_000 / times;
      results.push({ operation, ms: median(taken), cpuMs, ...(of !== undefined && { of }) });
    },
  };
  try {
    await longLineage(rig);
    await manyLineages(rig);
    await manyNamespaces(rig);
    await manyWrites(rig);
  } finally {
    await store.close();
  }
  return results;
}

async function longLineage({ saved, size, measure }: Rig): Promise<void> {
  const who = sessionOf("long");
  let last = 0;
  const put = () => {
    last++;
    const values = { [`channel-${last % CHANNELS}`]: last, step: last };
    const parent = last > 1 && { parent: `c-${last - 1}`, inherit: true };
    return saved.put(who, { ...THREAD, id: `c-${last}`, ...parent, values });
  };
  await measure("put, each of all", put, undefined, size);
  await measure("put", put, undefined, TIMES);
  await measure("latest", () => saved.latest(who, THREAD), undefined, TIMES);
  await measure("get of an old one", () => saved.get(who, { ...THREAD, id: "c-7" }), undefined, TIMES);
  await measure("list of 100", () => saved.list(who, THREAD), undefined, TIMES);
  const newest = { ...THREAD, id: `c-${last}` };
  await measure("history of 100", () => saved.history(who, newest), undefined, TIMES);
  await measure("fork up to the 100th", () => saved.fork(who, THREAD, { to: "early", id: "c-100" }));
  await measure("deleteLineage of that fork", () => saved.deleteLineage(who, "early"), last);
  await measure("fork of all", () => saved.fork(who, THREAD, { to: "copy" }), last);
  await measure("prune to nine tenths", () => prune(saved, who, Math.floor(0.9 * last)), last);
  await measure(
    "prune that finds nothing, to nine tenths",
    () => prune(saved, who, Math.floor(0.9 * last)),
    last,
  );
  await measure("prune to 100", () => prune(saved, who, KEPT), last);
  await measure("prune that finds nothing, to 100", () => prune(saved, who, KEPT));
  await measure("deleteLineage of the fork of all", () => saved.deleteLineage(who, "copy"), last);
}

async function manyLineages({ saved, size, measure }: Rig): Promise<void> {
  const who = sessionOf("lineages");
  const count = size / 10;
  const put = (lineage: string, step: number) =>
    saved.put(who, { lineage, id: `c-${step}`, values: { step } });
  await inParallel(count, (index) => put(`thread-${index}`, 1));
  let step = 1;
  await measure("put beside other lineages", () => put("thread-7", ++step), undefined, TIMES);
  await measure("prune beside other lineages", () => saved.prune(who, { lineage: "thread-7" }, { keep: 1 }));
  await measure("deleteLineage beside other lineages", () => saved.deleteLineage(who, "thread-7"));
  await measure("lineages", () => saved.lineages(who), count);
}

async function manyNamespaces({ saved, size, measure }: Rig): Promise<void> {
  const who = sessionOf("namespaces");
  const count = size / 100;
  const put = (namespace: string, step: number) =>
    saved.put(who, { ...THREAD, namespace, id: `c-${step}`, values: { step } });
  for (let step = 1; step <= 10; step++) await inParallel(count, (index) => put(`sub-${index}`, step));
  await measure(
    "latest of one namespace",
    () => saved.latest(who, { ...THREAD, namespace: "sub-7" }),
    undefined,
    TIMES,
  );
  await measure("prune of all namespaces", () => prune(saved, who, 2), count);
}

async function manyWrites({ saved, size, measure }: Rig): Promise<void> {
  const who = sessionOf("writes");
  const ref = { ...THREAD, id: "c-1" };
  await saved.put(who, { ...ref, values: {} });
  const put = (task: string) => {
    const writes = Array.from({ length: WRITES_OF_TASK }, (_, value) => ({ channel: "x", value }));
    return saved.putWrites(who, { ...ref, task, writes });
  };
  await inParallel(size / WRITES_OF_TASK, (index) => put(`task-${index}`));
  let task = 0;
  await measure("putWrites of 100 beside others", () => put(`late-${task++}`), undefined, TIMES);
  await measure("pendingWrites", () => drained(saved.pendingWrites(who, ref)), size);
  await measure("put, then prune of a checkpoint with all writes", async () => {
    await saved.put(who, { ...THREAD, id: "c-2", values: {} });
    await prune(saved, who, 1);
  });
}

async function prune(saved: Checkpoints, who: SessionIdentity, keep: number): Promise<void> {
  await saved.prune(who, THREAD, { keep });
}

async function drained(all: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of all);
}

async function inParallel(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

function sessionOf(session: string): SessionIdentity {
  return { tenant: "grown", user: "ada", session };
}
