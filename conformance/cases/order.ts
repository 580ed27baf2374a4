import assert from "node:assert/strict";
import { maintenanceScope, type NewRecord } from "../../src/index.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";

/** In ascending order of UTF-8 bytes, which UTF-16 units, a locale or a folded case would order otherwise. */
const ASCENDING = [
  ...[
    "\u0001",
    "\t",
    " ",
    "!",
    "%",
    "-",
    "/",
    "0",
    "00",
    "1",
    "10",
    "2",
    "9",
    ":",
    "A",
    "A/",
    "B",
    "Z",
    "_",
    "a",
  ],
  ...[
    "a ",
    "a!",
    "a/",
    "a/b",
    "a0",
    "aa",
    "b",
    "z",
    "\u007f",
    "\u0080",
    "\u00c9",
    "\u00df",
    "\u00e9",
    "\u0131",
  ],
  ...["\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufeff", "\uffff", "\u{10000}", "\u{1f600}", "\u{10ffff}"],
];

export const orderCases: readonly ConformanceCase[] = [
  {
    id: "order/kinds",
    rule: "Kinds are in the order of their UTF-8 bytes, astral characters behind U+E000 to U+FFFF.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      await save(
        context,
        ASCENDING.map((kind) => record(owner, kind)),
      );
      const kinds = (await store.list(owner, "")).map(({ kind }) => kind);
      assert.deepEqual(kinds, ASCENDING, "kinds in a list");
    },
  },
  {
    id: "order/bounds",
    rule: "after and before follow the same order.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      await save(
        context,
        ASCENDING.map((kind) => record(owner, kind)),
      );
      for (const [index, bound] of ASCENDING.entries()) {
        const after = (await store.list(owner, "", { after: bound, limit: 2 })).map(({ kind }) => kind);
        assert.deepEqual(after, ASCENDING.slice(index + 1, index + 3), `after ${JSON.stringify(bound)}`);
        const before = (await store.list(owner, "", { before: bound, limit: 2, reverse: true })).map(
          ({ kind }) => kind,
        );
        const expected = ASCENDING.slice(Math.max(0, index - 2), index).toReversed();
        assert.deepEqual(before, expected, `before ${JSON.stringify(bound)}, in reverse`);
      }
    },
  },
  {
    id: "order/across-identities",
    rule: "A scan across identities is in the order of tenant, kind, user, session and run, each by UTF-8 bytes.",
    scans: "store",
    async run(context) {
      const { store, unique, record } = context;
      const [prefix, start] = [unique(), unique()];
      const expected: NewRecord[] = [];
      for (const end of ["A", "a", "\uffff", "\u{10000}"]) {
        for (const kind of ["1", "10", "2", "\ue000", "\u{1f600}"]) {
          for (const user of ["B", "a", "\ue000", "\u{1f600}"]) {
            for (const session of ["\ue000", "\u{1f600}"]) {
              for (const run of ["", "a", "\uffff", "\u{10000}"]) {
                const owner = { tenant: start + end, user, session, ...(run === "" ? {} : { run }) };
                expected.push(record(owner, `${prefix}/${kind}`));
              }
            }
          }
        }
      }
      await save(context, expected);
      const scope = maintenanceScope({ reason: "conformance", allTenants: true });
      assert.deepEqual(
        (await store.listKind(scope, prefix)).map(({ eventId }) => eventId),
        expected.map(({ eventId }) => eventId),
        "records of four tenants in order",
      );
    },
  },
];

/** Saves against the order, so that none comes from the order of writing. */
async function save({ store }: CaseContext, records: readonly NewRecord[]): Promise<void> {
  await Promise.all(records.toReversed().map((record) => store.save(record)));
}
