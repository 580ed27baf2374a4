import assert from "node:assert/strict";
import type { Change, NewRecord, StateStore } from "../../src/index.js";
import { assertDuplicate, assertWritten, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";

/** What is remembered of records that went several at a time. */
export const eventMemoryCases: readonly ConformanceCase[] = [
  {
    id: "idempotency/late-retry-after-commit",
    rule: "A late retry, after a commit of several changes overwrote or deleted its record, is a duplicate.",
    async run(context) {
      const { store, gone, now } = await goneInACommit(context);
      for (const each of gone) assertDuplicate(await store.save(each), `a retry of the ${each.kind} record`);
      const events = (await store.list(now[0].identity, "")).map(({ eventId }) => eventId);
      assert.deepEqual(events.sort(), now.map(({ eventId }) => eventId).sort(), "what is there in the end");
    },
  },
  {
    id: "idempotency/conflict-after-commit",
    rule: "The same event id with other content is a conflict also after a commit of several changes took its record.",
    async run(context) {
      const { store, gone } = await goneInACommit(context);
      for (const each of gone) await assertConflicts(store, { ...each, bytes: context.payload() });
    },
  },
  {
    id: "idempotency/every-erased-id-stays-seen",
    rule: "After an erase any event id of the session is still seen, of whatever record, run and kind.",
    async run(context) {
      const { store, erased } = await erasedTogether(context);
      for (const each of erased) assertDuplicate(await store.save(each), `a retry of ${nameOf(each)}`);
    },
  },
  {
    id: "idempotency/every-erased-content-is-forgotten",
    rule: "After an erase no content of the session is known, of whatever record, run and kind: any retry is a duplicate.",
    async run(context) {
      const { store, erased } = await erasedTogether(context);
      for (const each of erased) {
        const other = { ...each, bytes: context.payload() };
        assertDuplicate(await store.save(other), `other bytes under the event id of ${nameOf(each)}`);
      }
    },
  },
  {
    id: "idempotency/thousands-of-ids",
    rule: "An event id is remembered through its window though thousands of later ones of its tenant are, current or not.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const first = [record(owner, "deleted"), record(owner, "overwritten"), record(owner, "current")];
      for (const each of first) await store.save(each);
      await store.delete(owner, "deleted");
      for (let round = 0; round < 2; round++)
        await saveMany(
          store,
          [...numberedKinds(MANY), ...(round === 0 ? ["overwritten"] : [])].map((kind) =>
            record(owner, kind),
          ),
        );
      for (const each of first) {
        assertDuplicate(await store.save(each), `a retry of the ${each.kind} record`);
        await assertConflicts(store, { ...each, bytes: payload() });
      }
    },
  },
];

/** More than a cache or a list of ids that was seen to be enough holds. */
const MANY = 1_100;

/** Records that were saved one by one and together, and then overwritten and deleted by one commit. */
async function goneInACommit({ store, identity, record }: CaseContext) {
  const owner = identity();
  const kinds = ["overwritten", "overwritten too", "deleted", "deleted too"] as const;
  const [overwritten, overwrittenToo, deleted, deletedToo] = kinds.map((kind) => record(owner, kind)) as [
    NewRecord,
    NewRecord,
    NewRecord,
    NewRecord,
  ];
  for (const each of [overwritten, deleted]) await store.save(each);
  await store.commit([overwrittenToo, deletedToo].map(saving));
  const newer = [overwritten, overwrittenToo].map(({ kind }) => record(owner, kind));
  const deletes = [deleted, deletedToo].map(({ kind }) => ({ op: "delete" as const, identity: owner, kind }));
  const taking = await store.commit([...newer.map(saving), ...deletes]);
  assertWritten(taking, "the commit that takes the records");
  return {
    store,
    gone: [overwritten, overwrittenToo, deleted, deletedToo],
    now: newer as [NewRecord, NewRecord],
  };
}

/** A session that was erased: records of its own and of runs, saved one by one and together. */
async function erasedTogether({ store, identity, record }: CaseContext) {
  const session = identity();
  const owners = [session, { ...session, run: "a" }, { ...session, run: "b" }];
  const [single, together] = ["single", "together"].map((name) =>
    owners.flatMap((owner) => ["1", "2"].map((end) => record(owner, `${name}/${end}`))),
  ) as [NewRecord[], NewRecord[]];
  for (const each of single) await store.save(each);
  await store.commit(together.map(saving));
  const erased = [...single, ...together];
  assert.equal(await store.erase(session), erased.length, "how many records were erased");
  return { store, erased };
}

async function assertConflicts(store: StateStore, record: NewRecord): Promise<void> {
  await refused("IDEMPOTENCY_CONFLICT", `other bytes under the event id of the ${record.kind} record`, () =>
    store.save(record),
  );
}

function saving(record: NewRecord): Change {
  return { op: "save", record };
}

function nameOf({ identity, kind }: NewRecord): string {
  return identity.run === undefined ? kind : `${kind} in the run ${identity.run}`;
}
