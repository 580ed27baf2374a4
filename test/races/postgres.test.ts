import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { StoreProcesses } from "../../conformance/histories/store-processes.js";
import {
  failOnUncaughtErrors,
  migratedDatabase,
  open,
  plainClient,
  type Sql,
} from "../drivers/postgres-rig.js";
import { isSoak, sampleOf, soak } from "../soak.js";
import { BROKEN } from "./broken-drivers.js";
import { racesAcross } from "./process-races.js";
import { racesOn } from "./races.js";
import { mustBeLinearizable, seedsUntilFound } from "./run.js";

failOnUncaughtErrors();

const HARNESS = new URL("../conformance/postgres-harness.mjs", import.meta.url).href;

test("whatever clients of two stores ask of one database, it is linearizable", async ({ annotate }) => {
  const tally = await mustBeLinearizable(racesOn((await twoDrivers()).drivers), isSoak ? soak(15) : 10);
  await annotate(`${tally}`);
  tally.mustShowRaces();
}, 3_600_000);

test("also while the server's processes are killed that serve them", async ({ annotate }) => {
  const { url, drivers } = await twoDrivers();
  const striker = new Striker(url);
  onTestFinished(async () => void (await striker.stop()));
  const asked = racesOn(drivers);
  // The stores ask again what they lost the answer to.
  const races: typeof asked = (look) => asked((history) => look({ ...history, asksAgain: true }));
  const tallies: string[] = [];
  // On a slow machine fewer are killed in the same time.
  while (tallies.length === 0 || (striker.killed <= 5 && tallies.length < 5))
    tallies.push(String(await mustBeLinearizable(races, isSoak ? soak(5) : 3)));
  await annotate(`${tallies.join("; ")}, killed ${await striker.stop()}`);
  expect(striker.killed).toBeGreaterThan(5);
}, 3_600_000);

test("also where the stores are in four processes, some of which are killed", async ({ annotate }) => {
  process.env.GROUNDSTATE_HARNESS_POSTGRES = await migratedDatabase();
  const processes = await StoreProcesses.launch(4, HARNESS, "races");
  onTestFinished(() => processes.end());
  const tally = await mustBeLinearizable(racesAcross(processes, 8), soak(6));
  await annotate(`$tally, killed $processes.killed`);
  tally.mustShowRaces();
}, 3_600_000);

describe("a driver is found that", () => {
  test.for(sampleOf(Object.entries(BROKEN), 5))(
    "%s",
    { timeout: 120_000 },
    async ([, made], { annotate }) => {
      const { drivers } = await twoDrivers();
      const seeds = await seedsUntilFound(racesOn(drivers, made), 200);
      await annotate(`found after $seeds`);
      expect(seeds).toBeDefined();
    },
  );
});

/** With connections of their own, on the same database. */
async function twoDrivers() {
  const url = await migratedDatabase();
  return { url, drivers: [await open({ url, poolSize: 3 }), await open({ url, poolSize: 3 })] };
}

/** Ends connections of a database from the side of the server, one now and then. */
class Striker {
  killed = 0;
  readonly #url: string;
  readonly #sql: Sql;
  readonly #done: Promise<void>;
  #isStopped = false;

  constructor(url: string) {
    this.#url = url;
    this.#sql = plainClient(url);
    this.#done = this.#strike();
  }

  async stop(): Promise<number> {
    this.#isStopped = true;
    await this.#done;
    return this.killed;
  }

  async #strike(): Promise<void> {
    while (!this.#isStopped) {
      // On a slow machine all would be ended before they have done anything.
      await sleep(20 + Math.random() * 20 + (await this.#connectMs()));
      const struck = await this.#sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1`;
      this.killed += struck.length;
    }
  }

  /** How long a new connection takes now. */
  async #connectMs(): Promise<number> {
    const begun = performance.now();
    const sql = plainClient(this.#url);
    await sql`SELECT 1`;
    const took = performance.now() - begun;
    await sql.end();
    return took;
  }
}
