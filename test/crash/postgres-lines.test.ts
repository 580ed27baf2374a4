import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { namesOf } from "../../drivers/postgres/names.js";
import { sessionKey } from "../../drivers/postgres/session-locks.js";
import { type FaultyProxy, startProxy } from "../drivers/postgres-proxy.js";
import { failOnUncaughtErrors, migratedDatabase, plainClient, withPort } from "../drivers/postgres-rig.js";
import { type RandomChoices, withDice } from "../random.js";
import { isSoak, soak } from "../soak.js";
import { report } from "./figures.js";
import { type Caller, Load, nothing, type Work } from "./load.js";
import { longestCallMs, openOn } from "./postgres-store.js";
import { LOST_ANSWERS, LOST_REQUESTS, RandomFaults } from "./random-faults.js";
import { everyWork } from "./work/every-work.js";
import { event, sessionOf } from "./work/records.js";

failOnUncaughtErrors();

/** Each of them has batches under way that hang at the same time. */
const STORES = isSoak ? 6 : 2;
/** How often each kind of fault happens at least. */
const FEWEST = isSoak ? soak(5) : 2;

describe("a bad line", () => {
  test("that loses requests and answers, hangs, ends and trickles", { timeout: soak(300_000) }, () =>
    withDice(async (random) => {
      const timeoutMs = isSoak ? 400 : 800;
      const { stores, line, url } = await proxied(STORES, timeoutMs);
      const faults = new RandomFaults(line, { writes: 0.5, others: 0.05, random });
      const { works, attempts } = everyWork();
      const tellTale = new TellTale(faults);
      const load = await Load.start(stores, [...works, tellTale], { callers: 14 * STORES, random });
      faults.begin();
      const others = disturb(line, url, timeoutMs, random);
      const enough = () => faults.fewest >= FEWEST && tellTale.duplicates > 10 && tellTale.firsts > 10;
      await load.until(enough, soak(240_000));
      faults.end();
      await others.end();
      await load.progress();
      await load.stop();

      expect(await load.audit(await openOn(url))).toEqual(nothing());
      expect(load.longestOwnMs).toBeLessThan(longestCallMs(timeoutMs));
      // Otherwise the account does not know the protocol of the functions any more.
      expect(tellTale.judged.duplicate).toBeGreaterThan(tellTale.duplicates / 4);
      expect(tellTale.judged.first).toBeGreaterThan(tellTale.firsts / 4);
      report("lines", {
        faults: Object.fromEntries(faults.counts),
        lostRequests: faults.sum(LOST_REQUESTS),
        lostAnswers: faults.sum(LOST_ANSWERS),
        duplicates: tellTale.duplicates,
        firsts: tellTale.firsts,
        judged: tellTale.judged,
        acknowledged: load.acknowledged.length,
        longestMs: Math.round(load.longestMs),
        failures: Object.fromEntries(load.failures),
        notWritten: attempts.count("not written"),
        unknown: attempts.count("unknown"),
      });
    }),
  );

  test("that falls silent: every call ends, and the store works again", { timeout: soak(300_000) }, () =>
    withDice(async (random) => {
      const timeoutMs = 600;
      const { stores, line, url } = await proxied(1, timeoutMs);
      const { works } = everyWork();
      const load = await Load.start(stores, works, { random });
      await load.progress();
      load.failures.clear();
      line.onRequest = () => "stall";
      await load.until(() => count(load.failures) > 64);
      line.resume();
      await load.progress();
      await load.stop();

      expect(await load.audit(await openOn(url))).toEqual(nothing());
      expect(load.longestMs).toBeGreaterThan(timeoutMs);
      expect(load.longestOwnMs).toBeLessThan(longestCallMs(timeoutMs));
      report("silence", { longestMs: Math.round(load.longestMs), bound: longestCallMs(timeoutMs) });
    }),
  );
});

/** Saves whose receipts say truly whether an earlier try, of which nobody heard, had written them. */
class TellTale implements Work {
  duplicates = 0;
  firsts = 0;
  /** How many receipts could be judged, and were to say that the event is a duplicate, or that it is not. */
  readonly judged = { duplicate: 0, first: 0 };
  readonly #faults: RandomFaults;

  constructor(faults: RandomFaults) {
    this.#faults = faults;
  }

  async step({ number, store, findings, insist }: Caller): Promise<void> {
    const record = event(sessionOf("tell-tale"), `slot/${number}`, "");
    const { duplicate } = await insist(() => store.save(record));
    const expected = this.#faults.isDuplicate(record.eventId);
    if (duplicate) this.duplicates++;
    else this.firsts++;
    if (expected !== undefined) this.judged[expected ? "duplicate" : "first"]++;
    if (expected === undefined || expected === duplicate) return;
    findings[expected ? "twice" : "untrue"].push(`the receipt of ${record.eventId}`);
  }

  async look(): Promise<void> {}
}

/** Holds the lock of one session or another for longer than a statement waits for it, and cuts all lines at once. */
function disturb(line: FaultyProxy, url: string, timeoutMs: number, random: RandomChoices) {
  const sql = plainClient(url);
  let isOver = false;
  const work = async () => {
    while (!isOver) {
      const session = random.pick(["attempts", "notes", "counters", "tell-tale"]);
      await sql.unsafe(
        `SELECT pg_advisory_lock(${sessionKey(namesOf("groundstate", ""), "'acme'", "'ann'", `'${session}'`)})`,
      );
      await sleep(2 * timeoutMs);
      await sql`SELECT pg_advisory_unlock_all()`;
      await sleep(random.below(timeoutMs));
      line.cut();
      await sleep(timeoutMs);
    }
  };
  const ended = work();
  const end = () => {
    isOver = true;
    return ended;
  };
  onTestFinished(end);
  return { end };
}

async function proxied(count: number, timeoutMs: number) {
  const url = await migratedDatabase();
  const line = await startProxy(url);
  const stores = [];
  for (let n = 0; n < count; n++)
    stores.push(await openOn(withPort(url, line.port), { timeoutMs, poolSize: 3 }));
  return { url, line, stores };
}

function count(failures: ReadonlyMap<string, number>): number {
  return (failures.get("unreachable") ?? 0) + (failures.get("OUTCOME_UNKNOWN") ?? 0);
}
