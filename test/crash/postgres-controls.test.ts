import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Layer, StateStore } from "../../src/index.js";
import { startProxy } from "../drivers/postgres-proxy.js";
import { failOnUncaughtErrors, plainClient, withPort } from "../drivers/postgres-rig.js";
import { startServer } from "../postgres/database.js";
import type { PostgresServer } from "../postgres/server.js";
import { type RandomChoices, withDice } from "../random.js";
import { isSoak } from "../soak.js";
import { acknowledgingEarly, denying, resending, tearing } from "./broken-layers.js";
import { report } from "./figures.js";
import { type Findings, Load, nothing, type Work } from "./load.js";
import { openOn } from "./postgres-store.js";
import { LOST_ANSWERS, RandomFaults } from "./random-faults.js";
import { Accounts } from "./work/accounts.js";
import { Attempts } from "./work/attempts.js";
import { Journals } from "./work/journals.js";
import { Notes } from "./work/notes.js";
import { sessionOf } from "./work/records.js";

failOnUncaughtErrors();

/** All that a server may put off it puts off, so that what was not made durable is lost for certain. */
const LAZY = {
  synchronous_commit: "off",
  wal_writer_delay: "10s",
  wal_writer_flush_after: "1GB",
  autovacuum: "off",
};
const TIMEOUT_MS = 600;

describe("on a server that puts off what it may", { timeout: 120_000 }, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startServer({ durable: true, settings: LAZY });
  });
  afterAll(() => server.stop());

  test("a schema that was made is there after a crash", async () => {
    const store = await openOn(server.url);
    await server.crash();
    await server.start();
    expect(await store.find(sessionOf("any"), "any")).toBeUndefined();
  });

  test("what was acknowledged is there too, and the rig notices where it is not", () =>
    withDice(async (random) => {
      const store = await openOn(server.url);
      const sql = plainClient(server.url);
      const works = () => [new Notes(), new Attempts()];
      const kept = await restarted(random, works(), store);
      expect(await kept.audit(store)).toEqual(nothing());

      for (const name of ["apply_4", "apply_many_4", "apply_one_2"])
        await sql.unsafe(`ALTER FUNCTION groundstate.${name} SET synchronous_commit = off`);
      const forgotten = await restarted(random, works(), store);
      const { lost } = await forgotten.audit(store);
      expect(lost.length).toBeGreaterThan(0);
      report("control: synchronous_commit off", { of: forgotten.acknowledged.length, lost: lost.length });
    }));

  test("the rig notices writes that were acknowledged too early", () =>
    withDice(async (random) => {
      const options = { schema: "early" };
      const honest = await openOn(server.url, options);
      const early = acknowledgingEarly();
      const store = await openOn(server.url, { ...options, layers: [early.layer] });
      const load = await restarted(random, [new Attempts()], store, 8);
      await early.ended();
      const { lost } = await load.audit(honest);
      expect(lost.length).toBeGreaterThan(0);
      report("control: acknowledged early", { lost: lost.length });
    }));

  test.runIf(isSoak)("the rig notices a retry with a fresh event id after a lost answer", () =>
    withDice(async (random) => {
      const works = [new Journals({ freshIds: true })];
      const { twice } = await overBadLine(random, works, { schema: "fresh", layers: [] });
      expect(twice.length).toBeGreaterThan(0);
      report("control: fresh event ids", { twice: twice.length });
    }),
  );

  test.runIf(isSoak)("the rig notices a write that was said not to have been made", () =>
    withDice(async (random) => {
      const { untrue } = await overBadLine(random, [new Attempts()], { schema: "denied", layers: [denying] });
      expect(untrue.length).toBeGreaterThan(0);
      report("control: denied writes", { untrue: untrue.length });
    }),
  );

  test.runIf(isSoak)("the rig notices old state that comes back", () =>
    withDice(async (random) => {
      const store = await openOn(server.url, { schema: "resent", layers: [resending] });
      const load = await Load.start([store], [new Notes()], { random });
      await load.until(() => load.findings.lost.length > 0);
      await load.stop();
      report("control: old state", { lost: load.findings.lost.length });
    }),
  );

  test.runIf(isSoak)("the rig notices a commit in parts", () =>
    withDice(async (random) => {
      const store = await openOn(server.url, { schema: "torn", layers: [tearing] });
      const load = await Load.start([store], [new Accounts()], { random });
      await load.until(() => load.findings.torn.length > 0);
      await load.stop();
      report("control: commits in parts", { torn: load.findings.torn.length });
    }),
  );

  /** A load during which the server is ended at once and started again. */
  async function restarted(
    random: RandomChoices,
    works: readonly Work[],
    store: StateStore,
    callers = 64,
  ): Promise<Load> {
    const load = await Load.start([store], works, { callers, random });
    for (let restarts = 0; restarts < 2; restarts++) {
      await load.progress();
      await server.crash();
      await server.start();
    }
    await load.progress();
    await load.stop();
    return load;
  }

  /** What is found where most answers are lost. */
  async function overBadLine(
    random: RandomChoices,
    works: readonly Work[],
    options: { schema: string; layers: readonly Layer[] },
  ): Promise<Findings> {
    const line = await startProxy(server.url);
    const store = await openOn(withPort(server.url, line.port), { timeoutMs: TIMEOUT_MS, ...options });
    const faults = new RandomFaults(line, { writes: 0.8, faults: LOST_ANSWERS, random });
    const load = await Load.start([store], works, { callers: 16, random });
    faults.begin();
    await load.until(() => faults.sum(LOST_ANSWERS) > 30);
    faults.end();
    await load.stop();
    return load.audit(await openOn(server.url, { schema: options.schema }));
  }
});
