import assert from "node:assert/strict";
import {
  type MaintenanceScope,
  maintenanceScope,
  type NewRecord,
  type RecordKey,
  type StateRecord,
  scanKind,
  sweep,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { assertRecord, refused, rejection } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { saveMany } from "../harness/save-many.js";
import { CLOSEST_NAMES, kindsForPrefixes, LONGEST_KINDS } from "../inputs/hostile-names.js";

export const listKindCases: readonly ConformanceCase[] = [
  {
    id: "list-kind/scope-required",
    rule: "listKind refuses everything that maintenanceScope did not make, look-alikes and copies included.",
    async run({ store, tenant }) {
      const real = maintenanceScope({ reason: "conformance", tenant: tenant() });
      const lookalikes: Record<string, unknown> = {
        undefined: undefined,
        null: null,
        true: true,
        "an empty object": {},
        "a claim": { reason: "conformance", allTenants: true },
        "a spread copy": { ...real },
        "a copy through JSON": JSON.parse(JSON.stringify(real)),
        "a structured clone": structuredClone(real),
        "an heir": Object.create(real),
        "a proxy": new Proxy(real, {}),
        "the old claim": { maintenanceScoped: true },
      };
      for (const [what, scope] of Object.entries(lookalikes)) {
        await refused("MAINTENANCE_SCOPE_REQUIRED", `${what} as scope`, () =>
          store.listKind(scope as MaintenanceScope, "kind"),
        );
      }
      assert.deepEqual(await store.listKind(real, "kind"), [], "with the scope itself");
    },
  },
  {
    id: "list-kind/prefix-required",
    rule: "listKind refuses an empty prefix: dumping everything is no maintenance.",
    async run({ store, tenant }) {
      for (const claim of [{ tenant: tenant() }, { allTenants: true as const }]) {
        const scope = maintenanceScope({ reason: "conformance", ...claim });
        await refused("INVALID_RECORD", "listKind with an empty prefix", () => store.listKind(scope, ""));
      }
    },
  },
  {
    id: "list-kind/every-identity",
    rule: "listKind finds the records of every user, session and run, a user's and tenant's own included.",
    scans: "tenant",
    async run(context) {
      const { tenant } = await population(context);
      const found = await context.store.listKind(scopeOf(tenant.name), "kind");
      assertRecords(found, tenant.matches, "a scan of one tenant");
    },
  },
  {
    id: "list-kind/inside-its-tenant",
    rule: "A scope of one tenant stays inside it, and one of all tenants says so and crosses them.",
    scans: "store",
    async run(context) {
      const { store, unique, record, tenant } = context;
      const kind = unique();
      const [mine, theirs] = [tenant(), tenant()].map((name) =>
        record({ tenant: name, user: "user", session: "session" }, kind),
      ) as [NewRecord, NewRecord];
      // Names around the tenant's own, for a scan that runs over its end.
      const around = ["", "!", "0", "\u{10ffff}"].map((end) =>
        record({ ...mine.identity, tenant: `${mine.identity.tenant}-${end}x` }, kind),
      );
      for (const each of [mine, theirs, ...around]) await store.save(each);
      assertRecords(
        await store.listKind(scopeOf(mine.identity.tenant), kind),
        [mine],
        "a scan of one tenant",
      );
      const everywhere = await store.listKind(
        maintenanceScope({ reason: "conformance", allTenants: true }),
        kind,
      );
      const ids = everywhere.map(({ eventId }) => eventId).sort();
      const expected = [mine, theirs, ...around].map(({ eventId }) => eventId).sort();
      assert.deepEqual(ids, expected, "a scan of all tenants");
    },
  },
  {
    id: "list-kind/prefix-literal",
    rule: "The prefix of a scan is as literal as that of a list.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const kinds = kindsForPrefixes();
      const owner = identity();
      await Promise.all(kinds.map((kind) => store.save(record(owner, kind))));
      for (const prefix of [...CLOSEST_NAMES, ...LONGEST_KINDS]) {
        const found = (await store.listKind(scopeOf(owner.tenant), prefix)).map(({ kind }) => kind);
        const expected = kinds.filter((kind) => kind.startsWith(prefix));
        assert.deepEqual(found, expected, `listKind of prefix ${JSON.stringify(prefix)}`);
      }
    },
  },
  {
    id: "list-kind/after",
    rule: "A scan goes on after the last record seen, given as that record or as its identity and kind in plain data.",
    scans: "tenant",
    async run(context) {
      const { tenant } = await population(context);
      const scope = scopeOf(tenant.name);
      const all = await context.store.listKind(scope, "kind");
      for (const [index, last] of all.entries()) {
        const { identity, kind } = last;
        const plain = JSON.parse(JSON.stringify({ identity, kind })) as RecordKey;
        for (const after of [last, { identity, kind }, plain]) {
          const rest = await context.store.listKind(scope, "kind", { after });
          assertRecords(rest, tenant.matches.slice(index + 1), `what follows record ${index}`);
        }
      }
    },
  },
  {
    id: "list-kind/after-deleted",
    rule: "A scan goes on after a place whether or not its record still exists, or ever did.",
    scans: "tenant",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const saved = ["kind/a", "kind/b", "kind/c"].map((kind) => record(owner, kind)) as [
        NewRecord,
        NewRecord,
        NewRecord,
      ];
      for (const each of saved) await store.save(each);
      const [first] = (await store.listKind(scopeOf(owner.tenant), "kind/", { limit: 1 })) as [StateRecord];
      await store.delete(owner, "kind/a");
      const rest = await store.listKind(scopeOf(owner.tenant), "kind/", { after: first });
      assertRecords(rest, saved.slice(1), "after a record that was deleted since");
      const never = { identity: { ...owner, user: "zzz", run: "never" }, kind: "kind/b" };
      const last = await store.listKind(scopeOf(owner.tenant), "kind/", { after: never });
      assertRecords(last, saved.slice(2), "after a place where nothing ever was");
    },
  },
  {
    id: "list-kind/after-is-no-door",
    rule: "A place in another tenant does not lead a scan out of its own.",
    scans: "tenant",
    async run({ store, identity, record, unique }) {
      const base = unique();
      const [before, mine, behind] = ["a", "b", "c"].map((end) =>
        record(identity({ tenant: `${base}-${end}` }), "kind"),
      ) as [NewRecord, NewRecord, NewRecord];
      for (const each of [before, mine, behind]) await store.save(each);
      const scope = scopeOf(mine.identity.tenant);
      assertRecords(
        await store.listKind(scope, "kind", { after: before }),
        [mine],
        "after a tenant before it",
      );
      assertRecords(await store.listKind(scope, "kind", { after: behind }), [], "after a tenant behind it");
    },
  },
  {
    id: "list-kind/after-into-the-next-tenant",
    rule: "A scan of all tenants that goes on after a place begins each later tenant at its first kind.",
    scans: "store",
    async run({ store, unique, record }) {
      const [prefix, start] = [`${unique()}/`, unique()];
      const kinds = { a: ["1", "2", "3"], b: ["1"], c: ["1", "2"] };
      const saved = Object.entries(kinds).flatMap(([end, ends]) =>
        ends.map((kind) =>
          record({ tenant: `${start}-${end}`, user: "user", session: "session" }, `${prefix}${kind}`),
        ),
      );
      for (const each of saved) await store.save(each);
      const scope = maintenanceScope({ reason: "conformance", allTenants: true });
      for (const [index, after] of saved.entries()) {
        const rest = await store.listKind(scope, prefix, { after });
        assertRecords(rest, saved.slice(index + 1), `what follows record ${index}`);
      }
    },
  },
  {
    id: "list-kind/few-among-many-tenants",
    rule: "A scan across tenants finds every match, however many tenants without one lie between.",
    scans: "store",
    async run({ store, unique, record }) {
      const [prefix, start] = [`${unique()}/`, unique()];
      const all = Array.from({ length: 1_101 }, (_, index) => {
        const tenant = `${start}-${String(index).padStart(4, "0")}`;
        const kind = index % 550 === 0 ? `${prefix}match` : `${prefix.slice(0, -1)}.none`;
        return record({ tenant, user: "user", session: "session" }, kind);
      });
      await Promise.all(all.map((each) => store.save(each)));
      const scope = maintenanceScope({ reason: "conformance", allTenants: true });
      const matches = all.filter(({ kind }) => kind.startsWith(prefix));
      assertRecords(await store.listKind(scope, prefix), matches, "a scan of all tenants");
      const after = matches[0] as NewRecord;
      assertRecords(
        await store.listKind(scope, prefix, { after, limit: 1 }),
        [matches[1]] as NewRecord[],
        "one",
      );
    },
  },
  {
    id: "list-kind/every-byte",
    rule: "listKind returns every match also when the payloads together are large.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const owner = identity();
      const bytes = new Uint8Array(1024 * 1024).fill(3);
      const saved = Array.from({ length: 12 }, (_, index) =>
        record({ ...owner, session: `session-${index % 5}` }, `kind/${String(index).padStart(2, "0")}`, {
          bytes,
        }),
      );
      for (const each of saved) await store.save(each);
      assertRecords(await store.listKind(scopeOf(owner.tenant), "kind/"), saved, "12 records of 1 MiB");
    },
  },
  {
    id: "list-kind/limit",
    rule: "A scan returns every match unless a limit is given, and then the first of them.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const owner = identity();
      const saved = Array.from({ length: 1_100 }, (_, index) =>
        record({ ...owner, session: `session-${index % 7}` }, `kind/${String(index).padStart(4, "0")}`),
      );
      await saveMany(store, saved);
      assertRecords(await store.listKind(scopeOf(owner.tenant), "kind/"), saved, "without a limit");
      for (const limit of [1, 500, 1_100, 10_000]) {
        const found = await store.listKind(scopeOf(owner.tenant), "kind/", { limit });
        assertRecords(found, saved.slice(0, limit), `with limit ${limit}`);
      }
    },
  },
  {
    id: "list-kind/paging",
    rule: "Paging shows every record that stays exactly once, whatever is inserted and deleted between the pages.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const owner = identity();
      const kinds = Array.from({ length: 30 }, (_, index) => `kind/${String(index).padStart(2, "0")}`);
      const saved = kinds.map((kind, index) => record({ ...owner, session: `session-${index % 3}` }, kind));
      for (const each of saved) await store.save(each);
      const seen: string[] = [];
      let place: { after?: RecordKey } = {};
      for (let round = 0; ; round++) {
        const page = await store.listKind(scopeOf(owner.tenant), "kind/", { limit: 4, ...place });
        if (page.length === 0) break;
        seen.push(...page.map(({ kind }) => kind));
        const last = page.at(-1) as StateRecord;
        place = { after: last };
        // Positions shift forwards, and later back.
        if (round < 4)
          for (const each of [0, 1]) await store.save(record(owner, `kind/00/inserted/${round}/${each}`));
        else for (const each of page) await store.delete(each.identity, each.kind);
      }
      const stayed = seen.filter((kind) => !kind.includes("inserted"));
      assert.deepEqual(stayed, kinds, "records that were there from the start");
      assert.equal(new Set(seen).size, seen.length, "no record may be shown twice");
    },
  },
  {
    id: "list-kind/scan-pages",
    rule: "scanKind yields what listKind finds, page by page, from any place.",
    scans: "tenant",
    async run(context) {
      const { tenant } = await population(context);
      const scope = scopeOf(tenant.name);
      const count = tenant.matches.length;
      for (const pageSize of [1, 2, count, count + 1]) {
        const found: StateRecord[] = [];
        for await (const record of scanKind(context.store, scope, "kind", { pageSize })) found.push(record);
        assertRecords(found, tenant.matches, `in pages of ${pageSize}`);
      }
      const rest: StateRecord[] = [];
      const after = tenant.matches[1] as NewRecord;
      for await (const record of scanKind(context.store, scope, "kind", { after, pageSize: 2 }))
        rest.push(record);
      assertRecords(rest, tenant.matches.slice(2), "from a place in the middle");
    },
  },
  {
    id: "list-kind/sweep",
    rule: "sweep deletes what it is told is over and still is as it was seen, and goes on where the last sweep ended.",
    scans: "tenant",
    async run(context) {
      const { store, record } = context;
      const { tenant } = await population(context);
      const scope = scopeOf(tenant.name);
      const [first, second, third, ...rest] = tenant.matches as [NewRecord, NewRecord, NewRecord];
      const newer = record(second.identity, second.kind);
      const isOver = async (found: StateRecord) => {
        if (found.eventId === second.eventId) await store.save(newer);
        return found.eventId !== third.eventId;
      };
      const begun = await sweep(store, scope, "kind", isOver, { limit: 3 });
      const place = { identity: third.identity, kind: third.kind };
      assert.deepEqual(begun, { deleted: 1, damaged: [], next: place }, "the first sweep, of three records");
      const ended = await sweep(store, scope, "kind", isOver, { after: place });
      assert.deepEqual(ended, { deleted: rest.length, damaged: [] }, "the second sweep");
      assertRecords(await store.listKind(scope, "kind"), [newer, third], "what is left");
      assert.equal(await store.find(first.identity, first.kind), undefined, "what was over");
    },
  },
  {
    id: "list-kind/scan-ends-loudly",
    rule: "scanKind throws on a failure in the middle and never ends early in silence.",
    scans: "tenant",
    async run(context) {
      const { store } = context;
      const { tenant } = await population(context);
      const scope = scopeOf(tenant.name);
      const controller = new AbortController();
      const reason = new Error("enough");
      const interrupted = async () => {
        for await (const _ of scanKind(store, scope, "kind", { pageSize: 1, signal: controller.signal })) {
          controller.abort(reason);
        }
      };
      assert.equal(await rejection("a scan that was aborted", "the signal's reason", interrupted), reason);
      await refused("STORE_CLOSED", "a scan whose store was closed", async () => {
        for await (const _ of scanKind(store, scope, "kind", { pageSize: 1 })) await store.close();
      });
    },
  },
];

function scopeOf(tenant: string): MaintenanceScope {
  return maintenanceScope({ reason: "conformance", tenant });
}

/** A tenant with matching records in the order of a scan, and others around them that do not match. */
async function population({ store, tenant, record }: CaseContext) {
  const name = tenant();
  const owner = { tenant: name, user: "b", session: "b" };
  const matches = [
    record({ ...owner, user: "a", session: "z" }, "kind"),
    record(owner, "kind"),
    record({ ...owner, run: "run" }, "kind"),
    record({ ...owner, session: "c" }, "kind"),
    record(userIdentity(name, "b"), "kind"),
    record(tenantIdentity(name), "kind"),
    record(owner, "kind/1"),
    record({ ...owner, user: "a" }, "kind/2"),
  ];
  const bystanders = [
    record(owner, "kin"),
    record(owner, "Kind"),
    record(owner, "l"),
    record({ ...owner, tenant: tenant() }, "kind"),
  ];
  for (const each of [...matches.toReversed(), ...bystanders]) await store.save(each);
  return { tenant: { name, matches } };
}

function assertRecords(found: readonly StateRecord[], expected: readonly NewRecord[], what: string): void {
  const name = ({ identity, kind }: RecordKey) => ({ ...identity, kind });
  assert.deepEqual(found.map(name), expected.map(name), what);
  for (const [index, each] of expected.entries())
    assertRecord(found[index], each, `${what}, record ${index}`);
}
