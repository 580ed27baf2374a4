import assert from "node:assert/strict";
import { assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

export const deleteCases: readonly ConformanceCase[] = [
  {
    id: "delete/says-whether",
    rule: "delete empties the slot and says whether there was a record; once more, it says that there was none.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      assert.equal(
        await store.delete(saved.identity, "kind"),
        false,
        "delete of a slot that never was filled",
      );
      await store.save(saved);
      assert.equal(await store.delete(saved.identity, "kind"), true, "delete of a record");
      assert.equal(await store.find(saved.identity, "kind"), undefined, "the slot after the delete");
      assert.deepEqual(await store.list(saved.identity, ""), [], "the list after the delete");
      assert.equal(await store.delete(saved.identity, "kind"), false, "the same delete again");
    },
  },
  {
    id: "delete/only-its-slot",
    rule: "delete touches its own slot alone: no other kind, run, session, user or tenant.",
    async run({ store, identity, record }) {
      const owner = identity({ run: "run" });
      const { run: _, ...session } = owner;
      const neighbours = [
        ...["kin", "kind/", "kind/a", "Kind"].map((kind) => record(owner, kind)),
        record(session, "kind"),
        record({ ...owner, run: "other" }, "kind"),
        record({ ...owner, session: "other" }, "kind"),
        record({ ...owner, user: "other" }, "kind"),
        record(identity({ run: "run" }), "kind"),
      ];
      for (const each of [record(owner, "kind"), ...neighbours]) await store.save(each);
      assert.equal(await store.delete(owner, "kind"), true, "delete of a record");
      for (const each of neighbours) {
        assertRecord(
          await store.find(each.identity, each.kind),
          each,
          `beside a deleted record: ${each.kind}`,
        );
      }
    },
  },
  {
    id: "delete/conditional-retry",
    rule: "A conditional delete that is sent again fails its condition: what it expected is gone.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      const remove = () => store.delete(saved.identity, "kind", { expect: saved.eventId });
      assert.equal(await remove(), true, "delete of what is expected");
      const error = await refused("CONDITION_FAILED", "the same delete again", remove);
      assert.equal(error.details.current, null, "the event that is current");
    },
  },
  {
    id: "delete/slot-lives-on",
    rule: "A slot that was emptied takes a new event like one that never was filled.",
    async run({ store, identity, record }) {
      const owner = identity();
      await store.save(record(owner, "kind", { version: 9 }));
      await store.delete(owner, "kind");
      const next = record(owner, "kind");
      assertWritten(await store.save(next, { expect: null }), "a save into the emptied slot");
      assertRecord(await store.load(owner, "kind"), next, "the slot");
    },
  },
];
