import assert from "node:assert/strict";
import { maintenanceScope, type RecordKey, type StateRecord, type StateStore } from "../../src/index.js";
import { assertDuplicate, assertRecord, broken, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { soon } from "../harness/soon.js";

export const damageCases: readonly ConformanceCase[] = [
  {
    id: "damage/names-its-record",
    rule: "Every read of a damaged record is CORRUPT, and says in details.at which one it is.",
    needs: "damage",
    scans: "tenant",
    async run(context) {
      const { damaged, reads } = await withDamage(context);
      for (const [how, read] of Object.entries(reads)) {
        const error = await refused("CORRUPT", how, read);
        assert.ok(error.details.at, `${how}: CORRUPT must say in details.at which record it is`);
        assert.deepEqual(plain(error.details.at), plain(damaged), `${how}: details.at`);
      }
    },
  },
  {
    id: "damage/keeps-to-itself",
    rule: "What lies beside a damaged record is read, listed, counted and written as ever, and lists go on behind it.",
    needs: "damage",
    scans: "tenant",
    async run(context) {
      const { store, whole, damaged, kinds } = await withDamage(context);
      const { identity, kind } = damaged;
      // At once, as they share what the store asks its driver.
      const found = await Promise.allSettled(kinds.map((each) => store.find(identity, each)));
      for (const [index, each] of kinds.entries()) {
        const outcome = found[index] as PromiseSettledResult<StateRecord | undefined>;
        if (each === kind) continue;
        if (outcome.status === "rejected") throw broken(`find of ${each}, which is whole`, outcome.reason);
        assertRecord(outcome.value, whole(each), `find of ${each}`);
      }
      const before = { before: kind, limit: kinds.length };
      assert.equal((await store.list(identity, "", before)).length, 2, "records in front of the damaged one");
      const behind = await store.list(identity, "", { after: kind, reverse: true });
      assert.equal(behind.length, 2, "records behind the damaged one, in reverse");
      assert.equal(
        (await store.list(identity, "", { limit: 2 })).length,
        2,
        "a page that ends in front of it",
      );
      const headers = await store.list(identity, "", { bytes: false });
      assert.equal(headers.length, kinds.length, "a list without payloads");
      assert.equal(await store.count(identity, ""), kinds.length, "count");
      const { tenant, user, session } = identity;
      const sessions = await store.listSessions({ tenant, user });
      assert.ok(
        sessions.some((each) => each.session === session),
        "listSessions",
      );
      const scope = maintenanceScope({ reason: "conformance", tenant });
      const error = await refused("CORRUPT", "listKind", () => store.listKind(scope, "kind/"));
      const rest = await store.listKind(scope, "kind/", { after: error.details.at as RecordKey });
      assert.equal(rest.length, 2, "records that listKind finds after details.at");
    },
  },
  {
    id: "damage/is-written-over",
    rule: "A damaged record is overwritten, deleted and erased like any other, conditions and event ids included.",
    needs: "damage",
    async run(context) {
      const { store, record } = context;
      const ways: Record<string, (damaged: RecordKey, eventId: string) => Promise<unknown>> = {
        save: ({ identity, kind }) => store.save(record(identity, kind)),
        "save on top of it": ({ identity, kind }, expect) => store.save(record(identity, kind), { expect }),
        delete: ({ identity, kind }, expect) => store.delete(identity, kind, { expect }),
        commit: ({ identity, kind }, expect) =>
          store.commit([
            { op: "check", identity, kind, expect },
            { op: "save", record: record(identity, "other") },
          ]),
        "erase of kinds": async ({ identity }) =>
          assert.equal(await store.erase(identity, { prefix: "kind/" }), 5, "records that the erase removed"),
        erase: async ({ identity: { run: _, ...session } }) =>
          assert.equal(await store.erase(session), 5, "records erased"),
      };
      for (const [how, write] of Object.entries(ways)) {
        const { damaged, whole } = await withDamage(context);
        const { identity, kind } = damaged;
        const saved = whole(kind);
        await refused("CONDITION_FAILED", `${how}: a save into a slot that holds a damaged record`, () =>
          store.save(record(identity, kind), { expect: null }),
        );
        assertDuplicate(await store.save(saved), `${how}: a retry of the damaged record's own save`);
        await write(damaged, saved.eventId);
        if (how === "commit") continue;
        const now = await store.find(identity, kind);
        assert.equal(now === undefined, !how.startsWith("save"), `${how}: the slot afterwards`);
      }
    },
  },
  {
    id: "damage/ends-its-watch",
    rule: "A watch of a damaged record rejects with CORRUPT and its key; one of its neighbours goes on.",
    needs: "damage",
    async run(context) {
      const { store, record } = context;
      const { damaged, kinds } = await withDamage(context);
      const { identity } = damaged;
      const watch = store.watch([damaged]);
      const error = await refused("CORRUPT", "the watch of a damaged record", () =>
        soon(watch.next(), "the watch of a damaged record"),
      );
      assert.deepEqual(
        error.details.at && plain(error.details.at),
        plain(damaged),
        "details.at of the watch",
      );
      const other = store.watch([{ identity, kind: kinds[0] as string }]);
      await soon(other.next(), "the watch of its neighbour");
      const newer = record(identity, kinds[0] as string);
      const next = soon(other.next(), "the watch of its neighbour, after a save");
      await store.save(newer);
      assertRecord((await next).value?.record, newer, "what the watch of its neighbour yields");
      await other.return();
    },
  },
];

/** Five records of a session, of which the third is damaged, and every way to read that one. */
async function withDamage({ store, identity, record, damage }: CaseContext) {
  const owner = identity({ run: "run" });
  const kinds = ["kind/1", "kind/2", "kind/3", "kind/4", "kind/5"];
  const records = new Map(kinds.map((kind) => [kind, record(owner, kind)]));
  const whole = (kind: string) => records.get(kind) as ReturnType<typeof record>;
  await store.commit([...records.values()].map((each) => ({ op: "save" as const, record: each })));
  const damaged = { identity: owner, kind: "kind/3" };
  await damage(damaged);
  return { store, kinds, damaged, whole, reads: readsOf(store, damaged, whole("kind/3").eventId) };
}

function readsOf(store: StateStore, { identity, kind }: RecordKey, eventId: string) {
  const scope = maintenanceScope({ reason: "conformance", tenant: identity.tenant });
  return {
    find: () => store.find(identity, kind),
    load: () => store.load(identity, kind),
    loadByEventId: () => store.loadByEventId(identity, eventId),
    list: () => store.list(identity, "kind/"),
    "list of it alone": () => store.list(identity, kind, { limit: 1 }),
    "list in reverse": () => store.list(identity, "kind/", { reverse: true }),
    listKind: () => store.listKind(scope, "kind/"),
    "listKind of a page": () => store.listKind(scope, kind, { limit: 1 }),
  };
}

/** Names that are equal as plain data: an identity may have an empty run or none. */
function plain({ identity, kind }: RecordKey) {
  const { tenant, user, session, run = "" } = identity;
  return { tenant, user, session, run, kind };
}
