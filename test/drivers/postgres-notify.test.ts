import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { groupOf, groupsIn, payloadOf } from "../../drivers/postgres/change-groups.js";
import {
  type BatchEvent,
  type Commit,
  DIAGNOSTICS,
  openStore,
  type StateStore,
  type Watch,
} from "../../src/index.js";
import { startPgBouncer } from "../postgres/pgbouncer.js";
import { newSession } from "../typed/stores.js";
import { nextOf, note, told } from "../watch/watching.js";
import { failOnUncaughtErrors, migratedDatabase, plainClient, type Sql } from "./postgres-rig.js";

failOnUncaughtErrors();

/** So long that no poll happens in a test. */
const NEVER = { pollMs: 3_600_000 };
const places = (identity = newSession()) => [{ identity, kind: "a" }];

async function opened(url: string, options = {}): Promise<StateStore> {
  const store = await openStore(url, { notify: true, ...options } as object);
  onTestFinished(() => store.close());
  return store;
}

/** The backends that listen. */
async function listening(sql: Sql): Promise<number> {
  const [row] = await sql`SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND query ~ '^(LISTEN|UNLISTEN)'`;
  return row?.n;
}

/** Saves through the other store until the watch tells of it: it may not be live before. */
async function untilTold(watch: Watch, other: StateStore, identity = newSession()): Promise<void> {
  let isTold = false;
  const notice = watch.next().then(() => {
    isTold = true;
  });
  while (!isTold) {
    await other.save(note(identity, "a"));
    await sleep(20);
  }
  await notice;
}

test("a change of another store is told, long before the next poll", async () => {
  const url = await migratedDatabase();
  const [store, other] = [await opened(url), await opened(url)];
  const who = newSession();
  const watch = store.watch(places(who), NEVER);
  await nextOf(watch);
  await untilTold(watch, other, who);
  for (const text of ["1", "2", "3", "4", "5", "6", "7", "8", "9"]) {
    await other.save(note(who, "a", text));
    while (told(await nextOf(watch))[1] !== text);
  }
  await other.commit([{ op: "erase", identity: who }]);
  expect(told(await nextOf(watch))).toEqual(["a", undefined]);
});

test("a store that does not notify is seen by the safety poll, and sends no notification", async () => {
  const url = await migratedDatabase();
  const [store, other] = [await opened(url), await opened(url, { notify: false })];
  const who = newSession();
  const watch = store.watch(places(who));
  await nextOf(watch);
  const sql = plainClient(url);
  const heard: string[] = [];
  const { channel } = await channelOf(sql, url);
  const { unlisten } = await sql.listen(channel, (payload) => void heard.push(payload));
  await other.save(note(who, "a", "silent"));
  expect(told(await nextOf(watch))).toEqual(["a", "silent"]);
  await store.save(note(who, "a", "told"));
  await expect.poll(() => heard.filter((payload) => !payload.startsWith("?"))).toEqual([groupOf(who)]);
  await unlisten();
});

test("a killed connection is made again, and what was missed meanwhile shows", async () => {
  const url = await migratedDatabase();
  const [store, other] = [await opened(url), await opened(url)];
  const who = newSession();
  const sql = plainClient(url);
  const watch = store.watch(places(who), NEVER);
  await nextOf(watch);
  await untilTold(watch, other, who);
  for (let round = 0; round < 2; round++) {
    await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`;
    await other.save(note(who, "a", `missed ${round}`));
    await other.save(note(who, "a", `last ${round}`));
    // On a busy machine the new connection may not hear itself in time, and is tried again after a minute.
    for (let text: string | undefined; text !== `last ${round}`; )
      [, text] = told(await nextOf(watch, 90_000));
    await expect.poll(() => listening(sql), { timeout: 90_000 }).toBe(1);
  }
}, 400_000);

test("the connection exists only while something is watched", async () => {
  const url = await migratedDatabase();
  const sql = plainClient(url);
  const store = await opened(url);
  await sleep(50);
  expect(await listening(sql)).toBe(0);
  const watch = store.watch(places(), NEVER);
  await nextOf(watch);
  await expect.poll(() => listening(sql)).toBe(1);
  await watch.return();
  await store.watch(places(), NEVER).next();
  expect(await listening(sql)).toBe(1);
  await store.close();
  await expect.poll(() => listening(sql)).toBe(0);
});

test("behind a pooler in transaction mode, it asks every pollMs", async () => {
  const direct = await migratedDatabase();
  const pooler = await startPgBouncer(direct, { pool_mode: "transaction" });
  onTestFinished(pooler.stop);
  const [store, other] = [await opened(pooler.url, { prepare: false, poolSize: 2 }), await opened(direct)];
  const who = newSession();
  const watch = store.watch(places(who), { pollMs: 20 });
  await nextOf(watch);
  // A notification that comes through is heard by then; the store would ask every two seconds from then on.
  await sleep(500);
  const questions = countQuestions();
  await expect.poll(() => questions.count, { timeout: 8000 }).toBeGreaterThan(10);
  await other.save(note(who, "a", "new"));
  expect(told(await nextOf(watch))).toEqual(["a", "new"]);
});

test("a notification names no session, and is never longer than Postgres takes", () => {
  const commit = (sessions: number): Commit => ({
    tenant: "acme",
    writes: Array.from({ length: sessions }, (_, n) => ({
      op: "delete",
      slot: { tenant: "acme", user: "ann", session: `s${n}`, run: "", kind: "a" },
    })),
  });
  const slot = { tenant: "acme", user: "ann", session: "s1", run: "", kind: "a" };
  expect(payloadOf([{ tenant: "acme", writes: [{ op: "check", slot, expect: null }] }])).toBe("");
  expect(payloadOf([commit(2), commit(2)])).toHaveLength(8);
  expect([...(groupsIn(payloadOf([commit(2)])) ?? [])].sort()).toEqual(
    [groupOf({ ...slot, session: "s0" }), groupOf(slot)].sort(),
  );
  expect(payloadOf([commit(1900)]).length).toBeLessThan(8000);
  expect(groupsIn(payloadOf([commit(1901)]))).toBeUndefined();
});

/** Counts the questions about watched slots, of all stores, until the test ends. */
function countQuestions(): { count: number } {
  const questions = { count: 0 };
  const count = (event: unknown) => {
    if ((event as BatchEvent).operation === "watch") questions.count++;
  };
  subscribe(DIAGNOSTICS.batch, count);
  onTestFinished(() => {
    unsubscribe(DIAGNOSTICS.batch, count);
  });
  return questions;
}

/** The channel of the default schema: what the store listens to. */
async function channelOf(sql: Sql, url: string): Promise<{ channel: string }> {
  const watch = (await opened(url)).watch(places(), NEVER);
  await nextOf(watch);
  let query = "";
  await expect
    .poll(async () => {
      const [row] =
        await sql`SELECT query FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND pid <> pg_backend_pid()`;
      query = row?.query ?? "";
      return query;
    })
    .toMatch(/^LISTEN /);
  return { channel: query.slice('LISTEN "'.length, -1) };
}
