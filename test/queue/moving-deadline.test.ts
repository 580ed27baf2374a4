import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { CallTimes } from "../../src/timing/call-time.js";
import { failure, saves } from "../store/store-rig.js";
import { applied, queueRig } from "./queue-rig.js";

/** A commit that fills a batch. */
const full = (name: string, tenant?: string) =>
  saves(
    name,
    Array.from({ length: 256 }, (_, index) => `${name}-${index}`),
    1,
    tenant,
  );
/** Made before any is queued: that takes its time. */
const manyFull = (count: number) => Array.from({ length: count }, (_, index) => full(`${index}`));

/** So long that a busy machine does not come near it while nothing is waited for. */
const timeoutMs = 1500;
const waitMs = timeoutMs * 0.8;

describe.concurrent("a commit that waits behind others", () => {
  /** Answers a batch every so often, until `until` settles. */
  const answering = async (rig: ReturnType<typeof queueRig>, until: Promise<unknown>) => {
    let over = false;
    const end = () => {
      over = true;
    };
    until.then(end, end);
    for (let index = 0; !over; index++) {
      await sleep(waitMs * 0.6);
      await rig.batches[index]?.answer();
    }
  };

  test("of its tenant waits on while the driver answers these, and has time when it is sent", async () => {
    const rig = queueRig({ times: new CallTimes(60_000, timeoutMs) });
    const commits = manyFull(5);
    const began = process.uptime() * 1000;
    const done = Promise.all(commits.map((commit) => rig.queue.commit(commit)));
    await rig.pump();
    await answering(rig, done);
    expect(await done).toEqual(Array(5).fill(applied(256)));
    // The last came to the driver when its own time, and the second that a call is given beyond it, would have been over.
    expect(rig.batches[4]?.options.deadline).toBeGreaterThan(began + timeoutMs * 2);
  });

  test("of its tenant waits no longer than queueTimeoutMs", async () => {
    const rig = queueRig({ times: new CallTimes(timeoutMs, timeoutMs) });
    const ends = Promise.allSettled(manyFull(6).map((commit) => rig.queue.commit(commit)));
    await rig.pump();
    await answering(rig, ends);
    const [first, last] = [(await ends)[0], (await ends)[5]];
    expect(first).toMatchObject({ status: "fulfilled" });
    expect(last).toMatchObject({
      reason: { code: "UNAVAILABLE", details: { reason: "busy" }, message: /^nothing was written/ },
    });
  });

  test("of another tenant alone has no more time than its own", async () => {
    const rig = queueRig({ times: new CallTimes(60_000, timeoutMs) });
    const first = rig.queue.commit(full("1", "globex"));
    await rig.pump();
    rig.queue.commit(full("2", "globex")).catch(() => {});
    const own = failure(rig.queue.commit(full("3")));
    await rig.batches[0]?.answer();
    await first;
    // Globex's next batch hangs: nothing of the other tenant was ever answered.
    expect(await own).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
  });
});
