import { expect, test } from "vitest";
import { MEET, meetingOf } from "../meeting.js";
import {
  failOnUncaughtErrors,
  freshDatabase,
  inProcess,
  open,
  plainClient,
  SLOT,
  stored,
} from "./postgres-rig.js";

failOnUncaughtErrors();

/** The source that all workers of this file share: a driver, and retries of transient errors. */
const WORKER = `
  const driver = await openPostgres({ url: args.url, poolSize: 3 });
  const insist = async (ask) => {
    for (;;) {
      try { return await ask(); } catch (error) { if (error.details?.reason !== "busy") throw error; }
    }
  };
  const apply = (...commits) => insist(() => driver.apply(commits, times));
  ${MEET}
  const until = Date.now() + args.ms;
  let count = 0;
  const id = () => args.me + "-" + count++;
`;

test("increments by compare-and-swap from four processes come out exact", async () => {
  const url = await freshDatabase();
  const meeting = meetingOf(4);
  const source = `${WORKER}
    let applied = 0;
    while (Date.now() < until || applied === 0) {
      const [current] = await driver.read([slot]);
      const version = (current?.version ?? 0) + 1;
      const [outcome] = await apply(saveOf({ eventId: id(), version }, current?.eventId ?? null));
      if (outcome.is === "applied") applied++;
      else if (outcome.is !== "condition") throw new Error(outcome.is);
    }
    await driver.close();
    console.log(applied);
  `;
  const counts = await Promise.all(
    ["a", "b", "c", "d"].map((me) => inProcess<number>(source, { url, meeting, me, ms: 1000 })),
  );
  const total = counts.reduce((sum, count) => sum + count);
  const [last] = await (await open({ url })).read([SLOT]);
  expect(last?.version).toBe(total);
  expect(Math.min(...counts)).toBeGreaterThan(0);
});

test("a condition holds against writers without one in another process", async () => {
  const url = await freshDatabase();
  const meeting = meetingOf(4);
  const careless = `${WORKER}
    while (Date.now() < until) await apply(saveOf({ eventId: id(), kind: "note", version: 1 }));
    await driver.close();
    console.log("null");
  `;
  // Each conditional save names what it believes to replace; the events tell whether anything came in between.
  const careful = `${WORKER}
    const replaced = [];
    while (Date.now() < until || replaced.length === 0) {
      const [current] = await driver.read([slot]);
      const eventId = id();
      const [outcome] = await apply(saveOf({ eventId, version: 2 }, current?.eventId ?? null));
      if (outcome.is === "applied") replaced.push(current?.eventId ?? null);
    }
    await driver.close();
    console.log(JSON.stringify(replaced));
  `;
  const [, , one, other] = await Promise.all([
    inProcess(careless, { url, meeting, me: "a", ms: 1000 }),
    inProcess(careless, { url, meeting, me: "b", ms: 1000 }),
    inProcess<unknown[]>(careful, { url, meeting, me: "c", ms: 1000 }),
    inProcess<unknown[]>(careful, { url, meeting, me: "d", ms: 1000 }),
  ]);
  const replaced = [...one, ...other];
  expect(replaced.length).toBeGreaterThan(0);
  // No event was replaced twice.
  expect(new Set(replaced).size).toBe(replaced.length);
});

test("an erase beside commits of the same session never tears one", async () => {
  const url = await freshDatabase();
  const meeting = meetingOf(4);
  const writer = `${WORKER}
    const pair = (value) => ({
      tenant: slot.tenant,
      writes: ["a", "b"].flatMap((kind) => saveOf({ kind, run: kind, eventId: value + kind, version: count }).writes),
    });
    const gone = () => ({
      tenant: slot.tenant,
      writes: ["a", "b"].map((kind) => ({ op: "delete", slot: { ...slot, kind, run: kind } })),
    });
    while (Date.now() < until) await apply(Math.random() < 0.8 ? pair(id()) : gone());
    await driver.close();
    console.log("null");
  `;
  const eraser = `${WORKER}
    const counts = [];
    while (Date.now() < until) counts.push(await insist(() => eraseIn(driver, times)("acme", "ann", "s1")));
    await driver.close();
    console.log(JSON.stringify(counts));
  `;
  const reader = `${WORKER}
    const torn = [];
    let pairs = 0;
    while (Date.now() < until) {
      const [a, b] = await driver.read(["a", "b"].map((kind) => ({ ...slot, kind, run: kind })));
      if (a !== undefined) pairs++;
      if (a?.version !== b?.version) torn.push([a?.version, b?.version]);
    }
    await driver.close();
    console.log(JSON.stringify({ torn, pairs }));
  `;
  const [, , erased, read] = await Promise.all([
    inProcess(writer, { url, meeting, me: "w", ms: 1000 }),
    inProcess(writer, { url, meeting, me: "x", ms: 1000 }),
    inProcess<number[]>(eraser, { url, meeting, me: "e", ms: 1000 }),
    inProcess<{ torn: unknown[]; pairs: number }>(reader, { url, meeting, me: "r", ms: 1000 }),
  ]);
  expect(read.torn).toEqual([]);
  expect(read.pairs).toBeGreaterThan(0);
  expect(new Set(erased)).toEqual(new Set([0, 2]));
  expect([0, 2]).toContain((await stored(plainClient(url))).length);
});

test("one event id that all processes save in sessions of their own is written once", async () => {
  const url = await freshDatabase();
  const meeting = meetingOf(4);
  const source = `${WORKER}
    const written = [];
    for (let n = 0; n < 150; n++) {
      // Each in a commit with one of its own, in another order than its neighbours.
      const shared = saveOf({ eventId: "shared-" + n, session: args.me, kind: "shared" });
      const own = saveOf({ eventId: id(), session: args.me, kind: "own" });
      const [first, second] = await (n % 2 ? apply(shared, own) : apply(own, shared));
      const outcome = n % 2 ? first : second;
      if (outcome.is === "applied") written.push(n);
      else if (outcome.is !== "conflict") throw new Error(outcome.is);
    }
    await driver.close();
    console.log(JSON.stringify(written));
  `;
  const written = await Promise.all(
    ["a", "b", "c", "d"].map((me) => inProcess<number[]>(source, { url, meeting, me, ms: 0 })),
  );
  const all = written.flat().toSorted((one, other) => one - other);
  expect(all).toEqual(Array.from({ length: 150 }, (_, n) => n));
});
