import { describe, expect, test } from "vitest";
import type { Slot, StoredRecord } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { ReadQueue } from "../../src/queue/read-queue.js";
import { CallTimes } from "../../src/timing/call-time.js";
import { EventLoopYield } from "../../src/timing/yield-to-event-loop.js";
import { failure, SLOT, stored, unavailable } from "../store/store-rig.js";

const TIMES = new CallTimes(600_000);

interface DriverCall {
  readonly kinds: readonly string[];
  answer(records?: readonly (StoredRecord | undefined)[]): Promise<void>;
  reject(error: unknown): Promise<void>;
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** Never pauses, however slow the machine is. */
class NeverYield extends EventLoopYield {
  override pause(): undefined {}
}

/** A queue over a driver that answers when the test says so. */
function rig() {
  const driverCalls: DriverCall[] = [];
  const read = (slots: readonly Slot[]) =>
    new Promise<readonly (StoredRecord | undefined)[]>((resolve, reject) => {
      driverCalls.push({
        kinds: slots.map(({ kind }) => kind),
        answer: (records = slots.map(({ kind }) => stored({ kind }))) => {
          resolve(records);
          return turn();
        },
        reject: (error) => {
          reject(error);
          return turn();
        },
      });
    });
  const queue = new ReadQueue({ read }, new NeverYield(), 4);
  const ask = (kind: string) => queue.read({ ...SLOT, kind }, TIMES.begin());
  return { queue, ask, driverCalls };
}

describe("a read", () => {
  test("that is alone is sent at once", async () => {
    const { ask, driverCalls } = rig();
    const one = ask("a");
    await Promise.resolve();
    expect(driverCalls.map(({ kinds }) => kinds)).toEqual([["a"]]);
    await driverCalls[0]?.answer();
    expect((await one)?.kind).toBe("a");
  });

  test("shares a driver call with those of the same moment, and gets its own record", async () => {
    const { ask, driverCalls } = rig();
    const all = ["a", "b", "c", "b"].map(ask);
    await turn();
    expect(driverCalls.map(({ kinds }) => kinds)).toEqual([["a", "b", "c", "b"]]);
    await driverCalls[0]?.answer([stored({ kind: "a" }), undefined, stored({ kind: "c" }), undefined]);
    expect((await Promise.all(all)).map((record) => record?.kind)).toEqual(["a", undefined, "c", undefined]);
  });

  test("that follows a lone one is sent at the call, and those that are made meanwhile share the next call", async () => {
    const { ask, driverCalls } = rig();
    void ask("a");
    await turn();
    await driverCalls[0]?.answer();
    void ask("b");
    expect(driverCalls.map(({ kinds }) => kinds)).toEqual([["a"], ["b"]]);
    for (const kind of ["c", "d"]) void ask(kind);
    expect(driverCalls).toHaveLength(2);
    await turn();
    expect(driverCalls[2]?.kinds).toEqual(["c", "d"]);
    for (const call of driverCalls.slice(1)) await call.answer();
    void ask("e");
    expect(driverCalls).toHaveLength(3);
    await turn();
    expect(driverCalls[3]?.kinds).toEqual(["e"]);
  });

  test("that follows a lone one counts as under way, and is rejected when it is given up", async () => {
    const { queue, ask, driverCalls } = rig();
    void ask("a");
    await turn();
    await driverCalls[0]?.answer();
    const given = ask("b");
    let isIdle = false;
    const idle = queue.idle().then(() => {
      isIdle = true;
    });
    await turn();
    expect([isIdle, queue.depth]).toEqual([false, { waiting: 0, underWay: 1 }]);
    queue.abandon(failure);
    await expect(given).rejects.toBe(failure);
    await driverCalls[1]?.answer();
    await idle;
  });

  test("is never answered by a driver call that started before it was made", async () => {
    const { ask, driverCalls } = rig();
    void ask("a");
    await turn();
    const later = ask("a");
    await turn();
    expect(driverCalls).toHaveLength(2);
    await driverCalls[0]?.answer([stored({ kind: "a", version: 1 })]);
    await driverCalls[1]?.answer([stored({ kind: "a", version: 2 })]);
    expect((await later)?.version).toBe(2);
  });

  test("waits while four driver calls are under way, and then shares the next", async () => {
    const { ask, driverCalls } = rig();
    for (const kind of ["a", "b", "c", "d", "e", "f"]) {
      void ask(kind);
      await turn();
    }
    expect(driverCalls.map(({ kinds }) => kinds)).toEqual([["a"], ["b"], ["c"], ["d"]]);
    await driverCalls[1]?.answer();
    expect(driverCalls[4]?.kinds).toEqual(["e", "f"]);
  });
});

describe("a driver call", () => {
  test("asks for 16 slots at first, and for up to 128 once records have proved to be small", async () => {
    const { ask, driverCalls } = rig();
    const all = Array.from({ length: 500 }, (_, index) => ask(`${index}`));
    await turn();
    for (let index = 0; index < 8; index++) await driverCalls[index]?.answer();
    expect(driverCalls.map(({ kinds }) => kinds.length)).toEqual([16, 16, 16, 16, 32, 64, 128, 128, 84]);
    await driverCalls[8]?.answer();
    expect((await Promise.all(all)).map((record) => record?.kind)).toEqual(all.map((_, index) => `${index}`));
  });

  test("asks for fewer when the last one returned many bytes", async () => {
    const { ask, driverCalls } = rig();
    const bytes = Buffer.alloc(2 * 1024 * 1024);
    const first = [ask("a"), ask("b")];
    await turn();
    await driverCalls[0]?.answer([stored({ kind: "a", bytes }), stored({ kind: "b", bytes })]);
    await Promise.all(first);
    for (const kind of ["a", "b", "c", "d", "e"]) void ask(kind);
    await turn();
    expect(driverCalls[1]?.kinds).toHaveLength(3);
  });

  test("that fails with an error that may concern one slot is repeated slot by slot", async () => {
    for (const error of [
      new StateError("CORRUPT", "damaged", { details: {} }),
      new TypeError("a driver's mistake"),
      unavailable("refused"),
    ]) {
      const { ask, driverCalls } = rig();
      const [good, bad] = [ask("good"), ask("bad")];
      const lost = failure(bad);
      await turn();
      await driverCalls[0]?.reject(error);
      await driverCalls[1]?.answer();
      await driverCalls[2]?.reject(error);
      expect((await good)?.kind).toBe("good");
      expect((await lost).code).toBe(error instanceof StateError ? error.code : "UNAVAILABLE");
    }
  });

  test("that cannot reach the database fails for all its reads, once", async () => {
    for (const reason of ["unreachable", "busy", "setup"] as const) {
      const { ask, driverCalls } = rig();
      const both = [failure(ask("a")), failure(ask("b"))];
      await turn();
      await driverCalls[0]?.reject(unavailable(reason));
      for (const error of await Promise.all(both)) expect(error).toMatchObject({ details: { reason } });
      expect(driverCalls).toHaveLength(1);
    }
  });

  test("that cannot reach the database fails for waiting reads too, which would fail in the same way", async () => {
    const { ask, driverCalls } = rig();
    const all = [];
    for (let index = 0; index < 6; index++) {
      all.push(failure(ask(`${index}`)));
      await turn();
    }
    await driverCalls[0]?.reject(unavailable("unreachable"));
    for (const index of [0, 4, 5])
      expect(await all[index]).toMatchObject({ details: { reason: "unreachable" } });
    expect(driverCalls).toHaveLength(4);
  });

  test("that fails for all while slots are read one by one fails for the rest", async () => {
    for (const ends of ["stopped", "unreachable"] as const) {
      const { queue, ask, driverCalls } = rig();
      const all = ["a", "b", "c"].map((kind) => failure(ask(kind)));
      await turn();
      await driverCalls[0]?.reject(new TypeError("a driver's mistake"));
      if (ends === "stopped") queue.stop(new StateError("STORE_CLOSED", "closed", { details: {} }));
      await driverCalls[1]?.reject(ends === "stopped" ? new TypeError("again") : unavailable("unreachable"));
      const codes = (await Promise.all(all)).map((error) => error.code);
      const last = ends === "stopped" ? "STORE_CLOSED" : "UNAVAILABLE";
      expect(codes.slice(1)).toEqual([last, last]);
      expect(driverCalls).toHaveLength(2);
    }
  });

  test("that returns no array is UNAVAILABLE", async () => {
    const queue = new ReadQueue({ read: async () => undefined as unknown as [] }, new EventLoopYield(), 4);
    expect(await failure(queue.read(SLOT, TIMES.begin()))).toMatchObject({
      code: "UNAVAILABLE",
      details: { reason: "refused" },
    });
  });

  test("that returns too few entries is repeated slot by slot", async () => {
    const { ask, driverCalls } = rig();
    const both = [ask("a"), ask("b")];
    await turn();
    await driverCalls[0]?.answer([stored({ kind: "b" })]);
    await driverCalls[1]?.answer();
    await driverCalls[2]?.answer();
    expect((await Promise.all(both)).map((record) => record?.kind)).toEqual(["a", "b"]);
  });
});

describe("the end", () => {
  test("idle waits for reads that wait and that are under way", async () => {
    const { queue, ask, driverCalls } = rig();
    await queue.idle();
    for (const kind of ["a", "b", "c"]) {
      void ask(kind);
      await turn();
    }
    let idle = false;
    void queue.idle().then(() => {
      idle = true;
    });
    await driverCalls[0]?.answer();
    await driverCalls[1]?.answer();
    expect(idle).toBe(false);
    await driverCalls[2]?.answer();
    expect(idle).toBe(true);
  });

  test("stop rejects the reads that were not sent yet, and no others", async () => {
    const { queue, ask, driverCalls } = rig();
    const all = [];
    for (const kind of ["a", "b", "c", "d", "e"]) {
      all.push(ask(kind));
      await turn();
    }
    const waiting = all.pop() as Promise<StoredRecord | undefined>;
    const closed = new StateError("STORE_CLOSED", "closed", { details: {} });
    queue.stop(closed);
    expect(await failure(waiting)).toBe(closed);
    for (const question of driverCalls) await question.answer();
    expect((await Promise.all(all)).map((record) => record?.kind)).toEqual(["a", "b", "c", "d"]);
  });
});
