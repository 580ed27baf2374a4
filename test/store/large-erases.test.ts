import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Driver, Outcome, Session, Swept } from "../../src/contract/driver.js";
import { type Change, createStore, DIAGNOSTICS } from "../../src/index.js";
import { appliedTo, queueRig } from "../queue/queue-rig.js";
import { deferred, driverWith, failure, IDENTITY, sessionOf } from "./store-rig.js";

const RECORD = {
  eventId: "e1",
  identity: { ...IDENTITY, session: "other" },
  kind: "note",
  bytes: Buffer.from("x"),
};
const CHANGES: readonly Change[] = [
  { op: "save", record: RECORD },
  { op: "erase", identity: IDENTITY },
];

/** A driver whose erases leave something to sweep; the test answers each sweep. */
function leaving(outcome: Outcome) {
  const sweeps: { readonly session: Session; answer(swept: Swept): Promise<void> }[] = [];
  const methods: Partial<Driver> = {
    apply: async (commits) => commits.map(() => outcome),
    sweep: (session) => {
      const { promise, resolve } = deferred<Swept>();
      const answer = async (swept: Swept) => {
        resolve(swept);
        await turn();
        await turn();
      };
      sweeps.push({ session, answer });
      return promise;
    },
  };
  return { driver: driverWith(methods), sweeps };
}

const REMAINS: Outcome = { is: "applied", existed: [false, false], erased: [1000], remains: true };

/** Resolves once `sweep` was called so many times. */
function asked(sweeps: readonly unknown[], count: number): Promise<void> {
  return expect.poll(() => sweeps.length).toBe(count);
}

describe("a commit with an erase that leaves records behind", () => {
  test("counts the swept records, and ends with the last piece", async () => {
    const { driver, sweeps } = leaving(REMAINS);
    const store = createStore(driver);
    const committed = store.commit(CHANGES);
    await asked(sweeps, 1);
    await sweeps[0]?.answer({ removed: 20, more: true });
    await asked(sweeps, 2);
    await sweeps[1]?.answer({ removed: 3, more: false });
    expect(await committed).toMatchObject({ duplicate: false, erased: [1023] });
    expect(sweeps.map(({ session }) => session)).toEqual([sessionOf(), sessionOf()]);
  });

  test("when it is a replay, sweeps what its first attempt may have left, and counts none of it", async () => {
    const { driver, sweeps } = leaving({ is: "duplicate" });
    const committed = createStore(driver).commit(CHANGES);
    await asked(sweeps, 1);
    await sweeps[0]?.answer({ removed: 20, more: true });
    await asked(sweeps, 2);
    await sweeps[1]?.answer({ removed: 3, more: false });
    expect(await committed).toMatchObject({ duplicate: true, erased: [0] });
  });

  test("is waited for by close()", async () => {
    const { driver, sweeps } = leaving(REMAINS);
    const store = createStore(driver);
    const committed = store.commit(CHANGES);
    await asked(sweeps, 1);
    let isClosed = false;
    const closed = store.close().then(() => {
      isClosed = true;
    });
    await sweeps[0]?.answer({ removed: 20, more: true });
    await asked(sweeps, 2);
    expect(isClosed).toBe(false);
    await sweeps[1]?.answer({ removed: 3, more: false });
    expect(await committed).toMatchObject({ erased: [1023] });
    await closed;
  });

  test("is OUTCOME_UNKNOWN when close() gives up, and the driver is not called again", async () => {
    const { driver, sweeps } = leaving(REMAINS);
    const store = createStore(driver);
    const committed = failure(store.commit(CHANGES));
    await asked(sweeps, 1);
    await store.close({ timeoutMs: 1 });
    expect(await committed).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    await sweeps[0]?.answer({ removed: 20, more: true });
    expect(sweeps).toHaveLength(1);
  });

  test("publishes one event, when it has ended", async () => {
    const { driver, sweeps } = leaving(REMAINS);
    const store = createStore(driver);
    const events: object[] = [];
    const note = (event: unknown) => events.push(event as object);
    subscribe(DIAGNOSTICS.operation, note);
    onTestFinished(() => void unsubscribe(DIAGNOSTICS.operation, note));
    const committed = store.commit(CHANGES);
    await asked(sweeps, 1);
    expect(events).toEqual([]);
    await sweeps[0]?.answer({ removed: 23, more: false });
    await committed;
    expect(events).toMatchObject([{ operation: "commit", outcome: "ok", changes: 2, duplicate: false }]);
  });
});

test("a batch counts the erases of its commits, and not the commits that erase", async () => {
  const { queue, batches, pump } = queueRig();
  const three = (name: string) => ({
    tenant: IDENTITY.tenant,
    writes: [1, 2, 3].map(
      (n) => ({ op: "erase", session: { ...sessionOf(), session: `${name}${n}` } }) as const,
    ),
  });
  for (const name of ["a", "b"]) void queue.commit(three(name));
  await pump();
  expect(batches.map(({ commits }) => commits.length)).toEqual([1]);
  await batches[0]?.answer([appliedTo(three("a"))]);
  expect(batches[1]?.commits).toEqual([three("b")]);
});
