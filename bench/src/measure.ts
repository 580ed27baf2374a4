import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { Contestant, Operation, Round } from "./contestant.js";
import { percentile } from "./statistics.js";

/**
 * One round: that many callers, each of which asks again as soon as it has its answer, for so long. The loop does next to
 * nothing beside the calls, since a call may take no more than a microsecond.
 */
export async function measure(
  contestant: Contestant,
  operation: string,
  callers: number,
  ms: number,
): Promise<Round> {
  const found = contestant.operations[operation];
  if (found === undefined) throw new Error(`there is no operation "${operation}"`);
  const { overlaps } = contestant;
  const latencies: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const until = started + ms;
  if (overlaps) await Promise.all(Array.from({ length: callers }, () => callUntil(found, until, latencies)));
  else callAllUntil(found, until, latencies);
  const seconds = (performance.now() - started) / 1_000;
  const cpu = process.cpuUsage(cpuBefore);
  delay.disable();
  const count = latencies.length * (found.counts ?? 1);
  const sorted = Float64Array.from(latencies).sort();
  return {
    perSecond: count / seconds,
    count,
    clientCpu: (cpu.user + cpu.system) / count,
    p50: percentile(sorted, 0.5) * 1_000,
    p99: percentile(sorted, 0.99) * 1_000,
    max: percentile(sorted, 1) * 1_000,
    ...(overlaps ? loopDelay(delay) : {}),
  };
}

async function callUntil({ run }: Operation, until: number, latencies: number[]): Promise<void> {
  for (let asked = performance.now(); asked < until; ) {
    await run();
    const answered = performance.now();
    latencies.push(answered - asked);
    asked = answered;
  }
}

function callAllUntil({ run }: Operation, until: number, latencies: number[]): void {
  for (let asked = performance.now(); asked < until; ) {
    run();
    const answered = performance.now();
    latencies.push(answered - asked);
    asked = answered;
  }
}

function loopDelay(delay: IntervalHistogram): Pick<Round, "loopP99" | "loopMax"> {
  // Nothing was noted in a round that ended before the first look at the loop.
  if (delay.count === 0) return {};
  return { loopP99: delay.percentile(99) / 1e6, loopMax: delay.max / 1e6 };
}
