import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Commit, Outcome, StoredRecord, Write } from "../../src/contract/driver.js";
import { CommitQueue } from "../../src/queue/commit-queue.js";
import { slotOf } from "../../src/rules/decide.js";
import { collectGarbage, deletes, erases, failure, SLOT, saves, stored, thrown } from "../store/store-rig.js";
import { APPLIED, appliedTo, QUEUE, queueRig } from "./queue-rig.js";

describe("a batch", () => {
  test("holds the commits made before the scheduler ran, with the time and the window of the moment", async () => {
    const { queue, batches, pumps, pump } = queueRig({ now: () => 42, window: 99 });
    const done = Promise.all([queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["b"]))]);
    expect([pumps.length, batches.length]).toEqual([1, 0]);

    await pump();
    expect(batches.map(({ ids }) => ids)).toEqual([["1/a", "2/b"]]);
    expect(batches[0]?.options).toEqual({ now: 42, window: 99 });
    await batches[0]?.answer([APPLIED, { is: "duplicate" }]);
    expect(await done).toEqual([APPLIED, { is: "duplicate" }]);
  });

  test("is followed by one of all commits made while it was under way", async () => {
    const { queue, batches, pump } = queueRig();
    const first = queue.commit(saves("1", ["a"]));
    await pump();
    const rest = [queue.commit(saves("2", ["a"])), queue.commit(saves("3", ["a"]))];
    await pump();
    expect(batches).toHaveLength(1);

    await batches[0]?.answer();
    expect(batches[1]?.ids).toEqual(["2/a", "3/a"]);
    await batches[1]?.answer();
    await Promise.all([first, ...rest]);
  });

  test("holds 256 writes, and a commit that does not fit begins the next", async () => {
    const { queue, batches, pump } = queueRig();
    const wide = (name: string, writes: number) =>
      queue.commit(
        saves(
          name,
          Array.from({ length: writes }, (_, index) => `${index}`),
        ),
      );
    const done = [wide("1", 200), wide("2", 56), wide("3", 1), wide("4", 256), wide("5", 1)];
    await pump();
    for (const index of [0, 1, 2, 3]) await batches[index]?.answer();
    await Promise.all(done);
    expect(batches.map(({ ids }) => ids.length)).toEqual([256, 1, 256, 1]);
  });

  test("of a commit of 4,096 changes holds nothing else, and then it is the turn of other tenants", async () => {
    const { queue, batches, pump } = queueRig();
    const kinds = Array.from({ length: 4096 }, (_, index) => `${index}`);
    const done = [
      ...["a1", "a2", "a3"].map((name) => queue.commit(saves(name, kinds, 1, "a"))),
      ...Array.from({ length: 8 }, (_, index) => queue.commit(saves(`b${index}`, ["kind"], 1, "b"))),
    ];
    await pump();
    for (let index = 0; index < batches.length; index++) await batches[index]?.answer();
    await Promise.all(done);
    const sent = batches.map(({ commits }) =>
      commits.map(({ tenant, writes }) => `${tenant} ${writes.length}`),
    );
    expect(sent).toEqual([["a 4096"], Array(8).fill("b 1"), ["a 4096"], ["a 4096"]]);
  });

  test("holds 4 MiB of payloads; a larger commit is sent alone", async () => {
    const { queue, batches, pump } = queueRig();
    const MIB = 1024 * 1024;
    const done = [3, 1, 1, 9, 1].map((size, index) => queue.commit(saves(`${index}`, ["a"], size * MIB)));
    await pump();
    for (const index of [0, 1, 2, 3]) await batches[index]?.answer();
    await Promise.all(done);
    expect(batches.map(({ ids }) => ids)).toEqual([["0/a", "1/a"], ["2/a"], ["3/a"], ["4/a"]]);
  });

  test("gives each commit its own outcome: a failure concerns no other", async () => {
    const { queue, batches, pump } = queueRig();
    const error = new Error("cannot");
    const done = Promise.allSettled(["1", "2", "3"].map((name) => queue.commit(saves(name, ["a"]))));
    await pump();
    // A driver's mistake: the contract says StateError.
    await batches[0]?.answer([APPLIED, { is: "failed", error } as unknown as Outcome, APPLIED]);
    const [first, second, third] = await done;
    expect([first?.status, third?.status]).toEqual(["fulfilled", "fulfilled"]);
    expect(second).toMatchObject({ reason: { code: "OUTCOME_UNKNOWN", cause: error } });
  });
});

describe("two batches under way", () => {
  test("never share a slot: a commit that would waits, and is not overtaken", async () => {
    const { queue, batches, pump } = queueRig({ inFlight: 2 });
    const make = async (name: string, kinds: string[]) => {
      void queue.commit(saves(name, kinds));
      await pump();
    };
    await make("1", ["a"]);
    await make("2", ["a", "b"]);
    await make("3", ["b", "c"]);
    await make("4", ["c"]);
    await make("5", ["d"]);
    // 2 waits for 1's slot; 3 shares b with 2, and 4 shares c with 3. 5 shares nothing.
    expect(batches.map(({ ids }) => ids)).toEqual([["1/a"], ["5/d"]]);

    await batches[1]?.answer();
    expect(batches).toHaveLength(2);
    await batches[0]?.answer();
    expect(batches[2]?.ids).toEqual(["2/a", "2/b", "3/b", "3/c", "4/c"]);
  });

  test("never share an event id, even in different slots, unless of two tenants", async () => {
    const { queue, batches, pump } = queueRig({ inFlight: 2 });
    const sameId = (kind: string, tenant = "acme"): Commit => {
      const [write] = saves("1", [kind]).writes;
      if (write?.op !== "save") throw new Error("a save");
      return { tenant, writes: [{ ...write, record: { ...write.record, tenant, eventId: "same" } }] };
    };
    for (const commit of [sameId("a"), sameId("b"), sameId("b", "other")]) {
      void queue.commit(commit);
      await pump();
    }
    expect(batches.map(({ commits }) => commits.map(({ tenant }) => tenant))).toEqual([["acme"], ["other"]]);
    await batches[0]?.answer();
    expect(batches).toHaveLength(3);
  });

  test("hold their slots through halves and second attempts", async () => {
    const { queue, batches, pump } = queueRig({ inFlight: 2 });
    const done = [queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["b"]))];
    await pump();
    done.push(queue.commit(saves("3", ["a"])));
    await pump();
    await batches[0]?.fail(new Error("raw"));
    await batches[1]?.answer();
    // The second half is under way, and with it the whole batch.
    expect(batches.map(({ ids }) => ids)).toEqual([["1/a", "2/b"], ["1/a"], ["2/b"]]);
    await batches[2]?.answer();
    expect(batches[3]?.ids).toEqual(["3/a"]);
    await batches[3]?.answer();
    await Promise.all(done);
  });
});

describe("an erase", () => {
  test("shares a batch, in order, with commits made before and after it", async () => {
    const { queue, batches, pump } = queueRig();
    const made = [queue.commit(saves("1", ["a"])), queue.commit(erases()), queue.commit(saves("2", ["a"]))];
    await pump();
    expect(batches.map(({ commits }) => commits)).toEqual([[saves("1", ["a"]), erases(), saves("2", ["a"])]]);
    const outcomes = [APPLIED, appliedTo(erases(), 5), APPLIED];
    await batches[0]?.answer(outcomes);
    expect(await Promise.all(made)).toEqual(outcomes);
  });

  test.each([2, 4])(
    "waits for commits of its session under way, and later commits wait for it, with %i in flight",
    async (inFlight) => {
      const { queue, batches, pump } = queueRig({ inFlight });
      void queue.commit(saves("1", ["a"]));
      await pump();
      void queue.commit(erases());
      void queue.commit(saves("2", ["b"]));
      void queue.commit(saves("3", ["a"], 1, "other"));
      await pump();
      expect(batches.map(({ ids }) => ids)).toEqual([["1/a"], ["3/a"]]);
      await batches[0]?.answer();
      expect(batches[2]?.commits[0]).toEqual(erases());
    },
  );

  test("shares a batch with at most three others: another tenant's commit does not wait for many", async () => {
    const { queue, batches, pump } = queueRig();
    for (let index = 0; index < 50; index++) void queue.commit(erases());
    await pump();
    void queue.commit(saves("lone", ["a"], 1, "other"));
    await batches[0]?.answer();
    expect(batches[0]?.commits).toHaveLength(4);
    expect(batches[1]?.ids).toEqual(["lone/a"]);
  });

  test("has an unknown outcome after a raw error, and is not retryable", async () => {
    const { queue, batches, pump } = queueRig();
    const erased = failure(queue.commit(erases()));
    await pump();
    const cause = new Error("raw");
    await batches[0]?.fail(cause);
    expect(await erased).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false, cause });
    expect(batches).toHaveLength(1);
  });
});

describe("an abort", () => {
  test("while it waits rejects with the reason, at once, and nothing is sent", async () => {
    const { queue, batches, pump } = queueRig();
    const controller = new AbortController();
    const reason = { why: "the caller left" };
    const waiting = [
      thrown(queue.commit(saves("1", ["a"]), controller.signal)),
      thrown(queue.commit(erases(), controller.signal)),
    ];
    const other = queue.commit(saves("2", ["a"]));
    controller.abort(reason);
    expect(await Promise.all(waiting)).toEqual([reason, reason]);

    await pump();
    expect(batches.map(({ ids }) => ids)).toEqual([["2/a"]]);
    await batches[0]?.answer();
    await other;
    await queue.finished();
  });

  test("after it was sent changes nothing: the real outcome is reported, also after a second try", async () => {
    const { queue, batches, pump } = queueRig();
    const controller = new AbortController();
    const sent = queue.commit(saves("1", ["a"]), controller.signal);
    await pump();
    controller.abort();
    await batches[0]?.fail(new Error("raw"));
    await batches[1]?.answer([{ is: "duplicate" }]);
    expect(await sent).toEqual({ is: "duplicate" });
  });

  test("of a thousand that share a signal costs one listener and no warning", async () => {
    const { queue, pump } = queueRig();
    const controller = new AbortController();
    const warnings: unknown[] = [];
    const onWarning = (warning: Error) => warnings.push(warning.name);
    process.on("warning", onWarning);
    const waiting = Promise.allSettled(
      Array.from({ length: 1000 }, (_, index) => queue.commit(saves(`${index}`, ["a"]), controller.signal)),
    );
    await turn();
    controller.abort("enough");
    const rejected = (await waiting).filter(({ status }) => status === "rejected");
    await turn();
    process.off("warning", onWarning);
    await pump();
    expect([rejected.length, warnings]).toEqual([1000, []]);
  });
});

describe("finished and abandon", () => {
  test("finished resolves when nothing waits and nothing is under way, and not before", async () => {
    const { queue, batches, pump } = queueRig();
    await queue.finished();
    const controller = new AbortController();
    void queue.commit(saves("1", ["a"]));
    queue.commit(saves("2", ["a"]), controller.signal).catch(() => {});
    let idle = false;
    const resting = queue.finished().then(() => {
      idle = true;
    });
    await pump();
    controller.abort();
    expect(idle).toBe(false);
    await batches[0]?.answer();
    await resting;
  });

  test("finished resolves when all waiting commits were aborted", async () => {
    const { queue, pump } = queueRig();
    const controller = new AbortController();
    queue.commit(saves("1", ["a"]), controller.signal).catch(() => {});
    controller.abort();
    const resting = queue.finished();
    await pump();
    await resting;
  });

  test("abandon rejects everything unfinished with OUTCOME_UNKNOWN, and sends nothing more", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["b"]))].map(failure);
    await pump();
    done.push(failure(queue.commit(deletes("c"))), failure(queue.commit(erases())));
    queue.abandon();
    const errors = await Promise.all(done);
    expect(errors.map(({ code, retryable }) => [code, retryable])).toEqual([
      ["OUTCOME_UNKNOWN", true],
      ["OUTCOME_UNKNOWN", true],
      ["OUTCOME_UNKNOWN", false],
      ["OUTCOME_UNKNOWN", false],
    ]);
    // The driver's late answer would be the beginning of halves.
    await batches[0]?.fail(new Error("raw"));
    await pump();
    expect(batches).toHaveLength(1);
    await queue.finished();
  });
});

describe("many at once", () => {
  test.each([1, 3])(
    "100,000 commits all settle, in order, with %i in flight",
    async (inFlight) => {
      const kinds = Array.from({ length: 10 }, (_, index) => `k${index}`);
      const order = new Map(kinds.map((kind) => [kind, [] as string[]]));
      let batches = 0;
      const apply = async (commits: readonly Commit[]): Promise<Outcome[]> => {
        batches++;
        for (const { writes } of commits) {
          for (const write of writes) order.get(slotOf(write).kind)?.push(eventIdOf(write));
        }
        return commits.map(() => APPLIED);
      };
      const queue = new CommitQueue({ apply }, { ...QUEUE, inFlight, schedule: setImmediate });
      const templates = kinds.map((kind) => stored({ kind }));
      const all = Array.from({ length: 100_000 }, (_, index) => {
        const record = { ...(templates[index % 10] as StoredRecord), eventId: String(index) };
        return queue.commit({ tenant: SLOT.tenant, writes: [{ op: "save", record }] });
      });

      expect(new Set(await Promise.all(all))).toEqual(new Set([APPLIED]));
      // Full ones, but for the last of several that share what is left.
      expect(batches).toBeGreaterThanOrEqual(Math.ceil(100_000 / 256));
      expect(batches).toBeLessThan(410);
      for (const [index, kind] of kinds.entries()) {
        expect(order.get(kind)).toEqual(
          Array.from({ length: 10_000 }, (_, turn) => String(turn * 10 + index)),
        );
      }
    },
    120_000,
  );

  test("commits that were sent and settled are freed while others wait", async () => {
    const { queue, batches, pump } = queueRig();
    const refs: WeakRef<Commit>[] = [];
    for (let index = 0; index < 2000; index++) {
      const commit = saves(String(index), ["a"]);
      refs.push(new WeakRef(commit));
      void queue.commit(commit);
    }
    await pump();
    for (let index = 0; index < 5; index++) await batches[index]?.answer();
    batches.length = 0;
    await turn();
    collectGarbage();
    expect(refs.slice(0, 256).filter((ref) => ref.deref() !== undefined)).toHaveLength(0);
  });

  test("aborted commits are freed while a driver hangs", async () => {
    const { queue, pump } = queueRig();
    void queue.commit(saves("hangs", ["a"]));
    await pump();
    const refs: WeakRef<Commit>[] = [];
    for (let index = 0; index < 1000; index++) {
      const controller = new AbortController();
      const commit = saves(String(index), ["a"]);
      refs.push(new WeakRef(commit));
      queue.commit(commit, controller.signal).catch(() => {});
      controller.abort();
    }
    await turn();
    collectGarbage();
    expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(10);
  });
});

function eventIdOf(write: Write): string {
  return write.op === "save" ? write.record.eventId : "";
}
