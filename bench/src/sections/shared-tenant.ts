import { runJob } from "../child-process.js";
import type { Round, Setting } from "../contestant.js";
import { SESSIONS_OF } from "../contestants/calls-by-sessions.js";
import { forked, type Racer } from "../entrant.js";
import { type DatabasePlace, eachDatabase } from "../fresh-store.js";
import { race } from "../race.js";
import type { SharedTenantResult } from "../results.js";
import { type Context, serverCpu } from "../section.js";
import { median, medianRatio } from "../statistics.js";
import { BARE_SAVES, RECORD_USAGE } from "../typed-work/index.js";

const PAYLOAD = 256;
const CALLERS = 64;
const SESSIONS = 64;
const PROCESSES = 4;
const CALLERS_EACH = CALLERS / PROCESSES;
const LONGEST_MS = 5 * 60_000;

/** Calls of a ledger on one tenant, all of which change the same sums: of one process, and of several. */
export async function sharedTenant(context: Context): Promise<void> {
  for await (const place of eachDatabase(context, "shared_tenant")) {
    await raceCallers(context, place);
    await raceProcesses(context, { ...place, name: "shared_processes" });
  }
}

async function raceCallers(context: Context, place: DatabasePlace): Promise<void> {
  const { plan, findings, say } = context;
  const driver = place.driver === "sqlite" ? "SQLite" : "Postgres";
  findings.races.push(
    await race(
      {
        section: "shared-tenant",
        title: `One tenant's ledger, ${driver}`,
        payloadBytes: PAYLOAD,
        reference: BARE_SAVES,
        entrants: [BARE_SAVES, RECORD_USAGE].map((variant) =>
          forked(variant, "calls-by-sessions", { ...place, payloadBytes: PAYLOAD, variant }),
        ),
        operations: Object.keys(SESSIONS_OF),
        callers: [CALLERS],
        rounds: plan.rounds,
        ms: plan.ms,
        ...(await serverCpu(context, place.url)),
      },
      say,
    ),
  );
}

/** Rounds of one process alone and of all of them together, of either work in turn. */
async function raceProcesses(context: Context, place: DatabasePlace): Promise<void> {
  const { plan, findings, say } = context;
  say(`shared-tenant: ${PROCESSES} processes on ${place.driver}`);
  const setting = { ...place, payloadBytes: PAYLOAD, records: SESSIONS };
  const racers: Racer[] = [];
  const works = [BARE_SAVES, RECORD_USAGE].map((name) => new SharedWork(name, racers));
  try {
    while (racers.length < PROCESSES)
      racers.push(await forked("one of several", "shared-calls", setting).start());
    const warmUp = -1;
    for (let turn = warmUp; turn < plan.rounds; turn++)
      for (const work of works) await work.takeTurn(plan.sharedMs, turn > warmUp);
  } finally {
    for (const racer of racers) await racer.close();
  }
  const [, recording] = works as [SharedWork, SharedWork];
  await checkCalls({ ...setting, variant: RECORD_USAGE }, recording.calls);
  for (const work of works) findings.sharedTenants.push({ driver: place.driver, ...work.result() });
}

/** Processes that do the same on one tenant: one of them alone, and all together. */
class SharedWork {
  /** All calls that were made. */
  calls = 0;
  readonly #name: string;
  readonly #racers: readonly Racer[];
  readonly #alone: Together[] = [];
  readonly #together: Together[] = [];

  constructor(name: string, racers: readonly Racer[]) {
    this.#name = name;
    this.#racers = racers;
  }

  async takeTurn(ms: number, counts: boolean): Promise<void> {
    const alone = await roundOf(this.#racers.slice(0, 1), this.#name, ms);
    const together = await roundOf(this.#racers, this.#name, ms);
    this.calls += alone.count + together.count;
    if (!counts) return;
    this.#alone.push(alone);
    this.#together.push(together);
  }

  result(): Omit<SharedTenantResult, "driver"> {
    const [alone, together] = [this.#alone, this.#together];
    return {
      work: this.#name,
      processes: PROCESSES,
      callers: CALLERS_EACH,
      alonePerSecond: median(alone.map(perSecond)),
      togetherPerSecond: median(together.map(perSecond)),
      ratio: medianRatio(together.map(perSecond), alone.map(perSecond)),
      longestAloneMs: Math.max(...alone.map(({ longestMs }) => longestMs)),
      longestTogetherMs: Math.max(...together.map(({ longestMs }) => longestMs)),
    };
  }
}

/** A round of some processes at once. */
interface Together {
  readonly count: number;
  readonly perSecond: number;
  readonly longestMs: number;
}

async function roundOf(racers: readonly Racer[], work: string, ms: number): Promise<Together> {
  const rounds = await Promise.all(racers.map((racer) => racer.round(work, CALLERS_EACH, ms)));
  const sum = (read: (round: Round) => number) => rounds.reduce((all, round) => all + read(round), 0);
  return {
    count: sum(({ count }) => count),
    perSecond: sum(({ perSecond }) => perSecond),
    longestMs: Math.max(...rounds.map(({ max = Number.NaN }) => max / 1_000)),
  };
}

function perSecond(round: Together): number {
  return round.perSecond;
}

/** Each call of each process is in the sums, once. */
async function checkCalls(setting: Setting, wanted: number): Promise<void> {
  const found = await runJob<number>("tenant-calls", setting, LONGEST_MS);
  if (found !== wanted) throw new Error(`${found} calls are in the sums of the tenant instead of ${wanted}`);
}
