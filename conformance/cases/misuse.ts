import assert from "node:assert/strict";
import { type Identity, maintenanceScope, newEventId, type StateStore } from "../../src/index.js";
import { assertRecord, refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { identityOperations, kindOperations } from "../inputs/operations.js";

const FIELDS = ["tenant", "user", "session"] as const;

export const misuseCases: readonly ConformanceCase[] = [
  {
    id: "misuse/identity-required",
    rule: "Every operation refuses an identity without a tenant, user or session (IDENTITY_REQUIRED).",
    async run({ store, record, identity }) {
      for (const field of FIELDS) {
        for (const missing of [undefined, null, ""]) {
          const incomplete = { ...identity(), [field]: missing } as Identity;
          for (const { name, call } of identityOperations) {
            const what = `${name} with ${field} ${JSON.stringify(missing) ?? "undefined"}`;
            await refused("IDENTITY_REQUIRED", what, () => call(store, record(incomplete, "kind")));
          }
        }
      }
    },
  },
  {
    id: "misuse/no-identity",
    rule: "Every operation refuses an identity that is not there at all (IDENTITY_REQUIRED).",
    async run({ store, record }) {
      for (const nothing of [undefined, null]) {
        for (const { name, call } of identityOperations) {
          await refused("IDENTITY_REQUIRED", `${name} without an identity`, () =>
            call(store, record(nothing as never, "kind")),
          );
        }
      }
    },
  },
  {
    id: "misuse/names-are-strings",
    rule: "A tenant, user, session or run that is not a string is refused, never turned into one.",
    async run({ store, record, identity }) {
      for (const field of [...FIELDS, "run"]) {
        for (const wrong of [7, {}, ["a"], true, new String("a")]) {
          const owner = { ...identity(), [field]: wrong } as unknown as Identity;
          for (const { name, call } of identityOperations) {
            if (name === "erase" && field === "run") continue;
            await refused("INVALID_RECORD", `${name} with a ${typeof wrong} as ${field}`, () =>
              call(store, record(owner, "kind")),
            );
          }
        }
      }
    },
  },
  {
    id: "misuse/kind-required",
    rule: "A kind is a string that is not empty.",
    async run({ store, record, identity }) {
      for (const wrong of [undefined, null, "", 7, {}]) {
        for (const { name, call } of kindOperations) {
          await refused("INVALID_RECORD", `${name} with kind ${JSON.stringify(wrong)}`, () =>
            call(store, record(identity(), wrong as never)),
          );
        }
      }
    },
  },
  {
    id: "misuse/event-id-required",
    rule: "An event id is a string that is not empty.",
    async run({ store, record, identity }) {
      const owner = identity();
      for (const wrong of [undefined, null, "", 7, {}] as never[]) {
        const what = `event id ${JSON.stringify(wrong)}`;
        await refused("INVALID_RECORD", `save with ${what}`, () =>
          store.save(record(owner, "kind", { eventId: wrong })),
        );
        await refused("INVALID_RECORD", `loadByEventId with ${what}`, () =>
          store.loadByEventId(owner, wrong),
        );
      }
      assert.equal(await store.find(owner, "kind"), undefined, "a refused save must write nothing");
    },
  },
  {
    id: "misuse/record-required",
    rule: "A record, a change and a list of changes that are not objects are refused.",
    async run({ store }) {
      for (const wrong of [undefined, null, 7, "record"] as never[]) {
        await refused("INVALID_RECORD", `save(${wrong})`, () => store.save(wrong));
        await refused("INVALID_RECORD", `commit(${wrong})`, () => store.commit(wrong));
        await refused("INVALID_RECORD", `commit([${wrong}])`, () => store.commit([wrong]));
        await refused("INVALID_RECORD", "a save without a record", () =>
          store.commit([{ op: "save", record: wrong }]),
        );
      }
    },
  },
  {
    id: "misuse/unknown-op",
    rule: "A change is a save, a delete or a check; anything else is refused, never skipped.",
    async run({ store, identity, record }) {
      const owner = identity();
      const save = { op: "save", record: record(owner, "kind") } as const;
      for (const op of ["update", "SAVE", "", undefined, "toString"]) {
        const odd = { op, identity: owner, kind: "other", expect: null } as never;
        await refused("INVALID_RECORD", `a change with op ${op}`, () => store.commit([save, odd]));
      }
      assert.equal(await store.find(owner, "kind"), undefined, "a refused commit must write nothing");
    },
  },
  {
    id: "misuse/forgotten-condition",
    rule: "A condition that is present but undefined is refused: a forgotten variable must not drop it.",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = record(owner, "kind");
      await store.save(saved);
      const forgotten = { expect: undefined } as never;
      const place = { identity: owner, kind: "kind" };
      await refused("INVALID_RECORD", "save with expect undefined", () =>
        store.save(record(owner, "kind"), forgotten),
      );
      await refused("INVALID_RECORD", "delete with expect undefined", () =>
        store.delete(owner, "kind", forgotten),
      );
      for (const change of [
        { op: "save", record: record(owner, "kind"), expect: undefined },
        { op: "delete", ...place, expect: undefined },
        { op: "check", ...place, expect: undefined },
        { op: "check", ...place },
      ]) {
        await refused("INVALID_RECORD", `a ${change.op} without its condition`, () =>
          store.commit([change as never]),
        );
      }
      assert.equal((await store.load(owner, "kind")).eventId, saved.eventId, "nothing may have been written");
    },
  },
  {
    id: "misuse/unknown-options",
    rule: "An option that an operation does not have is refused: a slip in its name must not drop it.",
    async run({ store, identity, record }) {
      const saved = record(identity(), "kind");
      await store.save(saved);
      const slip = { expects: null } as never;
      for (const { name, call } of identityOperations)
        await refused("INVALID_RECORD", `${name} with an unknown option`, () => call(store, saved, slip));
      const scope = maintenanceScope({ reason: "conformance", tenant: saved.identity.tenant });
      await refused("INVALID_RECORD", "listKind with an unknown option", () =>
        store.listKind(scope, "kind", slip),
      );
      const { tenant, user } = saved.identity;
      await refused("INVALID_RECORD", "listSessions with an unknown option", () =>
        store.listSessions({ tenant, user }, slip),
      );
      await refused("INVALID_RECORD", "close with an unknown option", () => store.close(slip));
      assertRecord(
        await store.find(saved.identity, "kind"),
        saved,
        "nothing may have been written or closed",
      );
    },
  },
  {
    id: "misuse/condition-type",
    rule: "A condition is an event id or null; nothing else stands for either.",
    async run({ store, identity, record }) {
      const owner = identity();
      for (const wrong of ["", 0, false, {}, []] as never[]) {
        const what = `expect ${JSON.stringify(wrong)}`;
        await refused("INVALID_RECORD", `save with ${what}`, () =>
          store.save(record(owner, "kind"), { expect: wrong }),
        );
        await refused("INVALID_RECORD", `delete with ${what}`, () =>
          store.delete(owner, "kind", { expect: wrong }),
        );
        await refused("INVALID_RECORD", `check with ${what}`, () =>
          store.commit([{ op: "check", identity: owner, kind: "kind", expect: wrong }]),
        );
      }
    },
  },
  {
    id: "misuse/forgotten-bound",
    scans: "tenant",
    rule: "Bounds and limits may be present and undefined, which means none; other options of a list may not.",
    async run({ store, identity, record }) {
      const owner = identity();
      const { tenant, user, session } = owner;
      const kinds = ["kind/1", "kind/2"];
      for (const kind of kinds) await store.save(record(owner, kind));
      const scope = maintenanceScope({ reason: "conformance", tenant });
      const none = { after: undefined, limit: undefined };
      const bounds = { ...none, from: undefined, before: undefined };
      const found = [
        ...(await store.list(owner, "kind/", bounds)),
        ...(await store.listKind(scope, "kind/", none)),
      ];
      assert.deepEqual(
        found.map(({ kind }) => kind),
        [...kinds, ...kinds],
        "list and listKind with undefined bounds",
      );
      assert.equal(await store.count(owner, "kind/", bounds), 2, "count with undefined bounds");
      const sessions = await store.listSessions({ tenant, user }, { ...none, prefix: session });
      assert.equal(sessions[0]?.session, session, "listSessions with undefined bounds");
      for (const option of ["reverse", "bytes"]) {
        const forgotten = { [option]: undefined };
        await refused("INVALID_RECORD", `list with ${option} undefined`, () =>
          store.list(owner, "", forgotten),
        );
        await refused("INVALID_RECORD", `listKind with ${option} undefined`, () =>
          store.listKind(scope, "kind", forgotten),
        );
        await refused("INVALID_RECORD", `count with ${option}`, () => store.count(owner, "", forgotten));
      }
    },
  },
  {
    id: "misuse/bounds",
    rule: "A bound is a kind and the bound of a scan across identities a place; anything else is refused.",
    async run({ store, identity, tenant }) {
      const owner = identity();
      for (const wrong of [null, 7, {}, ""] as never[]) {
        await refused("INVALID_RECORD", "list after what is no kind", () =>
          store.list(owner, "", { after: wrong }),
        );
        await refused("INVALID_RECORD", "list before what is no kind", () =>
          store.list(owner, "", { before: wrong }),
        );
        await refused("INVALID_RECORD", "list from what is no kind", () =>
          store.list(owner, "", { from: wrong }),
        );
        for (const bound of ["from", "after", "before"])
          await refused("INVALID_RECORD", "count with a bound that is no kind", () =>
            store.count(owner, "", { [bound]: wrong }),
          );
      }
      await refused("INVALID_RECORD", "list with reverse that is no boolean", () =>
        store.list(owner, "", { reverse: "no" as never }),
      );
      await refused("INVALID_RECORD", "list with bytes that is no boolean", () =>
        store.list(owner, "", { bytes: "no" as never }),
      );
      const scope = maintenanceScope({ reason: "conformance", tenant: tenant() });
      for (const wrong of [null, "kind", { kind: "kind" }, { identity: owner }] as never[]) {
        await refused("INVALID_RECORD", "listKind after what is no place", () =>
          store.listKind(scope, "kind", { after: wrong }),
        );
      }
    },
  },
  {
    id: "misuse/prefix-type",
    rule: "A prefix is a string; a missing one is refused and does not mean every kind.",
    async run({ store, identity, tenant }) {
      const scope = maintenanceScope({ reason: "conformance", tenant: tenant() });
      for (const wrong of [undefined, null, 7, {}] as never[]) {
        await refused("INVALID_RECORD", `list with prefix ${wrong}`, () => store.list(identity(), wrong));
        await refused("INVALID_RECORD", `count with prefix ${wrong}`, () => store.count(identity(), wrong));
        await refused("INVALID_RECORD", `listKind with prefix ${wrong}`, () => store.listKind(scope, wrong));
      }
    },
  },
  {
    id: "misuse/erase-with-a-run",
    rule: "erase takes a whole session, so an identity that names a run is refused.",
    async run({ store, identity, record }) {
      const owner = identity({ run: "run" });
      await store.save(record(owner, "kind"));
      await refused("INVALID_RECORD", "erase of an identity with a run", () => store.erase(owner));
      assert.ok(await store.find(owner, "kind"), "a refused erase must remove nothing");
      const { run: _, ...session } = owner;
      assert.equal(await store.erase({ ...session, run: "" } as never), 1, "an empty run is none");
    },
  },
  {
    id: "misuse/undefined-signal",
    rule: "A signal may be present and undefined.",
    async run({ store, identity, record }) {
      for (const { name, call } of identityOperations) {
        const options = { signal: undefined };
        const done = call(store, record(identity(), "kind"), options);
        if (name.startsWith("load")) await refused("NOT_FOUND", name, () => done);
        else await done;
      }
    },
  },
  {
    id: "misuse/rejects",
    rule: "A bad argument rejects the promise; no operation throws where it is called.",
    async run({ store }) {
      const nothing = undefined as never;
      const calls: Record<string, (store: StateStore) => Promise<unknown>> = {
        save: () => store.save(nothing),
        load: () => store.load(nothing, nothing),
        find: () => store.find(nothing, nothing),
        loadByEventId: () => store.loadByEventId(nothing, newEventId()),
        delete: () => store.delete(nothing, nothing),
        commit: () => store.commit(nothing),
        list: () => store.list(nothing, nothing),
        listKind: () => store.listKind(nothing, nothing),
        count: () => store.count(nothing, nothing),
        listSessions: () => store.listSessions(nothing),
        erase: () => store.erase(nothing),
      };
      for (const [name, call] of Object.entries(calls)) {
        const promise = call(store);
        assert.ok(promise instanceof Promise, `${name}: expected a promise`);
        await assert.rejects(promise, `${name}: expected a rejection`);
      }
    },
  },
];
