import assert from "node:assert/strict";
import { assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

export const saveCases: readonly ConformanceCase[] = [
  {
    id: "save/comes-back",
    rule: "What was saved comes back whole: event id, identity, kind, version, bytes and updatedAt.",
    async run({ store, identity, record }) {
      const updatedAt = new Date("2024-02-29T12:34:56.789Z");
      const saved = record(identity({ run: "run" }), "kind", { version: 7, updatedAt });
      const receipt = await store.save(saved);
      assertWritten(receipt, "the first save");
      assert.equal(receipt.eventId, saved.eventId, "the receipt names the event");
      for (const found of [
        await store.load(saved.identity, "kind"),
        await store.find(saved.identity, "kind"),
        await store.loadByEventId(saved.identity, saved.eventId),
        ...(await store.list(saved.identity, "kind")),
      ]) {
        assertRecord(found, saved, "the record");
      }
    },
  },
  {
    id: "save/nothing-there",
    rule: "Where nothing is stored, load says NOT_FOUND, find undefined, and list nothing.",
    async run({ store, identity }) {
      const owner = identity();
      await refused("NOT_FOUND", "load of an empty slot", () => store.load(owner, "kind"));
      assert.equal(await store.find(owner, "kind"), undefined, "find of an empty slot");
      assert.deepEqual(await store.list(owner, ""), [], "list of an identity without records");
    },
  },
  {
    id: "save/replaces",
    rule: "A slot holds one record: a new event replaces the one before it.",
    async run({ store, identity, record }) {
      const owner = identity();
      const [first, second] = [record(owner, "kind", { version: 5 }), record(owner, "kind", { version: 2 })];
      await store.save(first);
      assertWritten(await store.save(second), "another event in the same slot");
      assertRecord(await store.load(owner, "kind"), second, "the slot");
      assert.equal((await store.list(owner, "")).length, 1, "a slot must hold one record");
    },
  },
  {
    id: "save/only-its-slot",
    rule: "A save touches its own slot alone.",
    async run({ store, identity, record }) {
      const owner = identity();
      const neighbours = ["kin", "kind", "kind/a", "kindness"].map((kind) => record(owner, kind));
      for (const each of neighbours) await store.save(each);
      await store.save(record(owner, "kind/b"));
      for (const each of neighbours) assertRecord(await store.find(owner, each.kind), each, each.kind);
    },
  },
  {
    id: "save/same-content",
    rule: "The same content under a new event id is a new write.",
    async run({ store, identity, record, payload }) {
      const owner = identity();
      const bytes = payload();
      await store.save(record(owner, "kind", { bytes }));
      const again = record(owner, "kind", { bytes });
      assertWritten(await store.save(again), "the same content under another event id");
      assertRecord(await store.load(owner, "kind"), again, "the slot");
    },
  },
  {
    id: "save/version",
    rule: "A version is the caller's own: 0 unless given, never compared and never incremented.",
    async run({ store, identity, record }) {
      const owner = identity();
      await store.save(record(owner, "default"));
      assert.equal((await store.load(owner, "default")).version, 0, "a version that was left out");
      for (const version of [3, 3, 2 ** 40, 0, Number.MAX_SAFE_INTEGER, 1]) {
        await store.save(record(owner, "kind", { version }));
        assert.equal((await store.load(owner, "kind")).version, version, "the version as it was given");
      }
    },
  },
  {
    id: "save/updated-at",
    rule: "updatedAt is the time of the save unless the caller gives one.",
    async run({ store, identity, record }) {
      const owner = identity();
      const minute = 60_000;
      const before = Date.now();
      await store.save(record(owner, "kind"));
      const { updatedAt } = await store.load(owner, "kind");
      const between = updatedAt.getTime() > before - minute && updatedAt.getTime() < Date.now() + minute;
      assert.ok(
        between,
        `updatedAt ${updatedAt.toISOString()} is more than a minute off the time of the save`,
      );
    },
  },
  {
    id: "save/updated-at-milliseconds",
    rule: "updatedAt is kept to the millisecond, whatever the order in which times are saved.",
    async run({ store, identity, record }) {
      const owner = identity();
      for (const time of [
        "2026-01-01T00:00:00.001Z",
        "2026-01-01T00:00:00.500Z",
        "1999-12-31T23:59:59.999Z",
      ]) {
        const saved = record(owner, "kind", { updatedAt: new Date(time) });
        await store.save(saved);
        assertRecord(await store.load(owner, "kind"), saved, time);
      }
    },
  },
  {
    id: "save/updated-at-copied",
    rule: "Changing a Date after the call, or one that was handed out, changes nothing in the store.",
    async run({ store, identity, record }) {
      const owner = identity();
      const given = new Date("2026-01-01T00:00:00.000Z");
      const saving = store.save(record(owner, "kind", { updatedAt: given }));
      given.setFullYear(1999);
      await saving;
      const first = await store.load(owner, "kind");
      assert.equal(
        first.updatedAt.toISOString(),
        "2026-01-01T00:00:00.000Z",
        "after the given Date was changed",
      );
      first.updatedAt.setFullYear(1999);
      const second = await store.load(owner, "kind");
      assert.equal(
        second.updatedAt.toISOString(),
        "2026-01-01T00:00:00.000Z",
        "after the returned Date was changed",
      );
    },
  },
];
