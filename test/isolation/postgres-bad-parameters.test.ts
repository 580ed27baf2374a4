import { expect, onTestFinished, test } from "vitest";
import { textIn } from "../../conformance/assertions/text-in.js";
import { readAddress } from "../../drivers/postgres/address.js";
import { ClientPool } from "../../drivers/postgres/client-pool.js";
import { readConfig } from "../../drivers/postgres/config.js";
import { connectorOf } from "../../drivers/postgres/connector.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { PostgresDriver } from "../../drivers/postgres/postgres-driver.js";
import type { Driver } from "../../src/contract/driver.js";
import { createStore, type StateStore } from "../../src/index.js";
import { retrying } from "../../src/layers/index.js";
import {
  apply,
  commit,
  failOnUncaughtErrors,
  migratedDatabase,
  plainClient,
  postgresOf,
  record,
  SLOT,
} from "../drivers/postgres-rig.js";
import { isSoak, soak } from "../soak.js";
import { DRIVER_CALLS, POOL_CALLS, SPOILED_CALLS, STORE_CALLS, spoiling } from "./bad-calls.js";
import { BAD_VALUES } from "./bad-values.js";
import { callEach, keepAsking, NoAnswer, Tally } from "./traffic.js";

failOnUncaughtErrors();

const TENANTS = ["a", "b", "c", "d", "e", "f", "g", "h"].map((name) => `tenant-${name}`);
/** Longer than any call waits for its turn on a busy machine: a refusal would be taken for a fault. */
const TIMEOUT_MS = 12_000;
/** What every payload and every echo of a good caller begins with. */
const MARK = "for-";
const ECHO = "SELECT $1::text AS value";

test(
  "thousands of bad parameters, and each answer of eight tenants reaches its caller",
  async () => {
    const { url, pool, driver, store, nextBad } = await openAll();
    const tally = new Tally();
    let over = false;
    const asking = TENANTS.flatMap((tenant) => [
      ...["1", "2", "3"].map((lane) => saveAndLoad(store, tenant, lane, tally)),
      readBelow(driver, tenant, tally),
      echo((value) => pool.run(ECHO, [value], "read"), tenant, tally),
    ]).map((ask) => keepAsking(ask, { tally, isOver: () => over }));

    const levels = [
      inTurn(10, STORE_CALLS, (call) => call(store, nextBad() as never)),
      inTurn(7, POOL_CALLS, (call) => call(pool, nextBad() as never)),
      inTurn(2, DRIVER_CALLS, (call) => call(driver, nextBad() as never)),
      inTurn(1, SPOILED_CALLS, (call) => call(store)),
    ].flat();
    const bad = await callEach(isSoak ? soak(3_000) : 700, 24, (n) => picked(levels, n)());
    over = true;
    await Promise.all(asking);

    const hung = bad.filter((result) => result.status === "rejected" && result.reason instanceof NoAnswer);
    expect(hung).toEqual([]);
    expect(bad.map(textIn).filter((text) => text.includes(MARK))).toEqual([]);
    const own = await driver.read([{ ...SLOT, tenant: "tenant-a", kind: "below" }]);
    expect(textIn(own), "as an answer that went astray would show").toContain(MARK);
    expect(tally.refused).toEqual([]);
    expect(tally.wrong).toEqual([]);
    expect(tally.compared).toBeGreaterThan(isSoak ? 1_000 : 250);
    expect(await misplaced(url)).toBe(0);
  },
  soak(120_000),
);

test("a commit that a layer spoils is refused alone, and so is a read", async () => {
  const { store } = await openAll();
  const identity = { tenant: "tenant-a", user: "ann", session: "s1" };
  const kinds = Array.from({ length: 20 }, (_, n) => `note/${n}`);
  for (const kind of kinds) await store.save({ eventId: kind, identity, kind, bytes: Buffer.from(kind) });
  for (const spoiled of [...SPOILED_CALLS, ...SPOILED_CALLS, ...SPOILED_CALLS]) {
    const [, found, deleted] = await Promise.all([
      spoiled(store).catch(() => {}),
      store.find(identity, kinds[1] as string),
      store.delete(identity, kinds[0] as string),
      spoiled(store).catch(() => {}),
    ]);
    expect(found?.eventId).toBe(kinds[1]);
    expect(deleted).toBe(true);
    kinds.shift();
  }
});

test("control: the bare client gives answers to the wrong callers", async () => {
  const url = await migratedDatabase();
  const tally = new Tally();
  // Each on a client of its own, for after one of them it may never answer again.
  await callEach(BAD_VALUES.length, 12, async (index) => {
    const sql = postgresOf(url);
    const ask = (parameter: unknown) => sql.unsafe(ECHO, [parameter] as never, { prepare: true });
    await ask("so that the statement is prepared");
    const asking = TENANTS.map((tenant) => echo(ask, tenant, tally));
    await callEach(60, 60, (n) => (n === 30 ? ask(BAD_VALUES[index]) : picked(asking, n)(n)), 300);
    await sql.end({ timeout: 0 });
  });
  expect(tally.compared).toBeGreaterThan(1_000);
  expect(tally.wrong.length, "this test must see answers that went astray").toBeGreaterThan(100);
});

/** A store over a driver over a pool, all three at hand, and the next of the bad values for each. */
async function openAll() {
  const url = await migratedDatabase();
  await (await openPostgres({ url })).close();
  const { target, clients, hosts } = await connectorOf({ address: readAddress(url) }, true);
  const each = clients(TIMEOUT_MS, TIMEOUT_MS);
  const pool = new ClientPool({ ...each, hosts, size: 5, timeoutMs: TIMEOUT_MS, prepare: true });
  const { names } = readConfig({ url });
  const driver = new PostgresDriver(pool, { names, target, timeoutMs: TIMEOUT_MS });
  let given = 0;
  const nextBad = () => picked(BAD_VALUES, given++);
  const store = createStore(driver, { layers: [retrying(), spoiling(nextBad)] });
  onTestFinished(() => store.close());
  return { url, pool, driver, store, nextBad };
}

/** So many calls, the next of the list each time. */
function inTurn<C>(times: number, list: readonly C[], make: (call: C) => Promise<unknown>) {
  let turn = 0;
  return Array.from({ length: times }, () => () => make(picked(list, turn++)));
}

function picked<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}

/** The tenants' records are alike in everything but the tenant and what is in them, event ids included. */
function saveAndLoad(store: StateStore, tenant: string, lane: string, tally: Tally) {
  const identity = { tenant, user: "ann", session: "s1", run: lane };
  return async (turn: number) => {
    const eventId = `${lane}-${turn}`;
    const kind = `note/${turn % 16}`;
    const bytes = new Uint8Array(Buffer.from(`${MARK}${tenant} ${lane} ${turn}`));
    const saved = { eventId, identity, kind, bytes, version: turn, updatedAt: new Date(turn) };
    tally.compare("a save", await store.save(saved), { eventId, duplicate: false });
    tally.compare("a load", await store.load(identity, kind), saved);
    if (turn % 4 === 0) tally.compare("an event", await store.loadByEventId(identity, eventId), saved);
    if (turn % 4 === 2) tally.compare("a list", await store.list(identity, kind, { limit: 1 }), [saved]);
  };
}

function readBelow(driver: Driver, tenant: string, tally: Tally) {
  return async (turn: number) => {
    const bytes = Buffer.from(`${MARK}${tenant} ${turn}`);
    const written = record({ tenant, kind: "below", eventId: `below-${turn}`, bytes });
    const outcomes = await apply(driver, [commit({ op: "save", record: written })]);
    tally.compare("an outcome", outcomes, [{ is: "applied", existed: [turn > 0] }]);
    const nothing = { ...SLOT, tenant, kind: "nothing" };
    tally.compare("a read", await driver.read([nothing, written]), [undefined, written]);
    tally.compare("an event below", await driver.readByEventId(written, written.eventId), written);
  };
}

function echo(ask: (value: string) => PromiseLike<readonly unknown[]>, tenant: string, tally: Tally) {
  return async (turn: number) => {
    const value = `${MARK}${tenant} ${turn}`;
    tally.compare("an echo", [...(await ask(value))], [{ value }]);
  };
}

/** How many of the tenants' records hold what another wrote. */
async function misplaced(url: string): Promise<number> {
  const [row] = await plainClient(url).unsafe(`
    SELECT count(*)::int AS count FROM groundstate.record
    WHERE tenant LIKE 'tenant-_' AND position(convert_to('${MARK}' || tenant || ' ', 'UTF8') IN bytes) <> 1`);
  return row?.count;
}
