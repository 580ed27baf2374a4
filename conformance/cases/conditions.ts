import assert from "node:assert/strict";
import type { Expect, Identity, NewRecord } from "../../src/index.js";
import { assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";

/** Words of languages, databases and formats for nothing. Each is a valid event id. */
const LIKE_NONE = [
  ...[
    "null",
    "NULL",
    "nil",
    "none",
    "None",
    "undefined",
    "NaN",
    "(nil)",
    "(null)",
    "\\N",
    "-",
    "*",
    "0",
    "false",
  ],
  ...[" ", "''", '""', "{}", "[]", "empty", "EMPTY", "absent", "missing", "$", "~", "-1", "\u0001"],
];

export const conditionCases: readonly ConformanceCase[] = [
  {
    id: "conditions/empty-slot",
    rule: "expect null saves only into an empty slot.",
    async run({ store, identity, record }) {
      const first = record(identity(), "kind");
      assertWritten(await store.save(first, { expect: null }), "a save into an empty slot");
      await fails(store, record(first.identity, "kind"), null, first.eventId);
      assertRecord(await store.load(first.identity, "kind"), first, "a failed condition must write nothing");
    },
  },
  {
    id: "conditions/current-event",
    rule: "expect with an event id saves only on top of that event.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [first, second, third] = [record(owner, "kind"), record(owner, "kind"), record(owner, "kind")];
      await store.save(first);
      assertWritten(
        await store.save(second, { expect: first.eventId }),
        "a save on top of the current event",
      );
      await fails(store, third, first.eventId, second.eventId);
      assertRecord(await store.load(owner, "kind"), second, "a failed condition must write nothing");
    },
  },
  {
    id: "conditions/ids-like-none",
    rule: "An event id that reads like none is an event id: on top of it null fails, and where nothing is it fails itself.",
    async run({ store, identity, record }) {
      await Promise.all(
        LIKE_NONE.map(async (eventId) => {
          const owner = identity();
          const saved = record(owner, "kind", { eventId });
          await fails(store, record(owner, "empty"), eventId, null);
          assertWritten(await store.save(saved, { expect: null }), `a save under the event id ${eventId}`);
          await fails(store, record(owner, "kind"), null, eventId);
          const next = record(owner, "kind");
          assertWritten(await store.save(next, { expect: eventId }), `a save on top of the event ${eventId}`);
        }),
      );
    },
  },
  {
    id: "conditions/vanished",
    rule: "expect with an event id fails on a slot that is empty, never was filled, or was deleted or erased since.",
    async run({ store, identity, record }) {
      const owner = identity();
      await fails(store, record(owner, "never"), "nothing", null);
      const [deleted, erased] = [record(owner, "deleted"), record(identity(), "erased")];
      for (const each of [deleted, erased]) await store.save(each);
      await store.delete(owner, "deleted");
      await store.erase(erased.identity);
      for (const each of [deleted, erased]) {
        await fails(store, record(each.identity, each.kind), each.eventId, null);
        assertWritten(
          await store.save(record(each.identity, each.kind), { expect: null }),
          "into the emptied slot",
        );
      }
    },
  },
  {
    id: "conditions/own-slot",
    rule: "A condition is about its own slot: the same event in another slot or tenant does not meet it.",
    async run({ store, identity, record }) {
      const there = record(identity(), "kind");
      await store.save(there);
      await fails(store, record(there.identity, "other"), there.eventId, null);
      await fails(store, record({ ...there.identity, run: "run" }, "kind"), there.eventId, null);
      await fails(store, record(identity(), "kind"), there.eventId, null);
    },
  },
  {
    id: "conditions/delete",
    rule: "A delete may be conditional too; when its condition fails the record stays.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      const { identity: owner } = saved;
      await store.save(saved);
      for (const expect of [null, "another"]) {
        const error = await refused("CONDITION_FAILED", `delete expecting ${expect}`, () =>
          store.delete(owner, "kind", { expect }),
        );
        assertDetails(error.details, owner, "kind", saved.eventId);
      }
      assertRecord(await store.find(owner, "kind"), saved, "after a failed delete");
      assert.equal(
        await store.delete(owner, "kind", { expect: saved.eventId }),
        true,
        "delete of what is expected",
      );
      assert.equal(
        await store.delete(owner, "kind", { expect: null }),
        false,
        "delete of an empty slot as expected",
      );
    },
  },
  {
    id: "conditions/details",
    rule: "CONDITION_FAILED names the change, the slot's identity and kind, and its current event id or null.",
    async run({ store, identity, record }) {
      const saved = record(identity({ run: "run" }), "kind");
      await store.save(saved);
      const error = await refused("CONDITION_FAILED", "a save into a slot that is not empty", () =>
        store.save(record(saved.identity, "kind"), { expect: null }),
      );
      assertDetails(error.details, saved.identity, "kind", saved.eventId);
      const session = identity();
      const empty = await refused("CONDITION_FAILED", "a save on top of nothing", () =>
        store.save(record(session, "kind"), { expect: "nothing" }),
      );
      assertDetails(empty.details, session, "kind", null);
    },
  },
  {
    id: "conditions/chain",
    rule: "A chain of conditional saves, each on top of the one before, goes through from end to end.",
    async run({ store, identity, record }) {
      const owner = identity();
      let expect: Expect = null;
      for (let link = 0; link < 50; link++) {
        const next = record(owner, "kind", { version: link });
        assertWritten(await store.save(next, { expect }), `link ${link}`);
        expect = next.eventId;
      }
      assert.equal((await store.load(owner, "kind")).version, 49, "the end of the chain");
    },
  },
  {
    id: "conditions/same-content-again",
    rule: "A condition looks at the event and not at the content: the same bytes saved again do not meet it.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const bytes = payload();
      const [first, same] = [record(owner, "kind", { bytes }), record(owner, "kind", { bytes })];
      await store.save(first);
      await store.save(same);
      await fails(store, record(owner, "kind"), first.eventId, same.eventId);
    },
  },
];

async function fails(
  store: CaseContext["store"],
  record: NewRecord,
  expect: Expect,
  current: Expect,
): Promise<void> {
  const error = await refused(
    "CONDITION_FAILED",
    `a save expecting ${expect} where ${current} is current`,
    () => store.save(record, { expect }),
  );
  assertDetails(error.details, record.identity, record.kind, current);
}

function assertDetails(
  details: {
    readonly change: number;
    readonly identity: Identity;
    readonly kind: string;
    readonly current: Expect;
  },
  identity: Identity,
  kind: string,
  current: Expect,
): void {
  const seen = { ...details, identity: { ...details.identity } };
  assert.deepEqual(seen, { change: 0, identity, kind, current }, "details of CONDITION_FAILED");
}
