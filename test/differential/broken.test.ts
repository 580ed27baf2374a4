import fc from "fast-check";
import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import type { Commit, Driver, StoredRecord, Write } from "../../src/contract/driver.js";
import { compareByKind, compareText } from "../../src/rules/order.js";
import { createStore } from "../../src/store/driver-store.js";
import { erased, methods, withErase } from "../store/store-rig.js";
import { scripts } from "./scripts.js";
import { asked } from "./stores.js";

const ALL = { prefix: "", limit: 1e6, maxBytes: 1e9, reverse: false };

/** Drivers that break one rule each, wrapped around one that keeps them all. */
const BROKEN: Readonly<Record<string, (driver: Driver) => Driver>> = {
  "ignores the condition that a slot is empty": (driver) => ({
    ...methods(driver),
    apply: (commits, options) =>
      driver.apply(
        commits.map((commit) => without(commit, null)),
        options,
      ),
  }),
  "forgets an event id as soon as its record is overwritten": (driver) => ({
    ...methods(driver),
    apply: (commits, options) => driver.apply(commits, { ...options, window: 0 }),
  }),
  "keeps the content of what was erased": (driver) =>
    withErase(driver, async ({ tenant, user, session }, options) => {
      const { records } = await driver.scan({ ...ALL, tenant });
      const doomed = records.filter((record) => record.user === user && record.session === session);
      const writes = doomed.map((slot): Write => ({ op: "delete", slot }));
      if (writes.length > 0) await driver.apply([{ tenant, writes }], options);
      return writes.length;
    }),
  "erases all sessions of the user": (driver) =>
    withErase(driver, async ({ tenant, user, session }) => {
      const { records } = await driver.scan({ ...ALL, tenant });
      const others = records.filter((record) => record.user === user && record.session !== session);
      for (const other of new Set(others.map((record) => record.session)))
        await erased(driver, tenant, user, other);
      return erased(driver, tenant, user, session);
    }),
  "shares event ids between tenants": (driver) => ({
    ...methods(driver),
    async readByEventId(session, eventId) {
      const { records } = await driver.scan(ALL);
      const found = records.find((record) => record.eventId === eventId);
      return found && { ...found, ...session };
    },
  }),
  "orders kinds by UTF-16": (driver) => ({
    ...methods(driver),
    async scan(query) {
      const page = await driver.scan(query);
      const sorted = [...page.records].sort((a, b) => (a.kind < b.kind ? -1 : 1));
      return { ...page, records: query.identity && !query.reverse ? sorted : page.records };
    },
  }),
  "folds the case of prefixes": (driver) => ({
    ...methods(driver),
    async scan({ limit, prefix, ...query }) {
      const { records } = await driver.scan({ ...query, prefix: "", limit: 1e6 });
      const matches = ({ kind }: StoredRecord) => kind.toLowerCase().startsWith(prefix.toLowerCase());
      return { records: records.filter(matches).slice(0, limit), more: false };
    },
  }),
  "treats the place to go on from as inclusive": (driver) => ({
    ...methods(driver),
    async scan({ after, ...query }) {
      if (after === undefined || query.identity) return driver.scan(after ? { ...query, after } : query);
      const { records } = await driver.scan({ ...query, limit: 1e6 });
      return {
        records: records.filter((record) => compareByKind(record, after) >= 0).slice(0, query.limit),
        more: false,
      };
    },
  }),
  "skips the session-scoped records when a run has the same kind": (driver) => ({
    ...methods(driver),
    async scan(query) {
      const page = await driver.scan(query);
      if (query.identity) return page;
      const hidden = (record: StoredRecord) =>
        page.records.some(
          (other) => other.run !== "" && record.run === "" && compareText(other.kind, record.kind) === 0,
        );
      return { ...page, records: page.records.filter((record) => !hidden(record)) };
    },
  }),
};

/** By the model; or by the store, which looks at what a scan brings. */
const FOUND = /^broken, |^a scan returned a record/;

test.each(Object.entries(BROKEN))("the model finds a driver that %s", async (_, wrap) => {
  let runs = 0;
  const property = fc.asyncProperty(
    scripts(() => `#${++runs}`, 60),
    async (script) => {
      await asked(script, { name: "broken", store: createStore(wrap(await openMemory())) });
    },
  );
  const { failed, errorInstance } = await fc.check(property, { seed: 1, numRuns: 500, endOnFailure: true });
  expect([failed, (errorInstance as Error).message]).toEqual([true, expect.stringMatching(FOUND)]);
});

/** The commit without the conditions that ask for this. */
function without(commit: Commit, asked: string | null): Commit {
  const writes = commit.writes.flatMap((write): Write[] => {
    if (write.expect !== asked) return [write];
    if (write.op === "check") return [];
    const { expect: _, ...rest } = write;
    return [rest];
  });
  return { ...commit, writes };
}
