import assert from "node:assert/strict";
import {
  type Identity,
  type ListOptions,
  maintenanceScope,
  type NewRecord,
  type RecordHeader,
  scanKind,
} from "../../src/index.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds, saveMany } from "../harness/save-many.js";

export const listHeaderCases: readonly ConformanceCase[] = [
  {
    id: "list-headers/without-payloads",
    rule: "With `bytes: false` a list returns each record whole but for its payload, and without that option with it.",
    scans: "tenant",
    async run(context) {
      const { store } = context;
      const { owner, saved, scope } = await fill(context);
      const kinds = saved.map(({ kind }) => kind);
      assertHeaders(await store.list(owner, "kind/", { bytes: false }), saved, "list");
      assertHeaders(await store.listKind(scope, "kind/", { bytes: false }), saved, "listKind");
      const scanned: RecordHeader[] = [];
      for await (const each of scanKind(store, scope, "kind/", { bytes: false, pageSize: 2 }))
        scanned.push(each);
      assertHeaders(scanned, saved, "scanKind");
      const options = [{}, { bytes: true }] as const;
      for (const given of options) {
        const listed = [
          ...(await store.list(owner, "kind/", given)),
          ...(await store.listKind(scope, "kind/", given)),
        ];
        for (const [index, { bytes }] of listed.entries())
          assert.deepEqual(
            bytes,
            saved[index % kinds.length]?.bytes,
            `the payload with ${JSON.stringify(given)}`,
          );
      }
    },
  },
  {
    id: "list-headers/same-records",
    rule: "With `bytes: false` a list returns the same records in the same order as without it, whatever its bounds.",
    async run(context) {
      const { store } = context;
      const { owner } = await fill(context);
      for (const options of [
        { limit: 2 },
        { reverse: true, limit: 2 },
        { after: "kind/1" },
        { from: "kind/1", before: "kind/3" },
        { reverse: true, from: "kind/1", before: "kind/3" },
      ] satisfies ListOptions[]) {
        const whole = await store.list(owner, "kind/", options);
        const headers = await store.list(owner, "kind/", { ...options, bytes: false });
        assert.deepEqual(
          headers.map(({ kind }) => kind),
          whole.map(({ kind }) => kind),
          JSON.stringify(options),
        );
      }
    },
  },
  {
    id: "list-headers/large-payloads",
    rule: "With `bytes: false` payloads do not count: a list and a scan of large records go on to the last one.",
    scans: "tenant",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const bytes = new Uint8Array(900 * 1024).fill(3);
      const saved = numberedKinds(12).map((kind) => record(owner, kind, { bytes }));
      await saveMany(store, saved);
      const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
      assert.equal((await store.list(owner, "kind/", { bytes: false })).length, 12, "list");
      assert.equal((await store.listKind(scope, "kind/", { bytes: false })).length, 12, "listKind");
      const limited = await store.listKind(scope, "kind/", { bytes: false, limit: 11 });
      assert.equal(limited.length, 11, "listKind with a limit");
    },
  },
];

/** A session and a run of it, the session with a few records. */
async function fill({ store, identity, record, payload }: CaseContext) {
  const owner = identity();
  const saved = [0, 1, 2, 3].map((version) =>
    record(owner, `kind/${version}`, {
      version,
      bytes: payload(version * 3_000),
      updatedAt: new Date(1_000 + version),
    }),
  );
  for (const each of saved) await store.save(each);
  await store.save(record({ ...owner, run: "run" }, "other/1"));
  return { owner, saved, scope: maintenanceScope({ reason: "conformance", tenant: owner.tenant }) };
}

function assertHeaders(listed: readonly RecordHeader[], saved: readonly NewRecord[], what: string): void {
  const expected = saved.map(({ eventId, identity, kind, version, updatedAt }) => ({
    ...{ eventId, identity: { ...(identity as Identity) }, kind, version, updatedAt },
  }));
  assert.deepEqual(
    listed.map((header) => ({ ...header, identity: { ...header.identity } })),
    expected,
    `what ${what} returns without payloads`,
  );
}
