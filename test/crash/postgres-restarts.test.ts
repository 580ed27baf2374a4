import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  failOnUncaughtErrors,
  migratedDatabase,
  plainClient,
  postgresOf,
  type Sql,
} from "../drivers/postgres-rig.js";
import { startServer } from "../postgres/database.js";
import type { PostgresServer } from "../postgres/server.js";
import { type RandomChoices, withDice } from "../random.js";
import { isSoak, soak } from "../soak.js";
import { report } from "./figures.js";
import { Load, nothing } from "./load.js";
import { longestCallMs, openOn } from "./postgres-store.js";
import type { Attempts } from "./work/attempts.js";
import { everyWork } from "./work/every-work.js";

failOnUncaughtErrors();

const TIMEOUT_MS = 1000;
const RESTARTS = isSoak ? soak(2) : 1;
const KILLS = isSoak ? soak(60) : 20;

describe("nothing acknowledged is lost, nothing happens twice, nobody waits too long, and the store works again", () => {
  test("while the server is ended at once and started again", { timeout: soak(300_000) }, () =>
    withDice(async (random) => {
      const server = await startServer({ durable: true });
      onTestFinished(server.stop);
      const { load, attempts } = await loaded(server.url, random);
      for (let restarts = 0; restarts < RESTARTS; restarts++) {
        await load.progress();
        await WAYS[restarts % WAYS.length]?.(server, random);
      }
      await load.progress();
      await server.crash();
      // Longer than the layer tries: callers get to see errors.
      const before = attempts.count("not written");
      await load.until(() => attempts.count("not written") > before);
      await server.start();
      await load.progress();
      await load.stop();

      expect(await load.audit(await openOn(server.url))).toEqual(nothing());
      expect(load.longestOwnMs).toBeLessThan(longestCallMs(TIMEOUT_MS));
      expectPassing(load);
      report("restarts", { restarts: RESTARTS + 1, ...figuresOf(load, attempts) });
    }),
  );

  test("while backends are killed", { timeout: soak(300_000) }, () =>
    withDice(async (random) => {
      const url = await migratedDatabase();
      const { load, attempts } = await loaded(url, random);
      const sql = plainClient(url);
      let killed = 0;
      while (killed < KILLS) {
        await sleep(10 + random.below(20));
        killed += await terminate(sql, 1 + random.below(2));
      }
      await load.progress();
      await load.stop();

      expect(await load.audit(await openOn(url))).toEqual(nothing());
      expect(load.longestOwnMs).toBeLessThan(longestCallMs(TIMEOUT_MS));
      expectPassing(load);
      report("killed backends", { killed, ...figuresOf(load, attempts) });
    }),
  );
});

async function loaded(url: string, random: RandomChoices) {
  const store = await openOn(url, { timeoutMs: TIMEOUT_MS });
  const { works, attempts } = everyWork();
  const load = await Load.start([store], works, { random });
  return { load, attempts };
}

type Way = (server: PostgresServer, random: RandomChoices) => Promise<void>;

/** How a server goes down and comes back. */
const WAYS: readonly Way[] = [
  async function atOnce(server, random) {
    await server.crash();
    await sleep(random.below(300));
    await server.start();
  },
  async function againWhileItRecovers(server, random) {
    await server.crash();
    const recovered = server.start().catch(() => undefined);
    await sleep(random.below(100));
    await server.crash();
    await recovered;
    await server.start();
  },
  /** As the system does when memory runs out; the server then ends all others too, and recovers by itself. */
  async function oneProcessKilled(server) {
    const sql = postgresOf(server.url);
    const [victim] = await sql`SELECT pid FROM pg_stat_activity
      WHERE application_name = 'groundstate' ORDER BY state = 'active' DESC LIMIT 1`;
    await sql.end({ timeout: 0 });
    process.kill(victim?.pid, "SIGKILL");
  },
];

async function terminate(sql: Sql, count: number): Promise<number> {
  const killed = await sql`
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
    ORDER BY state = 'active' DESC, random() LIMIT ${count}`;
  return killed.length;
}

/** Nobody is told to mend what mends itself. */
function expectPassing({ failures }: Load): void {
  const told = ["busy", "unreachable", "OUTCOME_UNKNOWN", "CONDITION_FAILED"];
  expect([...failures.keys()].filter((code) => !told.includes(code))).toEqual([]);
}

function figuresOf({ acknowledged, longestMs, failures }: Load, attempts: Attempts) {
  return {
    acknowledged: acknowledged.length,
    longestMs: Math.round(longestMs),
    failures: Object.fromEntries(failures),
    notWritten: attempts.count("not written"),
    unknown: attempts.count("unknown"),
  };
}
