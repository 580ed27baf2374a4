import type {
  ApplyOptions,
  Commit,
  Driver,
  Outcome,
  Slot,
  StoredRecord,
  Write,
} from "../../src/contract/driver.js";
import { slotOf } from "../../src/rules/decide.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { methods, unavailable, withErase } from "../store/store-rig.js";
import { after, type Pause } from "./bad-line.js";

/** Makes a driver that breaks one rule of one that keeps them all; `pause` passes where others may come in between. */
export type Break = (driver: Driver, pause: Pause) => Driver;

export const BROKEN: Readonly<Record<string, Break>> = {
  "reads what it read before": (driver) => {
    const known = new Map<string, StoredRecord | undefined>();
    const now = nowAndThen(3);
    return {
      ...methods(driver),
      async read(slots) {
        const records = await driver.read(slots);
        return slots.map((slot, index) => {
          const key = slotKey(slot);
          if (known.has(key) && now()) return known.get(key);
          known.set(key, records[index]);
          return records[index];
        });
      },
    };
  },

  "acknowledges what it does not write": (driver) => {
    const now = nowAndThen(10);
    return applyingEach(driver, async (commit, options) => {
      if (!commit.writes.every(({ op }) => op === "save") || !now()) return one(driver, commit, options);
      const checks = commit.writes.map(asCheck).filter((write) => write !== undefined);
      const outcome = checks.length > 0 ? await one(driver, { ...commit, writes: checks }, options) : APPLIED;
      return outcome.is === "applied" ? { is: "applied", existed: commit.writes.map(() => false) } : outcome;
    });
  },

  "does not look at conditions now and then": (driver) => {
    const now = nowAndThen(6);
    return applyingEach(driver, (commit, options) =>
      one(driver, now() ? unconditional(commit) : commit, options),
    );
  },

  "judges conditions before it writes": (driver, pause) =>
    applyingEach(driver, async (commit, options) => {
      const conditional = commit.writes.filter(({ expect }) => expect !== undefined);
      const records = await driver.read(conditional.map(slotOf));
      await pause();
      const hold = conditional.every(({ expect }, index) => (records[index]?.eventId ?? null) === expect);
      return one(driver, hold ? unconditional(commit) : commit, options);
    }),

  "applies a late retry again": (driver) => ({
    ...methods(driver),
    apply: (commits, options) => driver.apply(commits, { ...options, window: 0 }),
  }),

  "writes the changes of a commit one after another": (driver, pause) =>
    applyingEach(driver, async (commit, options) => {
      const existed: boolean[] = [];
      for (const [index, write] of commit.writes.entries()) {
        const outcome = await one(driver, { ...commit, writes: [write] }, options);
        if (outcome.is === "applied") existed.push(...outcome.existed);
        else return "write" in outcome ? { ...outcome, write: index } : outcome;
        await pause();
      }
      return { is: "applied", existed };
    }),

  "lists one record after another": (driver, pause) => ({
    ...methods(driver),
    async scan(query) {
      const { records } = await driver.scan(query);
      const found: StoredRecord[] = [];
      for (const slot of records) {
        await pause();
        await pause();
        const [record] = await driver.read([slot]);
        if (record) found.push(record);
      }
      return { records: found, more: false };
    },
  }),

  "shows what is not written yet": (driver, pause) => {
    const ahead = new Map<string, StoredRecord | undefined>();
    const shown = (slot: Slot, record: StoredRecord | undefined) =>
      ahead.has(slotKey(slot)) ? ahead.get(slotKey(slot)) : record;
    return {
      ...methods(driver),
      async apply(commits, options) {
        const writes = commits.flatMap((commit) => commit.writes).filter(({ op }) => op !== "check");
        for (const write of writes)
          ahead.set(slotKey(slotOf(write)), write.op === "save" ? write.record : undefined);
        await pause();
        for (const write of writes) ahead.delete(slotKey(slotOf(write)));
        return driver.apply(commits, options);
      },
      async read(slots) {
        const records = await driver.read(slots);
        return slots.map((slot, index) => shown(slot, records[index]));
      },
    };
  },

  "says of what it wrote that nothing was written": (driver) => {
    const now = nowAndThen(10);
    return {
      ...methods(driver),
      async apply(commits, options) {
        const outcomes = await driver.apply(commits, options);
        if (now()) throw unavailable("refused");
        return outcomes;
      },
    };
  },

  "deletes once more, later": (driver, pause) =>
    applyingEach(driver, async (commit, options) => {
      const outcome = await one(driver, commit, options);
      if (outcome.is === "applied" && commit.writes.every(({ op }) => op === "delete")) {
        after(5, pause, () => one(driver, unconditional(commit), options));
      }
      return outcome;
    }),

  "erases one record after another": (driver, pause) =>
    withErase(driver, async ({ tenant, user, session }, options) => {
      const query = { tenant, prefix: "", limit: 1000, maxBytes: 1e9, reverse: false };
      const { records } = await driver.scan(query);
      const doomed = records.filter((record) => record.user === user && record.session === session);
      for (const slot of doomed) {
        await driver.apply([{ tenant, writes: [{ op: "delete", slot }] }], options);
        await pause();
      }
      return doomed.length;
    }),
};

const APPLIED: Outcome = { is: "applied", existed: [] };

/** True every so many times that it is asked. */
function nowAndThen(every: number): () => boolean {
  let asked = 0;
  return () => ++asked % every === 0;
}

/** The driver, with its commits applied one by one. */
function applyingEach(
  driver: Driver,
  apply: (commit: Commit, options: ApplyOptions) => Promise<Outcome>,
): Driver {
  return {
    ...methods(driver),
    async apply(commits, options) {
      const outcomes: Outcome[] = [];
      for (const commit of commits) outcomes.push(await apply(commit, options));
      return outcomes;
    },
  };
}

async function one(driver: Driver, commit: Commit, options: ApplyOptions): Promise<Outcome> {
  const [outcome] = await driver.apply([commit], options);
  return outcome as Outcome;
}

function asCheck(write: Write): Write | undefined {
  return write.expect === undefined ? undefined : { op: "check", slot: slotOf(write), expect: write.expect };
}

/** Without conditions; a check that has none is left out. */
function unconditional(commit: Commit): Commit {
  const writes = commit.writes.flatMap((write): Write[] => {
    if (write.op === "check") return [];
    const { expect: _, ...rest } = write;
    return [rest];
  });
  return { ...commit, writes };
}
