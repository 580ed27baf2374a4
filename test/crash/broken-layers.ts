import { setTimeout as sleep } from "node:timers/promises";
import {
  type Commit,
  type Driver,
  fingerprint,
  isStateError,
  type Layer,
  newEventId,
  type Outcome,
  StateError,
} from "../../src/index.js";
import { monotonicMs } from "../../src/timing/real-timers.js";

const GIVEN_UP_MS = 150;
const LATE_MS = 50;

/**
 * A layer that says that all is done before it is begun, and when it has ended. It tries for `givenUpMs`: by default not
 * until a server that is gone is back.
 */
export function acknowledgingEarly(givenUpMs = GIVEN_UP_MS): { layer: Layer; ended(): Promise<unknown> } {
  const late: Promise<unknown>[] = [];
  const layer: Layer = (driver) =>
    changed(driver, async (commits, options) => {
      const write = () => driver.apply(commits, { ...options, deadline: monotonicMs() + givenUpMs });
      late.push(sleep(LATE_MS).then(write));
      late.at(-1)?.catch(() => {});
      // About as long as a write takes: with more at once, some would be given up though the server is well.
      await sleep(5);
      return commits.map(({ writes }) => ({ is: "applied", existed: writes.map(() => false) }));
    });
  return { layer, ended: () => Promise.allSettled(late) };
}

/** Takes an answer that was lost for a write that was not made. */
export const denying: Layer = (driver) =>
  changed(driver, async (commits, options) => {
    try {
      return await driver.apply(commits, options);
    } catch (error) {
      if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
      throw new StateError("UNAVAILABLE", "as if nothing was written", { details: { reason: "busy" } });
    }
  });

/** Makes every write once more, late and under another event id. */
export const resending: Layer = (driver) =>
  changed(driver, async (commits, options) => {
    const outcomes = await driver.apply(commits, options);
    setTimeout(() => driver.apply(commits.map(afresh), options).catch(() => {}), LATE_MS);
    return outcomes;
  });

/** Makes one commit of each write. */
export const tearing: Layer = (driver) =>
  changed(driver, async (commits, options) => {
    const outcomes: Outcome[] = [];
    for (const { tenant, writes } of commits) {
      let outcome: Outcome | undefined;
      for (const write of writes) [outcome] = await driver.apply([{ tenant, writes: [write] }], options);
      const existed = writes.map(() => false);
      outcomes.push(outcome?.is === "applied" ? { is: "applied", existed } : (outcome as Outcome));
    }
    return outcomes;
  });

function afresh({ tenant, writes }: Commit): Commit {
  const again = writes.map((write) => {
    if (write.op !== "save") return write;
    const record = { ...write.record, eventId: newEventId() };
    return { ...write, record: { ...record, fingerprint: fingerprint(record) } };
  });
  return { tenant, writes: again };
}

function changed(driver: Driver, apply: Driver["apply"]): Driver {
  return {
    apply,
    read: (slots) => driver.read(slots),
    readByEventId: (session, eventId) => driver.readByEventId(session, eventId),
    scan: (query) => driver.scan(query),
    scanSessions: (query) => driver.scanSessions(query),
    sweep: (session) => driver.sweep(session),
    status: () => driver.status(),
    close: () => driver.close(),
  };
}
