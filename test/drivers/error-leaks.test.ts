import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { type AnyStateError, isStateError } from "../../src/contract/errors.js";
import type { NewRecord, StateStore } from "../../src/contract/store.js";
import { newEventId } from "../../src/process/event-id.js";
import { openStore } from "../../src/store/registry.js";
import { Collection, json, TypedSlot } from "../../src/typed/index.js";
import { migratedDatabase, plainClient, SECRETS } from "./postgres-rig.js";

const PAYLOAD = SECRETS.payload;
const KEY = SECRETS.key;
const IDENTITY = { tenant: "acme", user: `user-${KEY}`, session: "s1" };

/** Provokes errors one after another, and finds any that shows stored or requested data. */
class Search {
  readonly codes: string[] = [];
  readonly leaks: string[] = [];

  async provoke(what: string, call: () => unknown): Promise<void> {
    try {
      await call();
    } catch (error) {
      if (!isStateError(error)) throw error;
      this.codes.push(error.code);
      for (const secret of Object.values(SECRETS)) {
        if (shown(error).some((text) => formsOf(secret).some((form) => text.includes(form)))) {
          this.leaks.push(`${what}: ${secret} in ${error.code}`);
        }
      }
      return;
    }
    throw new Error(`nothing was thrown: ${what}`);
  }
}

/** The complete chain of causes, with hidden properties. Left out is the record's slot in `details`, which is part of the contract. */
function shown(error: AnyStateError): string[] {
  const texts: string[] = [];
  for (let at: unknown = error; at !== undefined; at = (at as Error).cause) {
    const { details, cause: _, ...own } = at as Error & { details?: Record<string, unknown> };
    const { identity: _i, kind: _k, at: _a, current: _c, ...told } = details ?? {};
    texts.push(
      String(at),
      String((at as Error).stack),
      inspect([own, told], { depth: 20, showHidden: true }),
    );
    if (!isStateError(at)) texts.push(inspect(at, { depth: 20, showHidden: true }), JSON.stringify(at));
  }
  return texts;
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [secret, bytes.toString("hex"), bytes.toString("base64").replace(/=*$/, ""), [...bytes].join(", ")];
}

function record(fields: Partial<NewRecord> = {}): NewRecord {
  return { eventId: newEventId(), identity: IDENTITY, kind: KEY, bytes: Buffer.from(PAYLOAD), ...fields };
}

/** Calls that every driver's store refuses. */
async function provokeAll(search: Search, store: StateStore): Promise<void> {
  await store.save(record({ eventId: `event-${KEY}` }));
  const calls: Record<string, () => unknown> = {
    "a condition": () => store.save(record(), { expect: null }),
    "a condition with a key": () => store.save(record(), { expect: `${KEY}-2` }),
    "a conflict": () => store.save(record({ eventId: `event-${KEY}`, bytes: Buffer.from(`${PAYLOAD}2`) })),
    "a commit": () => store.commit([{ op: "check", identity: IDENTITY, kind: KEY, expect: null }]),
    nothing: () => store.load(IDENTITY, `${KEY}-3`),
    "an unknown id": () => store.loadByEventId(IDENTITY, `${KEY}-3`),
    "a payload too large": () => store.save(record({ bytes: Buffer.alloc(2 ** 20 + 1, PAYLOAD) })),
    "text for bytes": () => store.save(record({ bytes: PAYLOAD as never })),
    "a NUL": () => store.save(record({ kind: `${KEY}\0` })),
    "an id too long": () => store.save(record({ eventId: KEY.repeat(20) })),
    "text for a version": () => store.save(record({ version: PAYLOAD as never })),
    "text for a time": () => store.save(record({ updatedAt: PAYLOAD as never })),
    "an unknown option": () => store.save(record(), { [KEY]: 1 } as never),
    "an unknown part of an identity": () => store.find({ ...IDENTITY, [KEY]: PAYLOAD } as never, "k"),
    "a reserved name": () => store.find({ ...IDENTITY, user: `~${KEY}` }, "k"),
  };
  for (const [what, call] of Object.entries(calls)) await search.provoke(what, call);
  await provokeTyped(search, store);
}

/** An error that quotes its input, as some libraries' errors do. */
const quoting = {
  "~standard": {
    version: 1,
    vendor: "test",
    validate: (value: unknown) => ({ issues: [{ message: `not ${JSON.stringify(value)}`, path: [KEY] }] }),
  },
} as const;

async function provokeTyped(search: Search, store: StateStore): Promise<void> {
  const at = { ...IDENTITY, session: "typed" };
  const put = (text: string) =>
    store.save({ eventId: newEventId(), identity: at, kind: "slot", bytes: Buffer.from(text) });
  const read = (codec?: ReturnType<typeof json<unknown>>) =>
    new TypedSlot<unknown>(store, "slot", codec === undefined ? {} : { codec }).get(at);
  const upgrade = (old: unknown) => {
    throw new TypeError(`cannot read ${JSON.stringify(old)}\n    at ${PAYLOAD}`);
  };
  const throwing = json<unknown>({ version: 1, upgrades: { 0: upgrade } });
  await put(JSON.stringify({ secret: PAYLOAD }));
  await search.provoke("a schema, on read", () => read(json({ schema: quoting as never })));
  await search.provoke("an upgrade", () => read(throwing));
  await put(`{ "secret": ${PAYLOAD}`);
  await search.provoke("no JSON", () => read());
  await search.provoke("a schema, on write", () =>
    new TypedSlot<unknown>(store, "slot", { codec: json({ schema: quoting as never }) }).set(at, PAYLOAD),
  );
  await search.provoke("no JSON, on write", () =>
    new Collection<unknown>(store, "c").put(at, KEY, { [`${PAYLOAD}!`]: [new Date(), PAYLOAD] }),
  );
}

test("on memory", async () => {
  const search = new Search();
  const store = await openStore("memory:");
  await provokeAll(search, store);
  await store.close();
  await search.provoke("closed", () => store.save(record()));
  expect(search.leaks).toEqual([]);
  expect(search.codes).toEqual(expect.arrayContaining(EVERYWHERE));
});

test.each(["worker", "inline"] as const)("on SQLite, %s", async (thread) => {
  const search = new Search();
  const folder = mkdtempSync(join(tmpdir(), "gs-leaks-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "state.db");
  const store = await openStore({ driver: "sqlite", path, thread, busyTimeoutMs: 50 });
  await provokeAll(search, store);
  const db = new Database(path);
  onTestFinished(() => {
    db.close();
  });
  db.exec(`CREATE TRIGGER no BEFORE INSERT ON record WHEN new.kind = 'z'
    BEGIN SELECT RAISE(ABORT, 'no'); END`);
  await search.provoke("a trigger", () => store.save(record({ kind: "z" })));
  db.exec("DROP TRIGGER no; BEGIN IMMEDIATE");
  await search.provoke("a lock", () => store.save(record({ kind: "locked" })));
  db.exec("ROLLBACK; UPDATE record SET bytes = x'00'");
  await search.provoke("damage", () => store.load(IDENTITY, KEY));
  await search.provoke("damage in a list", () => store.list(IDENTITY, ""));
  db.exec("ALTER TABLE record RENAME TO other");
  await search.provoke("no table, on write", () => store.save(record()));
  await search.provoke("no table, on read", () => store.find(IDENTITY, KEY));
  await store.close();
  await search.provoke("closed", () => store.save(record()));
  const elsewhere = join(folder, "missing", "state.db");
  await search.provoke("no folder", () => openStore({ driver: "sqlite", path: elsewhere }));
  expect(search.leaks).toEqual([]);
  expect(search.codes).toEqual(expect.arrayContaining([...EVERYWHERE, "UNAVAILABLE"]));
});

test("on Postgres", async () => {
  const search = new Search();
  const url = await migratedDatabase();
  const secret = new URL(url);
  secret.password = SECRETS.password;
  const options = { timeoutMs: 1000 };
  await search.provoke("a password", () => openStore(secret.href, options));
  await search.provoke("a port", () => openStore(secret.href.replace(secret.port, "1"), options));
  await search.provoke("a port that is none", () =>
    openStore(secret.href.replace(secret.port, "99999"), options),
  );
  await search.provoke("TLS", () => openStore(`${secret.href}?sslmode=verify-full`, options));
  await search.provoke("a parameter", () => openStore(`${secret.href}?a=${SECRETS.password}`, options));
  await search.provoke("a password cut in two", () =>
    openStore(`postgres://ann:1/${SECRETS.password}@127.0.0.1/x`, options),
  );

  const store = await openStore(url, options);
  await provokeAll(search, store);
  const sql = plainClient(url);
  const failing: [what: string, change: string, undo: string, call: () => unknown][] = [
    [
      "a constraint",
      "ALTER TABLE groundstate.record ADD CONSTRAINT c CHECK (length(bytes) < 5) NOT VALID",
      "ALTER TABLE groundstate.record DROP CONSTRAINT c",
      () => store.save(record()),
    ],
    [
      "a lock, on write",
      "BEGIN; LOCK TABLE groundstate.record IN ACCESS EXCLUSIVE MODE",
      "SELECT 1",
      () => store.save(record()),
    ],
    ["a lock, on read", "SELECT 1", "ROLLBACK", () => store.find(IDENTITY, KEY)],
    [
      "damage",
      "UPDATE groundstate.record SET bytes = bytes || '\\x00'::bytea",
      "SELECT 1",
      () => store.load(IDENTITY, KEY),
    ],
    ["damage in a list", "SELECT 1", "SELECT 1", () => store.list(IDENTITY, "")],
    ["no table, on write", "DROP TABLE groundstate.record", "SELECT 1", () => store.save(record())],
    ["no table, on read", "SELECT 1", "SELECT 1", () => store.find(IDENTITY, KEY)],
  ];
  for (const [what, change, undo, call] of failing) {
    await sql.unsafe(change);
    await search.provoke(what, call);
    await sql.unsafe(undo);
  }
  await store.close();
  await search.provoke("closed", () => store.save(record()));
  expect(search.leaks).toEqual([]);
  expect(search.codes).toEqual(expect.arrayContaining([...EVERYWHERE, "UNAVAILABLE"]));
});

const EVERYWHERE = [
  "CONDITION_FAILED",
  "CORRUPT",
  "IDEMPOTENCY_CONFLICT",
  "INVALID_RECORD",
  "NOT_FOUND",
  "STORE_CLOSED",
];
