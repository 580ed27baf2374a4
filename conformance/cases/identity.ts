import assert from "node:assert/strict";
import { type NewRecord, tenantIdentity, userIdentity } from "../../src/index.js";
import { assertRecord, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { assertKeptApart } from "../harness/keep-apart.js";
import { identityOperations } from "../inputs/operations.js";

export const identityCases: readonly ConformanceCase[] = [
  {
    id: "identity/each-field-tells-apart",
    rule: "Records of another tenant, user, session, run or kind are other records, a run's and its session's own too.",
    async run({ store, identity, record }) {
      const owner = identity({ run: "run" });
      const saved = [
        record(owner, "kind"),
        record(identity({ ...owner, tenant: `${owner.tenant}-2` }), "kind"),
        record({ ...owner, user: "user-2" }, "kind"),
        record({ ...owner, session: "session-2" }, "kind"),
        record({ ...owner, run: "run-2" }, "kind"),
        record(identity({ tenant: owner.tenant }), "kind"),
        record(owner, "kind-2"),
      ];
      await assertKeptApart(store, saved);
    },
  },
  {
    id: "identity/no-run",
    rule: "An empty run is no run, and a record without a run comes back without one.",
    async run({ store, identity, record }) {
      const session = identity();
      const saved = record({ ...session, run: "" }, "kind");
      await store.save(saved);
      for (const same of [session, { ...session, run: "" }, { ...session, run: undefined } as never]) {
        const found = await store.load(same, "kind");
        assertRecord(found, saved, "by the same identity without a run");
        assert.equal("run" in found.identity, false, "an identity without a run must have no run key");
        assert.equal((await store.list(same, "")).length, 1, "list by the same identity");
      }
    },
  },
  {
    id: "identity/reserved-refused",
    rule: "A name from outside that begins with ~ is refused in every field by every operation.",
    async run({ store, identity, record }) {
      for (const field of ["tenant", "user", "session", "run"] as const) {
        for (const name of ["~", "~a", "~~"]) {
          const owner = { ...identity(), [field]: name };
          for (const { name: operation, call } of identityOperations) {
            if (operation === "erase" && field === "run") continue;
            await refused("INVALID_RECORD", `${operation} with ${field} ${name}`, () =>
              call(store, record(owner, "kind")),
            );
          }
        }
      }
      const inside = record(identity({ user: "a~", session: "b~c" }), "~kind");
      await store.save(inside);
      assertRecord(
        await store.load(inside.identity, "~kind"),
        inside,
        "a ~ elsewhere is a character like others",
      );
    },
  },
  {
    id: "identity/reserved-makers",
    rule: "State of a whole tenant or user is kept under tenantIdentity and userIdentity, apart from every session.",
    async run({ store, tenant, record }) {
      const name = tenant();
      const saved = [
        record(tenantIdentity(name), "kind"),
        record(userIdentity(name, "a"), "kind"),
        record(userIdentity(name, "b"), "kind"),
        record({ tenant: name, user: "a", session: "s" }, "kind"),
        // What looks like the reserved name, and what that becomes when it is made compatible.
        ...["\uff5e", "\u02dc", "\u223c", "\u301c"].flatMap((look) => [
          record({ tenant: name, user: look, session: look }, "kind"),
          record({ tenant: name, user: "a", session: look }, "kind"),
        ]),
      ];
      await assertKeptApart(store, saved);
      assert.equal(await store.delete(tenantIdentity(name), "kind"), true, "a maker's identity may delete");
    },
  },
  {
    id: "identity/reserved-copies",
    rule: "A copy of a tenant's or user's identity is not one: it is refused like any name from outside.",
    async run({ store, tenant, record }) {
      const user = userIdentity(tenant(), "a");
      await store.save(record(user, "kind"));
      for (const copy of [{ ...user }, JSON.parse(JSON.stringify(user)), structuredClone(user)]) {
        for (const { name, call } of identityOperations) {
          await refused("INVALID_RECORD", `${name} by a copy`, () => call(store, record(copy, "kind")));
        }
      }
    },
  },
  {
    id: "identity/reserved-handed-out",
    rule: "An identity that the store handed out with a record may be used as it is, a tenant's or user's included.",
    async run({ store, tenant, record }) {
      const saved = record(userIdentity(tenant(), "a"), "kind");
      await store.save(saved);
      const [listed] = await store.list(saved.identity, "");
      const found = await store.loadByEventId(
        (await store.load(saved.identity, "kind")).identity,
        saved.eventId,
      );
      assert.ok(listed, "expected the record in the list");
      for (const { identity } of [listed, found]) {
        await store.save(record(identity, "second"));
        assert.ok(await store.find(identity, "second"), "by an identity that was handed out");
      }
      await refused("INVALID_RECORD", "a copy of one that was handed out", () =>
        store.find({ ...listed.identity }, "kind"),
      );
    },
  },
  {
    id: "identity/unknown-names",
    rule: "An identity holds nothing but tenant, user, session and run: a run that is misnamed does not lead to the session's own record.",
    async run({ store, identity, record }) {
      const session = identity();
      const saved = record(session, "kind");
      await store.save(saved);
      for (const misnamed of [{ runId: "r" }, { Run: "r" }, { kind: "other" }]) {
        for (const { name, call } of identityOperations) {
          const owner = { ...session, ...misnamed };
          const { details } = await refused(
            "INVALID_RECORD",
            `${name} with ${Object.keys(misnamed)[0]} in the identity`,
            () => call(store, record(owner, "kind")),
          );
          assert.equal(details.field, "identity", "the field that is named");
        }
      }
      assertRecord(await store.load(session, "kind"), saved, "what the session had");
    },
  },
  {
    id: "identity/read-once",
    rule: "What was checked of an identity is what is used: one that changes while it is read leads to no state that is refused.",
    async run({ store, identity, record }) {
      const owner = identity();
      const own = userIdentity(owner.tenant, owner.user);
      const saved = record(own, "kind");
      await store.save(saved);
      for (const { name, call } of identityOperations) {
        // However often a field is read: from some time on it says what is refused from outside.
        for (let most = 0; most < 5; most++) {
          let reads = 0;
          const shifty = {
            ...owner,
            get session() {
              return reads++ < most ? owner.session : own.session;
            },
          };
          const { eventId } = name === "loadByEventId" ? saved : record(owner, "kind");
          const answer = await call(store, { ...saved, eventId, identity: shifty }).catch(() => undefined);
          for (const each of [answer].flat()) assertNotOf(each, saved, `${name} with a session that changes`);
          assert.ok(
            answer !== 1 && answer !== true,
            `${name} with a session that changes: it found something`,
          );
          assertRecord(await store.load(own, "kind"), saved, `the user's own state after ${name}`);
        }
        await store.erase(owner);
      }
    },
  },
  {
    id: "identity/changed-later",
    rule: "Changing an identity, a record or the changes after the call changes nothing.",
    async run({ store, identity, record }) {
      const [owner, other] = [identity(), identity()];
      const later: { -readonly [K in keyof NewRecord]: NewRecord[K] } = { ...record({ ...owner }, "kind") };
      const before = { ...later, identity: owner };
      const changes = [{ op: "save" as const, record: record(owner, "committed") }];
      const writes = [store.save(later), store.commit(changes)];
      Object.assign(later.identity, other);
      Object.assign(later, { kind: "changed", version: 9, eventId: "changed" });
      changes.length = 0;
      await Promise.all(writes);
      assertRecord(await store.load(owner, "kind"), before, "what was saved before the change");
      assert.equal(await store.find(other, "kind"), undefined, "under the identity it was changed to");
      assert.ok(await store.find(owner, "committed"), "what was committed before the change");
    },
  },
];

/** What an operation has answered is not this record. */
function assertNotOf(answer: unknown, { eventId }: NewRecord, what: string): void {
  const found = typeof answer === "object" && answer !== null && "bytes" in answer ? answer : undefined;
  assert.notEqual(
    (found as { eventId?: string } | undefined)?.eventId,
    eventId,
    `${what}: it shows the state`,
  );
}
