import assert from "node:assert/strict";
import { maintenanceScope, type NewRecord, scanKind } from "../../src/index.js";
import { assertRecord, assertRejectedOnlyWith, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { identityOperations } from "../inputs/operations.js";

export const closeCases: readonly ConformanceCase[] = [
  {
    id: "close/refuses-later-calls",
    rule: "After close every operation is refused with STORE_CLOSED.",
    async run({ open, identity, record }) {
      const store = await open();
      const saved = record(identity(), "kind");
      await store.save(saved);
      await store.close();
      for (const { name, call } of identityOperations) {
        await refused("STORE_CLOSED", `${name} after close`, () => call(store, saved));
      }
      const scope = maintenanceScope({ reason: "conformance", tenant: saved.identity.tenant });
      await refused("STORE_CLOSED", "listKind after close", () => store.listKind(scope, "kind"));
      await refused("STORE_CLOSED", "scanKind after close", () => scanKind(store, scope, "kind").next());
    },
  },
  {
    id: "close/idempotent",
    rule: "close may be called any number of times, also at once.",
    async run({ open, identity, record }) {
      const store = await open();
      await store.save(record(identity(), "kind"));
      await Promise.all([store.close(), store.close(), store.close()]);
      await store.close();
    },
  },
  {
    id: "close/refuses-at-once",
    rule: "Once close was called new operations are refused, though accepted writes may still be under way.",
    async run({ open, identity, record }) {
      const store = await open();
      const underWay = Promise.all([store.save(record(identity(), "kind")), store.close()]);
      const late = refused("STORE_CLOSED", "a save while the store is closing", () =>
        store.save(record(identity(), "kind")),
      );
      await Promise.all([underWay, late]);
    },
  },
  {
    id: "close/writes-finish",
    rule: "close lets accepted writes finish: each of them succeeds.",
    async run({ open, identity, record }) {
      const store = await open();
      const owner = identity();
      const writes = Array.from({ length: 100 }, (_, index) => store.save(record(owner, `kind/${index}`)));
      const outcomes = Promise.allSettled([...writes, store.erase(identity())]);
      await store.close();
      assertRejectedOnlyWith([], await outcomes, "101 writes that were accepted before close");
    },
  },
  {
    id: "close/in-time",
    rule: "close waits no longer than it is told: each accepted write says that it is done or OUTCOME_UNKNOWN, and is told the truth.",
    needs: "durable",
    async run({ open, identity, record }) {
      const owner = identity();
      for (const options of [{ timeoutMs: 0 }, { signal: AbortSignal.abort() }]) {
        const store = await open();
        const records = Array.from({ length: 50 }, (_, index) => record(owner, `kind/${index}`));
        const writes = Promise.allSettled(records.map((each) => store.save(each)));
        await store.close(options);
        const outcomes = await writes;
        assertRejectedOnlyWith(["OUTCOME_UNKNOWN"], outcomes, "writes that were accepted before close");
        const again = await open();
        for (const [index, each] of records.entries())
          if (outcomes[index]?.status === "fulfilled")
            assertRecord(await again.find(owner, each.kind), each, "a write that was acknowledged");
      }
    },
  },
  {
    id: "close/misuse",
    rule: "A close with a time that is none, or a signal that is none, is refused and closes nothing.",
    async run({ open, identity, record }) {
      const store = await open();
      for (const timeoutMs of [-1, 1.5, Number.NaN, 2 ** 31, "1", null, undefined] as number[])
        await refused("INVALID_RECORD", `close with timeoutMs ${timeoutMs}`, () =>
          store.close({ timeoutMs }),
        );
      for (const signal of [null, "now", {}] as never[])
        await refused("INVALID_RECORD", "close with a signal that is none", () => store.close({ signal }));
      const saved = record(identity(), "kind");
      await store.save(saved);
      assertRecord(await store.find(saved.identity, "kind"), saved, "after what was refused");
      await store.close({ signal: undefined, timeoutMs: 60_000 });
    },
  },
  {
    id: "close/refused-writes-nothing",
    rule: "A write that is refused with STORE_CLOSED was not made: nothing of it is there when the space is opened again.",
    needs: "durable",
    async run({ open, identity, record }) {
      const store = await open();
      const saved = record(identity(), "kind");
      await store.save(saved);
      const { identity: owner } = saved;
      const writes: Record<string, () => Promise<unknown>> = {
        "a save": () => store.save(record(owner, "late")),
        "an overwriting save": () => store.save(record(owner, "kind")),
        "a delete": () => store.delete(owner, "kind"),
        "a commit": () => store.commit([{ op: "save", record: record(owner, "late") }]),
        "an erase": () => store.erase(owner),
      };
      const closing = store.close();
      for (let round = 0; round < 2; round++) {
        const refusals = Object.entries(writes).map(([what, write]) => refused("STORE_CLOSED", what, write));
        await Promise.all(refusals);
        await closing;
      }
      const again = await open();
      assertRecord(await again.find(owner, "kind"), saved, "what was there");
      assert.equal(await again.find(owner, "late"), undefined, "what was refused");
    },
  },
  {
    id: "close/writes-are-kept",
    rule: "What was accepted before close is there when the space is opened again.",
    needs: "durable",
    async run({ open, identity, record }) {
      const store = await open();
      const records = Array.from({ length: 100 }, (_, index) => record(identity(), `kind/${index}`));
      await Promise.all([...records.map((each) => store.save(each)), store.close()]);
      const again = await open();
      for (const each of records)
        assertRecord(await again.find(each.identity, each.kind), each, "after reopening");
    },
  },
  {
    id: "close/reads-settle",
    rule: "Reads under way when the store is closed answer or say STORE_CLOSED; none is left hanging.",
    async run({ open, identity, record }) {
      const store = await open();
      const owner = identity();
      const saved: NewRecord = record(owner, "kind");
      await store.save(saved);
      const reads = Array.from({ length: 20 }, () => [
        store.find(owner, "kind"),
        store.list(owner, ""),
      ]).flat();
      const outcomes = Promise.allSettled<unknown>(reads);
      await store.close();
      assertRejectedOnlyWith(["STORE_CLOSED"], await outcomes, "reads under way at close");
    },
  },
  {
    id: "close/await-using",
    rule: "A store is async disposable: disposing of it closes it.",
    async run({ open, identity }) {
      const store = await open();
      await store[Symbol.asyncDispose]();
      await refused("STORE_CLOSED", "find after disposal", () => store.find(identity(), "kind"));
    },
  },
  {
    id: "close/only-itself",
    rule: "Closing one store leaves another that is open on the same space at work.",
    needs: "durable",
    async run({ store, open, identity, record }) {
      const other = await open();
      const saved = record(identity(), "kind");
      await other.save(saved);
      await other.close();
      assertRecord(await store.find(saved.identity, "kind"), saved, "by the store that is still open");
      await store.save(record(saved.identity, "kind"));
    },
  },
];
