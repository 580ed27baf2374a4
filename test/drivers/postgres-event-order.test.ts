import { expect, test } from "vitest";
import type { Commit, Driver, Outcome, StoredRecord } from "../../src/contract/driver.js";
import {
  apply,
  commit,
  connectWith,
  failOnUncaughtErrors,
  migratedDatabase,
  open,
  openFresh,
  plainClient,
  rememberedIds,
  type Sql,
  save,
} from "./postgres-rig.js";

failOnUncaughtErrors();

const ROUNDS = 12;
const IDS = 20;
/** Its place among the parameters of a batch. */
const LOCK_TIMEOUT = 2;

/** A number of new ids in a session of its own, in the given order. */
type Batch = (round: number, who: number, up: boolean) => readonly Commit[];

const saves: Batch = (round, who, up) => {
  const ids = Array.from({ length: IDS }, (_, n) => `r${round}-${String(n).padStart(2, "0")}`);
  return (up ? ids : ids.toReversed()).map((eventId) => save({ eventId, session: `s${who}`, kind: eventId }));
};

const ORDERS: readonly [what: string, batch: Batch][] = [
  ["single saves of one round", saves],
  [
    // Each slot is saved four times, so there are four rounds.
    "single saves of many rounds",
    (round, who, up) =>
      saves(round, who, up).map(({ writes: [write] }, n) =>
        save({ ...(write as { record: StoredRecord }).record, kind: `k${n % 5}` }),
      ),
  ],
  ["one commit of many saves", (...of) => [commit(...saves(...of).flatMap(({ writes }) => writes))]],
  [
    "commits of several saves",
    (...of) => {
      const writes = saves(...of).flatMap((each) => each.writes);
      return [0, 5, 10, 15].map((from) => commit(...writes.slice(from, from + 5)));
    },
  ],
];

/** A driver that waits for locks longer than the server takes to detect a deadlock. */
function openWithLongLockWaits(url: string): Promise<Driver> {
  const connect = connectWith(url, (sent, run, client) => {
    if (!/^SELECT .*apply/.test(sent.text)) return run();
    const parameters = sent.parameters.with(LOCK_TIMEOUT, "10000");
    return client.unsafe(sent.text, parameters as never);
  });
  return open({ connect });
}

async function deadlocks(sql: Sql): Promise<number> {
  await sql.unsafe("SELECT pg_stat_force_next_flush()");
  const [row] = await sql`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`;
  return Number(row?.deadlocks);
}

/** Two stores that save the same new ids in opposite order, at the same time. */
async function saveInOppositeOrder(drivers: readonly Driver[], batch: Batch): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const tries = drivers.map((driver, who) => apply(driver, batch(round, who, who === 0)));
    await Promise.allSettled(tries);
  }
}

test.each(ORDERS)("%s, the same new ids in opposite order: no deadlock", async (_, batch) => {
  const url = await migratedDatabase();
  const drivers = [await openWithLongLockWaits(url), await openWithLongLockWaits(url)];
  await saveInOppositeOrder(drivers, batch);
  expect(await deadlocks(plainClient(url))).toBe(0);
});

test.each([
  {
    part: "a round's order",
    name: "one commit of many saves",
    order: /DISTINCT ON \(x\.event_id COLLATE "C", x\.tenant COLLATE "C"\)|ORDER BY x\.event_id .* DESC/g,
    without: "",
  },
  {
    part: "the placeholders of later rounds",
    name: "single saves of many rounds",
    order: "unnest(a_held_tenant, a_held_event)",
    without: "unnest('{}'::text[], '{}'::text[])",
  },
])("without $part they do", async ({ name, order, without }) => {
  const { url, sql } = await openFresh();
  const [row] = await sql.unsafe("SELECT pg_get_functiondef('groundstate.apply_many_4'::regproc) AS text");
  const unordered = String(row?.text).replaceAll(order, without);
  expect(unordered).not.toBe(row?.text);
  await sql.unsafe(unordered);
  const drivers = [await openWithLongLockWaits(url), await openWithLongLockWaits(url)];
  const [, batch] = ORDERS.find(([what]) => what === name) as (typeof ORDERS)[0];
  // On a busy machine they may not overlap at once.
  for (let n = 0; n < 20 && (await deadlocks(sql)) === 0; n++) {
    await sql`DELETE FROM groundstate.event`;
    await saveInOppositeOrder(drivers, batch);
  }
  expect(await deadlocks(sql)).toBeGreaterThan(0);
});

test("the second save of an id fails at once, and the placeholder of an id that was not saved is removed", async () => {
  const { driver, sql } = await openFresh();
  await apply(driver, [save({ eventId: "taken", kind: "k" })]);
  const descending = [
    save({ eventId: "z", kind: "z" }, "nothing there"),
    commit(...save({ eventId: "y", kind: "y" }).writes, ...save({ eventId: "taken", kind: "else" }).writes),
    save({ eventId: "a", kind: "a" }),
  ];
  const outcomes: readonly Outcome[] = await apply(driver, descending);
  expect(outcomes).toEqual([
    { is: "condition", write: 0, current: null },
    { is: "conflict", write: 1 },
    { is: "applied", existed: [false] },
  ]);
  expect(await rememberedIds(sql)).toEqual(["a", "taken"]);
  expect(await apply(driver, [save({ eventId: "z", kind: "z" })])).toEqual([
    { is: "applied", existed: [false] },
  ]);
});
