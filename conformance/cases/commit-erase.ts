import assert from "node:assert/strict";
import {
  type Change,
  type Identity,
  type NewRecord,
  type StateStore,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { assertDuplicate, assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";

/** Erases that are a part of a commit. */
export const commitEraseCases: readonly ConformanceCase[] = [
  {
    id: "commit/erase-together",
    rule: "An erase in a commit takes effect with the other changes, and the receipt says how many records each removed.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const [one, two] = [await filled(context, owner, "one"), await filled(context, owner, "two")];
      const [doomed, standing] = [record(owner, "doomed"), record(owner, "standing")];
      for (const each of [doomed, standing]) await store.save(each);
      const saved = record({ ...owner, session: "other" }, "new");
      const receipt = await store.commit([
        erasing(one),
        { op: "save", record: saved, expect: null },
        { op: "check", identity: owner, kind: "standing", expect: standing.eventId },
        { op: "erase", identity: { ...owner, session: "never was" } },
        erasing(two.slice(1)),
        { op: "delete", identity: owner, kind: "doomed", expect: doomed.eventId },
      ]);
      assert.deepEqual(
        { ...receipt },
        {
          duplicate: false,
          receipts: [{ eventId: saved.eventId, duplicate: false }],
          deleted: [true],
          erased: [3, 0, 3],
        },
        "the receipt",
      );
      await assertGone(store, [...one, ...two, doomed]);
      for (const each of [saved, standing])
        assertRecord(await store.find(each.identity, each.kind), each, each.kind);
    },
  },
  {
    id: "commit/erase-with-condition",
    rule: "A commit of which a condition fails, or a save conflicts, erases nothing; once they hold, it does.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const inside = await filled(context, owner, "inside");
      const mark = record(owner, "mark");
      await store.save(mark);
      const failing: Change[][] = [
        [erasing(inside), { op: "check", identity: owner, kind: "mark", expect: "another" }],
        [{ op: "delete", identity: owner, kind: "mark", expect: "another" }, erasing(inside)],
        [erasing(inside), { op: "save", record: record(owner, "new"), expect: "another" }],
      ];
      for (const changes of failing) {
        await refused("CONDITION_FAILED", "an erase beside a condition that fails", () =>
          store.commit(changes),
        );
      }
      await refused("IDEMPOTENCY_CONFLICT", "an erase beside a conflict", () =>
        store.commit([erasing(inside), { op: "save", record: { ...mark, kind: "other" } }]),
      );
      for (const each of inside)
        assertRecord(await store.find(each.identity, each.kind), each, "what was not to be erased");
      const held: Change[] = [
        { op: "delete", identity: owner, kind: "mark", expect: mark.eventId },
        erasing(inside),
      ];
      assert.deepEqual((await store.commit(held)).erased, [3], "the erase whose condition holds");
      await assertGone(store, inside);
      const anew = await filled(context, owner, "inside");
      await refused("CONDITION_FAILED", "the same commit again", () => store.commit(held));
      for (const each of anew) assertRecord(await store.find(each.identity, each.kind), each, "created anew");
    },
  },
  {
    id: "commit/erase-replay",
    rule: "A commit whose saves were all seen erases nothing, and says of each erase that it removed none.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const before = await filled(context, owner, "inside");
      const changes: Change[] = [{ op: "save", record: record(owner, "kind") }, erasing(before)];
      assertWritten(await store.commit(changes), "the commit");
      const since = await filled(context, owner, "inside");
      const replay = await store.commit(changes);
      assertDuplicate(replay, "the commit again");
      assert.deepEqual(replay.erased, [0], "how many records the replay removed");
      for (const each of since) assertRecord(await store.find(each.identity, each.kind), each, "saved since");
    },
  },
  {
    id: "commit/erase-other-changes-refused",
    rule: "A commit that erases a session has no other change of that session, whatever its run and kind.",
    async run(context) {
      const { store, identity, record } = context;
      const inside = await filled(context, identity(), "inside");
      const [{ identity: session }] = inside as [NewRecord];
      const others: Change[] = [
        { op: "save", record: record(session, "new") },
        { op: "save", record: record({ ...session, run: "run" }, "new") },
        { op: "delete", identity: session, kind: "a" },
        { op: "check", identity: { ...session, run: "other" }, kind: "a", expect: null },
        { op: "erase", identity: session },
      ];
      for (const other of others) {
        for (const changes of [
          [other, erasing(inside)],
          [erasing(inside), other],
        ]) {
          await refused("INVALID_RECORD", `an erase and a ${other.op} of one session`, () =>
            store.commit(changes),
          );
        }
      }
      await refused("INVALID_RECORD", "an erase of another tenant's session", () =>
        store.commit([erasing(inside), { op: "save", record: record(identity(), "kind") }]),
      );
      const withRun = { ...session, run: "run" };
      await refused("INVALID_RECORD", "an erase with a run", () =>
        store.commit([{ op: "erase", identity: withRun }]),
      );
      for (const each of inside)
        assertRecord(await store.find(each.identity, each.kind), each, "after the refused commits");
    },
  },
  {
    id: "commit/erase-beside-own-state",
    rule: "A commit may erase a session and change the state of its user and tenant, which no erase of a session touches.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const inside = await filled(context, owner, "inside");
      const [users, tenants] = [userIdentity(owner.tenant, owner.user), tenantIdentity(owner.tenant)];
      const [counted, listed] = [record(users, "count"), record(tenants, "list")];
      for (const each of [counted, listed, record(users, "kept")]) await store.save(each);
      const next = record(users, "count");
      const receipt = await store.commit([
        { op: "save", record: next, expect: counted.eventId },
        erasing(inside),
        { op: "delete", identity: tenants, kind: "list", expect: listed.eventId },
        { op: "check", identity: users, kind: "empty", expect: null },
      ]);
      assert.deepEqual([receipt.erased, receipt.deleted], [[3], [true]], "the receipt");
      await assertGone(store, inside);
      assertRecord(await store.find(users, "count"), next, "the user's state, changed beside the erase");
      assert.ok(await store.find(users, "kept"), "the user's other state");
    },
  },
];

/** Three records of a session, the first of them without a run. */
async function filled(
  { store, record }: CaseContext,
  owner: Identity,
  session: string,
): Promise<readonly NewRecord[]> {
  const identity = { ...owner, session };
  const saved = [record(identity, "a"), record(identity, "b"), record({ ...identity, run: "run" }, "a")];
  for (const each of saved) await store.save(each);
  return saved;
}

function erasing([first]: readonly NewRecord[]): Change {
  const { tenant, user, session } = (first as NewRecord).identity;
  return { op: "erase", identity: { tenant, user, session } };
}

async function assertGone(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  for (const { identity, kind, eventId } of records) {
    assert.equal(await store.find(identity, kind), undefined, `${kind} after the commit`);
    await refused("NOT_FOUND", "its event after the commit", () => store.loadByEventId(identity, eventId));
  }
}
