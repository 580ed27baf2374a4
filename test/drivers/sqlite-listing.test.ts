import { closeSync, openSync, writeSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import type { Connection } from "../../drivers/sqlite/connection.js";
import { countSteps, prepareCount } from "../../drivers/sqlite/count.js";
import { LongLists } from "../../drivers/sqlite/long-lists.js";
import type { Steps } from "../../src/timing/in-slices.js";
import { commit, existingPath, failure, open, plainConnection, record, SLOT } from "./sqlite-rig.js";

const { kind: _, ...OWNER } = SLOT;
const LIMIT = Number.MAX_SAFE_INTEGER;
const COUNT = { identity: OWNER, prefix: "", limit: LIMIT };
const LIST = { identity: OWNER, prefix: "", limit: LIMIT, maxBytes: LIMIT, reverse: false };
/** Several pieces of a count. */
const MANY = 30_000;

const FILL = `
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
INSERT INTO record (tenant, user, session, run, kind, event_id, fingerprint, version, updated_at, bytes)
SELECT '${OWNER.tenant}', '${OWNER.user}', '${OWNER.session}', '', printf('kind/%06d', i), 'e/' || i, 'f', 0, 1, x'00' FROM n`;
const MOVE = "UPDATE record SET kind = ? WHERE kind = ?";

test("a long count is in pieces, all of one snapshot, while others write", async () => {
  const path = await existingPath();
  const other = plainConnection(path);
  other.prepare(FILL).run(MANY);
  const lists = new LongLists(() => plainConnection(path) as Connection);
  onTestFinished(() => lists.close());
  let moves = 0;
  function* counted(connection: Connection): Steps<number> {
    const steps = countSteps(prepareCount(connection), COUNT);
    for (;;) {
      const { done, value } = steps.next();
      if (done) return value;
      // From what is counted to what is not: without a snapshot it would be counted twice.
      other.prepare(MOVE).run(`kind/9${++moves}`, `kind/${String(moves).padStart(6, "0")}`);
      yield;
    }
  }
  expect(await lists.read(counted, {})).toBe(MANY);
  expect(moves).toBeGreaterThan(2);
  const driver = await open({ path, thread: "inline" });
  expect(await driver.count?.(COUNT)).toBe(MANY);
  expect(await driver.count?.({ ...COUNT, limit: MANY - 1 })).toBe(MANY - 1);
  expect(await driver.count?.({ ...COUNT, prefix: "kind/9" })).toBe(moves);
});

test("a count goes on past a kind whose text is damaged", async () => {
  const path = await existingPath();
  const other = plainConnection(path);
  other.prepare(FILL).run(MANY);
  // Decoded, each would be another text, which sorts before it.
  other
    .prepare(
      `UPDATE record SET kind = CAST(x'6b696e642fff' || CAST(printf('%06d', id) AS BLOB) AS TEXT)
       WHERE kind > 'kind/009000'`,
    )
    .run();
  const driver = await open({ path, thread: "inline" });
  expect(await driver.count?.(COUNT)).toBe(MANY);
});

test("a list without payloads, and a count, read no page that only a payload takes", async () => {
  const path = await existingPath();
  const driver = await open({ path, thread: "inline" });
  const kinds = ["a", "b", "c"];
  const saves = kinds.map((kind) => ({
    op: "save" as const,
    record: record({ kind, bytes: new Uint8Array(100_000).fill(7) }),
  }));
  await driver.apply([commit(...saves)], { now: 1, window: 1 });
  await driver.close();
  const other = plainConnection(path);
  other.pragma("wal_checkpoint(TRUNCATE)");
  const pages = other
    .prepare("SELECT pageno FROM dbstat WHERE name = 'record' AND pagetype = 'overflow'")
    .pluck()
    .all() as number[];
  const size = other.pragma("page_size", { simple: true }) as number;
  other.close();
  expect(pages.length).toBeGreaterThan(3 * 20);
  const file = openSync(path, "r+");
  for (const page of pages) writeSync(file, Buffer.alloc(size, 0xff), 0, size, (page - 1) * size);
  closeSync(file);

  const damaged = await open({ path, thread: "inline" });
  const listed = await damaged.scan({ ...LIST, bytes: false });
  expect(listed.records.map(({ kind, bytes }) => [kind, bytes.length])).toEqual(
    kinds.map((kind) => [kind, 0]),
  );
  const { identity: _, ...everywhere } = LIST;
  const scanned = await damaged.scan({ ...everywhere, tenant: OWNER.tenant, bytes: false });
  expect(scanned.records).toHaveLength(3);
  expect(await damaged.count?.(COUNT)).toBe(3);
  // With the payloads, the damage shows.
  expect(await failure(damaged.scan(LIST))).toMatchObject({ code: "CORRUPT" });
});
