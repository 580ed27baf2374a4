import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import type { NewRecord, StateStore } from "../../src/index.js";
import { assertRecord, assertRejectedOnlyWith, broken, rejection } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { identityOperations } from "../inputs/operations.js";

const WRITES = new Set([
  ...["save", "delete", "commit of a save", "commit of a delete"],
  ...["erase", "erase by prefix"],
]);

export const abortCases: readonly ConformanceCase[] = [
  {
    id: "abort/before-a-write",
    rule: "A write whose signal was aborted before the call rejects with the signal's reason and writes nothing.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      for (const reason of [new Error("stop"), "a reason that is no error"]) {
        for (const { name, call } of identityOperations.filter((each) => WRITES.has(each.name))) {
          const signal = AbortSignal.abort(reason);
          const next = record(saved.identity, "kind");
          const error = await rejection(`${name}, aborted before`, "the signal's reason", () =>
            call(store, next, { signal }),
          );
          assert.equal(error, reason, `${name}: must reject with the signal's own reason`);
        }
      }
      assertRecord(
        await store.find(saved.identity, "kind"),
        saved,
        "after writes that were aborted before the call",
      );
    },
  },
  {
    id: "abort/reads",
    rule: "A read that is aborted rejects with the signal's reason, if it does not answer.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      const reason = new Error("stop");
      for (const { name, call } of identityOperations.filter((each) => !WRITES.has(each.name))) {
        const controller = new AbortController();
        const started =
          name === "commit of a check" ? undefined : call(store, saved, { signal: controller.signal });
        controller.abort(reason);
        const answers = [started, call(store, saved, { signal: controller.signal })];
        for (const outcome of await Promise.allSettled(answers)) {
          if (outcome.status === "rejected" && outcome.reason !== reason)
            throw broken(`${name}: rejected with ${String(outcome.reason)}`, outcome.reason);
        }
      }
    },
  },
  {
    id: "abort/one-of-equal-calls",
    rule: "Of equal reads that are made at once an abort ends the one whose signal it was, and no other.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      const reads = identityOperations.filter(
        ({ name }) => !WRITES.has(name) && name !== "commit of a check",
      );
      for (const { name, call } of reads)
        for (let turns = 0; turns < 4; turns++) {
          const controller = new AbortController();
          const aborted = call(store, saved, { signal: controller.signal }).catch(() => {});
          const others = [call(store, saved), call(store, saved, { signal: new AbortController().signal })];
          const outcomes = Promise.allSettled(others);
          for (let left = turns; left > 0; left--) await turn();
          controller.abort();
          for (const outcome of await outcomes)
            if (outcome.status === "rejected")
              throw broken(`${name}, beside an equal one that was aborted: it was rejected`, outcome.reason);
          await aborted;
        }
    },
  },
  {
    id: "abort/next-call",
    rule: "A read that comes after one which was aborted gets its own answer, and not what was left of the other.",
    async run({ store, identity, record }) {
      const [saved, other] = [record(identity(), "kind"), record(identity(), "kind")];
      for (const each of [saved, other]) await store.save(each);
      const reads = identityOperations.filter(
        ({ name }) => !WRITES.has(name) && name !== "commit of a check",
      );
      for (const { name, call } of reads) {
        const expected = await call(store, other);
        for (let turns = 0; turns < 5; turns++) {
          const controller = new AbortController();
          const aborted = call(store, saved, { signal: controller.signal }).catch(() => {});
          for (let left = turns; left > 0; left--) await turn();
          controller.abort();
          await aborted;
          for (let time = 0; time < 3; time++) {
            const what = `${name}, after another one was aborted`;
            const found = await call(store, other).catch((error: unknown) => {
              throw broken(`${what}: it was rejected`, error);
            });
            assert.deepEqual(found, expected, what);
            await turn();
          }
        }
      }
    },
  },
  {
    id: "abort/outcome-is-true",
    rule: "A write that is aborted after the call says what happened: the signal's reason and nothing written, or done.",
    async run({ store, identity, record }) {
      const owner = identity();
      const reason = new Error("stop");
      const moments: (() => unknown)[] = [
        () => {},
        () => Promise.resolve(),
        () => turn(),
        () => turn().then(() => turn()),
      ];
      for (let round = 0; round < 20; round++) {
        const saved = record(owner, `kind/${round}`);
        const controller = new AbortController();
        const saving = store.save(saved, { signal: controller.signal });
        const outcome = saving.then(
          () => "done",
          (error: unknown) => error,
        );
        await moments[round % moments.length]?.();
        controller.abort(reason);
        const said = await outcome;
        const found = await store.find(owner, saved.kind);
        if (said === "done") assertRecord(found, saved, "a write that was said to be done");
        else {
          if (said !== reason) throw broken("an aborted write must reject with the signal's reason", said);
          await settled(store, owner);
          assert.equal(
            await store.find(owner, saved.kind),
            undefined,
            "a write that was said to be aborted was done",
          );
        }
      }
    },
  },
  {
    id: "abort/too-late",
    rule: "An abort after the answer changes nothing.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      const controller = new AbortController();
      await store.save(saved, { signal: controller.signal });
      controller.abort();
      await turn();
      assertRecord(await store.find(saved.identity, "kind"), saved, "after the abort");
    },
  },
  {
    id: "abort/neighbours",
    rule: "An abort ends its own call alone: writes made beside it are carried through.",
    async run({ store, identity, record }) {
      const owner = identity();
      const controller = new AbortController();
      const records = Array.from({ length: 12 }, (_, index) => record(owner, `kind/${index}`));
      const outcomes = Promise.allSettled(
        records.map((each, index) => store.save(each, index % 3 === 0 ? { signal: controller.signal } : {})),
      );
      controller.abort();
      for (const [index, outcome] of (await outcomes).entries()) {
        const each = records[index] as NewRecord;
        if (index % 3 !== 0) assertRejectedOnlyWith([], [outcome], "writes beside one that was aborted");
        if (outcome.status === "rejected") continue;
        assertRecord(await store.find(owner, each.kind), each, "a write that was said to be done");
      }
    },
  },
  {
    id: "abort/signal-is-let-go",
    rule: "A signal may serve any number of calls: none leaves a listener on it.",
    async run({ store, identity, record }) {
      const { signal } = new AbortController();
      const owner: NewRecord["identity"] = identity();
      for (const { call } of identityOperations) {
        await call(store, record(owner, "kind"), { signal }).catch(() => {});
      }
      await turn();
      assert.equal(getEventListeners(signal, "abort").length, 0, "listeners left on the signal");
    },
  },
];

/** Whatever was under way on this identity has happened once a later write on it has. */
async function settled(store: StateStore, owner: NewRecord["identity"]): Promise<void> {
  await store.delete(owner, "nothing");
  await turn();
}
