import assert from "node:assert/strict";
import {
  type Change,
  type Identity,
  LIMITS,
  type NewRecord,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { assertDuplicate, assertRecord, byBytes, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";

/** Erases of the records of one identity whose kinds begin with a prefix. */
export const erasePrefixCases: readonly ConformanceCase[] = [
  {
    id: "erase-prefix/exact-identity",
    rule: "erase with a prefix removes the records of exactly one identity, its run included, and returns how many.",
    async run(context) {
      const { store, identity } = context;
      const session = identity({ user: "user", session: "session" });
      const owners = [
        session,
        ...["run", "run/", "ru", "Run"].map((run) => ({ ...session, run })),
        ...["session/", "sessio"].map((name) => ({ ...session, session: name })),
        { ...session, user: "use" },
        { ...session, tenant: `${session.tenant}-2` },
        userIdentity(session.tenant, "user"),
        tenantIdentity(session.tenant),
      ];
      const saved = await fill(context, owners, ["step/1", "step/2", "step"]);
      const gone: NewRecord[] = [];
      for (const owner of owners.slice(0, 2)) {
        assert.equal(await store.erase(owner, { prefix: "step/" }), 2, `erase of run ${owner.run ?? ""}`);
        gone.push(...saved.filter(({ identity, kind }) => identity === owner && kind !== "step"));
        await assertLeft(context, saved, gone);
      }
      assert.equal(await store.erase(session, { prefix: "step/" }), 0, "the same erase again");
    },
  },
  {
    id: "erase-prefix/literal",
    rule: "The prefix of an erase is literal, by UTF-8 bytes, and covers its own name.",
    async run(context) {
      const { identity } = context;
      const stems = [
        "a%",
        "a_c",
        "A",
        "é",
        "e\u0301",
        "a\\",
        "a'",
        "a/",
        "\uFFFF",
        "\u{10FFFF}",
        "\u0001",
        "\uD7FF",
      ];
      const long = "k".repeat(LIMITS.kindBytes);
      const kinds = [
        ...stems,
        ...stems.map((stem) => `${stem}x`),
        "a",
        "abc",
        "b",
        "\uE000",
        "\u{10000}",
        long,
      ];
      const owner = identity();
      await fill(context, [owner], kinds);
      for (const prefix of [...stems, "a", long]) {
        const [gone, left] = [kinds.filter((kind) => kind.startsWith(prefix)), new Set(kinds)];
        for (const kind of gone) left.delete(kind);
        const what = `erase of ${JSON.stringify(prefix.slice(0, 9))}`;
        assert.equal(await context.store.erase(owner, { prefix }), gone.length, what);
        assert.deepEqual(
          await kindsOf(context, owner),
          [...left].sort(byBytes),
          `what is there after the ${what}`,
        );
        await fill(context, [owner], gone);
      }
    },
  },
  {
    id: "erase-prefix/empty",
    rule: "An erase with an empty prefix empties exactly one identity, and leaves the session's other runs.",
    async run(context) {
      const { store, identity } = context;
      const session = identity();
      const owners = ["", "a", "b"].map((run) => (run === "" ? session : { ...session, run }));
      const saved = await fill(context, owners, ["kind", "other"]);
      for (const [index, owner] of owners.entries()) {
        assert.equal(await store.erase(owner, { prefix: "" }), 2, `erase of run ${owner.run ?? ""}`);
        await assertLeft(context, saved, saved.slice(0, 2 * (index + 1)));
      }
    },
  },
  {
    id: "erase-prefix/forgotten",
    rule: "A prefix of an erase that is present but no text is refused: it must not erase the whole session.",
    async run(context) {
      const { store, identity } = context;
      const owner = identity();
      const saved = await fill(context, [owner], ["kind"]);
      for (const prefix of [
        undefined,
        null,
        7,
        {},
        "k\0",
        "\uD800",
        "k".repeat(LIMITS.kindBytes + 1),
      ] as never[]) {
        await refused("INVALID_RECORD", "an erase", () => store.erase(owner, { prefix }));
        const change = { op: "erase", identity: owner, prefix } as const;
        await refused("INVALID_RECORD", "an erase in a commit", () => store.commit([change]));
      }
      await assertLeft(context, saved, []);
    },
  },
  {
    id: "erase-prefix/own-state-asked-for",
    rule: "erase with a prefix in a user's or tenant's own state is refused unless ownState says that it is meant.",
    async run(context) {
      const { store, tenant } = context;
      const name = tenant();
      for (const owner of [userIdentity(name, "a"), tenantIdentity(name)]) {
        const saved = await fill(context, [owner], ["kind/a", "other"]);
        await refused("INVALID_RECORD", "an erase", () => store.erase(owner, { prefix: "kind/" }));
        await assertLeft(context, saved, []);
        assert.equal(await store.erase(owner, { prefix: "kind/", ownState: true }), 1, "when asked for");
        await assertLeft(context, saved, saved.slice(0, 1));
      }
    },
  },
  {
    id: "erase-prefix/remembers-ids",
    rule: "The event ids of records that were erased by prefix stay seen: a retry is a duplicate and writes nothing.",
    async run(context) {
      const { store, identity, payload } = context;
      const owner = { ...identity(), run: "run" };
      const saved = await fill(context, [owner], ["kind/a", "kind/b", "other"]);
      const [same, changed] = saved as [NewRecord, NewRecord];
      assert.equal(await store.erase(owner, { prefix: "kind/" }), 2, "how many records were erased");
      for (const again of [same, { ...changed, bytes: payload() }])
        assertDuplicate(await store.save(again), `a retry of ${again.kind}`);
      await assertLeft(context, saved, [same, changed]);
    },
  },
  {
    id: "erase-prefix/in-order",
    rule: "erase with a prefix waits its turn: it takes what was saved before the call and leaves what was saved after.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const [before, after] = [record(owner, "kind/a"), record(owner, "kind/b")];
      const erasing = () => store.erase(owner, { prefix: "kind/" });
      const [, erased] = await Promise.all([store.save(before), erasing(), store.save(after)]);
      assert.equal(erased, 1, "how many records were erased");
      assert.deepEqual(await kindsOf(context, owner), ["kind/b"], "what is there in the end");
    },
  },
  {
    id: "erase-prefix/in-a-commit",
    rule: "An erase by prefix happens with the commit's other changes, also of the same session, and is counted in the receipt.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const other = { ...owner, run: "run" };
      const saved = await fill(context, [owner, other], ["a/1", "a/2", "b", "c"]);
      const [, , doomed, standing] = saved as [NewRecord, NewRecord, NewRecord, NewRecord];
      const made = record(owner, "a");
      const changes = (expect: string): Change[] => [
        { op: "save", record: made, expect: null },
        { op: "erase", identity: owner, prefix: "a/" },
        { op: "check", identity: owner, kind: "c", expect },
        { op: "erase", identity: other, prefix: "" },
        { op: "erase", identity: owner, prefix: "never/" },
        { op: "delete", identity: owner, kind: "b", expect: doomed.eventId },
      ];
      await refused("CONDITION_FAILED", "erases beside a condition that fails", () =>
        store.commit(changes("another")),
      );
      await assertLeft(context, saved, []);
      const { duplicate, erased } = await store.commit(changes(standing.eventId));
      assert.deepEqual({ duplicate, erased }, { duplicate: false, erased: [2, 4, 0] }, "the receipt");
      await assertLeft(context, saved, [...saved.slice(0, 3), ...saved.slice(4)]);
      assertRecord(await store.find(owner, "a"), made, "what the commit saved");
      const since = await fill(context, [owner], ["a/1"]);
      const replay = await store.commit(changes(standing.eventId));
      assertDuplicate(replay, "the commit again");
      assert.deepEqual(replay.erased, [0, 0, 0], "how many records the replay removed");
      await assertLeft(context, since, []);
    },
  },
  {
    id: "erase-prefix/overlaps-refused",
    rule: "No change of a commit is of what an erase by prefix in it removes, and no two erases of it overlap.",
    async run(context) {
      const { store, identity, record } = context;
      const session = identity();
      const run = { ...session, run: "run" };
      const saved = await fill(context, [session, run], ["kind/a", "kind/b", "other"]);
      const erasing = (identity: Identity, prefix: string): Change => ({ op: "erase", identity, prefix });
      const overlapping: [Change, Change][] = [
        [erasing(run, "kind/"), { op: "save", record: record(run, "kind/new") }],
        [erasing(run, "kind/"), { op: "delete", identity: run, kind: "kind/" }],
        [erasing(run, ""), { op: "check", identity: run, kind: "z", expect: null }],
        [erasing(session, "kind/"), { op: "check", identity: session, kind: "kind/a", expect: null }],
        [erasing(run, "kind/"), erasing(run, "kind/")],
        [erasing(run, "kind/"), erasing(run, "kind/a")],
        [erasing(session, ""), erasing(session, "other")],
        [erasing(run, "kind/"), { op: "erase", identity: session }],
        [erasing(session, ""), { op: "erase", identity: session }],
      ];
      for (const [one, two] of overlapping) {
        // What lies between them in order must not hide it.
        const between: Change = { op: "check", identity: run, kind: "absent", expect: null };
        for (const changes of [
          [one, two],
          [two, one],
          [two, between, one],
        ]) {
          await refused("INVALID_RECORD", `an erase and a ${two.op} of what it erases`, () =>
            store.commit(changes),
          );
        }
      }
      await assertLeft(context, saved, []);
      const apart = [erasing(run, "kind/a"), erasing(run, "kind/b"), erasing(session, "kind/a")];
      const { erased } = await store.commit([...apart, { op: "save", record: record(run, "kind/") }]);
      assert.deepEqual(erased, [1, 1, 1], "erases that lie apart");
    },
  },
];

/** A record of each kind for each identity, which are saved; all of one identity first. */
async function fill(
  { store, record }: CaseContext,
  owners: readonly Identity[],
  kinds: readonly string[],
): Promise<readonly NewRecord[]> {
  const saved = owners.flatMap((owner) => kinds.map((kind) => record(owner, kind)));
  await Promise.all(saved.map((each) => store.save(each, { expect: null })));
  return saved;
}

/** Of the records these are gone, by whatever one looks for them, and all others are as they were. */
async function assertLeft(
  { store }: CaseContext,
  records: readonly NewRecord[],
  gone: readonly NewRecord[],
): Promise<void> {
  const look = async (each: NewRecord) => {
    const { identity, kind, eventId } = each;
    const what = `${JSON.stringify(kind.slice(0, 9))} of ${JSON.stringify(identity)}`;
    const [found, listed] = await Promise.all([store.find(identity, kind), store.list(identity, kind)]);
    const isListed = listed.some((other) => other.kind === kind);
    if (gone.includes(each)) {
      assert.equal(found, undefined, `${what} is erased`);
      assert.equal(isListed, false, `${what} is erased, and listed`);
      await refused("NOT_FOUND", `the event of ${what}`, () => store.loadByEventId(identity, eventId));
    } else {
      assertRecord(found, each, what);
      assert.equal(isListed, true, `${what} is there, and not listed`);
      assertRecord(await store.loadByEventId(identity, eventId), each, `the event of ${what}`);
    }
  };
  await Promise.all(records.map(look));
}

async function kindsOf({ store }: CaseContext, owner: Identity): Promise<readonly string[]> {
  return (await store.list(owner, "")).map(({ kind }) => kind);
}
