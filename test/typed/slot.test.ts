import { describe, expect, test } from "vitest";
import { z } from "zod";
import { type Identity, newEventId, tenantIdentity, userIdentity } from "../../src/index.js";
import { type Codec, json, SchemaMismatch, TypedSlot, transact } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "./stores.js";

const invalidRecord = (field: string) => ({ code: "INVALID_RECORD", details: { field } });

describe("options of a shape", () => {
  test.each<[string, unknown]>([
    ["null", null],
    ["an unknown name", { code: json() }],
    ["a codec that is undefined", { codec: undefined }],
    ["a codec without decode", { codec: { version: 0, encode() {} } }],
    ["a codec without a version", { codec: { encode() {}, decode() {} } }],
  ])("%s is refused", (_, options) => {
    expect(() => new TypedSlot({} as never, "s", options as object)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD" }),
    );
  });
});

onEveryStore((opened) => {
  const slotOf = <T>(codec?: Codec<T>) => new TypedSlot<T>(opened.store, "s", codec ? { codec } : {});

  test("misuse is refused, and nothing is written", async () => {
    const who = newSession();
    const slot = slotOf<number>();
    const misuse: [() => Promise<unknown>, string][] = [
      [() => slot.set(who, 1, { expect: undefined } as never), "expect"],
      [() => slot.set(who, 1, { eventId: undefined } as never), "eventId"],
      [() => slot.set(who, 1, { eventId: "" }), "eventId"],
      [() => slot.set(who, 1, { expects: null } as never), "options"],
      [() => slot.set(who, 1, { signal: 5 } as never), "signal"],
      [() => slot.set(who, undefined as never), "value"],
      [() => slot.update(who, () => 1, { attempts: undefined } as never), "attempts"],
      [() => slot.update(who, () => 1, { attempts: 0 }), "attempts"],
      [() => slot.update(who, () => undefined as never), "value"],
      [() => slot.update(who, () => 1, { expect: null } as never), "options"],
      [() => slot.delete(who, { expect: undefined } as never), "expect"],
      [() => slot.get(who, { limit: 1 } as never), "options"],
    ];
    for (const [call, field] of misuse) await expect(call()).rejects.toMatchObject(invalidRecord(field));
    for (const identity of [undefined, {}, { ...who, session: "" }]) {
      await expect(slot.set(identity as never, 1)).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
    }
    expect(await slot.find(who)).toBeUndefined();
  });

  test("set, get, find, delete", async () => {
    const who = newSession();
    const slot = slotOf<{ n: number }>();
    expect(await slot.get(who)).toBeUndefined();
    expect(await slot.delete(who)).toBe(false);
    const { eventId, duplicate } = await slot.set(who, { n: 1 });
    expect(duplicate).toBe(false);
    expect(await slot.find(who)).toEqual({ value: { n: 1 }, eventId, updatedAt: expect.any(Date) });
    expect(await slot.update(who, (current) => ({ n: (current?.n ?? 0) + 1 }))).toEqual({ n: 2 });
    expect(await slot.get(who)).toEqual({ n: 2 });
    expect(await slot.delete(who)).toBe(true);
    expect(await slot.get(who)).toBeUndefined();
  });

  test("expect: null is only the first, an event id only its successor", async () => {
    const who = newSession();
    const slot = slotOf<string>();
    const { eventId: first } = await slot.set(who, "first", { expect: null });
    await expect(slot.set(who, "again", { expect: null })).rejects.toMatchObject({
      code: "CONDITION_FAILED",
      details: { current: first },
    });
    const { eventId: second } = await slot.set(who, "second", { expect: first });
    await expect(slot.set(who, "late", { expect: first })).rejects.toMatchObject({
      code: "CONDITION_FAILED",
      details: { current: second },
    });
    await expect(slot.delete(who, { expect: first })).rejects.toMatchObject({ code: "CONDITION_FAILED" });
    expect(await slot.get(who)).toBe("second");
    expect(await slot.delete(who, { expect: second })).toBe(true);
  });

  test("an event id is one write: again a duplicate, with another value a conflict, also after it was overwritten", async () => {
    const who = newSession();
    const slot = slotOf<string>();
    const eventId = newEventId();
    expect(await slot.set(who, "mine", { eventId })).toEqual({ eventId, duplicate: false });
    expect(await slot.set(who, "mine", { eventId })).toEqual({ eventId, duplicate: true });
    await slot.set(who, "later");
    expect(await slot.set(who, "mine", { eventId, expect: null })).toEqual({ eventId, duplicate: true });
    await expect(slot.set(who, "other", { eventId })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await slot.get(who)).toBe("later");
  });

  test("values and identities that change after the call change nothing", async () => {
    const who = newSession();
    const slot = slotOf<{ list: number[] }>();
    const value = { list: [1] };
    const mine = { ...who } as { -readonly [K in keyof Identity]: Identity[K] };
    const setting = slot.set(mine, value);
    value.list.push(2);
    mine.session = "elsewhere";
    await setting;
    const again = { ...who } as typeof mine;
    const updating = slot.update(again, (current) => {
      again.session = "elsewhere";
      return { list: [...(current?.list ?? []), 3] };
    });
    expect(await updating).toEqual({ list: [1, 3] });
    expect(await slot.get(who)).toEqual({ list: [1, 3] });
    expect(await slot.get({ ...who, session: "elsewhere" })).toBeUndefined();
  });

  test("an identity whose getters answer differently each time is read once", async () => {
    const who = newSession();
    const slot = slotOf<number>();
    const shifting = () => {
      let reads = 0;
      return {
        ...who,
        get session() {
          return `${who.session}-${reads++}`;
        },
      };
    };
    await slot.set(shifting(), 1);
    await slot.update(shifting(), (n = 0) => n + 1);
    expect(await slot.get(shifting())).toBe(2);
    expect(await slot.get({ ...who, session: `${who.session}-0` })).toBe(2);
    expect(await slot.get({ ...who, session: `${who.session}-1` })).toBeUndefined();
  });

  test("tenants, users, sessions and runs are separated; a user's and a tenant's own state too", async () => {
    const who = newSession();
    const slot = slotOf<string>();
    const { tenant, user } = who;
    const identities: Identity[] = [
      who,
      { ...who, run: "r" },
      { ...who, session: "s2" },
      { ...who, user: "bob" },
      { ...who, tenant: `${tenant}2` },
      userIdentity(tenant, user),
      userIdentity(tenant, "bob"),
      tenantIdentity(tenant),
    ];
    for (const [n, identity] of identities.entries()) await slot.set(identity, `${n}`);
    for (const identity of identities) await slot.update(identity, (text) => `${text}!`);
    expect(await Promise.all(identities.map((identity) => slot.get(identity)))).toEqual(
      identities.map((_, n) => `${n}!`),
    );
    await expect(slot.set({ ...userIdentity(tenant, user) }, "forged")).rejects.toMatchObject(
      invalidRecord("session"),
    );
  });

  describe("what does not decode", () => {
    const schema = z.object({ n: z.number() });
    const strict = json({ schema, version: 1, upgrades: { 0: () => undefined } });
    const loose = json({ version: 1, upgrades: { 0: () => undefined } });
    const CASES: [string, Codec<unknown>, Uint8Array, number][] = [
      ["garbage", loose, Buffer.from("hunter2"), 1],
      ["wrong UTF-8", loose, Buffer.from([0xff]), 1],
      ["no bytes", loose, Buffer.alloc(0), 1],
      ["what the schema does not accept", strict, Buffer.from('{"n":"hunter2"}'), 1],
      ["what an upgrade makes nothing of", loose, Buffer.from('"hunter2"'), 0],
    ];

    test.each(CASES)("%s is CORRUPT, naming the slot", async (_, codec, bytes, version) => {
      const who = newSession();
      const slot = new TypedSlot(opened.store, "s", { codec });
      const eventId = newEventId();
      await opened.store.save({ eventId, identity: who, kind: "s", bytes, version });
      const update = () => expect.unreachable("it was made up for");
      for (const call of [
        () => slot.get(who),
        () => slot.find(who),
        () => slot.update(who, update),
        () => transact(opened.store, (transaction) => transaction.get(slot.at(who))),
      ]) {
        const error = await call().catch((reason: unknown) => reason);
        expect(error).toMatchObject({ code: "CORRUPT", details: { at: { identity: who, kind: "s" } } });
        expect((error as Error).cause).toBeInstanceOf(codec === strict ? SchemaMismatch : Error);
        expect(`${(error as Error).stack}${((error as Error).cause as Error).stack}`).not.toContain(
          "hunter2",
        );
      }
      expect((await opened.store.load(who, "s")).eventId).toBe(eventId);
    });

    test("a value of a newer version is SCHEMA_TOO_NEW, and an update does not overwrite it", async () => {
      const who = newSession();
      await slotOf(json<unknown>({ version: 2 })).set(who, "new");
      const old = slotOf(json<unknown>({ version: 1 }));
      const tooNew = { code: "SCHEMA_TOO_NEW", details: { found: 2, supported: 1 } };
      await expect(old.get(who)).rejects.toMatchObject(tooNew);
      await expect(old.update(who, () => "old")).rejects.toMatchObject(tooNew);
    });
  });
});
