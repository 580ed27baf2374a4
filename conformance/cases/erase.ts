import assert from "node:assert/strict";
import { maintenanceScope, tenantIdentity, userIdentity } from "../../src/index.js";
import { assertRecord, assertWritten, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";

export const eraseCases: readonly ConformanceCase[] = [
  {
    id: "erase/whole-session",
    rule: "erase removes every record of a session, whatever run or kind, and returns how many.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const session = identity();
      const saved = ["", "a", "b"].flatMap((run) =>
        ["kind", "kind/a", "other"].map((kind) => record(run === "" ? session : { ...session, run }, kind)),
      );
      for (const each of saved) await store.save(each);
      await store.save(record(session, "kind"));
      assert.equal(await store.erase(session), 9, "how many records were erased");
      for (const each of saved) {
        assert.equal(await store.find(each.identity, each.kind), undefined, "find after the erase");
        assert.deepEqual(await store.list(each.identity, ""), [], "list after the erase");
        await refused("NOT_FOUND", "loadByEventId after the erase", () =>
          store.loadByEventId(each.identity, each.eventId),
        );
      }
      const scope = maintenanceScope({ reason: "conformance", tenant: session.tenant });
      assert.deepEqual(await store.listKind(scope, "kind"), [], "a scan after the erase");
    },
  },
  {
    id: "erase/counts-what-is-there",
    rule: "erase counts current records alone: none where there are none, and none the second time.",
    async run({ store, identity, record }) {
      const session = identity();
      assert.equal(await store.erase(session), 0, "erase of a session that never was");
      for (let version = 0; version < 5; version++) await store.save(record(session, "kind", { version }));
      await store.save(record(session, "deleted"));
      await store.delete(session, "deleted");
      assert.equal(
        await store.erase(session),
        1,
        "erase of one record, five times overwritten, beside a deleted one",
      );
      assert.equal(await store.erase(session), 0, "erase of an erased session");
    },
  },
  {
    id: "erase/leaves-neighbours",
    rule: "erase leaves every other session, user and tenant alone, also those whose names begin or end alike.",
    async run({ store, identity, record }) {
      const session = identity({ user: "user/a", session: "session" });
      const neighbours = [
        ...["session-2", "session/", "sessio", "Session", "session ", "%", "_ession", "s%"].map((name) => ({
          ...session,
          session: name,
        })),
        ...["user/ab", "user", "user/", "User/a", "%"].map((user) => ({ ...session, user })),
        { ...session, tenant: `${session.tenant}-2` },
        { ...session, user: "session", session: "user/a" },
        tenantIdentity(session.tenant),
        userIdentity(session.tenant, session.user),
      ].map((owner) => record(owner, "kind"));
      for (const each of [record(session, "kind"), ...neighbours]) await store.save(each);
      assert.equal(await store.erase(session), 1, "how many records were erased");
      for (const each of neighbours) {
        assertRecord(await store.find(each.identity, each.kind), each, JSON.stringify(each.identity));
      }
    },
  },
  {
    id: "erase/users-own",
    rule: "erase of a user's own identity removes that identity's records, and not the user's sessions.",
    async run({ store, tenant, record }) {
      const name = tenant();
      const [whole, user, session] = [
        record(tenantIdentity(name), "kind"),
        record(userIdentity(name, "a"), "kind"),
        record({ tenant: name, user: "a", session: "s" }, "kind"),
      ] as const;
      for (const each of [whole, user, session]) await store.save(each);
      assert.equal(
        await store.erase(userIdentity(name, "a"), { ownState: true }),
        1,
        "erase of a user's own state",
      );
      assertRecord(await store.find(session.identity, "kind"), session, "the user's session");
      assertRecord(await store.find(whole.identity, "kind"), whole, "the tenant's own state");
      assert.equal(
        await store.erase(tenantIdentity(name), { ownState: true }),
        1,
        "erase of a tenant's own state",
      );
      assertRecord(await store.find(session.identity, "kind"), session, "the user's session");
    },
  },
  {
    id: "erase/own-state-asked-for",
    rule: "erase of a user's or tenant's own state is refused unless ownState says that it is meant.",
    async run({ store, tenant, record }) {
      const name = tenant();
      for (const owner of [userIdentity(name, "a"), tenantIdentity(name)]) {
        const kept = record(owner, "kind");
        await store.save(kept);
        for (const options of [undefined, {}, { ownState: false }]) {
          await refused("INVALID_RECORD", "erase of an own state", () => store.erase(owner, options));
          const change = { op: "erase", identity: owner, ...options } as const;
          await refused("INVALID_RECORD", "erase of an own state in a commit", () => store.commit([change]));
        }
        assertRecord(await store.find(owner, "kind"), kept, "the own state");
      }
    },
  },
  {
    id: "erase/bars-nothing",
    rule: "erase bars nothing that comes later: a new event starts the session anew.",
    async run({ store, identity, record }) {
      const session = identity();
      await store.save(record(session, "kind"));
      await store.erase(session);
      const next = record(session, "kind");
      assertWritten(await store.save(next, { expect: null }), "a new event after the erase");
      assertRecord(await store.load(session, "kind"), next, "the record");
      assert.equal(await store.erase(session), 1, "erase of what came later");
    },
  },
  {
    id: "erase/in-order",
    rule: "erase waits its turn: it takes what was saved before it was called and leaves what was saved after.",
    async run({ store, identity, record }) {
      const session = identity();
      const [before, after] = [record(session, "before"), record(session, "after")];
      const [, erased] = await Promise.all([store.save(before), store.erase(session), store.save(after)]);
      assert.equal(erased, 1, "how many records were erased");
      const kinds = (await store.list(session, "")).map(({ kind }) => kind);
      assert.deepEqual(kinds, ["after"], "what is there in the end");
    },
  },
  {
    id: "erase/many",
    rule: "erase removes a session whole, however many records it has.",
    async run({ store, identity, record }) {
      const session = identity();
      await saveMany(
        store,
        numberedKinds(1_280).map((kind, index) => record({ ...session, run: `run-${index % 5}` }, kind)),
      );
      assert.equal(await store.erase(session), 1_280, "how many records were erased");
      assert.deepEqual(await store.list({ ...session, run: "run-0" }, ""), [], "what is left");
    },
  },
];
