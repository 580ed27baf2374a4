import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Outcome } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { retrying } from "../../src/layers/retrying.js";
import { deferred, saves } from "../store/store-rig.js";
import { APPLIED, queueRig } from "./queue-rig.js";

const lost = () => new StateError("OUTCOME_UNKNOWN", "lost on the way", { details: {} });
const busy = () => new StateError("UNAVAILABLE", "locked", { details: { reason: "busy" } });

/** Two commits of one batch, the first of them set aside by the driver. */
async function withOneAside() {
  const rig = queueRig({ inFlight: 2 });
  const first = rig.queue.commit(saves("1", ["a"]));
  const second = rig.queue.commit(saves("2", ["b"]));
  await rig.pump();
  const later = deferred<Outcome>();
  rig.batches[0]?.options.setAside?.(0, later.promise);
  await rig.batches[0]?.answer();
  expect(await second).toEqual(APPLIED);
  return { ...rig, first, later };
}

describe("a commit that the driver sets aside", () => {
  test("blocks the commits that share a slot with it, and no others", async () => {
    const { queue, batches, pump, first, later } = await withOneAside();
    const behind = queue.commit(saves("3", ["a"]));
    const beside = queue.commit(saves("4", ["c"]));
    await pump();
    expect(batches.map(({ ids }) => ids)).toEqual([["1/a", "2/b"], ["4/c"]]);
    await batches[1]?.answer();
    expect(await beside).toEqual(APPLIED);
    expect(batches).toHaveLength(2);

    later.resolve({ is: "duplicate" });
    expect(await first).toEqual({ is: "duplicate" });
    await turn();
    await pump();
    expect(batches[2]?.ids).toEqual(["3/a"]);
    await batches[2]?.answer();
    expect(await behind).toEqual(APPLIED);
  });

  test("fails alone, and is sent again if its outcome is unknown", async () => {
    const one = await withOneAside();
    const refused = expect(one.first).rejects.toMatchObject({ code: "UNAVAILABLE" });
    one.later.resolve({ is: "failed", error: busy() });
    await refused;

    const { batches, pump, first, later } = await withOneAside();
    later.resolve({ is: "failed", error: lost() });
    await turn();
    await pump();
    expect(batches[1]?.ids).toEqual(["1/a"]);
    await batches[1]?.answer([{ is: "duplicate" }]);
    expect(await first).toEqual({ is: "duplicate" });
  });

  test("is waited for by finished(), and rejected by abandon()", async () => {
    const { queue, pump, first, later } = await withOneAside();
    let isIdle = false;
    const idle = queue.finished().then(() => {
      isIdle = true;
    });
    await turn();
    expect(isIdle).toBe(false);
    const given = expect(first).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    queue.abandon();
    await given;
    later.resolve(APPLIED);
    await turn();
    await pump();
    await idle;
  });

  test("is not set aside if only one batch is in flight at a time", async () => {
    const { queue, batches, pump } = queueRig({ inFlight: 1 });
    const first = queue.commit(saves("1", ["a"]));
    await pump();
    expect(batches[0]?.options.setAside).toBeUndefined();
    await batches[0]?.answer();
    await first;
  });

  test("passes the retrying layer, and stays unknown after an attempt of unknown outcome", async () => {
    for (const [tries, code] of [
      [0, "UNAVAILABLE"],
      [1, "OUTCOME_UNKNOWN"],
    ] as const) {
      let calls = 0;
      const bare = {
        apply: async (
          _: unknown,
          options: { setAside?: (index: number, outcome: Promise<Outcome>) => void },
        ) => {
          if (calls++ < tries) throw lost();
          options.setAside?.(0, Promise.resolve({ is: "failed", error: busy() }));
          return [APPLIED];
        },
      };
      const driver = retrying({ baseMs: 0 })(bare as never);
      const aside: Promise<Outcome>[] = [];
      await driver.apply([saves("1", ["a"])], {
        now: 0,
        window: 1000,
        setAside: (_, outcome) => aside.push(outcome),
      });
      expect(aside).toHaveLength(1);
      expect(await aside[0]).toMatchObject({ is: "failed", error: { code } });
    }
  });
});
