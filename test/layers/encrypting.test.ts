import { createHash, randomBytes } from "node:crypto";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { generateIdentity, identityToRecipient } from "age-encryption";
import { describe, expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { openPostgres } from "../../drivers/postgres/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import {
  createStore,
  type Driver,
  maintenanceScope,
  newEventId,
  openStore,
  type SessionIdentity,
  type StateStore,
  type StoredRecord,
} from "../../src/index.js";
import { type EncryptingOptions, encrypting, type KeyEncryptionKey } from "../../src/layers/index.js";
import { fingerprint } from "../../src/rules/fingerprint.js";
import { createMigratedDatabase } from "../postgres/database.js";
import { wholeDatabase } from "../typed/whole-database.js";

const kek = (name: string) => ({ name, key: randomBytes(32) });
const everything = maintenanceScope({ reason: "test", allTenants: true });
const at = (session = "s1", tenant = "acme"): SessionIdentity => ({ tenant, user: "ann", session });
const record = (kind: string, text: string, identity = at()) => ({
  eventId: newEventId(),
  identity,
  kind,
  bytes: Buffer.from(text),
});
const slotOf = (kind: string, { tenant, user, session } = at()) => ({ tenant, user, session, run: "", kind });
const textOf = async (store: StateStore, kind: string, identity = at()) =>
  Buffer.from((await store.load(identity, kind)).bytes).toString();

function sealedOn(driver: Driver, options: EncryptingOptions) {
  const layer = encrypting(options);
  return { store: createStore(driver, { layers: [layer] }), layer };
}

/** The driver with some of its methods in other words. */
function changed(driver: Driver, methods: Partial<Driver>): Driver {
  return new Proxy(driver, {
    get(target, name: keyof Driver) {
      const value = methods[name] ?? target[name];
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** A sealed store with a note, and how it reads what somebody has put in the note's place. */
async function forging(options: Partial<EncryptingOptions> = {}) {
  const driver = await openMemory();
  let forged: StoredRecord | undefined;
  const forger = changed(driver, {
    read: async (slots, limit) =>
      forged !== undefined && slots[0]?.kind === forged.kind ? [forged] : driver.read(slots, limit),
  });
  const { store } = sealedOn(forger, { keys: { current: kek("a") }, ...options });
  await store.save({ ...record("note", "secret"), version: 3 });
  const [stored] = (await driver.read([slotOf("note")])) as [StoredRecord];
  return {
    store,
    driver,
    stored,
    read(instead: StoredRecord) {
      forged = instead;
      const { tenant, user, session, run, kind } = instead;
      const identity = { tenant, user, session, ...(run !== "" && { run }) };
      return store.load(identity, kind).then(
        ({ bytes }) => Buffer.from(bytes).toString(),
        (error) => error.code as string,
      );
    },
  };
}

describe("a sealed payload", () => {
  test.each(["tenant", "session"] as const)(
    "opens in its own place alone, with a key per %s",
    async (per) => {
      const { store, stored, read } = await forging({ per });
      expect(await read(stored)).toBe("secret");
      // So that their sessions and tenants have keys of their own.
      for (const identity of [at("s2"), at("s1", "other"), { ...at(), user: "bob" }])
        await store.save(record("else", "x", identity));
      const moves = [
        { kind: "note/" },
        { run: "r" },
        { session: "s2" },
        { user: "bob" },
        { tenant: "other" },
        { version: 4 },
        { eventId: newEventId() },
      ];
      for (const move of moves)
        expect([move, await read({ ...stored, ...move })]).toEqual([
          move,
          expect.stringMatching(/^(CORRUPT|KEY_UNAVAILABLE)$/),
        ]);
    },
  );

  test("does not open when a bit is another, when it is cut off, and when it was never sealed", async () => {
    const { stored, read } = await forging();
    const spoiled = Array.from({ length: stored.bytes.length * 8 }, (_, bit) => {
      const bytes = Buffer.from(stored.bytes);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      return bytes;
    });
    for (let length = 0; length < stored.bytes.length; length++)
      spoiled.push(Buffer.from(stored.bytes.subarray(0, length)));
    for (const bytes of spoiled)
      expect(await read({ ...stored, bytes })).toMatch(/^(CORRUPT|KEY_UNAVAILABLE)$/);
    expect(await read({ ...stored, fingerprint: "x".repeat(43) })).toBe("CORRUPT");
    const plain = { ...stored, bytes: Buffer.from("planted") };
    expect(await read({ ...plain, fingerprint: fingerprint(plain) })).toBe("CORRUPT");
  });

  test("is another each time, and a retry is still one", async () => {
    const driver = await openMemory();
    const { store, layer } = sealedOn(driver, { keys: { current: kek("a") } });
    const saved = record("note", "the same");
    await store.save(saved);
    await store.save({ ...record("note 2", "the same") });
    const [one, other] = await driver.read([slotOf("note"), slotOf("note 2")]);
    expect(Buffer.from(one?.bytes as Uint8Array).equals(other?.bytes as Uint8Array)).toBe(false);
    expect(await store.save(saved)).toMatchObject({ duplicate: true });
    await layer.rotateDek("acme");
    expect(await store.save(saved)).toMatchObject({ duplicate: true });
    await expect(store.save({ ...saved, bytes: Buffer.from("another") })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
  });

  test("one that cannot be opened fails the reads of itself alone", async () => {
    const { store, driver, stored } = await forging();
    await store.save(record("other", "fine"));
    const moved = { ...stored, kind: "moved", eventId: newEventId() };
    await driver.apply([{ tenant: "acme", writes: [{ op: "save", record: moved }] }], { now: 0, window: 1 });
    const reads = await Promise.allSettled(["note", "moved", "other"].map((kind) => textOf(store, kind)));
    expect(reads).toMatchObject([
      { value: "secret" },
      { reason: { code: "CORRUPT", details: { at: { kind: "moved" } } } },
      { value: "fine" },
    ]);
    expect((await store.list(at(), "", { bytes: false })).map(({ kind }) => kind)).toEqual([
      "moved",
      "note",
      "other",
    ]);
    await store.save(record("moved", "anew"));
    expect(await textOf(store, "moved")).toBe("anew");
  });
});

describe("the keys of a store", () => {
  test("wrong, missing and swapped ones are told at open, by their names", async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundstate-sealed-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const [a, b] = [kek("a"), kek("b")];
    const open = async (current: KeyEncryptionKey, ...known: KeyEncryptionKey[]) => {
      const layers = [encrypting({ keys: { current, known } })];
      return openStore({ driver: "sqlite", path: join(folder, "state.db"), layers });
    };
    const first = await open(a);
    await first.save(record("note", "secret"));
    await first.close();
    const refused = (key: string, reason: string) => ({ code: "KEY_UNAVAILABLE", details: { key, reason } });
    await expect(open({ ...b, name: "a" })).rejects.toMatchObject(refused("a", "wrong"));
    await expect(open(b)).rejects.toMatchObject(refused("a", "missing"));
    await expect(open({ ...a, name: "b" }, { ...b, name: "a" })).rejects.toMatchObject(refused("a", "wrong"));
    const error = await open({ ...b, name: "a" }).catch((thrown) => thrown);
    expect(JSON.stringify(error) + error.stack).not.toContain(b.key.toString("hex"));
    const second = await open(b, a);
    expect(await textOf(second, "note")).toBe("secret");
    await second.close();
    // The new one was noted, so it is needed from then on.
    await expect(open(a)).rejects.toMatchObject(refused("b", "missing"));
  });

  test("a store that openStore did not make says the same at its first call", async () => {
    const driver = await openMemory();
    await sealedOn(driver, { keys: { current: kek("a") } }).store.save(record("note", "x"));
    const { store } = sealedOn(driver, { keys: { current: kek("b") } });
    for (const call of [() => store.load(at(), "note"), () => store.save(record("n", "y"))])
      await expect(call()).rejects.toMatchObject({ code: "KEY_UNAVAILABLE", details: { key: "a" } });
  });

  test("of every tenant and session others, and no caller sees their records", async () => {
    for (const per of ["tenant", "session"] as const) {
      const driver = await openMemory();
      const { store } = sealedOn(driver, { keys: { current: kek("a") }, per });
      for (let n = 0; n < 6; n++) await store.save(record("~key", `${n}`, at(`s${n % 3}`, `t${n % 2}`)));
      const found = await store.listKind(everything, "~", { limit: 1 });
      const all = await store.listKind(everything, "~");
      expect(all.map(({ identity }) => identity.user)).toEqual(Array(6).fill("ann"));
      expect(found).toHaveLength(1);
      const paged: string[] = [];
      for (let after: (typeof all)[number] | undefined; ; ) {
        const [next] = await store.listKind(everything, "~", { limit: 1, ...(after && { after }) });
        if (next === undefined) break;
        paged.push(next.eventId);
        after = next;
      }
      expect(paged).toEqual(all.map(({ eventId }) => eventId));
      expect(await store.listSessions({ tenant: "t0", user: "ann" })).toHaveLength(3);
    }
  });

  test("many callers that come first make one key", async () => {
    const driver = await openMemory();
    const keys = { current: kek("a") };
    const stores = Array.from({ length: 4 }, () => sealedOn(driver, { keys, per: "session" }).store);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) => (stores[n % 4] as StateStore).save(record(`k${n}`, `${n}`))),
    );
    for (let n = 0; n < 40; n++)
      expect(await textOf(stores[(n + 1) % 4] as StateStore, `k${n}`)).toBe(`${n}`);
  });
});

describe.each(["tenant", "session"] as const)("a rotation, with a key per %s", (per) => {
  const of = per === "tenant" ? "acme" : at();

  test("of the data key: what was sealed before stays readable, in other stores too", async () => {
    const driver = await openMemory();
    const keys = { current: kek("a") };
    const [{ store, layer }, other] = [sealedOn(driver, { keys, per }), sealedOn(driver, { keys, per })];
    await store.save(record("1", "one"));
    expect(await textOf(other.store, "1")).toBe("one");
    await layer.rotateDek(of);
    await store.save(record("2", "two"));
    await other.store.save(record("3", "three"));
    for (const each of [store, other.store])
      expect(await Promise.all(["1", "2", "3"].map((kind) => textOf(each, kind)))).toEqual([
        "one",
        "two",
        "three",
      ]);
    const [first, second] = await driver.read([slotOf("1"), slotOf("2")]);
    const keyOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes as Uint8Array).toString("hex", 4, 16);
    expect(keyOf(first?.bytes)).not.toBe(keyOf(second?.bytes));
  });

  test("of the key-encryption key goes on after an interruption at any step, and needs the old one no more", async () => {
    const [a, b] = [kek("a"), kek("b")];
    for (let failsAt = 0; ; failsAt++) {
      const driver = await openMemory();
      const before = sealedOn(driver, { keys: { current: a }, per });
      for (let n = 0; n < 3; n++) await before.store.save(record("note", `${n}`, at(`s${n}`, `t${n}`)));
      let left = failsAt;
      const failing = changed(driver, {
        async apply(commits, options) {
          if (left-- === 0) throw new Error("the power is gone");
          return driver.apply(commits, options);
        },
      });
      const interrupted = await sealedOn(failing, { keys: { current: b, known: [a] }, per })
        .layer.rotateKek()
        .then(
          () => false,
          () => true,
        );
      const both = sealedOn(driver, { keys: { current: b, known: [a] }, per });
      for (let n = 0; n < 3; n++) expect(await textOf(both.store, "note", at(`s${n}`, `t${n}`))).toBe(`${n}`);
      await both.layer.rotateKek();
      const after = sealedOn(driver, { keys: { current: b }, per });
      for (let n = 0; n < 3; n++)
        expect(await textOf(after.store, "note", at(`s${n}`, `t${n}`))).toBe(`${n}`);
      expect(await after.layer.rotateKek()).toEqual({ rewrapped: 0 });
      if (!interrupted) {
        expect(failsAt).toBeGreaterThan(3);
        return;
      }
    }
  });
});

describe("crypto-shredding", () => {
  test("an older copy of the database does not open what was erased since, and opens the rest", async () => {
    const folder = mkdtempSync(join(tmpdir(), "groundstate-sealed-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, "state.db");
    const keys = { current: kek("a") };
    const keyStore = await openSqlite({ path: join(folder, "keys.db") });
    const { store } = sealedOn(await openSqlite({ path }), { keys, per: "session", keyStore });
    await store.save(record("note", "gone", at("s1")));
    await store.save(record("note", "kept", at("s2")));
    await store.close();
    copyFileSync(path, join(folder, "copy.db"));

    const again = sealedOn(await openSqlite({ path }), { keys, per: "session", keyStore });
    expect(await again.store.erase(at("s1"))).toBe(1);
    await again.store.save(record("note", "new", at("s1")));
    expect(await textOf(again.store, "note", at("s1"))).toBe("new");
    await again.store.close();

    const copy = sealedOn(await openSqlite({ path: join(folder, "copy.db") }), {
      keys,
      per: "session",
      keyStore,
    });
    await expect(copy.store.load(at("s1"), "note")).rejects.toMatchObject({ code: "KEY_UNAVAILABLE" });
    expect(await textOf(copy.store, "note", at("s2"))).toBe("kept");
    await copy.store.close();
    await keyStore.close();
  });

  test("a process that dies before it has destroyed the key leaves it to sweepKeys", async () => {
    const [driver, keyStore] = [await openMemory(), await openMemory()];
    const dying = changed(keyStore, {
      async apply(commits, options) {
        if (commits[0]?.writes[0]?.op === "delete") throw new Error("it died");
        return keyStore.apply(commits, options);
      },
    });
    const keys = { current: kek("a") };
    const { store } = sealedOn(driver, { keys, per: "session", keyStore: dying });
    await store.save(record("note", "1", at("s1")));
    await store.save(record("note", "2", at("s2")));
    expect(await store.erase(at("s1"))).toBe(1);
    const { layer, store: next } = sealedOn(driver, { keys, per: "session", keyStore });
    expect(await layer.sweepKeys()).toEqual({ destroyed: 0 });
    await sleep(2);
    expect(await layer.sweepKeys({ abandonedMs: 0 })).toEqual({ destroyed: 1 });
    expect(await layer.sweepKeys({ abandonedMs: 0 })).toEqual({ destroyed: 0 });
    expect(await textOf(next, "note", at("s2"))).toBe("2");
  });

  test("a store that still holds a key which another has destroyed seals nothing with it", async () => {
    const driver = await openMemory();
    const keyStore = await openMemory();
    const options: EncryptingOptions = { keys: { current: kek("a") }, per: "session", keyStore };
    const stores = [sealedOn(driver, options).store, sealedOn(driver, options).store] as const;
    for (let round = 0; round < 30; round++) {
      await Promise.all([
        stores[0].save(record("a", `${round}`)),
        stores[1].save(record("b", `${round}`)),
        stores[round % 2]?.erase(at()),
      ]);
      for (const store of stores)
        for (const { bytes } of await store.list(at(), ""))
          expect(Buffer.from(bytes).toString()).toBe(`${round}`);
      await stores[0].erase(at());
    }
  });
});

describe("a key service", () => {
  const service = () => {
    const [inside, calls] = [randomBytes(32), { wrap: 0, unwrap: 0 }];
    const xor = (bytes: Uint8Array) => bytes.map((byte, n) => byte ^ (inside[n % 32] as number));
    return {
      calls,
      key: {
        name: "service",
        wrap: async (bytes: Uint8Array) => {
          calls.wrap++;
          return xor(bytes);
        },
        unwrap: async (bytes: Uint8Array) => {
          calls.unwrap++;
          return xor(bytes);
        },
      },
    };
  };

  test("is asked once for each data key", async () => {
    const { key, calls } = service();
    const { store } = sealedOn(await openMemory(), { keys: { current: key } });
    for (let n = 0; n < 20; n++) await store.save(record(`k${n}`, "x"));
    await Promise.all(Array.from({ length: 20 }, (_, n) => store.load(at(), `k${n}`)));
    // One is that of the check at open.
    expect(calls).toEqual({ wrap: 2, unwrap: 1 });
  });

  test("that fails or does not answer is asked again, within a bound; other tenants go on", async () => {
    const { key } = service();
    let failures = 2;
    const flaky = {
      ...key,
      async wrap(bytes: Uint8Array, { tenant }: { tenant: string }) {
        if (tenant === "hangs") return new Promise<never>(() => {});
        if (tenant === "acme" && failures-- > 0) throw new Error("away");
        return key.wrap(bytes);
      },
    };
    const { store } = sealedOn(await openMemory(), { keys: { current: flaky, timeoutMs: 50 } });
    const saves = await Promise.allSettled([
      store.save(record("k", "1")),
      store.save(record("k", "2", at("s1", "hangs"))),
      store.save(record("k", "3", at("s1", "other"))),
    ]);
    expect(saves).toMatchObject([
      { status: "fulfilled" },
      { reason: { code: "UNAVAILABLE", details: { reason: "unreachable" } } },
      { status: "fulfilled" },
    ]);
  });

  test.each<[string, unknown]>([
    ["no keys", undefined],
    ["a key of 31 bytes", { current: { name: "a", key: randomBytes(31) } }],
    ["a key that is text", { current: { name: "a", key: "x".repeat(32) } }],
    ["a key without a name", { current: { key: randomBytes(32) } }],
    ["half of a service", { current: { name: "a", wrap: async () => randomBytes(64) } }],
    ["two keys of one name", { current: kek("a"), known: [kek("a")] }],
    ["an option of another name", { current: kek("a"), old: [] }],
    ["a timeout of 0", { current: kek("a"), timeoutMs: 0 }],
  ])("is refused: %s", (_, keys) => {
    expect(() => encrypting({ keys } as never)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
  });

  test("a layer is one store's", async () => {
    const layer = encrypting({ keys: { current: kek("a") } });
    await expect(layer.rotateKek()).rejects.toMatchObject({ code: "INVALID_RECORD" });
    createStore(await openMemory(), { layers: [layer] });
    const other = await openMemory();
    expect(() => createStore(other, { layers: [layer] })).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD" }),
    );
  });
});

describe("a key file", () => {
  test.each([false, true])(
    "brings keys back whose key-encryption key is lost; with a key store: %o",
    async (apart) => {
      const identity = await generateIdentity();
      const recipient = await identityToRecipient(identity);
      const [driver, keyStore] = [await openMemory(), apart ? await openMemory() : undefined];
      const options = { per: "session" as const, ...(keyStore && { keyStore }) };
      const before = sealedOn(driver, { keys: { current: kek("lost") }, ...options });
      for (let n = 0; n < 3; n++) await before.store.save(record("note", `${n}`, at(`s${n}`)));
      const file = await before.layer.exportKeys(recipient);
      expect(Buffer.from(file).toString("latin1")).toMatch(/^age-encryption\.org\/v1\n-> X25519 /);
      await before.store.erase(at("s0"));
      await before.store.save(record("note", "new", at("s1")));

      const after = sealedOn(driver, { keys: { current: kek("new") }, ...options });
      await expect(after.store.load(at("s1"), "note")).rejects.toMatchObject({ code: "KEY_UNAVAILABLE" });
      const other = await generateIdentity();
      await expect(after.layer.importKeys(file, other)).rejects.toMatchObject({
        details: { field: "file" },
      });
      // Those of two sessions and of the tenant; one session was erased.
      expect(await after.layer.importKeys(file, identity)).toEqual({ imported: 3 });
      expect(await textOf(after.store, "note", at("s1"))).toBe("new");
      expect(await textOf(after.store, "note", at("s2"))).toBe("2");
      expect(await after.store.find(at("s0"), "note")).toBeUndefined();
      await after.store.save(record("note", "3", at("s3")));
      expect(await after.layer.importKeys(file, identity)).toEqual({ imported: 3 });
    },
  );

  test.each<[string, unknown[]]>([
    ["a recipient of another kind", ["age1nonsense"]],
    ["no recipient", []],
  ])("is not written for %s", async (_, [recipient]) => {
    const { layer } = sealedOn(await openMemory(), { keys: { current: kek("a") } });
    await expect(layer.exportKeys(recipient as string)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "recipient" },
    });
    await expect(layer.importKeys(Buffer.from("x"), "AGE-SECRET-KEY-2")).rejects.toMatchObject({
      details: { field: "identity" },
    });
  });
});

describe("a store that has data from before", () => {
  test("reads it, whatever it looks like, knows its retries, and seals what is new", async () => {
    const driver = await openMemory();
    const plain = createStore(driver);
    const odd = {
      ...record("odd", ""),
      bytes: Buffer.concat([Buffer.from("GSE\x01", "latin1"), randomBytes(60)]),
    };
    const [first, second] = [record("first", "1"), record("second", "2")];
    for (const each of [odd, first, second]) await plain.save(each);
    const keys = { current: kek("a") };
    const strict = sealedOn(driver, { keys });
    for (const kind of ["odd", "first"])
      await expect(strict.store.load(at(), kind)).rejects.toMatchObject({
        code: expect.stringMatching(/^(CORRUPT|KEY_UNAVAILABLE)$/),
      });
    const { store } = sealedOn(driver, { keys, unsealed: "readable" });
    expect((await store.load(at(), "odd")).bytes).toEqual(new Uint8Array(odd.bytes));
    expect(await store.save(first)).toEqual({ eventId: first.eventId, duplicate: true });
    await expect(store.save({ ...first, bytes: Buffer.from("other") })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await store.save(record("first", "sealed"));
    expect((await store.list(at(), "")).map(({ bytes }) => Buffer.from(bytes).toString("latin1"))).toEqual([
      "sealed",
      odd.bytes.toString("latin1"),
      "2",
    ]);
    await expect(plain.load(at(), "first")).rejects.toMatchObject({ code: "CORRUPT" });
  });
});

describe.each(Object.entries({ sqlite, postgres }))("on %s", (_, database) => {
  test("neither the database nor its log holds a payload or a hash of one", async () => {
    const { driver, stored } = await database();
    const given = Array.from({ length: 1_000 }, (_, n) =>
      record(`k${n}`, randomBytes(24).toString("base64")),
    );
    const { store } = sealedOn(driver, { keys: { current: kek("a") } });
    await Promise.all(given.map((each) => store.save(each)));
    const hashesOf = (bytes: Buffer) =>
      (["hex", "base64", "base64url", "latin1"] as const).map((encoding) =>
        createHash("sha256").update(bytes).digest().toString(encoding),
      );
    const traces = given.flatMap((each) => {
      const slot = { ...slotOf(each.kind), eventId: each.eventId, version: 0, bytes: each.bytes };
      const text = each.bytes.toString();
      return [text, each.bytes.toString("hex"), fingerprint(slot).slice(0, 20), ...hashesOf(each.bytes)];
    });
    const whole = await stored();
    expect(traces.filter((trace) => whole.includes(Buffer.from(trace, "latin1")))).toEqual([]);
    // What is not sealed is found.
    await createStore(driver).save(record("plain", given[0]?.bytes.toString() as string));
    expect((await stored()).includes(given[0]?.bytes as Buffer)).toBe(true);
    await store.close();
  }, 60_000);
});

async function sqlite() {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-sealed-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const files = () => readdirSync(folder).map((name) => readFileSync(join(folder, name)));
  const driver = await openSqlite({ path: join(folder, "state.db") });
  return { driver, stored: async () => Buffer.concat(files()) };
}

async function postgres() {
  const { url, drop } = await createMigratedDatabase();
  onTestFinished(drop);
  return {
    driver: await openPostgres({ url, poolSize: 2 }),
    stored: async () => Buffer.from(await wholeDatabase(url), "latin1"),
  };
}
