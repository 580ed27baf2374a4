import type { Round } from "./contestant.js";
import type { Entrant, Racer } from "./entrant.js";
import type { Cell, EntrantResult, RaceResult } from "./results.js";

export interface RacePlan {
  readonly section: string;
  readonly title: string;
  readonly payloadBytes: number;
  readonly reference: string;
  readonly entrants: readonly Entrant[];
  readonly operations: readonly string[];
  readonly callers: readonly number[];
  readonly rounds: number;
  readonly ms: number;
  /** The CPU time that the server of the entrants has used so far, in microseconds, where it can be read. */
  readonly serverCpu?: () => number | undefined;
}

interface Runner {
  readonly entrant: Entrant;
  racer?: Racer;
  peakBytes?: number;
  failed?: string;
}

/**
 * Asks one entrant after another for a round, another first each time, so that whatever else the machine does is
 * spread over all of them. An entrant that fails is left out from there on.
 */
export async function race(plan: RacePlan, say: (line: string) => void): Promise<RaceResult> {
  say(`${plan.title}: starting ${plan.entrants.length} entrants`);
  const runners: Runner[] = plan.entrants.map((entrant) => ({ entrant }));
  try {
    for (const runner of runners) {
      await attempt(runner, async () => {
        runner.racer = await runner.entrant.start();
      });
    }
    const cells: Cell[] = [];
    for (const operation of plan.operations) {
      for (const callers of plan.callers) {
        cells.push(await runCell(plan, runners, operation, callers));
        say(`${plan.title}: ${operation}, ${callers} callers`);
      }
    }
    for (const runner of runners) await attempt(runner, () => check(runner));
    const { section, title, payloadBytes, reference } = plan;
    return { section, title, payloadBytes, reference, cells, entrants: runners.map(resultOf) };
  } finally {
    for (const runner of runners) await attempt(runner, async () => runner.racer?.close());
  }
}

async function runCell(
  plan: RacePlan,
  runners: readonly Runner[],
  operation: string,
  callers: number,
): Promise<Cell> {
  const taking = runners.filter((runner) => takesPart(runner, operation, callers));
  const rounds = new Map<string, Round[]>(taking.map(({ entrant }) => [entrant.name, []]));
  const warmUp = -1;
  for (let turn = warmUp; turn < plan.rounds; turn++) {
    const first = (turn - warmUp) % Math.max(1, taking.length);
    for (const runner of [...taking.slice(first), ...taking.slice(0, first)]) {
      await attempt(runner, async () => {
        if (runner.failed !== undefined || runner.racer === undefined) return;
        const before = plan.serverCpu?.();
        const round = await runner.racer.round(operation, callers, plan.ms);
        const after = plan.serverCpu?.();
        if (turn > warmUp)
          rounds.get(runner.entrant.name)?.push({ ...round, ...perOperation(round, before, after) });
      });
    }
  }
  return { operation, callers, rounds };
}

function perOperation(
  { count }: Round,
  before: number | undefined,
  after: number | undefined,
): Pick<Round, "serverCpu"> {
  if (before === undefined || after === undefined) return {};
  return { serverCpu: (after - before) / count };
}

/** Also where it failed, so that its row says so. */
function takesPart({ entrant, racer }: Runner, operation: string, callers: number): boolean {
  const { operations, callers: numbers } = entrant.only ?? {};
  return (
    (racer?.operations.includes(operation) ?? true) &&
    (operations?.includes(operation) ?? true) &&
    (numbers?.includes(callers) ?? true)
  );
}

async function check(runner: Runner): Promise<void> {
  if (runner.failed !== undefined || runner.racer === undefined) return;
  const peakBytes = await runner.racer.check();
  if (peakBytes !== undefined) runner.peakBytes = peakBytes;
}

/** The first failure is the one that tells. */
async function attempt(runner: Runner, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    runner.failed ??= error instanceof Error ? error.message : String(error);
  }
}

function resultOf({ entrant, racer, peakBytes, failed }: Runner): EntrantResult {
  return {
    name: entrant.name,
    ...(racer === undefined ? {} : { settings: racer.settings }),
    ...(peakBytes === undefined ? {} : { peakBytes }),
    ...(failed === undefined ? {} : { failed }),
  };
}
