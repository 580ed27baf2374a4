import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { openBenchPostgres } from "../postgres-server.js";
import { race } from "../race.js";
import type { RaceResult } from "../results.js";
import type { Context } from "../section.js";
import { type SlowFsync, slowFsync } from "../slow-fsync.js";
import { median } from "../statistics.js";

const DELAYS_MS = [1, 5];
const PAYLOAD = 256;
const WRITERS = 64;

/** Saves on a disk that takes longer to confirm. */
export async function slowDisk(context: Context): Promise<void> {
  const environment = await slowFsync(context, "slow-disk");
  if (environment === undefined) return;
  for (const delayMs of DELAYS_MS) {
    await onSqlite(context, environment, delayMs);
    await onPostgres(context, environment, delayMs);
  }
}

async function onSqlite(
  { plan, findings, folder, say }: Context,
  environment: SlowFsync,
  delayMs: number,
): Promise<void> {
  const env = environment(delayMs);
  const entrant = (name: string, module: string) =>
    forked(
      name,
      module,
      {
        folder: folder(`slow-disk-${module}-${delayMs}`),
        payloadBytes: PAYLOAD,
        variant: "worker",
      },
      { env },
    );
  const result = await race(
    {
      section: "slow-disk",
      title: slowDiskTitle(delayMs),
      payloadBytes: PAYLOAD,
      reference: ENTRANT.sqliteRaw,
      entrants: [entrant(ENTRANT.sqliteRaw, "sqlite-raw"), entrant(ENTRANT.floor, "sqlite-floor")],
      operations: ["save"],
      callers: [WRITERS],
      rounds: plan.rounds,
      ms: plan.slowDiskMs,
    },
    say,
  );
  checkDelay(result, ENTRANT.sqliteRaw, delayMs);
  findings.races.push(result);
}

/** On a server of its own; one that was given keeps its disk. */
async function onPostgres(
  { plan, findings, folder, say }: Context,
  environment: SlowFsync,
  delayMs: number,
): Promise<void> {
  const server = await openBenchPostgres(undefined, environment(delayMs));
  const setting = { folder: folder(`slow-disk-postgres-${delayMs}`), payloadBytes: PAYLOAD, url: server.url };
  try {
    const result = await race(
      {
        section: "slow-disk",
        title: `Postgres, ${delayMs} ms added per fsync`,
        payloadBytes: PAYLOAD,
        reference: ENTRANT.postgresTen,
        entrants: [
          forked(ENTRANT.postgresTen, "postgres-raw", { ...setting, variant: "10" }),
          forked(ENTRANT.floor, "postgres-floor", setting),
        ],
        operations: ["save"],
        callers: [1, WRITERS],
        rounds: plan.rounds,
        ms: plan.slowDiskMs,
        serverCpu: server.cpu,
      },
      say,
    );
    checkDelay(result, ENTRANT.postgresTen, delayMs);
    findings.races.push(result);
  } finally {
    await server.stop();
  }
}

export function slowDiskTitle(delayMs: number): string {
  return `SQLite, ${delayMs} ms added per fsync`;
}

/** A save of the raw client waits for one fsync at least. */
function checkDelay({ cells }: RaceResult, raw: string, delayMs: number): void {
  const rounds = cells[0]?.rounds.get(raw) ?? [];
  if (rounds.length > 0 && median(rounds.map(({ p50 = 0 }) => p50)) < delayMs * 1_000) {
    throw new Error(`the ${delayMs} ms per fsync did not arrive`);
  }
}
