import assert from "node:assert/strict";
import {
  isStateError,
  maintenanceScope,
  type NewRecord,
  type StateRecord,
  type StateStore,
  tenantIdentity,
} from "../../src/index.js";
import { assertDuplicate, assertRecord, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";

export const durabilityCases: readonly ConformanceCase[] = [
  {
    id: "durability/records",
    rule: "A store that is opened again shows everything that was acknowledged, as it was.",
    needs: "durable",
    scans: "tenant",
    async run({ open, identity, record, payload }) {
      const first = await open();
      const owner = identity({ run: "run" });
      const saved = [
        record(owner, "kind", { version: 7, updatedAt: new Date("2026-01-01T00:00:00.123Z") }),
        record(identity(), "empty", { bytes: new Uint8Array() }),
        record(tenantIdentity(owner.tenant), "tenant's own"),
        record(owner, "\u{1f600}", { bytes: payload(100_000) }),
      ];
      for (const each of saved) await first.save(each);
      await first.save(record(owner, "deleted"));
      await first.delete(owner, "deleted");
      await first.close();
      const again = await open();
      for (const each of saved) {
        assertRecord(await again.find(each.identity, each.kind), each, `${each.kind} after reopening`);
        assertRecord(
          await again.loadByEventId(each.identity, each.eventId),
          each,
          `${each.kind} by its event id`,
        );
      }
      assert.equal(await again.find(owner, "deleted"), undefined, "what was deleted, after reopening");
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      assert.equal((await again.listKind(scope, "tenant")).length, 1, "a scan after reopening");
    },
  },
  {
    id: "durability/event-ids",
    rule: "A store that is opened again still knows the event ids it had seen, of records that are gone too.",
    needs: "durable",
    async run({ open, identity, record, payload }) {
      const first = await open();
      const owner = identity();
      const kinds = ["current", "overwritten", "deleted", "erased"] as const;
      const [current, overwritten, deleted, erased] = kinds.map((kind) =>
        record(kind === "erased" ? { ...owner, session: "erased" } : owner, kind),
      ) as [
        ReturnType<typeof record>,
        ReturnType<typeof record>,
        ReturnType<typeof record>,
        ReturnType<typeof record>,
      ];
      for (const each of [current, overwritten, deleted, erased]) await first.save(each);
      await first.save(record(owner, "overwritten"));
      await first.delete(owner, "deleted");
      await first.erase(erased.identity);
      await first.close();
      const again = await open();
      for (const each of [current, overwritten, deleted, erased]) {
        assertDuplicate(await again.save(each), `a retry of the ${each.kind} record after reopening`);
      }
      for (const each of [current, overwritten, deleted]) {
        await refused(
          "IDEMPOTENCY_CONFLICT",
          `other bytes under the event id of the ${each.kind} record`,
          () => again.save({ ...each, bytes: payload() }),
        );
      }
      assertDuplicate(await again.save({ ...erased, bytes: payload() }), "any retry of an erased record");
    },
  },
  {
    id: "durability/stores-agree",
    rule: "Stores that are open on one space at the same time see each other's writes and hold to the same rules.",
    needs: "durable",
    async run({ store, open, identity, record }) {
      const other = await open();
      const saved = record(identity(), "kind");
      await store.save(saved);
      assertRecord(await other.find(saved.identity, "kind"), saved, "by the other store");
      assertDuplicate(await other.save(saved), "a retry by the other store");
      await refused("CONDITION_FAILED", "a save on an empty slot by the other store", () =>
        other.save(record(saved.identity, "kind"), { expect: null }),
      );
      assert.equal(await other.erase(saved.identity), 1, "erase by the other store");
      assert.equal(await store.find(saved.identity, "kind"), undefined, "after the other store's erase");
      assertDuplicate(await store.save(saved), "a late retry after the other store's erase");
    },
  },
  {
    id: "durability/stores-agree-on-reads",
    rule: "What one store acknowledged, another of its space shows at once, asked by find, list, listKind or event id.",
    needs: "durable",
    scans: "tenant",
    async run({ store, open, identity, record }) {
      for (const [how, read] of Object.entries(READS)) {
        const other = await open();
        const owner = identity();
        const [first, second, newer] = [record(owner, "a"), record(owner, "b"), record(owner, "a")];
        await store.save(first);
        assertRecord(await read(other, first), first, `by ${how}, before anything else was asked`);
        // Each of these follows upon a read by the other store.
        await store.save(second);
        assertRecord(await read(other, second), second, `by ${how}, right after a read`);
        await store.save(newer);
        assertRecord(await read(other, newer), newer, `by ${how}, after it was overwritten`);
      }
    },
  },
];

type Read = (store: StateStore, place: NewRecord) => Promise<StateRecord | undefined>;

/** The ways to come by a record. */
const READS: Record<string, Read> = {
  find: (store, { identity, kind }) => store.find(identity, kind),
  list: async (store, { identity, kind }) => (await store.list(identity, kind))[0],
  listKind: async (store, { identity, kind }) => {
    const scope = maintenanceScope({ reason: "conformance", tenant: identity.tenant });
    return (await store.listKind(scope, kind))[0];
  },
  loadByEventId: (store, { identity, eventId }) =>
    store.loadByEventId(identity, eventId).catch((error: unknown) => {
      if (isStateError(error, "NOT_FOUND")) return undefined;
      throw error;
    }),
};
