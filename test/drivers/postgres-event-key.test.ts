import { expect, test } from "vitest";
import { arrayLiteral } from "../../drivers/postgres/batch.js";
import { eventIdOf, eventKey } from "../../drivers/postgres/event-key.js";
import { newEventId } from "../../src/process/event-id.js";
import { migratedDatabase, plainClient } from "./postgres-rig.js";

const ULID = "01JQZX4T9M0000000000100000";

/** Ids that are no ULID, however near; some have as many bytes as the key of one. */
const OTHERS = [
  ...["e", "e1", "\u{1F600}", "\u0001", "x".repeat(20), "x".repeat(19), "x".repeat(26), "x".repeat(128)],
  ...[
    ULID.slice(1),
    `${ULID}0`,
    ULID.toLowerCase(),
    ULID.replace("1", "I"),
    ULID.replace("1", "U"),
    `${ULID.slice(1)}é`,
  ],
  ...["é".repeat(13), "A".repeat(19), `${"A".repeat(19)}\u0001`, "=".repeat(26), "+".repeat(26)],
];

test("every event id has a key of its own, from which it can be told, and those of ULIDs are short and in order", async () => {
  const sql = plainClient(await migratedDatabase());
  const ulids = [
    ULID,
    "0".repeat(26),
    "7ZZZZZZZZZZZZZZZZZZZZZZZZZ",
    "Z".repeat(26),
    ...Array.from({ length: 200 }, newEventId),
  ];
  const ids = [...ulids, ...OTHERS];
  const rows = await sql.unsafe(
    `SELECT id, encode(key, 'hex') AS key, ${eventIdOf("key")} AS told
     FROM (SELECT id, ${eventKey("id")} AS key FROM unnest($1::text[]) AS x (id)) AS keys`,
    [arrayLiteral(ids)],
  );
  const keys = new Map(rows.map(({ id, key, told }) => [id as string, { key: key as string, told }]));
  expect(keys.size).toBe(new Set(ids).size);
  for (const [id, { told }] of keys) expect(told).toBe(id);
  expect(new Set([...keys.values()].map(({ key }) => key)).size).toBe(keys.size);
  const keyOf = (id: string) => keys.get(id)?.key as string;
  for (const id of ulids) expect(keyOf(id)).toHaveLength(40);
  const sorted = ulids.toSorted();
  expect(sorted.map(keyOf)).toEqual(sorted.map(keyOf).toSorted());
});

test("an id that is no ULID has its key as a parameter too, whose value the planner knows", async () => {
  const sql = plainClient(await migratedDatabase());
  for (const id of ["no base64: _", "0123456789ABCDEFGHJKMNPQR_", newEventId()]) {
    // Like the driver's lone reads: the first runs of a statement have plans of their own.
    const [row] = await sql.unsafe(
      `SELECT ${eventIdOf("key")} AS id FROM (SELECT ${eventKey("$1::text")} AS key) AS k`,
      [id],
    );
    expect(row?.id).toBe(id);
  }
});
