import assert from "node:assert/strict";
import {
  type Change,
  type Expect,
  type Identity,
  LIMITS,
  type NewRecord,
  type StateError,
} from "../../src/index.js";
import { assertDuplicate, assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

const MOST_CHANGES = 4096;

export const commitCases: readonly ConformanceCase[] = [
  {
    id: "commit/together",
    rule: "The saves, deletes and checks of a commit take effect together, over any users and sessions of its tenant.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [old, doomed, watched] = [
        record(owner, "old"),
        record(owner, "doomed"),
        record(owner, "watched"),
      ];
      for (const each of [old, doomed, watched]) await store.save(each);
      const saves = [
        record(owner, "old"),
        record({ ...owner, user: "other" }, "new"),
        record({ ...owner, session: "other", run: "run" }, "new"),
      ];
      const receipt = await store.commit([
        { op: "check", identity: owner, kind: "watched", expect: watched.eventId },
        ...saving(saves),
        { op: "delete", identity: owner, kind: "doomed", expect: doomed.eventId },
        { op: "check", identity: owner, kind: "empty", expect: null },
      ]);
      assertWritten(receipt, "the commit");
      for (const each of saves) assertRecord(await store.find(each.identity, each.kind), each, each.kind);
      assert.equal(await store.find(owner, "doomed"), undefined, "what the commit deleted");
      assertRecord(await store.find(owner, "watched"), watched, "a check changes nothing");
    },
  },
  {
    id: "commit/receipts",
    rule: "A commit's receipts are one per save, in the order of the saves.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saves = ["b", "a", "c"].map((kind) => record(owner, kind));
      const [first, ...rest] = saving(saves);
      const changes: Change[] = [
        first as Change,
        { op: "check", identity: owner, kind: "x", expect: null },
        ...rest,
        { op: "check", identity: owner, kind: "y", expect: null },
      ];
      const ids = saves.map(({ eventId }) => eventId);
      for (const duplicate of [false, true]) {
        const receipt = await store.commit(changes);
        const expected = ids.map((eventId) => ({ eventId, duplicate }));
        assert.deepEqual(
          { ...receipt },
          { duplicate, receipts: expected },
          duplicate ? "the replay" : "the commit",
        );
      }
    },
  },
  {
    id: "commit/deleted",
    rule: "A commit's receipt says of each delete, in order, whether its slot held a record; that of a replay does not.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [old, kept, gone] = ["old", "kept", "gone"].map((kind) => record(owner, kind)) as [
        NewRecord,
        NewRecord,
        NewRecord,
      ];
      for (const each of [old, kept, gone, record({ ...owner, run: "run" }, "empty")]) await store.save(each);
      await store.delete(owner, "gone");
      const deleting = (kind: string): Change => ({ op: "delete", identity: owner, kind });
      const changes: Change[] = [
        deleting("empty"),
        { op: "save", record: record(owner, "kept") },
        { ...deleting("old"), expect: old.eventId } as Change,
        { op: "check", identity: owner, kind: "another", expect: null },
        deleting("gone"),
        { op: "save", record: record(owner, "new") },
      ];
      const receipt = await store.commit(changes);
      assert.deepEqual(receipt.deleted, [false, true, false], "what the receipt says of the deletes");
      const replay = await store.commit(changes);
      assert.deepEqual(
        [replay.duplicate, "deleted" in replay],
        [true, false],
        "the replay, and `deleted` in it",
      );
      const alone = await store.commit([deleting("new"), deleting("old")]);
      assert.deepEqual(alone.deleted, [true, false], "a commit of deletes alone");
      const session = { ...owner, session: "another" };
      await store.save(record(session, "kind"));
      const erasing = await store.commit([
        { op: "erase", identity: session },
        deleting("kept"),
        deleting("new"),
      ]);
      assert.deepEqual([erasing.deleted, erasing.erased], [[true, false], [1]], "a commit that also erases");
      const none = await store.commit([{ op: "check", identity: owner, kind: "old", expect: null }]);
      assert.ok(!("deleted" in none), "a commit without deletes says nothing of deletes");
    },
  },
  {
    id: "commit/all-or-nothing",
    rule: "A commit happens whole or not at all, also when the last of 4,096 changes fails.",
    async run({ store, identity, record }) {
      const owner = identity();
      const standing = record(owner, "standing");
      await store.save(standing);
      const saves = saving(
        Array.from({ length: MOST_CHANGES - 2 }, (_, index) => record(owner, `kind/${index}`)),
      );
      const removal: Change = { op: "delete", identity: owner, kind: "standing" };
      const last: Change = { op: "save", record: record(owner, "last"), expect: "nothing" };
      const error = await refused("CONDITION_FAILED", "a commit whose last change fails", () =>
        store.commit([...saves, removal, last]),
      );
      assert.equal(error.details.change, MOST_CHANGES - 1, "the change that failed");
      assert.deepEqual(
        await kindsOf(store.list(owner, "")),
        ["standing"],
        "a failed commit must change nothing",
      );
      await refused("IDEMPOTENCY_CONFLICT", "a commit whose last change conflicts", () =>
        store.commit([...saves, removal, { op: "save", record: { ...standing, kind: "last" } }]),
      );
      assert.deepEqual(
        await kindsOf(store.list(owner, "")),
        ["standing"],
        "a failed commit must change nothing",
      );
    },
  },
  {
    id: "commit/size",
    rule: "A commit has 1 to 4,096 changes.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saves = saving(
        Array.from({ length: MOST_CHANGES + 1 }, (_, index) => record(owner, `kind/${index}`)),
      );
      await refused("INVALID_RECORD", "a commit of 4,097 changes", () => store.commit(saves));
      await refused("INVALID_RECORD", "a commit of no changes", () => store.commit([]));
      assert.deepEqual(await store.list(owner, ""), [], "a refused commit must write nothing");
      const most = saves.slice(0, MOST_CHANGES);
      assertWritten(await store.commit(most), "a commit of 4,096 changes");
      const found = await store.list(owner, "");
      assert.equal(found.length, MOST_CHANGES, "records of a commit of 4,096 changes");
      assertDuplicate(await store.commit(most), "the same commit again");
    },
  },
  {
    id: "commit/many-sessions",
    rule: "The changes of a commit may be of as many sessions, and the mixed changes of a large one keep to the rules.",
    async run({ store, identity, record }) {
      const owner = identity();
      const places = Array.from({ length: MOST_CHANGES }, (_, index) => ({
        ...owner,
        session: `session/${index % 1024}`,
      }));
      const old = places.slice(0, 2048).map((place, index) => record(place, `kind/${index}`));
      await store.commit(saving(old));
      const changes = places.map((place, index): Change => {
        const kind = `kind/${index}`;
        const current = old[index];
        if (current === undefined) return { op: "save", record: record(place, kind), expect: null };
        if (index % 4 === 0) return { op: "check", identity: place, kind, expect: current.eventId };
        if (index % 4 === 1) return { op: "delete", identity: place, kind, expect: current.eventId };
        return { op: "save", record: record(place, kind), expect: current.eventId };
      });
      const stale = changes.with(1022, { ...changes[1022], expect: "another" } as Change);
      const error = await refused("CONDITION_FAILED", "a large commit of which one condition fails", () =>
        store.commit(stale),
      );
      assert.equal(error.details.change, 1022, "the change that failed");
      const receipt = await store.commit(changes);
      assert.equal(receipt.receipts.length, 3072, "a receipt for each save");
      assert.deepEqual(receipt.deleted, Array(512).fill(true), "what it says of its deletes");
      for (const index of [0, 1, 2, 2047, 2048, MOST_CHANGES - 1]) {
        const change = changes[index] as Change;
        const found = await store.find(places[index] as Identity, `kind/${index}`);
        if (change.op === "delete") assert.equal(found, undefined, `change ${index}, a delete`);
        else
          assertRecord(
            found,
            change.op === "save" ? change.record : (old[index] as NewRecord),
            `change ${index}`,
          );
      }
    },
  },
  {
    id: "commit/one-tenant",
    rule: "All changes of a commit are of one tenant.",
    async run({ store, identity, record }) {
      const [mine, theirs] = [identity(), identity()];
      const save = { op: "save", record: record(mine, "kind") } as const;
      const foreign: Change[] = [
        { op: "save", record: record(theirs, "kind") },
        { op: "delete", identity: theirs, kind: "kind" },
        { op: "check", identity: theirs, kind: "kind", expect: null },
      ];
      for (const change of foreign) {
        await refused("INVALID_RECORD", `a ${change.op} of another tenant`, () =>
          store.commit([save, change]),
        );
      }
      assert.equal(await store.find(mine, "kind"), undefined, "a refused commit must write nothing");
    },
  },
  {
    id: "commit/slot-once",
    rule: "No two changes of a commit touch the same slot, whatever they are.",
    async run({ store, identity, record }) {
      const owner = identity();
      const place = { identity: { ...owner, run: "" }, kind: "kind" };
      const save: Change = { op: "save", record: record(owner, "kind") };
      const others: Change[] = [
        { op: "save", record: record(place.identity, "kind") },
        { op: "delete", ...place },
        { op: "check", ...place, expect: null },
      ];
      for (const other of others) {
        await refused("INVALID_RECORD", `a save and a ${other.op} of one slot`, () =>
          store.commit([save, other]),
        );
      }
      assert.equal(await store.find(owner, "kind"), undefined, "a refused commit must write nothing");
    },
  },
  {
    id: "commit/event-once",
    rule: "An event id occurs once in a commit.",
    async run({ store, identity, record }) {
      const first = record(identity(), "a");
      await refused("INVALID_RECORD", "two saves with one event id", () =>
        store.commit(saving([first, { ...record(first.identity, "b"), eventId: first.eventId }])),
      );
      assert.deepEqual(await store.list(first.identity, ""), [], "a refused commit must write nothing");
    },
  },
  {
    id: "commit/check",
    rule: "A check writes nothing and holds the commit to what it expects of a slot.",
    async run({ store, identity, record }) {
      const owner = identity();
      const there = record(owner, "there");
      await store.save(there);
      const save: Change = { op: "save", record: record(owner, "kind") };
      const wrong: [kind: string, expect: Expect][] = [
        ["there", null],
        ["there", "another"],
        ["empty", "another"],
      ];
      for (const [kind, expect] of wrong) {
        const check: Change = { op: "check", identity: owner, kind, expect };
        const error: StateError = await refused(
          "CONDITION_FAILED",
          `a check for ${expect} of what is ${kind}`,
          () => store.commit([save, check]),
        );
        const current = kind === "there" ? there.eventId : null;
        assert.deepEqual(
          error.details,
          { change: 1, identity: owner, kind, current },
          "details of CONDITION_FAILED",
        );
      }
      assert.equal(await store.find(owner, "kind"), undefined, "a failed commit must write nothing");
      await store.commit([save, { op: "check", identity: owner, kind: "there", expect: there.eventId }]);
      assert.ok(await store.find(owner, "kind"), "the save beside a check that holds");
    },
  },
  {
    id: "commit/check-at-each-place",
    rule: "A condition counts wherever it stands among thousands of others.",
    async run({ store, identity, record }) {
      const owner = identity();
      await store.save(record(owner, "there"));
      const holds = (at: number): Change => ({
        op: "check",
        identity: owner,
        kind: `empty/${at}`,
        expect: null,
      });
      for (const place of [1, 25, 99, 100, 128, 256, 512, 1_024, LIMITS.changes - 2]) {
        const fails: Change = { op: "check", identity: owner, kind: "there", expect: null };
        const save: Change = { op: "save", record: record(owner, "kind") };
        const error = await refused("CONDITION_FAILED", `a check at place ${place}`, () =>
          store.commit([save, ...Array.from({ length: place - 1 }, (_, at) => holds(at)), fails]),
        );
        assert.equal(error.details.change, place, "the change whose condition fails");
        assert.deepEqual(await kindsOf(store.list(owner, "")), ["there"], "nothing is written");
      }
    },
  },
  {
    id: "commit/replay",
    rule: "A commit whose saves were all seen is a replay: nothing in it is evaluated or written again.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [a, b, doomed] = [record(owner, "a"), record(owner, "b"), record(owner, "doomed")];
      await store.save(doomed);
      const changes: Change[] = [
        { op: "save", record: a, expect: null },
        { op: "delete", identity: owner, kind: "doomed", expect: doomed.eventId },
        { op: "save", record: b },
        { op: "check", identity: owner, kind: "empty", expect: null },
      ];
      await store.commit(changes);
      const later = ["a", "doomed", "empty"].map((kind) => record(owner, kind));
      for (const each of later) await store.save(each);
      assertDuplicate(await store.commit(changes), "the commit again, though none of its conditions hold");
      for (const each of later)
        assertRecord(await store.find(owner, each.kind), each, `${each.kind}, saved since`);
    },
  },
  {
    id: "commit/replay-by-saves",
    rule: "A replay is recognised by its saves alone, whatever else is in it and whichever commits they came in.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [a, b, bystander] = [record(owner, "a"), record(owner, "b"), record(owner, "bystander")];
      for (const each of [a, b, bystander]) await store.save(each);
      const replay = await store.commit([
        ...saving([b, a]),
        { op: "delete", identity: owner, kind: "bystander" },
        { op: "check", identity: owner, kind: "other", expect: "nothing" },
      ]);
      assertDuplicate(replay, "two saves that were seen one by one");
      assertRecord(await store.find(owner, "bystander"), bystander, "what a replay must not delete");
    },
  },
  {
    id: "commit/late-replay",
    rule: "A commit is still a replay after its records were overwritten, deleted or erased.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = [record(owner, "a"), record(owner, "b"), record({ ...owner, session: "erased" }, "c")];
      await store.commit(saving(saved));
      const newer = record(owner, "a");
      await store.save(newer);
      await store.delete(owner, "b");
      await store.erase({ ...owner, session: "erased" });
      assertDuplicate(await store.commit(saving(saved)), "the commit again");
      assertRecord(await store.find(owner, "a"), newer, "what was saved since");
      assert.equal(await store.find(owner, "b"), undefined, "what was deleted since");
      assert.deepEqual(await store.list({ ...owner, session: "erased" }, ""), [], "what was erased since");
    },
  },
  {
    id: "commit/partial-replay",
    rule: "A commit of which some saves were seen and others not is IDEMPOTENCY_CONFLICT and writes nothing.",
    async run({ store, identity, record }) {
      for (const place of [1, 0, 2]) {
        const owner = identity();
        const seen = record(owner, "seen");
        await store.save(seen);
        const others = [record(owner, "before"), record(owner, "after")];
        const error = await refused("IDEMPOTENCY_CONFLICT", `a commit that was seen at place ${place}`, () =>
          store.commit(saving(others.toSpliced(place, 0, seen))),
        );
        assert.equal(error.details.change, place, "the change that was seen");
        assert.deepEqual(await kindsOf(store.list(owner, "")), ["seen"], "a conflict must write nothing");
        for (const other of others)
          assertWritten(await store.save(other), "the ids of a refused commit stay unseen");
      }
    },
  },
  {
    id: "commit/conflict-before-condition",
    rule: "Conflict is judged before conditions.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const seen = record(owner, "seen");
      await store.save(seen);
      const error = await refused("IDEMPOTENCY_CONFLICT", "a failed condition before a conflict", () =>
        store.commit([
          { op: "check", identity: owner, kind: "empty", expect: "nothing" },
          { op: "save", record: record(owner, "new"), expect: "nothing" },
          { op: "save", record: { ...seen, bytes: payload() }, expect: null },
        ]),
      );
      assert.equal(error.details.change, 2, "the change that conflicts");
    },
  },
  {
    id: "commit/first-conflict",
    rule: "Of several saves that stand for other content the first is reported.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const [a, b, c] = [record(owner, "a"), record(owner, "b"), record(owner, "c")];
      for (const each of [a, b, c]) await store.save(each);
      const changed = [b, c].map((each) => ({ ...each, bytes: payload() }));
      const error = await refused("IDEMPOTENCY_CONFLICT", "two conflicts behind a duplicate", () =>
        store.commit(saving([a, ...changed])),
      );
      assert.equal(error.details.change, 1, "the first change that conflicts");
    },
  },
  {
    id: "commit/first-condition",
    rule: "Of several conditions that fail the first is reported, with its slot.",
    async run({ store, identity, record }) {
      const owner = identity();
      const there = record(owner, "there");
      await store.save(there);
      const error = await refused("CONDITION_FAILED", "three failing conditions", () =>
        store.commit([
          { op: "save", record: record(owner, "fine"), expect: null },
          { op: "delete", identity: owner, kind: "there", expect: null },
          { op: "save", record: record(owner, "b"), expect: "nothing" },
          { op: "check", identity: owner, kind: "c", expect: "nothing" },
        ]),
      );
      const { change, kind, current } = error.details;
      assert.deepEqual(
        { change, kind, current },
        { change: 1, kind: "there", current: there.eventId },
        "details",
      );
    },
  },
  {
    id: "commit/without-saves",
    rule: "A commit without saves is always evaluated, also when it was made before.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = record(owner, "kind");
      await store.save(saved);
      const removal: Change[] = [{ op: "delete", identity: owner, kind: "kind", expect: saved.eventId }];
      const { duplicate } = await store.commit(removal);
      assert.equal(duplicate, false, "a delete");
      const error = await refused("CONDITION_FAILED", "the same delete again", () => store.commit(removal));
      assert.equal(error.details.current, null, "the event that is current");
      const check: Change[] = [{ op: "check", identity: owner, kind: "kind", expect: null }];
      for (let again = 0; again < 2; again++) {
        assert.deepEqual(
          { ...(await store.commit(check)) },
          { duplicate: false, receipts: [] },
          "a check alone",
        );
      }
      await store.save(record(owner, "kind"));
      await refused("CONDITION_FAILED", "the same check later", () => store.commit(check));
    },
  },
];

function saving(records: readonly NewRecord[]): Change[] {
  return records.map((record) => ({ op: "save", record }));
}

async function kindsOf(listing: Promise<readonly { readonly kind: string }[]>): Promise<string[]> {
  return (await listing).map(({ kind }) => kind);
}
