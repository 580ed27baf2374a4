import assert from "node:assert/strict";
import { setImmediate as turn } from "node:timers/promises";
import {
  type Change,
  type Identity,
  maintenanceScope,
  type NewRecord,
  type StateRecord,
  type StateStore,
} from "../../src/index.js";
import { assertDuplicate, assertRecord, assertRejectedOnlyWith, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { readsOf, settled } from "../harness/reads-of.js";
import { numberedKinds } from "../harness/save-many.js";
import { assertNoLoneWriteSkew } from "../harness/write-skew.js";

/** More than some databases take in one transaction (100), or hand out in one piece of a cursor (101). */
const MANY = 150;

/** Several stores of one space, in one process: what a lock in the process, a cache or a batch would hide. */
export const storeCases: readonly ConformanceCase[] = [
  {
    id: "stores/write-skew-alone",
    rule: "Of two commits of two stores that each check what the other writes one takes effect, though nothing else is written.",
    needs: "durable",
    run: async (context) => assertNoLoneWriteSkew(context, await context.open()),
  },
  {
    id: "stores/one-event-id",
    rule: "A new event id that two stores save at once is written once: the other one is a duplicate or a conflict.",
    needs: "durable",
    async run(context) {
      const other = await context.open();
      const owner = context.identity();
      for (const [what, place] of Object.entries(placesBeside(owner))) {
        const first = context.record(owner, `first ${what}`);
        const second = { ...first, ...place(`second ${what}`) };
        await assertWrittenOnce([context.store, first], [other, second], what);
        const same = context.record(owner, `same ${what}`);
        await assertWrittenOnce([context.store, same], [other, same], `the same save, beside ${what}`);
      }
    },
  },
  {
    id: "stores/all-or-nothing",
    rule: "Of commits and erases of many records another store sees all or nothing, in each list, scan and count.",
    needs: "durable",
    scans: "tenant",
    async run(context) {
      const reader = await context.open();
      const owner = context.identity();
      const kinds = numberedKinds(MANY);
      const work = { isOver: false };
      const writing = replaceAll(context, owner, kinds, work);
      try {
        for (let round = 0; round < 24; round++) {
          await assertWhole(reader, owner, round);
          // Out of step with the writer, which would be met at the same moment each time.
          for (let pause = round % 4; pause > 0; pause--) await turn();
        }
      } finally {
        work.isOver = true;
        await writing;
      }
    },
  },
  {
    id: "stores/all-or-nothing-across-sessions",
    rule: "Of a commit over several runs, sessions or users another store sees all or nothing in a scan.",
    needs: "durable",
    scans: "tenant",
    async run(context) {
      const reader = await context.open();
      for (const field of ["run", "session", "user"] as const) {
        const owner = context.identity({ run: "run" });
        const owners = ["a", "b", "c", "d"].map((name) => ({ ...owner, [field]: name }));
        const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
        const work = { isOver: false };
        const writing = commitAll(context, owners, work);
        try {
          for (let round = 0; round < 16; round++) {
            const found = await reader.listKind(scope, "kind", { limit: 100 });
            const versions = new Set(found.map(({ version }) => version));
            const isWhole = versions.size <= 1 && found.length % owners.length === 0;
            assert.ok(isWhole, `a scan shows a part of a commit over several ${field}s`);
            for (let pause = round % 4; pause > 0; pause--) await turn();
          }
        } finally {
          work.isOver = true;
          await writing;
        }
      }
    },
  },
  {
    id: "stores/what-a-loser-reads",
    rule: "A store whose save lost or was a replay reads what is current then, as it does after a save of its own.",
    needs: "durable",
    scans: "tenant",
    async run({ store, open, identity, record }) {
      const other = await open();
      const owner = identity();
      let current = record(owner, "kind");
      await store.save(current);
      for (let round = 0; round < 4; round++) {
        const replayed = current;
        await settled(readsOf(other, current));
        const next = record(owner, "kind", { version: round + 1 });
        await store.save(next);
        if (round % 2 === 0) assertDuplicate(await other.save(replayed), "a replay by the other store");
        else
          await refused("CONDITION_FAILED", "a save on top of what was overwritten", () =>
            other.save(record(owner, "kind"), { expect: replayed.eventId }),
          );
        for (const [how, found] of await settled(readsOf(other, next)))
          assertRecord(found, next, `${how} by the store that lost`);
        current = next;
      }
    },
  },
];

/** Where another record of an event's tenant can be. */
function placesBeside(
  owner: Identity,
): Record<string, (kind: string) => Pick<NewRecord, "identity" | "kind">> {
  return {
    "in one session": (kind) => ({ identity: owner, kind }),
    "in two runs": (kind) => ({ identity: { ...owner, run: "another" }, kind }),
    "in two sessions": (kind) => ({ identity: { ...owner, session: "another" }, kind }),
    "of two users": (kind) => ({ identity: { ...owner, user: "another" }, kind }),
  };
}

type Save = readonly [store: StateStore, record: NewRecord];

/** The two saves have one event id. */
async function assertWrittenOnce(one: Save, two: Save, what: string): Promise<void> {
  const saves = [one, two];
  const outcomes = await Promise.allSettled(saves.map(([store, record]) => store.save(record)));
  assertRejectedOnlyWith(["IDEMPOTENCY_CONFLICT"], outcomes, `one event id, saved at once ${what}`);
  const written = saves.filter((_, index) => {
    const outcome = outcomes[index];
    return outcome?.status === "fulfilled" && !outcome.value.duplicate;
  });
  assert.equal(written.length, 1, `one event id, saved at once ${what}: how many saves took effect`);
  const [, winner] = written[0] as Save;
  const isSame = one[1] === two[1];
  for (const [store, record] of saves) {
    const found = await store.find(record.identity, record.kind);
    if (isSame || record === winner) assertRecord(found, record, `the save that took effect ${what}`);
    else assert.equal(found, undefined, `the save that did not take effect ${what}`);
  }
}

/** Saves all kinds in one commit, with one version, and erases them, in turn. */
async function replaceAll(
  { store, record }: CaseContext,
  owner: Identity,
  kinds: readonly string[],
  work: { readonly isOver: boolean },
): Promise<void> {
  for (let version = 1; !work.isOver; version++) {
    const changes: Change[] = kinds.map((kind) => ({ op: "save", record: record(owner, kind, { version }) }));
    await store.commit(changes);
    await turn();
    if (version % 2 === 0) await store.erase(owner);
  }
}

/** Saves one kind of all of them in one commit, with one version, and deletes it, in turn. */
async function commitAll(
  { store, record }: CaseContext,
  owners: readonly Identity[],
  work: { readonly isOver: boolean },
): Promise<void> {
  for (let version = 1; !work.isOver; version++) {
    const changes = owners.map((owner): Change => {
      if (version % 3 === 0) return { op: "delete", identity: owner, kind: "kind" };
      return { op: "save", record: record(owner, "kind", { version }) };
    });
    await store.commit(changes);
    await turn();
  }
}

/** Asks in one of three ways. */
async function assertWhole(store: StateStore, owner: Identity, way: number): Promise<void> {
  if (way % 3 === 0) return assertOneCommit(await store.list(owner, "kind/"), "a list");
  if (way % 3 === 1) {
    const count = await store.count(owner, "kind/");
    return assert.ok(count % MANY === 0, `a count shows ${count} of ${MANY} records of one commit`);
  }
  const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
  return assertOneCommit(await store.listKind(scope, "kind/", { limit: 10_000 }), "a scan");
}

function assertOneCommit(records: readonly StateRecord[], what: string): void {
  const { length } = records;
  assert.ok(length === 0 || length === MANY, `${what} shows ${length} of ${MANY} records of one commit`);
  const versions = new Set(records.map(({ version }) => version));
  assert.ok(versions.size <= 1, `${what} shows records of ${versions.size} commits that each replaced all`);
}
