import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Payloads } from "../../src/queue/queue-entry.js";
import { QueueRoom } from "../../src/queue/queue-room.js";
import { CallTimes } from "../../src/timing/call-time.js";
import { failure, saves, thrown } from "../store/store-rig.js";
import { queueRig } from "./queue-rig.js";

describe("room", () => {
  const load = (tenant: string, bytes: number, writes = 1) => ({ tenant, bytes, writes });

  test("is shared: a tenant holds at most as much as it leaves free", () => {
    const room = new QueueRoom({ bytes: 100, commits: 10 });
    const enter = (tenant: string) => {
      let entered = 0;
      while (room.reserve(load(tenant, 1)) === undefined) entered++;
      return entered;
    };
    expect([enter("a"), enter("b"), enter("c")]).toEqual([5, 3, 1]);
    expect(room.used).toEqual({ bytes: 9, commits: 9 });
  });

  test("runs out for all tenants, or for one alone", () => {
    const room = new QueueRoom({ bytes: 100, commits: 10 });
    expect(room.reserve(load("a", 60))).toBeUndefined();
    expect(room.reserve(load("a", 1))).toBe("share");
    expect(room.reserve(load("b", 41))).toBe("room");
    expect(room.reserve(load("b", 40))).toBeUndefined();
  });

  test("is given to a commit larger than all of it, if the queue is empty", () => {
    const room = new QueueRoom({ bytes: 100, commits: 10 });
    expect(room.reserve(load("a", 1000))).toBeUndefined();
    expect(room.reserve(load("b", 1))).toBe("room");
    room.release(load("a", 1000));
    expect(room.reserve(load("b", 1))).toBeUndefined();
  });

  test("that a tenant gives back, it may take again", () => {
    const room = new QueueRoom({ bytes: 100, commits: 10 });
    expect([room.reserve(load("a", 30)), room.reserve(load("a", 20))]).toEqual([undefined, undefined]);
    room.release(load("a", 30));
    expect(room.reserve(load("a", 20))).toBeUndefined();
    expect(room.used).toEqual({ bytes: 40, commits: 2 });
  });

  test("counts a commit of more than 256 changes as several, for they take memory too", () => {
    const room = new QueueRoom({ bytes: 100, commits: 20 });
    expect(room.reserve(load("a", 0, 256))).toBeUndefined();
    expect(room.used).toEqual({ bytes: 0, commits: 1 });
    expect(room.reserve(load("b", 0, 4096))).toBeUndefined();
    expect(room.used).toEqual({ bytes: 0, commits: 17 });
    expect([room.reserve(load("b", 0, 1)), room.reserve(load("c", 0, 1025))]).toEqual(["share", "room"]);
    room.release(load("b", 0, 4096));
    room.release(load("a", 0, 256));
    expect(room.used).toEqual({ bytes: 0, commits: 0 });
    expect(room.reserve(load("b", 0, 4096))).toBeUndefined();
  });

  test("is given to a commit of more changes than it counts, if the queue is empty", () => {
    const room = new QueueRoom({ bytes: 100, commits: 4 });
    expect(room.reserve(load("a", 0, 4096))).toBeUndefined();
    expect(room.reserve(load("b", 0))).toBe("room");
    room.release(load("a", 0, 4096));
    expect(room.reserve(load("b", 0))).toBeUndefined();
  });
});

describe("a queue that is full", () => {
  const counted = () => {
    const owned: string[] = [];
    const payloads = (name: string): Payloads => ({ seal() {}, copy: () => void owned.push(name) });
    return { owned, payloads };
  };

  test("copies no payload that waits for room, and admits commits in order as room is freed", async () => {
    const { queue, batches, pump } = queueRig({ room: { bytes: 1000, commits: 4 } });
    const { owned, payloads } = counted();
    const done = Array.from({ length: 6 }, (_, index) =>
      queue.commit(saves(`${index}`, ["a"]), undefined, payloads(`${index}`)),
    );
    expect(owned).toEqual(["0", "1"]);
    await pump();
    for (let index = 0; index < batches.length; index++) await batches[index]?.answer();
    await Promise.all(done);
    expect(owned).toEqual(["0", "1", "2", "3", "4", "5"]);
    expect(batches.map(({ ids }) => ids.length)).toEqual([2, 2, 2]);
  });

  test("has room for another tenant, which does not wait behind the first", async () => {
    const { queue, batches, pump } = queueRig({ room: { bytes: 1000, commits: 10 } });
    for (let index = 0; index < 100; index++) void queue.commit(saves(`${index}`, ["a"]));
    await pump();
    void queue.commit(saves("lone", ["a"], 1, "other"));
    await pump();
    await batches[0]?.answer();
    expect(batches[1]?.ids).toContain("lone/a");
  });

  test("rejects commits that waited too long as busy, in the queue and for room, and does not send them", async () => {
    const { queue, batches, pump } = queueRig({
      room: { bytes: 1000, commits: 4 },
      times: new CallTimes(20),
    });
    const sent = queue.commit(saves("0", ["a"]));
    await pump();
    const waiting = Array.from({ length: 4 }, (_, index) => failure(queue.commit(saves(`${index}`, ["b"]))));
    const errors = await Promise.all(waiting);
    expect(errors.map(({ code, details }) => [code, details])).toEqual(
      Array(4).fill(["UNAVAILABLE", { reason: "busy" }]),
    );
    await batches[0]?.answer();
    await sent;
    expect(batches).toHaveLength(1);
    await queue.finished();
  });

  test("frees commits that are aborted while they wait for room", async () => {
    const { queue, batches, pump } = queueRig({ room: { bytes: 1000, commits: 2 } });
    const { owned, payloads } = counted();
    const controller = new AbortController();
    const first = queue.commit(saves("0", ["a"]), undefined, payloads("0"));
    const waiting = thrown(queue.commit(saves("1", ["a"]), controller.signal, payloads("1")));
    const last = queue.commit(saves("2", ["a"]), undefined, payloads("2"));
    controller.abort("enough");
    expect(await waiting).toBe("enough");
    await pump();
    await batches[0]?.answer();
    await batches[1]?.answer();
    await Promise.all([first, last]);
    expect(owned).toEqual(["0", "2"]);
  });

  test("sends a commit whose payloads take long to copy in its order, and others meanwhile", async () => {
    const { queue, batches, pump } = queueRig();
    let ready!: () => void;
    const own = () => new Promise<void>((resolve) => (ready = resolve));
    void queue.commit(saves("large", ["a"]), undefined, { seal() {}, copy: own });
    void queue.commit(saves("after", ["a"]));
    void queue.commit(saves("beside", ["b"]));
    await pump();
    expect(batches[0]?.ids).toEqual(["beside/b"]);
    await batches[0]?.answer();
    ready();
    await turn();
    await pump();
    expect(batches[1]?.ids).toEqual(["large/a", "after/a"]);
  });

  test("rejects a commit whose payloads cannot be copied, and no other", async () => {
    const { queue, batches, pump } = queueRig();
    const error = new Error("changed");
    const own = () => Promise.reject(error);
    const lost = thrown(queue.commit(saves("large", ["a"]), undefined, { seal() {}, copy: own }));
    void queue.commit(saves("after", ["a"]));
    expect(await lost).toBe(error);
    await pump();
    expect(batches[0]?.ids).toEqual(["after/a"]);
  });
});
