import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import { Bench } from "tinybench";
import type { Contestant, Round } from "./contestant.js";

/** One round: that many callers, each of which asks again as soon as it has its answer, for so long. */
export async function measure(
  contestant: Contestant,
  operation: string,
  callers: number,
  ms: number,
): Promise<Round> {
  const found = contestant.operations[operation];
  if (found === undefined) throw new Error(`there is no operation "${operation}"`);
  const { run, counts = 1 } = found;
  const { overlaps } = contestant;
  // In a loop of overlapping calls `iterations` is the most, and 0 none; otherwise it is the least.
  const loop = overlaps
    ? ({ concurrency: "task", threshold: callers, iterations: 0 } as const)
    : { iterations: 1 };
  const bench = new Bench({ time: ms, warmup: false, throws: true, ...loop });
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let started = 0;
  let ended = 0;
  let cpu = process.cpuUsage();
  bench.add("round", run, {
    async: overlaps,
    beforeAll() {
      delay.enable();
      cpu = process.cpuUsage();
      started = performance.now();
    },
    afterAll() {
      ended = performance.now();
      cpu = process.cpuUsage(cpu);
      delay.disable();
    },
  });
  const [task] = overlaps ? await bench.run() : bench.runSync();
  const result = task?.result;
  if (task === undefined || result?.state !== "completed") throw new Error("the round was not completed");
  const count = task.runs * counts;
  return {
    perSecond: (count / (ended - started)) * 1_000,
    count,
    clientCpu: (cpu.user + cpu.system) / count,
    p50: result.latency.p50 * 1_000,
    p99: result.latency.p99 * 1_000,
    ...(overlaps ? loopDelay(delay) : {}),
  };
}

function loopDelay(delay: IntervalHistogram): Pick<Round, "loopP99" | "loopMax"> {
  // Nothing was noted in a round that ended before the first look at the loop.
  if (delay.count === 0) return {};
  return { loopP99: delay.percentile(99) / 1e6, loopMax: delay.max / 1e6 };
}
