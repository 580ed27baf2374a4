import assert from "node:assert/strict";
import {
  maintenanceScope,
  type NewRecord,
  type RecordKey,
  type StateStore,
  scanKind,
} from "../../src/index.js";
import { byBytes, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import {
  assertKeptApart,
  assertThere,
  bySession,
  describeKey,
  inBatches,
  saveIntoEmptySlots,
} from "../harness/keep-apart.js";
import { CLOSEST_NAMES, HOSTILE_NAMES, LONGEST_KINDS, SEPARATORS } from "../inputs/hostile-names.js";
import { keysDifferingIn, keysThatEscapeAlike, keysThatJoinAlike } from "../inputs/hostile-record-keys.js";

/** Each case has a space of its own, where a tenant may have any name. */
export const isolationCases: readonly ConformanceCase[] = [
  {
    id: "isolation/names",
    rule: "Names are literal: whatever is in them, each stands for itself alone and comes back as it was.",
    bringsNeighbours: true,
    async run(context) {
      const store = await context.openAlone();
      for (const field of ["user", "session", "run", "kind"] as const) {
        const names = field === "kind" ? [...HOSTILE_NAMES, ...LONGEST_KINDS] : HOSTILE_NAMES;
        await assertKeptApart(store, recordsAt(context, keysDifferingIn(field, names)));
      }
    },
  },
  {
    id: "isolation/tenants",
    rule: "A tenant sees its own records alone, whatever its name, also where all tenants use the same event ids.",
    bringsNeighbours: true,
    async run(context) {
      const store = await context.openAlone();
      await assertKeptApart(
        store,
        recordsAt(context, keysDifferingIn("tenant", HOSTILE_NAMES), { eventId: "the same" }),
      );
    },
  },
  {
    id: "isolation/joined-names",
    rule: "Names and event ids that would be the same when joined by any separator are still different ones.",
    bringsNeighbours: true,
    async run(context) {
      const store = await context.openAlone();
      await assertKeptApart(store, recordsAt(context, keysThatJoinAlike(SEPARATORS)));
      const escaped = keysThatEscapeAlike([":", "/", "|", ".", "#"], ["\\", "%", "^"]);
      await assertKeptApart(store, recordsAt(context, escaped));
      const owner = { user: "user", session: "session" };
      const events = SEPARATORS.flatMap((joiner) => [
        context.record({ ...owner, tenant: `t${joiner}a` }, "kind", { eventId: "b" }),
        context.record({ ...owner, tenant: "t" }, `kind ${joiner}`, { eventId: `a${joiner}b` }),
      ]);
      await assertKeptApart(store, events);
    },
  },
  {
    id: "isolation/delete",
    rule: "A delete empties the slot of its own name alone, and what is empty shows nothing of other names' records.",
    bringsNeighbours: true,
    async run(context) {
      const store = await context.openAlone();
      const slots = (records: readonly NewRecord[]) => records.map((record) => [record]);
      await inHalves(context, store, { lots: Object.values(LOTS), parts: slots }, async (gone, [left]) => {
        await inBatches(gone, async (record, index) => {
          const { identity, kind, eventId } = record;
          const condition = index % 2 === 0 ? {} : { expect: eventId };
          assert.equal(
            await store.delete(identity, kind, condition),
            true,
            `delete of ${describeKey(record)}`,
          );
        });
        await inBatches(gone, (record) => assertNothing(context, store, record, left?.eventId ?? "none"));
      });
    },
  },
  {
    id: "isolation/erase",
    rule: "An erase takes the session of exactly this tenant, user and session, whatever their names.",
    bringsNeighbours: true,
    async run(context) {
      const store = await context.openAlone();
      const lots = [LOTS.tenant, LOTS.user, LOTS.session, LOTS.joined];
      await inHalves(context, store, { lots, parts: bySession }, async (gone) => {
        await inBatches(bySession(gone), async (own) => {
          const [{ identity, kind }] = own;
          const { run: _, ...session } = identity;
          const what = `how many records were erased with the session of ${describeKey({ identity, kind })}`;
          assert.equal(await store.erase(session), own.length, what);
        });
      });
    },
  },
  {
    id: "isolation/scans",
    rule: "A scan of one tenant returns that tenant's records alone, whatever its name and wherever it goes on from.",
    bringsNeighbours: true,
    async run(context) {
      const store = await context.openAlone();
      const records = recordsAt(context, keysDifferingIn("tenant", HOSTILE_NAMES));
      await saveIntoEmptySlots(store, records);
      await inBatches(records, async (own, index) => {
        const { tenant } = own.identity;
        const after = records.at(index - 1) as NewRecord;
        const isBehind = byBytes(tenant, after.identity.tenant) > 0;
        const scope = maintenanceScope({ reason: "conformance", tenant });
        const scans = await Promise.all([
          store.listKind(scope, "by tenant"),
          store.listKind(scope, "b", { limit: 10 }),
          store.listKind(scope, "by tenant", { after }),
        ]);
        const all = [own.eventId];
        assert.deepEqual(
          scans.map(eventIds),
          [all, all, isBehind ? all : []],
          `scans of ${describeKey(own)}`,
        );
        const paged = await collected(scanKind(store, scope, "by tenant", { pageSize: 2 }));
        assert.deepEqual(eventIds(paged), all, `a scan of ${describeKey(own)} in pages`);
      });
      const everywhere = maintenanceScope({ reason: "conformance", allTenants: true });
      const inOrder = records.toSorted((a, b) => byBytes(a.identity.tenant, b.identity.tenant));
      assert.deepEqual(
        eventIds(await store.listKind(everywhere, "by tenant")),
        eventIds(inOrder),
        "a scan of all tenants, by the bytes of their names",
      );
    },
  },
];

/** Where each record is gone through one by one. */
const LOTS = {
  tenant: keysDifferingIn("tenant", CLOSEST_NAMES),
  user: keysDifferingIn("user", CLOSEST_NAMES),
  session: keysDifferingIn("session", CLOSEST_NAMES),
  run: keysDifferingIn("run", CLOSEST_NAMES),
  kind: keysDifferingIn("kind", [...CLOSEST_NAMES, ...LONGEST_KINDS]),
  joined: keysThatJoinAlike(SEPARATORS.slice(0, 8)),
};

function recordsAt(
  { record }: CaseContext,
  places: readonly RecordKey[],
  fields: Partial<NewRecord> = {},
): NewRecord[] {
  return places.map(({ identity, kind }) => record(identity, kind, fields));
}

interface Halving {
  readonly lots: readonly (readonly RecordKey[])[];
  /** What is emptied at once: slots, or whole sessions. */
  readonly parts: (records: readonly NewRecord[]) => readonly (readonly NewRecord[])[];
}

/**
 * Fills all places of each lot, has one half emptied, and looks whether the other is as it was; then with the halves
 * changed. Names that are close to one another follow one another, and so are in different halves.
 */
async function inHalves(
  context: CaseContext,
  store: StateStore,
  { lots, parts }: Halving,
  empty: (gone: readonly NewRecord[], left: readonly NewRecord[]) => Promise<void>,
): Promise<void> {
  const work = lots.map(async (places) => {
    for (const half of [0, 1]) {
      const all = parts(recordsAt(context, places));
      const gone = all.filter((_, index) => index % 2 === half).flat();
      const left = all.filter((_, index) => index % 2 !== half).flat();
      await saveIntoEmptySlots(store, all.flat());
      await empty(gone, left);
      await inBatches(left, (record) => assertThere(store, record));
      await inBatches(left, ({ identity, kind }) => store.delete(identity, kind));
    }
  });
  await Promise.all(work);
}

/** What is said of a slot whose record was deleted. */
async function assertNothing(
  { record }: CaseContext,
  store: StateStore,
  { identity, kind, eventId }: NewRecord,
  eventElsewhere: string,
): Promise<void> {
  const what = `${describeKey({ identity, kind })}, where nothing is`;
  const [found, listed, deleted, { details }] = await Promise.all([
    store.find(identity, kind),
    store.list(identity, kind),
    store.delete(identity, kind),
    refused("CONDITION_FAILED", `save of ${what}`, () =>
      store.save(record(identity, kind), { expect: eventElsewhere }),
    ),
    refused("NOT_FOUND", `loadByEventId of ${what}`, () => store.loadByEventId(identity, eventId)),
  ]);
  assert.ok(found === undefined, `find of ${what}: another record was found`);
  assert.equal(deleted, false, `delete of ${what}`);
  assert.equal(details.current, null, `the event that is current in ${what}`);
  assert.ok(
    listed.every((other) => other.kind !== kind),
    `list of ${what}`,
  );
}

function eventIds(records: readonly { readonly eventId: string }[]): string[] {
  return records.map(({ eventId }) => eventId);
}

async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
