import { describe, expect, test } from "vitest";
import { createStore, newEventId } from "../../src/index.js";
import { Collection, Journal, TypedSlot } from "../../src/typed/index.js";
import { digestOf, scopedEventId, unscopedId } from "../../src/typed/names.js";
import { driverWith } from "../store/store-rig.js";
import { newSession, onEveryStore } from "./stores.js";

const invalidRecord = (field: string) =>
  expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) });

/** Prefixes of each other, special characters of LIKE, paths and patterns, look-alikes, and the longest names. */
const NAMES = [
  "a",
  "aa",
  "a.b",
  "a%",
  "%",
  "_",
  "a_",
  "a0",
  "a\\",
  "*",
  "A",
  "\u00e9",
  "e\u0301",
  "\u0430",
  "a\u200b",
  " ",
  "a ",
  "~",
  "__proto__",
  "\uffff",
  "🙂",
  "n".repeat(128),
];
const IDS = [
  ...NAMES,
  "a/b",
  "/",
  "//",
  "../a",
  "a/",
  "/a",
  "0",
  "00",
  "'; DROP TABLE records; --",
  "\u0001",
  "i".repeat(383),
];
const BAD_TEXT: [string, unknown][] = [
  ["nothing", undefined],
  ["a number", 1],
  ["an empty string", ""],
  ["a NUL", "a\0b"],
  ["a lone surrogate", "a\ud800"],
];

describe("a name", () => {
  test.each([
    ...BAD_TEXT,
    ["a slash", "a/b"],
    ["129 bytes", "n".repeat(129)],
    ["65 letters of two bytes", "é".repeat(65)],
  ])("with %s is refused", (_, name) => {
    const store = createStore(driverWith({}));
    expect(() => new Collection(store, name as string)).toThrow(invalidRecord("name"));
    expect(() => new Journal(store, name as string)).toThrow(invalidRecord("name"));
    expect(() => new TypedSlot(store, name as string)).toThrow(invalidRecord("kind"));
  });

  test("of 128 bytes is not", () => {
    expect(() => new Collection(createStore(driverWith({})), "é".repeat(64))).not.toThrow();
  });
});

test("a caller's id is restored from its event id, and other event ids are returned unchanged", () => {
  for (const id of ["x", "a/b", "/", "🙂"]) expect(unscopedId("p", scopedEventId("p", id))).toBe(id);
  expect(unscopedId("p", scopedEventId("pp", "x"))).toBe("pp/x");
});

test("no two lists of names have one digest", () => {
  const lists = [["a", "b"], ["ab"], ["ab", ""], ["", "ab"], ["a", "b", ""], ["A", "B"], ["b", "a"]];
  const digests = lists.map((list) => digestOf(...list));
  expect(new Set(digests).size).toBe(lists.length);
  expect(digests.every((digest) => /^[\w-]{22}$/.test(digest))).toBe(true);
});

onEveryStore((opened) => {
  test.each([...BAD_TEXT, ["512 bytes that do not fit behind the name", "i".repeat(511)]])(
    "an id with %s is refused by everything",
    async (_, given) => {
      const id = given as string;
      const who = newSession();
      const all = new Collection<number>(opened.store, "all");
      for (const call of [
        () => all.get(who, id),
        () => all.find(who, id),
        () => all.put(who, id, 1),
        () => all.update(who, id, () => 1),
        () => all.delete(who, id),
      ]) {
        await expect(call()).rejects.toEqual(invalidRecord("id"));
      }
      // A bound that is undefined is none.
      if (id !== undefined) {
        await expect(all.list(who, { after: id })).rejects.toEqual(invalidRecord("after"));
        await expect(all.list(who, { before: id })).rejects.toEqual(invalidRecord("before"));
      }
      expect(await all.list(who)).toEqual([]);
    },
  );

  test("a refusal does not show the id", async () => {
    const all = new Collection<number>(opened.store, "all");
    await expect(all.get(newSession(), "hunter2\0")).rejects.toThrow(/^(?!.*hunter2).*$/s);
  });

  test("every id in every collection: each list shows its own and nothing else", async () => {
    const who = newSession();
    const collections = NAMES.map((name) => ({ name, all: new Collection<string>(opened.store, name) }));
    for (const { name } of collections) await new TypedSlot<string>(opened.store, name).set(who, "a slot");
    await Promise.all(
      collections.flatMap(({ name, all }) => IDS.map((id) => all.put(who, id, JSON.stringify([name, id])))),
    );
    const inOrder = [...IDS].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const { name, all } of collections) {
      const items = await all.list(who);
      expect(items.map(({ id }) => id)).toEqual(inOrder);
      expect(items.map(({ value }) => value)).toEqual(inOrder.map((id) => JSON.stringify([name, id])));
    }
    for (const prefix of NAMES) {
      const items = await collections[0]!.all.list(who, { prefix });
      expect(items.map(({ id }) => id)).toEqual(inOrder.filter((id) => id.startsWith(prefix)));
    }
  });

  test("hostile identities are separated as well", async () => {
    const tenant = `tenant-${newEventId()}`;
    const all = new Collection<string>(opened.store, "all");
    const parts = ["a", "aa", "a/b", "%", "_", ":", "a:b", "A"];
    const identities = parts.flatMap((user) => parts.map((session) => ({ tenant, user, session })));
    await Promise.all(identities.map((who) => all.put(who, "id", JSON.stringify(who))));
    for (const who of identities) {
      expect((await all.list(who)).map(({ value }) => value)).toEqual([JSON.stringify(who)]);
    }
  });
});
