import { expect, test } from "vitest";
import { MemoryDriver } from "../../drivers/memory/memory-driver.js";
import { newEventId } from "../../src/process/event-id.js";
import { createStore } from "../../src/store/driver-store.js";
import { saves } from "../store/store-rig.js";
import { queueRig } from "./queue-rig.js";

/** A queue that has sent so many batches of one commit, and what it schedules as for a lone commit. */
async function afterLoneBatches(count: number) {
  const lonePumps: (() => void)[] = [];
  const rig = queueRig({ inFlight: 2, scheduleLone: (pump) => lonePumps.push(pump) });
  const { queue, batches } = rig;
  const sendAll = async () => {
    for (const pump of lonePumps.splice(0)) pump();
    await rig.pump();
  };
  let name = 0;
  const commit = () => {
    const id = String(++name);
    void queue.commit(saves(id, [id]));
  };
  for (let batch = 0; batch < count; batch++) {
    commit();
    await sendAll();
    await batches.at(-1)?.answer();
  }
  return { ...rig, lonePumps, sendAll, commit };
}

test("a commit counts as lone once four batches in a row held one commit", async () => {
  for (const [batches, expected] of [
    [3, 0],
    [4, 1],
    [9, 1],
  ] as const) {
    const { commit, lonePumps } = await afterLoneBatches(batches);
    commit();
    expect(lonePumps).toHaveLength(expected);
  }
});

test("commits made before a lone one is sent share its batch, and the next one is not lone", async () => {
  const { commit, lonePumps, sendAll, batches } = await afterLoneBatches(4);
  for (let made = 0; made < 3; made++) commit();
  await sendAll();
  expect(batches.at(-1)?.commits).toHaveLength(3);
  await batches.at(-1)?.answer();
  commit();
  expect(lonePumps).toHaveLength(0);
});

test("a commit beside one that is under way is not lone", async () => {
  const { commit, lonePumps, sendAll, batches } = await afterLoneBatches(4);
  commit();
  await sendAll();
  commit();
  expect(lonePumps).toHaveLength(0);
  await sendAll();
  expect(batches).toHaveLength(6);
});

test("a caller that saves in a loop lets the event loop have its turns", async () => {
  const store = createStore(new MemoryDriver());
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const identity = { tenant: "acme", user: "ada", session: "s1" };
  const save = () => store.save({ eventId: newEventId(), identity, kind: "note", bytes: new Uint8Array(1) });
  for (let saved = 0; turns < 10 && saved < 100_000; saved++) await save();
  isOver = true;
  expect(turns).toBe(10);
  await store.close();
});
