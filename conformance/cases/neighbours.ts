import assert from "node:assert/strict";
import { nextTick } from "node:process";
import { assertRecord, assertRejectedOnlyWith, broken } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

const SAVES = 2_000;
const ERASES = 96;
const LOADS = 1_600;
const LISTS = 960;

/** How much of a flood may be answered before one call of another tenant that was made right behind it. */
const SHARE = 1 / 2;
/** A machine that is busy may hold the one call back by chance, but not each time. */
const TRIES = 3;

export const neighbourCases: readonly ConformanceCase[] = [
  {
    id: "neighbours/saves",
    needsQuiet: true,
    rule: "A write is answered among the first, however many saves of another tenant were made before it.",
    async run({ store, identity, record }) {
      const [flooding, alone] = [identity(), identity()];
      const flood = () =>
        Array.from({ length: SAVES }, (_, index) => store.save(record(flooding, `flood/${index}`)));
      await assertInTurn("a save behind another tenant's saves", flood, async () => {
        const saved = record(alone, "alone");
        await store.save(saved);
        return async () => assertRecord(await store.find(alone, "alone"), saved, "the save among the flood");
      });
    },
  },
  {
    id: "neighbours/erases",
    needsQuiet: true,
    rule: "A write is answered among the first, however many erases of another tenant were made before it.",
    async run({ store, identity, record, tenant }) {
      const [flooded, alone] = [tenant(), identity()];
      const sessions = Array.from({ length: ERASES }, (_, index) =>
        identity({ tenant: flooded, session: `flood-${index}` }),
      );
      await Promise.all(sessions.map((session) => store.save(record(session, "flood"))));
      const flood = () => sessions.map((session) => store.erase(session));
      await assertInTurn("a save behind another tenant's erases", flood, async () => {
        const saved = record(alone, "alone");
        await store.save(saved);
        return async () => assertRecord(await store.find(alone, "alone"), saved, "the save among erases");
      });
    },
  },
  {
    id: "neighbours/loads",
    needsQuiet: true,
    rule: "A load is answered among the first, however many loads of another tenant were made before it.",
    async run({ store, identity, record }) {
      const [theirs, own] = [record(identity(), "kind"), record(identity(), "kind")];
      await Promise.all([store.save(theirs), store.save(own)]);
      const flood = () => Array.from({ length: LOADS }, () => store.load(theirs.identity, "kind"));
      await assertInTurn("a load behind another tenant's loads", flood, async () => {
        const loaded = await store.load(own.identity, "kind");
        return () => assertRecord(loaded, own, "the load among the flood");
      });
    },
  },
  {
    id: "neighbours/lists",
    needsQuiet: true,
    rule: "A load and a list are answered among the first, however many lists of another tenant were made before.",
    async run({ store, identity, record }) {
      const [theirs, own] = [record(identity(), "kind"), record(identity(), "kind")];
      await Promise.all([store.save(theirs), store.save(own)]);
      const flood = () => Array.from({ length: LISTS }, () => store.list(theirs.identity, ""));
      await assertInTurn("a load and a list behind another tenant's lists", flood, async () => {
        const [loaded, listed] = await Promise.all([
          store.load(own.identity, "kind"),
          store.list(own.identity, ""),
        ]);
        return () => {
          assertRecord(loaded, own, "the load among lists");
          assertRecord(listed[0], own, "the list among lists");
        };
      });
    },
  },
];

/**
 * Judges by order and not by time: how many calls of the flood are answered between the one call and its answer. `call`
 * resolves with what looks at the answer, when the flood is over.
 */
async function assertInTurn(
  what: string,
  flood: () => readonly Promise<unknown>[],
  call: () => Promise<() => unknown>,
): Promise<void> {
  let fewest = Number.POSITIVE_INFINITY;
  let size = 0;
  for (let tried = 0; tried < TRIES; tried++) {
    let answered = 0;
    const calls = flood().map(async (one) => {
      await one;
      answered++;
    });
    const settled = Promise.allSettled(calls);
    // A store that does its work within the call has done all of it by then, and nobody waits for it.
    await new Promise<void>((resolve) => nextTick(resolve));
    const before = answered;
    const [outcome] = await Promise.allSettled([call()]);
    const overtaken = answered - before;
    // A store may refuse what is more than it can hold.
    assertRejectedOnlyWith(["UNAVAILABLE"], await settled, `${what}: the flood`);
    if (outcome.status === "rejected") throw outcome.reason;
    await outcome.value();
    size = calls.length;
    fewest = Math.min(fewest, overtaken);
    if (fewest <= size * SHARE) return;
  }
  assert.ok(size > 0, "a flood has calls");
  throw broken(`${what}: ${fewest} of ${size} were answered first, though tenants are to take turns`);
}
