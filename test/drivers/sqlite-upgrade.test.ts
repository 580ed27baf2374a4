import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { eventKey, storedFingerprint } from "../../drivers/sqlite/event-key.js";
import type { Commit, StoredRecord } from "../../src/contract/driver.js";
import { IDENTITY } from "../store/store-rig.js";
import { failure, freshPath, open, plainConnection, rememberedIds, save } from "./sqlite-rig.js";

const NOW = 1_800_000_000_000;
const WINDOW = 86_400_000;

/** What an earlier version has saved, in this order: the tenant, the kind and the event id of each. */
const SAVED = [
  ["acme", "overwritten", "01KDVAE0000123456789ABCDEF"],
  ["acme", "overwritten", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"],
  ["acme", "lowest", "00000000000000000000000000"],
  ["acme", "highest character", "0HJKMNPQRSTVWXYZ0123456789"],
  ["acme", "lower case", "01kdvae0000123456789abcdef"],
  ["acme", "no ULID", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ"],
  ["acme", "with an I", "01KDVAE000I123456789ABCDEF"],
  ["acme", "short", "e"],
  ["acme", "umlauts", "größe/ß"],
  ["acme", "long", `${"long ".repeat(25)}123`],
  ["acme", "deleted", "01KDVAE0000000000000000001"],
  ["acme", "erased", "01KDVAE0000000000000000002"],
  ["Zürich", "same id elsewhere", "01KDVAE0000123456789ABCDEF"],
] as const;

type Saved = (typeof SAVED)[number];

/** A database as that version has left it. */
function released(version: number): string {
  const path = freshPath();
  const sql = readFileSync(new URL(`released/sqlite-version-${version}.sql`, import.meta.url), "utf8");
  new Database(path).exec(sql).close();
  return path;
}

function again([tenant, kind, eventId]: Saved, fields: Partial<StoredRecord> = {}): Commit {
  const fingerprint = createHash("sha256").update(eventId).digest("base64url");
  const session = kind === "erased" ? "s2" : "s1";
  return save({ tenant, session, kind, eventId, version: 1, fingerprint, ...fields });
}

test.each([1, 2])("a database of version %i is migrated, and what was seen stays seen", async (version) => {
  const path = released(version);
  const driver = await open({ path, thread: "inline" });
  expect(await driver.status()).toMatchObject({ schemaVersion: 3, pendingMigrations: [] });
  expect(rememberedIds(plainConnection(path))).toEqual(SAVED.map(([, , eventId]) => eventId));

  const later = { now: NOW + WINDOW - 1, window: WINDOW };
  for (const saved of SAVED) {
    expect([saved, await driver.apply([again(saved)], later)]).toEqual([saved, [{ is: "duplicate" }]]);
    const other = again(saved, { fingerprint: createHash("sha256").update("other").digest("base64url") });
    const outcome = saved[1] === "erased" ? { is: "duplicate" } : { is: "conflict", write: 0 };
    expect([saved, await driver.apply([other], later)]).toEqual([saved, [outcome]]);
  }
  // Another tenant has not seen any of them.
  const [first] = SAVED;
  expect(await driver.apply([again(first, { tenant: "initech" })], later)).toEqual([
    { is: "applied", existed: [false] },
  ]);
});

test("what is current in a migrated database is found by its event id, and what is not is forgotten", async () => {
  const path = released(2);
  const driver = await open({ path, thread: "inline" });
  const found = async (eventId: string) => (await driver.readByEventId(IDENTITY, eventId))?.kind;
  expect(await found("größe/ß")).toBe("umlauts");
  expect(await found("0HJKMNPQRSTVWXYZ0123456789")).toBe("highest character");
  expect(await found("01KDVAE0000123456789ABCDEF")).toBeUndefined();

  const batch = Array.from({ length: 20 }, (_, index) => save({ kind: "new", eventId: `new ${index}` }));
  await driver.apply(batch, { now: NOW + WINDOW, window: WINDOW });
  const left = rememberedIds(plainConnection(path));
  const gone = SAVED.filter(([, , eventId]) => !left.includes(eventId)).map(([, kind]) => kind);
  // The id of the overwritten record is current in another tenant.
  expect(gone).toEqual(["deleted", "erased"]);
  expect(left.filter((eventId) => eventId === "01KDVAE0000123456789ABCDEF").length).toBe(1);
});

test("the migration writes keys and fingerprints as the driver does", async () => {
  const path = released(2);
  const table = plainConnection(path);
  const before = table.prepare("SELECT event_id, fingerprint FROM event ORDER BY id").raw().all() as [
    string,
    string | null,
  ][];
  // Fingerprints of every character, at every place that is kept.
  const ids = Array.from({ length: 64 }, (_, index) => `text ${index}`);
  const odd = ["", "short", "+".repeat(43), "ü".repeat(43), "A".repeat(44)];
  const fingerprints = [...ids.map((id) => createHash("sha256").update(id).digest("base64url")), ...odd];
  const add = table.prepare("INSERT INTO event VALUES (NULL, 'many', ?, 1, ?, 0, 0)");
  for (const [index, fingerprint] of fingerprints.entries()) add.run(`many ${index}`, fingerprint);
  // A number of a tenant that takes three bytes in the queue.
  table.exec(`
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 17000)
    INSERT INTO event SELECT NULL, 'tenant ' || i, 'of ' || i, 1, NULL, 0, 0 FROM n`);
  await open({ path, thread: "inline" });

  const stored = table.prepare("SELECT fingerprint FROM seen WHERE event_id = ? LIMIT 1").pluck();
  const expected = [...before, ...fingerprints.map((each, index) => [`many ${index}`, each] as const)];
  for (const [eventId, fingerprint] of expected) {
    const value = fingerprint === null ? null : storedFingerprint(fingerprint);
    expect([eventId, stored.get(eventKey(eventId))]).toEqual([eventId, value]);
  }
  expect(rememberedIds(table).slice(-17_000)).toEqual(
    Array.from({ length: 17_000 }, (_, index) => `of ${index + 1}`),
  );
});

test("a process of an earlier version cannot go on: each of its writes reads a table that says why not", async () => {
  const path = released(2);
  const before = plainConnection(path);
  const statements = [
    "SELECT lined_up_at FROM event ORDER BY id DESC LIMIT 1",
    "SELECT event.fingerprint FROM event WHERE event.tenant = 'acme' AND event.event_id = 'e'",
  ].map((sql) => before.prepare(sql));
  for (const statement of statements) statement.get();
  await open({ path, thread: "inline" });
  for (const statement of statements) expect(() => statement.get()).toThrow(/schema version 3: upgrade/);
  expect(() => before.prepare("INSERT INTO event DEFAULT VALUES")).toThrow();
});

test("a process of an earlier version that reads takes no erase by prefix for one of the session", async () => {
  const path = released(2);
  const last = plainConnection(path)
    .prepare("SELECT last FROM erasure WHERE tenant = 'acme' AND user = 'ann' AND session = ?")
    .pluck();
  const driver = await open({ path, thread: "inline" });
  const many = ["s1", "s2"].flatMap((session) =>
    Array.from({ length: 1_100 }, (_, n) => save({ session, kind: `k${n}`, eventId: `${session}/${n}` })),
  );
  await driver.apply(many, { now: NOW, window: WINDOW });
  expect(last.get("s1")).toBeUndefined();
  const names = { tenant: "acme", user: "ann" };
  const slots = { ...names, session: "s1", run: "", prefix: "k" };
  const erased = await driver.apply(
    [
      { tenant: "acme", writes: [{ op: "erase", slots }] },
      { tenant: "acme", writes: [{ op: "erase", session: { ...names, session: "s2" } }] },
    ],
    { now: NOW, window: WINDOW },
  );
  expect(erased).toMatchObject([{ remains: true }, { remains: true }]);
  expect(() => last.get("s1")).toThrow(/schema version 3: upgrade/);
  expect(last.get("s2")).toBeGreaterThan(0);
});

test("the memory of an event takes at most 80 bytes", async () => {
  const path = freshPath();
  const driver = await open({ path, durability: "process", thread: "inline" });
  const { newEventId } = await import("../../src/index.js");
  const saves = 64 * 200;
  for (let done = 0; done < saves; done += 64) {
    const batch = Array.from({ length: 64 }, (_, index) =>
      save({ kind: `kind ${index}`, eventId: newEventId() }),
    );
    await driver.apply(batch, { now: Date.now(), window: WINDOW });
  }
  const bytes = plainConnection(path)
    .prepare("SELECT sum(pgsize) FROM dbstat WHERE name IN ('seen', 'expiry', 'tenant')")
    .pluck()
    .get() as number;
  expect(bytes / saves).toBeLessThanOrEqual(80);
});

test("a newer process that migrates the file ends the writes of this one", async () => {
  const path = freshPath();
  const driver = await open({ path });
  const times = { now: NOW, window: WINDOW };
  await driver.apply([save()], times);
  plainConnection(path).pragma("user_version = 99");
  const error = await failure(driver.apply([save()], times));
  expect(error).toMatchObject({ code: "SCHEMA_TOO_NEW", details: { found: 99, supported: 3 } });
});
