import assert from "node:assert/strict";
import { type Change, type Identity, maintenanceScope, type StateStore } from "../../src/index.js";
import { assertDuplicate, refused } from "../assertions/expect.js";
import type { CaseContext, ConformanceCase } from "../harness/case.js";
import { numberedKinds } from "../harness/save-many.js";

/** 11 MiB in so many changes: more than databases take in one transaction (4 MB, 10 MB), and well under what a commit may hold. */
const MANY = 256;
const SIZE = 44 * 1024;

export const largeCommitCases: readonly ConformanceCase[] = [
  {
    id: "large-commit/one-step",
    rule: "A commit of 11 MiB in 256 records, and their erase, is one step: another store sees all of them or none.",
    needs: "durable",
    scans: "tenant",
    async run(context) {
      const { store, identity } = context;
      const reader = await context.open();
      const owner = identity();
      const changes = savesOf(context, owner);
      await wholeBeside(reader, owner, store.commit(changes));
      assertDuplicate(await store.commit(changes), "a retry of the commit");
      const listed = await reader.list(owner, "");
      assert.equal(listed.length, MANY, "records in a list of 11 MiB");
      for (const { bytes, kind } of listed) assert.equal(bytes.byteLength, SIZE, `bytes of ${kind}`);
      const count = await wholeBeside(reader, owner, store.erase(owner));
      assert.equal(count, MANY, "how many records were erased");
    },
  },
  {
    id: "large-commit/refused-whole",
    rule: "Of a commit of 11 MiB whose last change is refused nothing is written, and its event ids stay unseen.",
    async run(context) {
      const { store, identity, record } = context;
      const owner = identity();
      const changes = savesOf(context, owner);
      const check: Change = { op: "check", identity: owner, kind: "none", expect: "another" };
      await refused("CONDITION_FAILED", "a commit of 11 MiB and a check that fails", () =>
        store.commit([...changes, check]),
      );
      assert.equal(await store.count(owner, ""), 0, "a refused commit must write nothing");
      for (const change of [changes[0], changes.at(-1)]) {
        if (change?.op !== "save") throw new TypeError("the changes are saves");
        const { eventId, kind } = change.record;
        const receipt = await store.save(record(owner, kind, { eventId }));
        assert.equal(receipt.duplicate, false, `the event id of ${kind} after the commit was refused`);
      }
    },
  },
];

/** Saves in so many slots of one identity, which hold 11 MiB together. */
function savesOf({ record, payload }: CaseContext, owner: Identity): Change[] {
  const bytes = new Uint8Array(SIZE).fill(7);
  bytes.set(payload(64), SIZE - 64);
  return numberedKinds(MANY).map((kind) => ({ op: "save", record: record(owner, kind, { bytes }) }));
}

/** Looks from another store until the write is over: each list, scan and count has all of the records, or none. */
async function wholeBeside<T>(reader: StateStore, owner: Identity, write: Promise<T>): Promise<T> {
  let isOver = false;
  const written = write.finally(() => {
    isOver = true;
  });
  const scope = maintenanceScope({ reason: "conformance", tenant: owner.tenant });
  const whole = (count: number, what: string) =>
    assert.ok(count === 0 || count === MANY, `${what} beside the write has ${count} of ${MANY} records`);
  try {
    do {
      whole((await reader.list(owner, "", { bytes: false, limit: 2 * MANY })).length, "a list");
      whole(await reader.count(owner, ""), "a count");
      whole((await reader.listKind(scope, "kind/", { bytes: false, limit: 2 * MANY })).length, "a scan");
    } while (!isOver);
  } finally {
    await written;
  }
  return written;
}
