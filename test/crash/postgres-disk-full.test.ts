import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { failOnUncaughtErrors, postgresOf } from "../drivers/postgres-rig.js";
import { startServer } from "../postgres/database.js";
import type { PostgresServer } from "../postgres/server.js";
import { buildPreload, whyNoPreload } from "../preload/preload.js";
import { withDice } from "../random.js";
import { soak } from "../soak.js";
import { acknowledgingEarly } from "./broken-layers.js";
import { report } from "./figures.js";
import { Load, nothing } from "./load.js";
import { longestCallMs, openOn } from "./postgres-store.js";
import { Attempts } from "./work/attempts.js";
import { everyWork } from "./work/every-work.js";

failOnUncaughtErrors();

const TIMEOUT_MS = 1000;
const ROUNDS = soak(1);

/** Where there is no room: for anything, or for anything more. */
const TABLES = "/data/base/";
const LOG = "/data/pg_wal/";
const ANYWHERE = "+/data/";

const library = whyNoPreload === undefined ? buildPreload("disk-full") : "";
const flag = join(dirname(library), "full");
const title = whyNoPreload === undefined ? "a server whose disk is full" : `skipped: ${whyNoPreload}`;

describe.skipIf(whyNoPreload !== undefined)(title, () => {
  let server: PostgresServer;
  beforeAll(async () => {
    // The server may run as somebody else.
    chmodSync(dirname(library), 0o755);
    const env = { LD_PRELOAD: library, GROUNDSTATE_DISK_FULL: flag };
    server = await startServer({ durable: true, env });
  });
  afterEach(async () => {
    makeRoom();
    await workAgain(server);
  });
  afterAll(() => server.stop());

  test(
    "writes nothing that it does not keep, says so, and works again when there is room",
    {
      timeout: soak(300_000),
    },
    () =>
      withDice(async (random) => {
        const store = await openOn(server.url, { timeoutMs: TIMEOUT_MS });
        const { works, attempts } = everyWork();
        // What takes up room.
        const bulky = new Attempts(3000);
        const load = await Load.start([store], [...works, bulky], { random });
        const refused = () => load.failures.get("refused") ?? 0;
        const gone = () => load.failures.get("unreachable") ?? 0;
        for (let round = 0; round < ROUNDS; round++) {
          for (const [place, seen] of [
            [TABLES, refused],
            [LOG, gone],
            [ANYWHERE, () => refused() + gone()],
          ] as const) {
            await load.progress();
            const before = seen();
            fill(place);
            await load.until(() => seen() > before);
            await sleep(random.below(500));
            makeRoom();
            await workAgain(server);
          }
        }
        await load.progress();
        await load.stop();

        expect(await load.audit(await openOn(server.url))).toEqual(nothing());
        expect(load.longestOwnMs).toBeLessThan(longestCallMs(TIMEOUT_MS));
        const told = ["busy", "unreachable", "refused", "OUTCOME_UNKNOWN", "CONDITION_FAILED"];
        expect([...load.failures.keys()].filter((code) => !told.includes(code))).toEqual([]);
        report("disk full", {
          fills: 3 * ROUNDS,
          acknowledged: load.acknowledged.length,
          notWritten: attempts.count("not written") + bulky.count("not written"),
          unknown: attempts.count("unknown") + bulky.count("unknown"),
          longestMs: Math.round(load.longestMs),
          failures: Object.fromEntries(load.failures),
        });
      }),
  );

  test("and the rig notices what was acknowledged too early", { timeout: soak(300_000) }, () =>
    withDice(async (random) => {
      const honest = await openOn(server.url, { schema: "control" });
      const lostWith = async (place: string | undefined) => {
        // Acknowledged at once, the calls are more than a slow server carries out within a short time.
        const early = place === undefined ? acknowledgingEarly(60_000) : acknowledgingEarly();
        const timeoutMs = place === undefined ? 60_000 : TIMEOUT_MS;
        const store = await openOn(server.url, { schema: "control", layers: [early.layer], timeoutMs });
        if (place !== undefined) fill(place);
        const load = await Load.start([store], [new Attempts()], { random });
        await load.progress();
        await load.stop();
        await early.ended();
        makeRoom();
        await workAgain(server);
        const { lost } = await load.audit(honest);
        report(`acknowledged early, ${place} full`, { lost: lost.length });
        return lost.length;
      };
      // Where there is room, what is late comes all the same.
      expect(await lostWith(undefined)).toBe(0);
      // The server may have had room for all that was under way in the log that it had begun.
      let lost = 0;
      for (let tries = 0; tries < 5 && lost === 0; tries++) lost = await lostWith(LOG);
      expect(lost).toBeGreaterThan(0);
    }),
  );
});

function fill(place: string): void {
  writeFileSync(flag, place);
}

function makeRoom(): void {
  rmSync(flag, { force: true });
}

/** A server that could not keep its log has gone down, or is about to: then it takes somebody to start it. */
async function workAgain(server: PostgresServer): Promise<void> {
  const answers = async () => {
    await server.start().catch(() => undefined);
    const sql = postgresOf(server.url, { connect_timeout: 1, backoff: false });
    try {
      await sql`CREATE TEMPORARY TABLE room ()`;
      return true;
    } catch {
      return false;
    } finally {
      await sql.end({ timeout: 0 });
    }
  };
  await expect.poll(answers, { timeout: 60_000 }).toBe(true);
}
