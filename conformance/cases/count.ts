import assert from "node:assert/strict";
import type { CountOptions, Identity, StateStore } from "../../src/index.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";

/** More than a driver counts, or removes, in one piece. */
const MANY = 3_072;

export const countCases: readonly ConformanceCase[] = [
  {
    id: "count/as-many-as-list",
    rule: "count returns how many records list would return with the same options.",
    async run(context) {
      const { store } = context;
      const owner = await fill(context, ["a", "b/1", "b/2", "b/3", "c", "\u{10ffff}z"]);
      for (const prefix of ["", "b/", "b/1", "d", "\u{10ffff}"]) await counts(store, owner, prefix, {});
      for (const options of [
        { limit: 1 },
        { limit: 3 },
        { limit: 10_000 },
        { from: "b/1" },
        { from: "b/2", limit: 1 },
        { after: "b/1" },
        { before: "b/3" },
        { from: "b", after: "b/1", before: "b/3" },
        { from: "c", before: "b" },
        { after: "z", before: "a" },
      ])
        for (const prefix of ["", "b/"]) await counts(store, owner, prefix, options);
    },
  },
  {
    id: "count/one-identity",
    rule: "count counts the records of exactly one identity, with the same run or none.",
    async run({ store, identity, record }) {
      const owner = identity({ run: "run" });
      const { run: _, ...session } = owner;
      await store.save(record(owner, "kind"));
      const others = [
        session,
        { ...owner, run: "run-2" },
        { ...owner, session: "session-2" },
        { ...owner, user: "user-2" },
        identity({ run: "run" }),
      ];
      for (const other of others) {
        assert.equal(await store.count(other, ""), 0, "records of an identity that has none");
        await store.save(record(other, "kind/1"));
        await store.save(record(other, "kind/2"));
      }
      assert.equal(await store.count(owner, ""), 1, "records of the identity");
    },
  },
  {
    id: "count/every-match",
    rule: "Without a limit count counts every match, however many there are.",
    async run({ store, identity, record }) {
      const owner = identity();
      await saveMany(
        store,
        numberedKinds(MANY).map((kind) => record(owner, kind)),
      );
      assert.equal(await store.count(owner, "kind/"), MANY, "records");
      assert.equal(await store.count(owner, "kind/", { limit: MANY - 1 }), MANY - 1, "with a limit below");
    },
  },
  {
    id: "count/beside-an-erase",
    rule: "A count beside an erase of thousands of records is that of before or after it, and after it that of later saves.",
    async run({ store, identity, record }) {
      const owner = identity();
      const kinds = numberedKinds(MANY);
      await saveMany(
        store,
        kinds.map((kind) => record(owner, kind)),
      );
      let isOver = false;
      const erasing = store.erase(owner).finally(() => {
        isOver = true;
      });
      let isGone = false;
      do {
        const count = await store.count(owner, "");
        assert.ok(count === 0 || (count === MANY && !isGone), `${count} of ${MANY} beside the erase`);
        isGone ||= count === 0;
      } while (!isOver && !isGone);
      for (const kind of [kinds[0], kinds.at(-1), "other"] as string[]) await store.save(record(owner, kind));
      assert.equal(await store.count(owner, "kind/"), 2, "records saved after the erase began to show");
      assert.equal(await store.count(owner, "", { limit: 2 }), 2, "the same, with a limit");
      await erasing;
      assert.equal(await store.count(owner, ""), 3, "records after the erase");
    },
  },
  {
    id: "count/one-snapshot",
    rule: "A count is one snapshot: a commit beside it that moves records changes nothing.",
    async run({ store, identity, record }) {
      const owner = identity();
      await saveMany(
        store,
        numberedKinds(MANY).map((kind) => record(owner, kind)),
      );
      // All over the list, so that a count in pieces would see it twice or never.
      const places = Array.from({ length: 11 }, (_, index) => `${numberedKinds(MANY)[index * 279]}!`);
      const place = (move: number) => places[(move * 4) % places.length] as string;
      await store.save(record(owner, place(0)));
      let isOver = false;
      const moving = (async () => {
        for (let move = 0; !isOver; move++)
          await store.commit([
            { op: "delete", identity: owner, kind: place(move) },
            { op: "save", record: record(owner, place(move + 1)) },
          ]);
      })();
      try {
        for (let count = 0; count < 8; count++)
          assert.equal(await store.count(owner, "kind/"), MANY + 1, "records, one of which moves");
      } finally {
        isOver = true;
        await moving;
      }
    },
  },
];

async function fill({ store, identity, record }: CaseContext, kinds: readonly string[]): Promise<Identity> {
  const owner = identity();
  await store.commit(kinds.map((kind) => ({ op: "save" as const, record: record(owner, kind) })));
  return owner;
}

async function counts(
  store: StateStore,
  owner: Identity,
  prefix: string,
  options: CountOptions,
): Promise<void> {
  assert.equal(
    await store.count(owner, prefix, options),
    (await store.list(owner, prefix, options)).length,
    `count of prefix ${JSON.stringify(prefix)} with ${JSON.stringify(options)}`,
  );
}
