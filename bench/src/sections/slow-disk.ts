import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { forked } from "../entrant.js";
import { ENTRANT } from "../names.js";
import { race } from "../race.js";
import type { RaceResult } from "../results.js";
import { findProgram, runProgram } from "../run-program.js";
import type { Context } from "../section.js";
import { median } from "../statistics.js";

const SOURCE = fileURLToPath(new URL("../../slow-fsync.c", import.meta.url));
const DELAYS_MS = [1, 5];
const PAYLOAD = 256;
const WRITERS = 64;

/** Saves on a disk that takes longer to confirm. */
export async function slowDisk(context: Context): Promise<void> {
  const { plan, findings } = context;
  const compiler = findProgram(["cc", "gcc", "clang"]);
  if (process.platform !== "linux" || compiler === undefined) {
    const why = compiler === undefined ? "there is no C compiler" : "it needs Linux";
    findings.skipped.push({ what: "slow-disk", why });
    return;
  }
  const library = join(context.folder("slow-disk"), "slow-fsync.so");
  await runProgram(compiler, ["-shared", "-fPIC", "-O2", "-o", library, SOURCE, "-ldl"]);
  for (const delayMs of DELAYS_MS) {
    const env = { LD_PRELOAD: library, SLOW_FSYNC_US: String(delayMs * 1_000) };
    const entrant = (name: string, module: string) =>
      forked(
        name,
        module,
        {
          folder: context.folder(`slow-disk-${module}-${delayMs}`),
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
      context.say,
    );
    checkDelay(result, delayMs);
    findings.races.push(result);
  }
}

export function slowDiskTitle(delayMs: number): string {
  return `SQLite, ${delayMs} ms added per fsync`;
}

/** A save of the raw client waits for one fsync at least. */
function checkDelay({ cells }: RaceResult, delayMs: number): void {
  const rounds = cells[0]?.rounds.get(ENTRANT.sqliteRaw) ?? [];
  if (rounds.length > 0 && median(rounds.map(({ p50 = 0 }) => p50)) < delayMs * 1_000) {
    throw new Error(`the ${delayMs} ms per fsync did not arrive`);
  }
}
