import { describe, expect, test } from "vitest";
import type { Commit } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { deletes, erases, failure, saves, stored, unavailable, unknownOutcome } from "../store/store-rig.js";
import { APPLIED, applied, queueRig } from "./queue-rig.js";

const CHECK: Commit = {
  tenant: "acme",
  writes: [...saves("check", ["a"]).writes, { op: "check", slot: stored({ kind: "b" }), expect: null }],
};

describe("a batch whose outcome is unknown in part", () => {
  const lost = { is: "failed", error: unknownOutcome() } as const;

  test("is sent again in that part", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["b"]))];
    await pump();
    await batches[0]?.answer([lost, APPLIED]);
    expect(batches[1]?.ids).toEqual(["1/a"]);
    await batches[1]?.answer();
    expect(await Promise.all(done)).toEqual([APPLIED, APPLIED]);
  });

  test("is not sent again if a later commit of the same slot was applied, which it would undo", async () => {
    const { queue, batches, pump } = queueRig();
    const first = failure(queue.commit(saves("1", ["a"])));
    const second = queue.commit(deletes("a"));
    await pump();
    await batches[0]?.answer([lost, APPLIED]);
    expect(await first).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true });
    expect(await second).toEqual(APPLIED);
    expect(batches).toHaveLength(1);
  });

  test.each([
    [50, 2],
    [51, 1],
  ])(
    "that comes after %i of the 100 ms that event ids stay seen makes %i batches in all",
    async (ms, sent) => {
      const began = 1000;
      let now = began;
      const { queue, batches, pump } = queueRig({ now: () => now, window: 100 });
      const saved = failure(queue.commit(saves("1", ["a"])));
      await pump();
      now = began + ms;
      await batches[0]?.fail(unknownOutcome());
      expect(batches).toHaveLength(sent);
      await batches[1]?.fail(unknownOutcome());
      expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    },
  );
});

describe("a batch that is refused", () => {
  test("is halved until the culprit stands alone; the others are written, each once", async () => {
    const { queue, batches, pump } = queueRig();
    const done = Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => queue.commit(saves(`${index}`, ["a"]))),
    );
    await pump();
    const refused = unavailable("refused");
    const written: string[] = [];
    for (let index = 0; index < batches.length; index++) {
      const batch = batches[index];
      if (batch?.ids.includes("5/a")) await batch.fail(refused);
      else {
        written.push(...(batch?.ids ?? []));
        await batch?.answer();
      }
    }
    expect(written).toEqual(["0/a", "1/a", "2/a", "3/a", "4/a", "6/a", "7/a"]);
    expect(batches.map(({ ids }) => ids.length)).toEqual([8, 4, 4, 2, 1, 1, 2]);
    expect((await done).map((each) => ("reason" in each ? each.reason : each.value))).toEqual(
      Array.from({ length: 8 }, (_, index) => (index === 5 ? refused : APPLIED)),
    );
  });

  test.each([
    new StateError("CORRUPT", "damaged", { details: {} }),
    new StateError("SCHEMA_OUTDATED", "old", { details: { found: 0, pending: [] } }),
  ])("with $code is halved too, and each member gets that error", async (error) => {
    const { queue, batches, pump } = queueRig();
    const done = [failure(queue.commit(saves("1", ["a"]))), failure(queue.commit(deletes("b")))];
    await pump();
    for (const index of [0, 1, 2]) await batches[index]?.fail(error);
    expect(await Promise.all(done)).toEqual([error, error]);
    expect(batches).toHaveLength(3);
  });
});

test.each(["busy", "unreachable", "setup"] as const)(
  "a batch that is unavailable (%s) is not halved, and not sent again",
  async (reason) => {
    const { queue, batches, pump } = queueRig();
    const done = [failure(queue.commit(saves("1", ["a"]))), failure(queue.commit(deletes("b")))];
    await pump();
    const error = unavailable(reason);
    await batches[0]?.fail(error);
    expect(await Promise.all(done)).toEqual([error, error]);
    expect(batches).toHaveLength(1);
  },
);

describe("a commit that waits behind a batch that failed", () => {
  const waitBehind = async (reason: "busy" | "unreachable" | "setup") => {
    const { queue, batches, pump } = queueRig();
    const first = failure(queue.commit(saves("1", ["a"])));
    await pump();
    const ends = [queue.commit(saves("2", ["b"])), queue.commit(erases()), queue.commit(deletes("c"))];
    const outcomes = Promise.allSettled(ends);
    const error = unavailable(reason);
    await batches[0]?.fail(error);
    await first;
    return { queue, batches, pump, outcomes, error };
  };

  test("as unreachable fails in the same way at once, and is not sent", async () => {
    const { queue, batches, pump, outcomes, error } = await waitBehind("unreachable");
    expect(await outcomes).toEqual(Array(3).fill({ status: "rejected", reason: error }));
    expect(batches).toHaveLength(1);
    await queue.finished();

    const later = queue.commit(saves("3", ["a"]));
    await pump();
    await batches[1]?.answer();
    expect(await later).toEqual(APPLIED);
  });

  test.each(["busy", "setup"] as const)("as %s is sent: it may succeed", async (reason) => {
    const { batches, pump, outcomes } = await waitBehind(reason);
    await pump();
    await batches[1]?.answer();
    expect((await outcomes).map(({ status }) => status)).toEqual(Array(3).fill("fulfilled"));
  });
});

describe("an unknown outcome", () => {
  const lostAgainAndAgain = new StateError("OUTCOME_UNKNOWN", "lost", {
    details: { retries: { attempts: 8, milliseconds: 9_000 } },
  });

  test("that a layer could not settle for a batch of saves is final, with the number of attempts", async () => {
    const { queue, batches, pump } = queueRig();
    const saved = failure(queue.commit(saves("1", ["a"])));
    await pump();
    await batches[0]?.fail(lostAgainAndAgain);
    expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN", details: lostAgainAndAgain.details });
    expect(batches).toHaveLength(1);
  });

  test("of a batch that a layer may not retry is settled for its saves", async () => {
    const { queue, batches, pump } = queueRig();
    const saved = queue.commit(saves("1", ["a"]));
    const deleted = failure(queue.commit(deletes("b")));
    await pump();
    await batches[0]?.fail(lostAgainAndAgain);
    await batches[1]?.answer([{ is: "duplicate" }]);
    expect(await saved).toEqual({ is: "duplicate" });
    expect(await deleted).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
  });

  test("has commits with saves sent again, and the others rejected", async () => {
    const { queue, batches, pump } = queueRig();
    const saved = queue.commit(saves("1", ["a"]));
    const deleted = failure(queue.commit(deletes("b")));
    const both = queue.commit(CHECK);
    await pump();
    const lost = unknownOutcome();
    await batches[0]?.fail(lost);
    expect(batches[1]?.ids).toEqual(["1/a", "check/a"]);
    expect(await deleted).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false, cause: lost });

    await batches[1]?.answer([{ is: "duplicate" }, applied(2)]);
    expect(await Promise.all([saved, both])).toEqual([{ is: "duplicate" }, applied(2)]);
    expect(batches).toHaveLength(2);
  });

  test("twice is final: retryable exactly if every change has an event id", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [queue.commit(saves("1", ["a", "b"])), queue.commit(CHECK)].map(failure);
    await pump();
    await batches[0]?.fail(unknownOutcome());
    await batches[1]?.fail(unknownOutcome());
    expect((await Promise.all(done)).map(({ code, retryable }) => [code, retryable])).toEqual([
      ["OUTCOME_UNKNOWN", true],
      ["OUTCOME_UNKNOWN", false],
    ]);
    expect(batches).toHaveLength(2);
  });

  test.each(["unreachable", "refused"] as const)(
    "stays unknown when the second attempt was %s: the first may have written",
    async (reason) => {
      const { queue, batches, pump } = queueRig();
      const saved = failure(queue.commit(saves("1", ["a"])));
      await pump();
      await batches[0]?.fail(unknownOutcome());
      const second = unavailable(reason);
      await batches[1]?.fail(second);
      expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true, cause: second });
    },
  );

  test("stays unknown when the outcome of the second attempt is a failure", async () => {
    const { queue, batches, pump } = queueRig();
    const saved = failure(queue.commit(saves("1", ["a"])));
    await pump();
    await batches[0]?.fail(unknownOutcome());
    await batches[1]?.answer([{ is: "failed", error: unavailable("refused") }]);
    expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true });
  });

  test("of one commit alone is handled like that of a batch: sent again if it saves, or rejected", async () => {
    const { queue, batches, pump } = queueRig();
    const saved = queue.commit(saves("1", ["a"]));
    const deleted = failure(queue.commit(deletes("b")));
    const twice = failure(queue.commit(saves("2", ["c"])));
    await pump();
    const lost = unknownOutcome();
    const failed = { is: "failed", error: lost } as const;
    await batches[0]?.answer([failed, failed, failed]);
    expect(await deleted).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false, cause: lost });
    expect(batches[1]?.ids).toEqual(["1/a", "2/c"]);
    await batches[1]?.answer([{ is: "duplicate" }, failed]);
    expect(await saved).toEqual({ is: "duplicate" });
    expect(await twice).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true, cause: lost });
    expect(batches).toHaveLength(2);
  });

  test("of a half that is then unreachable stays unknown after a raw error", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["a"]))];
    const second = failure(done[1] as Promise<unknown>);
    await pump();
    await batches[0]?.fail(new Error("raw"));
    await batches[1]?.answer();
    await batches[2]?.fail(unavailable("unreachable"));
    expect(await done[0]).toEqual(APPLIED);
    expect(await second).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true });
  });

  test("that is settled by a conflict or a condition is settled: they say that nothing was written", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["b"]))];
    await pump();
    await batches[0]?.fail(unknownOutcome());
    const outcomes = [
      { is: "conflict", write: 0 },
      { is: "condition", write: 0, current: null },
    ] as const;
    await batches[1]?.answer(outcomes);
    expect(await Promise.all(done)).toEqual(outcomes);
  });
});

describe("a raw error", () => {
  test("concerns one commit: the others are written", async () => {
    const { queue, batches, pump } = queueRig();
    const done = [1, 2, 3, 4].map((name) => queue.commit(saves(`${name}`, ["a"])));
    const third = failure(done[2] as Promise<unknown>);
    await pump();
    const raw = new RangeError("raw");
    for (let index = 0; index < batches.length; index++) {
      if (batches[index]?.ids.includes("3/a")) await batches[index]?.fail(raw);
      else await batches[index]?.answer();
    }
    expect(batches.map(({ ids }) => ids.length)).toEqual([4, 2, 2, 1, 1, 1]);
    expect(await third).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true, cause: raw });
    expect(await Promise.all([done[0], done[1], done[3]])).toEqual([APPLIED, APPLIED, APPLIED]);
  });

  test("thrown synchronously is handled too", async () => {
    const { queue, pump } = queueRig({
      now: () => {
        throw new Error("no clock");
      },
    });
    const saved = failure(queue.commit(saves("1", ["a"])));
    await pump();
    expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await queue.finished();
  });
});

test.each([0, 1, 3])("%i outcomes for two commits are an unknown outcome", async (count) => {
  const { queue, batches, pump } = queueRig();
  const done = [failure(queue.commit(saves("1", ["a"]))), failure(queue.commit(deletes("b")))];
  await pump();
  await batches[0]?.answer(Array(count).fill(APPLIED));
  expect(batches[1]?.ids).toEqual(["1/a"]);
  await batches[1]?.answer([]);
  expect((await Promise.all(done)).map(({ code }) => code)).toEqual(["OUTCOME_UNKNOWN", "OUTCOME_UNKNOWN"]);
});

test("a missing outcome concerns that commit alone", async () => {
  const { queue, batches, pump } = queueRig();
  const done = [queue.commit(saves("1", ["a"])), queue.commit(saves("2", ["b"]))];
  await pump();
  // A driver's mistake, which its types forbid.
  const holed = [APPLIED, undefined] as unknown as (typeof APPLIED)[];
  await batches[0]?.answer(holed);
  expect(batches[1]?.ids).toEqual(["2/b"]);
  await batches[1]?.answer([{ is: "duplicate" }]);
  expect(await Promise.all(done)).toEqual([APPLIED, { is: "duplicate" }]);
});
