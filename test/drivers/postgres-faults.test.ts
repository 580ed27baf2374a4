import { describe, expect, onTestFinished, test } from "vitest";
import { createStore, type Driver, isStateError, type StateStore } from "../../src/index.js";
import { createDatabase } from "../postgres/database.js";
import { startPostgres } from "../postgres/server.js";
import { type FaultyLine, startProxy } from "./postgres-proxy.js";
import { failure, freshDatabase, open, plain, refuseStrayErrors, type Sql, through } from "./postgres-rig.js";

refuseStrayErrors();

const ANN = { tenant: "acme", user: "ann", session: "s1" };

/** What is seen of a delete on the wire. */
const DELETE = `{"delete"}`;

describe("an answer that is lost after the commit", () => {
  test("a save is recognised when it is sent again, and acknowledged once", async () => {
    const { store, proxy, sql } = await proxied();
    for (let n = 0; n < 20; n++) {
      lose(proxy, `event-${n}`, n % 2 === 0 ? "cut the answer" : "cut");
      const save = { eventId: `event-${n}`, identity: ANN, kind: "note", bytes: Buffer.from(String(n)) };
      const { duplicate } = await store.save(save);
      // Had the first been written, the second is a duplicate of it; only a lost request is written by the second.
      expect(duplicate).toBe(n % 2 === 0);
      expect((await store.save(save)).duplicate).toBe(true);
    }
    expect(await events(sql)).toBe(20);
  });

  test("a conditional save too, although its own condition no longer holds", async () => {
    const { store, proxy } = await proxied();
    lose(proxy, "event-1", "cut the answer");
    const save = { eventId: "event-1", identity: ANN, kind: "note", bytes: Buffer.from("1") };
    expect(await store.save(save, { expect: null })).toMatchObject({ duplicate: true });
  });

  test("a delete and an erase are not sent again: the caller has to look", async () => {
    const { store, proxy, sql } = await proxied();
    for (const kind of ["a", "b"])
      await store.save({ eventId: kind, identity: ANN, kind, bytes: Buffer.from("") });

    lose(proxy, DELETE, "cut the answer");
    expect(await failure(store.delete(ANN, "a"))).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      retryable: false,
    });
    expect(await store.find(ANN, "a")).toBeUndefined();

    lose(proxy, DELETE, "cut");
    expect(await failure(store.delete(ANN, "b"))).toMatchObject({
      code: "OUTCOME_UNKNOWN",
      retryable: false,
    });
    expect(await store.find(ANN, "b")).toBeDefined();

    const other = { ...ANN, session: "to-be-erased" };
    await store.save({ eventId: "c", identity: other, kind: "c", bytes: Buffer.from("") });
    lose(proxy, other.session, "cut the answer");
    const error = await failure(store.erase(other));
    expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(error.message).toContain("read");
    expect(await sql`SELECT FROM groundstate.record WHERE session = ${other.session}`).toHaveLength(0);
  });

  test("a delete beside saves in one batch: each gets what is true of it", async () => {
    const { store, proxy } = await proxied();
    await store.save({ eventId: "first", identity: ANN, kind: "a", bytes: Buffer.from("") });
    lose(proxy, "second", "cut the answer");
    const outcomes = await Promise.allSettled([
      store.save({ eventId: "second", identity: ANN, kind: "b", bytes: Buffer.from("") }),
      store.delete(ANN, "a"),
      store.save({ eventId: "third", identity: ANN, kind: "c", bytes: Buffer.from("") }),
    ]);
    expect(outcomes).toMatchObject([
      { status: "fulfilled", value: { duplicate: true } },
      { status: "rejected", reason: { code: "OUTCOME_UNKNOWN", retryable: false } },
      { status: "fulfilled", value: { duplicate: true } },
    ]);
    expect(await store.find(ANN, "a")).toBeUndefined();
  });
});

describe("under load of 64 writers, nothing acknowledged is lost, nothing is written twice, nobody hangs", () => {
  test("while backends are killed", async () => {
    const { url, drop } = await createDatabase();
    onTestFinished(drop);
    const sql = plain(url);
    const driver = await open({ url, timeoutMs: 5000 });
    const load = new Load(storeOf(driver, 2));
    let killed = 0;
    for (let round = 0; round < 40; round++) {
      await pause(20 + Math.random() * 20);
      killed += (
        await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2`
      ).length;
    }
    await load.stop();
    expect(killed).toBeGreaterThan(5);
    await load.verify(sql);
  });

  test("while the server is ended at once and started again", async () => {
    const server = await startPostgres({ durable: true });
    onTestFinished(server.stop);
    const driver = await open({ url: server.url, timeoutMs: 5000 });
    const load = new Load(storeOf(driver, 2));
    for (let round = 0; round < 2; round++) {
      await load.progress();
      await server.crash();
      await pause(100);
      await server.start();
    }
    await load.progress();
    await load.stop();
    await load.verify(plain(server.url));
  });

  test("while lines are cut, with requests and answers on them", async () => {
    const { store, proxy, sql } = await proxied(4);
    const load = new Load(store);
    const timer = setInterval(() => proxy.cut(), 30);
    onTestFinished(() => clearInterval(timer));
    await pause(1200);
    clearInterval(timer);
    await load.stop();
    expect(proxy.accepted).toBeGreaterThan(10);
    await load.verify(sql);
  });

  test("and the rig notices a save that is applied again, and one that is acknowledged and not there", async () => {
    const url = await freshDatabase();
    const driver = await open({ url });
    const load = new Load(storeOf(driver, 1));
    await pause(200);
    await load.stop();
    const sql = plain(url);
    await load.verify(sql);
    // As if a late try of a writer's first save had been applied once more.
    const [undone] =
      await sql`UPDATE groundstate.record AS r SET event_id = e.event_id, bytes = convert_to(e.event_id, 'UTF8')
      FROM groundstate.event AS e WHERE e.event_id = '0-0' AND e.record_id = r.id RETURNING e.event_id`;
    expect(undone).toBeDefined();
    await expect(load.verify(sql)).rejects.toThrow(/current again/);
    await sql`DELETE FROM groundstate.event WHERE event_id = (SELECT min(event_id) FROM groundstate.event)`;
    await expect(load.verify(sql)).rejects.toThrow();
  });
});

/** 64 writers, each of which saves one event after another into a slot that it shares with others. */
class Load {
  readonly acknowledged: string[] = [];
  readonly attempted = new Set<string>();
  #stopped = false;
  readonly #writers: Promise<void>[];

  constructor(store: StateStore) {
    this.#writers = Array.from({ length: 64 }, (_, writer) => this.#write(store, writer));
  }

  /** Some more is acknowledged. */
  async progress(): Promise<void> {
    const before = this.acknowledged.length;
    await expect.poll(() => this.acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(before + 500);
  }

  /** Nobody hangs: all writers finish what they are at. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }

  async verify(sql: Sql): Promise<void> {
    const rows = await sql`SELECT event_id FROM groundstate.event`;
    const found = new Set(rows.map((row) => row.event_id as string));
    expect(this.acknowledged.length).toBeGreaterThan(100);
    expect(new Set(this.acknowledged).size).toBe(this.acknowledged.length);
    expect(this.acknowledged.filter((id) => !found.has(id))).toEqual([]);
    expect([...found].filter((id) => !this.attempted.has(id))).toEqual([]);
    const [last] = await sql`SELECT count(*) AS broken FROM groundstate.record AS r
      WHERE NOT EXISTS (SELECT FROM groundstate.event AS e WHERE e.event_id = r.event_id AND e.record_id = r.id)`;
    expect(last).toEqual({ broken: "0" });
    await this.#verifyOrder(sql);
  }

  /** A writer's events follow one another: were an old one applied again, one acknowledged later would be gone. */
  async #verifyOrder(sql: Sql): Promise<void> {
    const rows = await sql`SELECT event_id, convert_from(bytes, 'UTF8') AS bytes FROM groundstate.record`;
    for (const { event_id, bytes } of rows) {
      expect(bytes).toBe(event_id);
      const [writer, number] = (event_id as string).split("-");
      const later = this.acknowledged.filter((id) => {
        const [other, n] = id.split("-");
        return other === writer && Number(n) > Number(number);
      });
      expect(later, `${event_id} is current again`).toEqual([]);
    }
  }

  async #write(store: StateStore, writer: number): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const eventId = `${writer}-${n}`;
      const save = { eventId, identity: ANN, kind: `slot-${writer % 16}`, bytes: Buffer.from(eventId) };
      this.attempted.add(eventId);
      if (await this.#saved(store, save)) this.acknowledged.push(eventId);
    }
  }

  async #saved(store: StateStore, save: Parameters<StateStore["save"]>[0]): Promise<boolean> {
    for (;;) {
      try {
        await store.save(save);
        return true;
      } catch (error) {
        if (!isStateError(error) || !error.retryable) throw error;
        if (this.#stopped) return false;
        await pause(20);
      }
    }
  }
}

async function proxied(poolSize = 2) {
  const url = await freshDatabase();
  const proxy = await startProxy(url);
  const driver = await open({ url: through(url, proxy.port), timeoutMs: 5000, poolSize });
  return { store: storeOf(driver, 2), proxy, sql: plain(url) };
}

function storeOf(driver: Driver, inFlight: number): StateStore {
  return createStore(driver, { layers: driver.layers ?? [], inFlight });
}

/** Fails the next request that holds this text, once. */
function lose(proxy: FaultyLine, text: string, how: "cut" | "cut the answer"): void {
  proxy.onRequest = (data) => {
    if (!data.includes(text)) return "pass";
    proxy.onRequest = () => "pass";
    return how;
  };
}

async function events(sql: Sql): Promise<number> {
  return (await sql`SELECT FROM groundstate.event`).length;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
