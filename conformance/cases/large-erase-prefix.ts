import assert from "node:assert/strict";
import { type Change, type Identity, maintenanceScope, type NewRecord } from "../../src/index.js";
import { assertRecord, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { saveMany } from "../harness/save-many.js";

/** More than a driver removes in one piece. */
const MANY = 1_152;

/** Erases by prefix that a driver may not finish in one step. */
export const largeErasePrefixCases: readonly ConformanceCase[] = [
  {
    id: "large-erase-prefix/one-step",
    rule: "An erase by prefix of thousands of records is one step: what is read or judged beside it sees all or none.",
    scans: "tenant",
    async run(context) {
      const { store, record } = context;
      const { owner, saved } = await fill(context, ["kind/"], 2 * MANY);
      const run = { ...owner, run: "other" };
      const beside = [record(owner, "kind"), record(owner, "kind0"), record(run, "kind/00000")];
      for (const each of beside) await store.save(each);
      const last = saved.at(-1) as NewRecord;
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      let isGone = false;
      const seen = (count: number, what: string) => {
        assert.ok(
          count === 0 || (count === saved.length && !isGone),
          `${what} beside the erase has ${count} of ${saved.length}`,
        );
        isGone ||= count === 0;
      };
      let isOver = false;
      const erasing = store.erase(owner, { prefix: "kind/" }).finally(() => {
        isOver = true;
      });
      do {
        seen((await store.list(owner, "")).length - 2, "a list");
        seen((await store.listKind(scope, "kind", { limit: 4 * MANY })).length - 3, "a scan");
        if (!isGone) continue;
        assert.equal(await store.find(owner, last.kind), undefined, "the last record, once a list was empty");
        await refused("NOT_FOUND", "its event", () => store.loadByEventId(owner, last.eventId));
        const condition = { expect: last.eventId };
        await refused("CONDITION_FAILED", "a condition on it", () =>
          store.save(record(owner, last.kind), condition),
        );
        assert.equal(await store.delete(owner, last.kind), false, "a delete of it");
      } while (!isOver);
      // The one that was judged may have been removed for that.
      const left = saved.length - (await erasing);
      assert.ok(left === 0 || left === 1, `${left} of ${saved.length} records were not counted`);
      for (const each of beside)
        assertRecord(await store.find(each.identity, each.kind), each, "what the prefix does not cover");
      assert.equal(await store.erase(owner, { prefix: "kind/" }), 0, "the erase again");
    },
  },
  {
    id: "large-erase-prefix/leaves-what-comes-later",
    rule: "What is saved under a prefix after its erase stays, however long that takes; retries of what it took are duplicates.",
    async run(context) {
      const { store, record } = context;
      const { owner, saved } = await fill(context, ["kind/"], 2 * MANY);
      const erasing = store.erase(owner, { prefix: "kind/" });
      const later = [0, 1, saved.length - 1].map((index) => record(owner, (saved[index] as NewRecord).kind));
      later.push(record({ ...owner, run: "new" }, "kind/new"), record(owner, "kind/"));
      for (const each of later) await store.save(each, { expect: null });
      const overwritten = record(owner, (saved[1] as NewRecord).kind);
      await store.save(overwritten, { expect: (later[1] as NewRecord).eventId });
      later[1] = overwritten;
      const retry = async (when: string) => {
        for (const [index, each] of saved.entries()) {
          if (index % 461 !== 2) continue;
          const again = index % 4 === 0 ? each : record(owner, each.kind, { eventId: each.eventId });
          assert.equal((await store.save(again)).duplicate, true, `a retry of ${each.kind} ${when}`);
          assert.equal(await store.find(owner, each.kind), undefined, `${each.kind} after its retry`);
        }
      };
      await retry("beside the erase");
      await erasing;
      await retry("after the erase");
      for (const each of later) {
        assertRecord(await store.load(each.identity, each.kind), each, "what was saved beside the erase");
        assertRecord(await store.loadByEventId(owner, each.eventId), each, "the same, by its event");
      }
      assert.equal((await store.list(owner, "")).length, 4, "what a list shows of it");
      assert.equal(await store.erase(owner, { prefix: "kind/" }), 4, "how many records the next erase takes");
    },
  },
  {
    id: "large-erase-prefix/in-a-commit",
    rule: "A large erase by prefix happens with the commit's other changes of the session, and not when a condition fails.",
    async run(context) {
      const { store, record } = context;
      const { owner, saved } = await fill(context, ["kind/"], 2 * MANY);
      const mark = record(owner, "mark");
      await store.save(mark);
      const made = record(owner, "new");
      const changes = (expect: string): Change[] => [
        { op: "erase", identity: owner, prefix: "kind/" },
        { op: "save", record: made },
        { op: "delete", identity: owner, kind: "mark", expect },
        { op: "erase", identity: { ...owner, run: "never" }, prefix: "" },
      ];
      await refused("CONDITION_FAILED", "a large erase beside a condition that fails", () =>
        store.commit(changes("another")),
      );
      assert.equal((await store.list(owner, "")).length, saved.length + 1, "after the commit that failed");
      const { erased } = await store.commit(changes(mark.eventId));
      assert.deepEqual(erased, [saved.length, 0], "how many records the commit erased");
      const left = await store.list(owner, "");
      assert.equal(left.length, 1, "how many records are left");
      assertRecord(left[0], made, "what the commit saved");
    },
  },
  {
    id: "large-erase-prefix/side-by-side",
    rule: "Erases of different prefixes of one session go on side by side, each with what it covers and nothing else.",
    async run(context) {
      const { store, record } = context;
      const { owner, saved } = await fill(context, ["a/", "b/"], MANY);
      const kept = record(owner, "c/");
      await store.save(kept);
      const erasing = (prefix: string) => store.erase(owner, { prefix });
      const later = [record(owner, "a/00000"), record(owner, "b/00000"), record(owner, "b/new")];
      const [one, , two] = await Promise.all([
        erasing("a/"),
        store.save(later[0] as NewRecord),
        erasing("b/"),
        ...later.slice(1).map((each) => store.save(each)),
      ]);
      // A slot that is written again may have been emptied for that.
      assert.ok(one >= MANY - 1 && one <= MANY && two >= MANY - 1 && two <= MANY, `${one} and ${two} erased`);
      for (const each of [kept, ...later]) assertRecord(await store.find(owner, each.kind), each, each.kind);
      const kinds = (await store.list(owner, "")).map(({ kind }) => kind);
      assert.deepEqual(kinds, ["a/00000", "b/00000", "b/new", "c/"], "what is left");
      const again = saved[1] as NewRecord;
      assert.equal((await store.save(again)).duplicate, true, "a retry of an erased record");
    },
  },
  {
    id: "large-erase-prefix/nested",
    rule: "Erases of a prefix, of a wider one and of the session may be under way at once: each takes what was saved before it.",
    async run(context) {
      const { store, record } = context;
      const { owner, saved } = await fill(context, ["a/x/", "a/y/"], MANY);
      const session = { tenant: owner.tenant, user: owner.user, session: owner.session };
      const calls: Promise<number>[] = [];
      const made = new Map<string, NewRecord>();
      const erase = (identity: Identity, prefix?: string) =>
        calls.push(store.erase(identity, prefix === undefined ? {} : { prefix }));
      const save = async (identity: Identity, ...kinds: string[]) => {
        for (const kind of kinds) {
          const each = record(identity, kind);
          made.set(kind, each);
          await store.save(each, { expect: null });
        }
      };
      erase(owner, "a/x/");
      await save(owner, "a/x/1", "a/z/1");
      erase(owner, "a/");
      await save(owner, "a/x/2", "a/y/2");
      await save(session, "b");
      erase(session);
      await save(owner, "a/x/3", "a/y/3");
      erase(owner, "a/x/");
      await save(owner, "a/x/4");
      erase({ ...owner, run: "none" }, "");
      const left = ["a/x/4", "a/y/3"];
      const seen = async (when: string) => {
        const listed = await store.list(owner, "");
        assert.deepEqual(
          listed.map(({ kind }) => kind),
          left,
          `what is left ${when}`,
        );
        for (const each of listed) assertRecord(each, made.get(each.kind) as NewRecord, when);
        assert.deepEqual(await store.list(session, ""), [], `what is left without a run ${when}`);
      };
      await seen("beside the erases");
      const counts = await Promise.all(calls);
      await seen("after the erases");
      const total = counts.reduce((sum, count) => sum + count, 0);
      assert.equal(total, saved.length + made.size - left.length, "how many records all of them erased");
      assert.equal(await store.erase(session), left.length, "the last erase");
    },
  },
];

/** Very many records of one run under each prefix, which are saved. */
async function fill(
  { store, identity, record }: CaseContext,
  prefixes: readonly string[],
  count: number,
): Promise<{ readonly owner: Required<Identity>; readonly saved: readonly NewRecord[] }> {
  const owner = { ...identity(), run: "run" };
  const saved = prefixes.flatMap((prefix) =>
    Array.from({ length: count }, (_, index) => record(owner, `${prefix}${String(index).padStart(5, "0")}`)),
  );
  await saveMany(store, saved);
  return { owner, saved };
}
