import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { Watch } from "../../src/index.js";
import { assertRecord, broken, thrown } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { begin } from "../harness/child-processes.js";
import { nothingComes, soon } from "../harness/soon.js";
import { keys, next, POLL } from "../harness/watched.js";

/** So long that what shows, shows without a poll. */
const NO_POLL = { pollMs: 3_600_000 };

export const watchCases: readonly ConformanceCase[] = [
  {
    id: "watch/as-they-are",
    rule: "A watch yields each slot once as it is, also an empty one.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = record(owner, "saved");
      await store.save(saved);
      const watch = store.watch(keys(owner, "empty", "saved"), POLL);
      const notices = [await next(watch, "the first slot"), await next(watch, "the second slot")];
      notices.sort((a, b) => a.place - b.place);
      assert.deepEqual(
        notices.map(({ place, kind }) => [place, kind]),
        [
          [0, "empty"],
          [1, "saved"],
        ],
        "each slot is yielded once, with its place",
      );
      assert.equal(notices[0]?.record, undefined, "the empty slot");
      assertRecord(notices[1]?.record, saved, "the slot that holds a record");
      await nothingComes(watch, "a slot that has not changed");
    },
  },
  {
    id: "watch/own-changes",
    rule: "A watch sees what its own store writes as soon as that is acknowledged, without waiting for pollMs.",
    async run({ store, identity, record }) {
      const owner = identity();
      const watch = store.watch(keys(owner, "kind"), NO_POLL);
      await next(watch, "the empty slot");
      const saved = record(owner, "kind");
      await store.save(saved);
      assertRecord((await next(watch, "a save")).record, saved, "after a save");
      await store.delete(owner, "kind");
      assert.equal((await next(watch, "a delete")).record, undefined, "after a delete");
      await store.save(record(owner, "kind"));
      await next(watch, "another save");
      await store.erase(owner);
      assert.equal((await next(watch, "an erase")).record, undefined, "after an erase");
      await watch.return();
    },
  },
  {
    id: "watch/other-stores",
    rule: "A watch sees what another store on the same data writes: saves, deletes and whole commits.",
    needs: "durable",
    async run({ store, open, identity, record }) {
      const other = await open();
      const owner = identity();
      const watch = store.watch(keys(owner, "kind"), POLL);
      await next(watch, "the empty slot");
      for (const what of ["the first save", "an overwriting save"]) {
        const saved = record(owner, "kind");
        await other.save(saved);
        assertRecord((await next(watch, what)).record, saved, what);
      }
      const together = record(owner, "kind");
      await other.commit([
        { op: "save", record: together },
        { op: "save", record: record(owner, "beside") },
      ]);
      assertRecord((await next(watch, "a commit")).record, together, "a commit of another store");
      await other.delete(owner, "kind");
      assert.equal((await next(watch, "a delete")).record, undefined, "a delete of another store");
      await watch.return();
    },
  },
  {
    id: "watch/every-way-to-change",
    rule: "A watch sees every way in which another store changes its slot, also where nothing else is written meanwhile.",
    needs: "durable",
    async run({ openAlone, openAgain, identity, record }) {
      // Other cases write on the space that all share: that would show what this store may have missed.
      const store = await openAlone();
      const other = await openAgain(store);
      const owner = identity({ run: "run" });
      const { run: _, ...session } = owner;
      const watch = store.watch(keys(owner, "kind"), POLL);
      await next(watch, "the empty slot");
      const ways: Record<string, () => Promise<unknown>> = {
        "a delete": () => other.delete(owner, "kind"),
        "a commit of a delete": () => other.commit([{ op: "delete", identity: owner, kind: "kind" }]),
        "an erase by prefix": () => other.erase(owner, { prefix: "k" }),
        "an erase of the session": () => other.erase(session),
        "a commit of an erase": () => other.commit([{ op: "erase", identity: session }]),
      };
      for (const [what, remove] of Object.entries(ways)) {
        const saved = record(owner, "kind");
        await other.save(saved);
        assertRecord((await next(watch, `a save before ${what}`)).record, saved, `a save before ${what}`);
        await remove();
        assert.equal((await next(watch, what)).record, undefined, what);
      }
      await watch.return();
    },
  },
  {
    id: "watch/each-of-many-slots",
    rule: "A watch of as many slots as it may have sees what another store writes into any of them.",
    needs: "durable",
    async run({ store, open, identity, record }) {
      const other = await open();
      const owner = identity();
      const { watchedSlots } = store.limits;
      const kinds = Array.from({ length: watchedSlots }, (_, index) => `kind/${index}`);
      const watch = store.watch(keys(owner, ...kinds), POLL);
      for (const _ of kinds) await next(watch, "a slot as it is");
      for (const place of [0, 10, 25, 100, 101, watchedSlots - 1]) {
        const saved = record(owner, `kind/${place}`);
        await other.save(saved);
        const notice = await next(watch, `a save into slot ${place} of ${watchedSlots}`);
        assert.equal(notice.place, place, "the place of the slot that was written");
        assertRecord(notice.record, saved, `slot ${place} of ${watchedSlots}`);
      }
      await watch.return();
    },
  },
  {
    id: "watch/erased-elsewhere",
    rule: "When another store erases a session, each of its watched slots is yielded as empty.",
    needs: "durable",
    async run({ store, open, identity, record }) {
      const other = await open();
      const owner = identity();
      const places = [...keys(owner, "a", "b"), ...keys({ ...owner, run: "run" }, "a")];
      for (const { identity, kind } of places) await store.save(record(identity, kind));
      const watch = store.watch(places, POLL);
      for (const _ of places) await next(watch, "a slot as it is");
      await other.erase(owner);
      const emptied = new Set<number>();
      for (const _ of places) {
        const { place, record } = await next(watch, "an erased slot");
        assert.equal(record, undefined, "an erased slot is empty");
        emptied.add(place);
      }
      assert.equal(emptied.size, places.length, "each erased slot is yielded once");
      await watch.return();
    },
  },
  {
    id: "watch/latest-state",
    rule: "A slot that changes several times before its turn is yielded once, as it is by then.",
    async run({ store, identity, record }) {
      const owner = identity();
      const watch = store.watch(keys(owner, "kind"), POLL);
      await next(watch, "the empty slot");
      const records = [1, 2, 3].map(() => record(owner, "kind"));
      for (const each of records) await store.save(each);
      assertRecord((await next(watch, "the last save")).record, records[2] as never, "the latest state");
      await nothingComes(watch, "a state that was overwritten before its turn");
    },
  },
  {
    id: "watch/last-state-arrives",
    rule: "However many stores contend for a slot, each watch yields its last state in the end.",
    needs: "durable",
    async run({ store, open, identity, record }) {
      const stores = [store, await open()];
      // The last write comes right behind the others, and when they have been read.
      for (const pauseMs of [0, 20]) {
        const owner = identity();
        const last = record(owner, "kind");
        const watching = stores.map((each) =>
          untilEvent(each.watch(keys(owner, "kind"), { pollMs: 1 }), last.eventId),
        );
        // Where a save fails, nobody waits for them.
        for (const watched of watching) watched.catch(() => {});
        await Promise.all(
          stores.map(async (each) => {
            for (let round = 0; round < 30; round++) await each.save(record(owner, "kind"));
          }),
        );
        await setTimeout(pauseMs);
        await stores[1]?.save(last);
        for (const watched of watching) await soon(watched, "the last state of a slot that two stores wrote");
      }
    },
  },
  {
    id: "watch/other-processes",
    rule: "A watch yields the last state that another process has written.",
    needs: "sharing",
    async run({ store, identity, record, spawn }) {
      const owner = identity();
      const writer = spawn("overwrite", { identity: owner, kind: "kind", times: 20 });
      const watch = store.watch(keys(owner, "kind"), POLL);
      await next(watch, "the empty slot");
      await begin(writer);
      const saves = await writer.result;
      const last = saves.at(-1)?.eventId as string;
      await soon(untilEvent(watch, last), "the last state that another process wrote");
      // Written here, so that no case leaves a slot to a process that is gone.
      await store.save(record(owner, "kind"));
    },
  },
  {
    id: "watch/ends",
    rule: "A watch ends with its signal, with return, and with the close of its store: next says done, also one that waits.",
    async run({ open, identity }) {
      const store = await open();
      const owner = identity();
      const controller = new AbortController();
      const ends: [string, (watch: Watch) => unknown][] = [
        ["return", (watch) => watch.return()],
        ["its signal", () => controller.abort()],
        ["close", () => store.close()],
      ];
      for (const [what, end] of ends) {
        const watch = store.watch(keys(owner, "kind"), {
          ...NO_POLL,
          ...(what === "its signal" ? { signal: controller.signal } : {}),
        });
        await next(watch, "the empty slot");
        const waiting = watch.next();
        await end(watch);
        assert.equal((await soon(waiting, `the end of a watch by ${what}`)).done, true, `done after ${what}`);
        assert.equal((await soon(watch.next(), "done")).done, true, `still done after ${what}`);
      }
    },
  },
  {
    id: "watch/refuses-at-the-call",
    rule: "A watch of no slots, of more than 256, of one slot twice or of two tenants is refused where it is called.",
    async run({ store, identity }) {
      const owner = identity();
      const many = Array.from({ length: 257 }, (_, number) => ({ identity: owner, kind: `kind/${number}` }));
      for (const [what, places] of [
        ["no slots", []],
        ["257 slots", many],
        ["one slot twice", keys(owner, "kind", "kind")],
        ["two tenants", [...keys(owner, "kind"), ...keys(identity(), "kind")]],
      ] as const) {
        thrown("INVALID_RECORD", `a watch of ${what}`, () => store.watch(places));
      }
      const watch = store.watch(many.slice(0, 256), POLL);
      for (const { kind } of many.slice(0, 256)) assert.equal((await next(watch, "256 slots")).kind, kind);
      await watch.return();
    },
  },
];

/** Resolves when the slot holds this event. */
async function untilEvent(watch: Watch, eventId: string): Promise<void> {
  for await (const { record } of watch) if (record?.eventId === eventId) return;
  throw broken("the watch ended by itself");
}
