import assert from "node:assert/strict";
import type { RecordKey, StateErrorCode, WatchOptions } from "../../src/index.js";
import { assertDuplicate, assertRecord, refused, thrown } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { nothingComes, soon } from "../harness/soon.js";
import { keys, next, POLL } from "../harness/watched.js";

/** How a watch is begun, used and left. */
export const watchLoopCases: readonly ConformanceCase[] = [
  {
    id: "watch/misuse",
    rule: "A watch with a wrong option, of what is no slot or of a closed store throws where it is called.",
    async run({ open, identity }) {
      const store = await open();
      const owner = identity();
      const slots = keys(owner, "kind");
      const options: object[] = [
        ...[0, -1, 1.5, 3_600_001, Number.NaN, "100", undefined].map((pollMs) => ({ pollMs })),
        ...[{ ref: "no" }, { ref: undefined }, { signal: "none" }, { poll: 100 }],
      ];
      for (const each of options)
        thrown("INVALID_RECORD", `a watch with ${Object.keys(each)} ${Object.values(each)}`, () =>
          store.watch(slots, each as WatchOptions),
        );
      const places: [StateErrorCode, unknown][] = [
        ["INVALID_RECORD", undefined],
        ["INVALID_RECORD", "kind"],
        ["INVALID_RECORD", [undefined]],
        ["INVALID_RECORD", keys(owner, "")],
        ["IDENTITY_REQUIRED", keys({ ...owner, user: "" }, "kind")],
        ["IDENTITY_REQUIRED", [{ kind: "kind" }]],
      ];
      for (const [code, wrong] of places)
        thrown(code, `a watch of ${JSON.stringify(wrong)}`, () => store.watch(wrong as readonly RecordKey[]));
      await store.close();
      thrown("STORE_CLOSED", "a watch of a closed store", () => store.watch(slots));
    },
  },
  {
    id: "watch/iterates",
    rule: "A watch is its own iterator, and ends when a for await loop is left or when it is disposed of.",
    async run({ store, identity }) {
      const slots = keys(identity(), "kind");
      const left = store.watch(slots, POLL);
      assert.equal(left[Symbol.asyncIterator](), left, "the iterator of a watch");
      for await (const { kind } of left) {
        assert.equal(kind, "kind", "what a loop is given first");
        break;
      }
      assert.equal(
        (await soon(left.next(), "next of a watch whose loop was left")).done,
        true,
        "it has ended",
      );
      const disposed = store.watch(slots, POLL);
      await next(disposed, "the empty slot");
      const waiting = disposed.next();
      await disposed[Symbol.asyncDispose]();
      assert.equal((await soon(waiting, "next of a watch that was disposed of")).done, true, "it has ended");
    },
  },
  {
    id: "watch/starts-with-next",
    rule: "A watch starts with the first call of next: what was written before that is yielded once, as it is by then.",
    async run({ store, identity, record }) {
      const owner = identity();
      const watch = store.watch(keys(owner, "kind"), POLL);
      const records = [record(owner, "kind"), record(owner, "kind")] as const;
      for (const each of records) await store.save(each);
      assertRecord((await next(watch, "the slot as it is")).record, records[1], "the first that is yielded");
      await nothingComes(watch, "what was there before the watch began");
    },
  },
  {
    id: "watch/nothing-changed",
    rule: "A watch yields nothing for a replay, a refused write, a check, or a delete or an erase that found nothing.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = record(owner, "kind");
      await store.save(saved);
      const watch = store.watch(keys(owner, "kind", "empty"), POLL);
      for (const what of ["the first slot", "the second slot"]) await next(watch, what);
      assertDuplicate(await store.save(saved), "the save again");
      await refused("CONDITION_FAILED", "a save into a slot that is not empty", () =>
        store.save(record(owner, "kind"), { expect: null }),
      );
      await store.commit([{ op: "check", identity: owner, kind: "kind", expect: saved.eventId }]);
      await store.delete(owner, "empty");
      await store.erase(owner, { prefix: "empty" });
      await nothingComes(watch, "a slot that has not changed");
    },
  },
  {
    id: "watch/copied-out",
    rule: "Each record that a watch yields is the caller's own: changing it changes nothing elsewhere.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = record(owner, "kind", { updatedAt: new Date("2026-01-01T00:00:00.000Z") });
      await store.save(saved);
      const slots = keys(owner, "kind");
      const [one, two] = [store.watch(slots, POLL), store.watch(slots, POLL)];
      const { record: first } = await next(one, "one watch");
      assertRecord(first, saved, "what one watch yields");
      first?.bytes.fill(0);
      first?.updatedAt.setFullYear(1999);
      assertRecord((await next(two, "another watch")).record, saved, "what another watch yields");
      assertRecord(await store.find(owner, "kind"), saved, "what the slot holds");
      for (const watch of [one, two]) await watch.return();
    },
  },
];
