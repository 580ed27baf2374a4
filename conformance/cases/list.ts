import assert from "node:assert/strict";
import { type Identity, type ListOptions, maintenanceScope, newEventId } from "../../src/index.js";
import { assertRecord, byBytes } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";
import { CLOSEST_NAMES, kindsForPrefixes, LONGEST_KINDS } from "../inputs/hostile-names.js";

/** Kinds in byte order, in which every kind that a wildcard, a case or a separator may confuse has a double. */
const LITERAL = [
  "A/1",
  "a",
  "a%1",
  "a%b",
  "a*1",
  "a/1",
  "a/2",
  "a0",
  "a?1",
  "a\\1",
  "a_1",
  "aa1",
  "ab",
  "b/1",
];

export const listCases: readonly ConformanceCase[] = [
  {
    id: "list/whole-records",
    rule: "list returns whole records, the same that load returns.",
    async run({ store, identity, record, payload }) {
      const owner = identity({ run: "run" });
      const saved = [0, 1, 2].map((version) =>
        record(owner, `kind/${version}`, {
          version,
          bytes: payload(version * 10),
          updatedAt: new Date(version),
        }),
      );
      for (const each of saved) await store.save(each);
      const listed = await store.list(owner, "kind/");
      for (const [index, each] of saved.entries()) {
        assertRecord(listed[index], each, each.kind);
        assertRecord(await store.load(owner, each.kind), each, `${each.kind} by load`);
      }
    },
  },
  {
    id: "list/prefix-literal",
    rule: "A prefix is literal: whatever is in it, wildcards, patterns and quotes included, stands for itself.",
    async run(context) {
      const kinds = kindsForPrefixes();
      const owner = await fill(context, kinds);
      for (const prefix of [...CLOSEST_NAMES, ...LONGEST_KINDS]) {
        const expected = kinds.filter((kind) => kind.startsWith(prefix));
        await lists(context, owner, prefix, expected);
      }
    },
  },
  {
    id: "list/prefix-case",
    rule: "A prefix is matched as it is: no case folding and no normalisation.",
    async run(context) {
      const kinds = ["A/1", "Tenant/c", "a/1", "e\u0301/1", "tenant/c", "\u00c9", "\u00e9/1"];
      const owner = await fill(context, kinds);
      for (const prefix of ["a", "A", "tenant/", "Tenant/", "TENANT/", "\u00e9", "e\u0301", "\u00c9"]) {
        await lists(
          context,
          owner,
          prefix,
          kinds.filter((kind) => kind.startsWith(prefix)),
        );
      }
    },
  },
  {
    id: "list/prefix-separator",
    rule: "A prefix is no path: `a` begins `a`, `a/1` and `ab`, and `a/` begins `a/1` alone.",
    async run(context) {
      const owner = await fill(context, LITERAL);
      await lists(
        context,
        owner,
        "a",
        LITERAL.filter((kind) => kind.startsWith("a")),
      );
      await lists(context, owner, "a/", ["a/1", "a/2"]);
      await lists(context, owner, "a/1", ["a/1"]);
      await lists(context, owner, "a/1/", []);
    },
  },
  {
    id: "list/prefix-empty",
    rule: "An empty prefix begins every kind.",
    async run(context) {
      const owner = await fill(context, LITERAL);
      await lists(context, owner, "", LITERAL);
    },
  },
  {
    id: "list/prefix-ends",
    rule: "A prefix ends where it should also at U+D7FF, U+FFFF and U+10FFFF.",
    async run(context) {
      const ends = [
        "\u007f",
        "\u07ff",
        "\ud7ff",
        "\ue000",
        "\uffff",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}\u{10ffff}",
      ];
      const kinds = ends.flatMap((end) => [`k${end}`, `k${end}\u0001`, `k${end}z`, `k${end}\u{10ffff}`]);
      const owner = await fill(context, [...new Set([...kinds, "k", "l", "\u{10ffff}", "\u{10ffff}z"])]);
      for (const end of ends) {
        const expected = [...new Set(kinds)].filter((kind) => kind.startsWith(`k${end}`));
        await lists(context, owner, `k${end}`, expected.sort(byBytes));
      }
      await lists(context, owner, "\u{10ffff}", ["\u{10ffff}", "\u{10ffff}z"]);
    },
  },
  {
    id: "list/after-before",
    rule: "after and before are exclusive, and need not be kinds that exist.",
    async run(context) {
      const owner = await fill(context, ["a", "b", "c", "d", "e"]);
      await lists(context, owner, "", ["c", "d", "e"], { after: "b" });
      await lists(context, owner, "", ["a", "b"], { before: "c" });
      await lists(context, owner, "", ["c"], { after: "b", before: "d" });
      await lists(context, owner, "", ["c", "d"], { after: "bb", before: "dd" });
      await lists(context, owner, "", [], { after: "e" });
      await lists(context, owner, "", [], { before: "a" });
      await lists(context, owner, "", [], { after: "c", before: "c" });
      await lists(context, owner, "", [], { after: "d", before: "b" });
    },
  },
  {
    id: "list/from",
    rule: "from is an inclusive bound that need not be a kind that exists, and holds beside the other bounds.",
    async run(context) {
      const owner = await fill(context, ["a/1", "b", "b/1", "b/2", "b/3", "c/1"]);
      await lists(context, owner, "", ["b/2", "b/3", "c/1"], { from: "b/2" });
      await lists(context, owner, "", ["b/2", "b/3", "c/1"], { from: "b/11" });
      await lists(context, owner, "b/", ["b/1", "b/2", "b/3"], { from: "a" });
      await lists(context, owner, "b/", [], { from: "c" });
      await lists(context, owner, "", ["b/1"], { from: "b/1", before: "b/2" });
      await lists(context, owner, "", [], { from: "b/2", before: "b/2" });
      await lists(context, owner, "", ["b/2", "b/3", "c/1"], { from: "b", after: "b/1" });
      await lists(context, owner, "", ["b/2", "b/3", "c/1"], { from: "b/2", after: "b" });
      await lists(context, owner, "", ["b/3", "c/1"], { from: "b/2", after: "b/2" });
      await lists(context, owner, "", ["c/1", "b/3", "b/2"], { from: "b/2", reverse: true });
      await lists(context, owner, "b/", ["b/2"], { from: "b/2", limit: 1 });
    },
  },
  {
    id: "list/bounds-and-prefix",
    rule: "after and before narrow what a prefix begins, and never widen it.",
    async run(context) {
      const owner = await fill(context, ["a/1", "b", "b/1", "b/2", "b/3", "c/1"]);
      await lists(context, owner, "b/", ["b/1", "b/2", "b/3"], { after: "a", before: "c" });
      await lists(context, owner, "b/", ["b/2"], { after: "b/1", before: "b/3" });
      await lists(context, owner, "b/", [], { after: "c" });
      await lists(context, owner, "b/", [], { before: "b/" });
      await lists(context, owner, "b/", ["b/3", "b/2"], { after: "b/1", before: "zzz", reverse: true });
    },
  },
  {
    id: "list/limit",
    rule: "limit returns the first of the matches.",
    async run(context) {
      const owner = await fill(context, ["a", "b/1", "b/2", "b/3", "c"]);
      await lists(context, owner, "b/", ["b/1"], { limit: 1 });
      await lists(context, owner, "b/", ["b/1", "b/2", "b/3"], { limit: 3 });
      await lists(context, owner, "b/", ["b/1", "b/2", "b/3"], { limit: 10_000 });
      await lists(context, owner, "", ["b/2", "b/3"], { after: "b/1", limit: 2 });
    },
  },
  {
    id: "list/reverse",
    rule: "reverse turns the order around; after, before and limit mean the same kinds, the limit counted from the end.",
    async run(context) {
      const owner = await fill(context, ["a", "b/1", "b/2", "b/3", "c"]);
      await lists(context, owner, "", ["c", "b/3", "b/2", "b/1", "a"], { reverse: true });
      await lists(context, owner, "b/", ["b/3", "b/2"], { reverse: true, limit: 2 });
      await lists(context, owner, "", ["b/3", "b/2"], { reverse: true, after: "b/1", before: "c" });
      await lists(context, owner, "", ["b/3"], { reverse: true, after: "b/1", before: "c", limit: 1 });
      await lists(context, owner, "b/", ["b/1", "b/2"], { reverse: false, limit: 2 });
    },
  },
  {
    id: "list/every-match",
    rule: "Without a limit list returns every match, however many there are.",
    async run({ store, identity, record }) {
      const owner = identity();
      const kinds = numberedKinds(1_280);
      await saveMany(
        store,
        kinds.map((kind) => record(owner, kind)),
      );
      const listed = await store.list(owner, "kind/");
      assert.deepEqual(
        listed.map(({ kind }) => kind),
        kinds,
        "1,280 kinds",
      );
      const reversed = await store.list(owner, "kind/", { reverse: true });
      assert.deepEqual(
        reversed.map(({ kind }) => kind),
        kinds.toReversed(),
        "1,280 kinds in reverse",
      );
    },
  },
  {
    id: "list/more-than-ten-thousand",
    rule: "Without a limit list, count and erase take every match, however many there are, and so does a scan.",
    scans: "tenant",
    async run({ store, identity, record }) {
      const owner = identity();
      const kinds = numberedKinds(10_001);
      // Another's data beside one of them is enough.
      const first = record(owner, "kind/00000");
      for (let start = 0; start < kinds.length; start += 4_000)
        await store.commit(
          kinds
            .slice(start, start + 4_000)
            .map((kind) => ({ op: "save", record: { ...first, kind, eventId: newEventId() } })),
        );
      const headers = await store.list(owner, "", { bytes: false });
      assert.equal(headers.length, kinds.length, "records in the list");
      assert.equal(headers.at(-1)?.kind, kinds.at(-1), "the last record of the list");
      assert.equal(await store.count(owner, "kind/"), kinds.length, "records counted");
      const last = kinds.at(-1) as string;
      assert.equal((await store.list(owner, last, { bytes: false })).length, 1, "a prefix behind all others");
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      assert.equal((await store.listKind(scope, last, { bytes: false })).length, 1, "the same of a scan");
      const scanned = await store.listKind(scope, "kind/", { bytes: false });
      assert.equal(scanned.length, kinds.length, "records in a scan");
      assert.equal(await store.erase(owner), kinds.length, "records erased");
    },
  },
  {
    id: "list/one-snapshot",
    rule: "A list is of one moment, however long it is: of a commit that comes meanwhile it shows all or nothing.",
    async run({ store, identity, record }) {
      const owner = identity();
      const kinds = numberedKinds(1_280);
      await saveMany(
        store,
        kinds.map((kind) => record(owner, kind)),
      );
      const everywhere = kinds.filter((_, index) => index % 128 === 0 || index === kinds.length - 1);
      let lists = 0;
      const writing = (async () => {
        for (let version = 1; lists < 6; version++)
          await store.commit(
            everywhere.map((kind) => ({ op: "save", record: record(owner, kind, { version }) })),
          );
      })();
      try {
        for (; lists < 6; lists++) {
          const listed = await store.list(owner, "kind/", { reverse: lists % 2 === 1 });
          const found = listed.filter(({ kind }) => everywhere.includes(kind));
          const versions = [...new Set(found.map(({ version }) => version))];
          assert.deepEqual(
            [listed.length, versions.length],
            [kinds.length, 1],
            "records, and versions of one commit",
          );
        }
      } finally {
        lists = 6;
        await writing;
      }
    },
  },
  {
    id: "list/every-byte",
    rule: "list returns every match also when the payloads together are large.",
    async run({ store, identity, record }) {
      const owner = identity();
      const bytes = new Uint8Array(900 * 1024).fill(3);
      for (let index = 0; index < 12; index++) {
        await store.save(record(owner, `kind/${String(index).padStart(2, "0")}`, { bytes }));
      }
      const listed = await store.list(owner, "kind/");
      assert.equal(listed.length, 12, "12 records of 900 KiB");
      assert.ok(
        listed.every((each) => each.bytes.length === bytes.length),
        "each of them whole",
      );
    },
  },
];

async function fill({ store, identity, record }: CaseContext, kinds: readonly string[]): Promise<Identity> {
  const owner = identity();
  // Against the order, so that none comes from the order of writing.
  const changes = kinds.toReversed().map((kind) => ({ op: "save" as const, record: record(owner, kind) }));
  await store.commit(changes);
  return owner;
}

async function lists(
  { store }: CaseContext,
  owner: Identity,
  prefix: string,
  expected: readonly string[],
  options: ListOptions = {},
): Promise<void> {
  const kinds = (await store.list(owner, prefix, options)).map(({ kind }) => kind);
  assert.deepEqual(
    kinds,
    expected,
    `list of prefix ${JSON.stringify(prefix)} with ${JSON.stringify(options)}`,
  );
}
