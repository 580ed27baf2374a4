import { InMemoryStore, type Item, type Operation } from "@langchain/langgraph-checkpoint";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GroundstateStore, type StoreOptions } from "../../../src/adapters/langgraph/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

/** A store of a new owner. */
function newStore(store: StateStore, options: Partial<StoreOptions> = {}): GroundstateStore {
  return new GroundstateStore(store, {
    owner: { tenant: `tenant-${newEventId()}`, user: "ann" },
    ...options,
  });
}

/** Counts letters: texts of the same letters have the same vector. */
const LETTERS = "abcdefgh";
const embeddings = {
  embedQuery: async (text: string) => [...LETTERS].map((letter) => text.split(letter).length - 1),
  embedDocuments: (texts: string[]) => Promise.all(texts.map((text) => embeddings.embedQuery(text))),
};
const INDEX = { dims: LETTERS.length, embeddings, fields: ["text"] } as unknown as NonNullable<
  StoreOptions["index"]
>;

onEveryStore((opened) => {
  test("keeps items under namespaces and keys, and their times", async () => {
    let now = Date.UTC(2026, 0, 1);
    const items = newStore(opened.store, { clock: () => now });
    await items.put(["users", "ada"], "prefs", { theme: "dark" });
    now += 1_000;
    await items.put(["users", "ada"], "prefs", { theme: "light" });
    expect(await items.get(["users", "ada"], "prefs")).toEqual({
      namespace: ["users", "ada"],
      key: "prefs",
      value: { theme: "light" },
      createdAt: new Date(now - 1_000),
      updatedAt: new Date(now),
    });
    await items.delete(["users", "ada"], "prefs");
    expect(await items.get(["users", "ada"], "prefs")).toBeNull();
  });

  test("tells labels, keys and namespaces apart, whatever they are made of", async () => {
    const items = newStore(opened.store);
    const odd = [
      "a",
      "a/b",
      "%key",
      "%key/a",
      "~a",
      "ä",
      "A",
      " ",
      "a ",
      "x".repeat(300),
      "constructor",
      "__proto__",
    ];
    const places = odd.flatMap((label) => [[label], ["a", label], [label, "b"]]);
    for (const namespace of places)
      for (const key of ["k", "a/k", "", "\0", "y".repeat(400)])
        await items.put(namespace, key, { namespace, key });
    for (const namespace of places) {
      for (const key of ["k", "a/k", "", "\0", "y".repeat(400)])
        expect((await items.get(namespace, key))?.value).toEqual({ namespace, key });
    }
    const listed = await items.listNamespaces({ limit: 1_000 });
    expect(new Set(listed.map((each) => JSON.stringify(each)))).toEqual(
      new Set(places.map((each) => JSON.stringify(each))),
    );
    expect(await items.search(["a"], { limit: 1_000 })).toHaveLength(
      new Set(places.filter(([first]) => first === "a").map((each) => JSON.stringify(each))).size * 5,
    );
  }, 60_000);

  test("searches below a namespace with filters, and pages", async () => {
    const items = newStore(opened.store);
    for (let n = 0; n < 30; n++)
      await items.put(["docs", n % 2 ? "odd" : "even"], `d${n}`, { n, tag: n % 3 });
    const values = async (filter: Record<string, unknown>) =>
      (await items.search(["docs"], { filter, limit: 100 }))
        .map(({ value }) => value.n)
        .sort((a, b) => a - b);
    expect(await values({ tag: 0, n: { $gte: 3, $lt: 10 } })).toEqual([3, 6, 9]);
    expect(await values({ n: { $in: [1, 2, 99] } })).toEqual([1, 2]);
    expect(await values({ n: { $gt: 26 }, tag: { $ne: 0 } })).toEqual([28, 29]);
    expect(await values({ n: { $nin: [1, 2] }, tag: { $eq: 1 } })).toEqual([
      4, 7, 10, 13, 16, 19, 22, 25, 28,
    ]);
    await expect(values({ n: { $like: "1%" } })).rejects.toMatchObject({ code: "INVALID_RECORD" });
    const pages = [0, 12, 24].map((offset) => items.search(["docs"], { offset, limit: 12 }));
    const keys = (await Promise.all(pages)).map((page) => page.map(({ key }) => key));
    expect(keys.map((page) => page.length)).toEqual([12, 12, 6]);
    expect(new Set(keys.flat()).size).toBe(30);
    expect(await items.search(["doc"])).toEqual([]);
  });

  test("lists namespaces by beginning, end and depth", async () => {
    const items = newStore(opened.store);
    for (const path of ["a.b.c", "a.b.d", "a.x.c", "b.b.c", "a", "a.b"])
      await items.put(path.split("."), "k", {});
    const named = async (options: Parameters<GroundstateStore["listNamespaces"]>[0]) =>
      (await items.listNamespaces(options)).map((each) => each.join(".")).sort();
    expect(await named({ prefix: ["a"], suffix: ["c"] })).toEqual(["a.b.c", "a.x.c"]);
    expect(await named({ prefix: ["a", "*", "c"] })).toEqual(["a.b.c", "a.x.c"]);
    expect(await named({ maxDepth: 1 })).toEqual(["a", "b"]);
    expect(await named({ maxDepth: 2, prefix: ["a"] })).toEqual(["a", "a.b", "a.x"]);
    expect(await named({ limit: 2, offset: 1 })).toHaveLength(2);
  });

  test("does what LangGraph's own store in memory does, in any order", async () => {
    const namespace = fc.array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 3 });
    const key = fc.constantFrom("k", "l");
    const value = fc.option(fc.record({ n: fc.nat(3), text: fc.constantFrom("ab", "fgh", "") }), {
      nil: null,
    });
    const operation = fc.oneof(
      fc.record({ namespace, key }),
      fc.record({ namespace, key, value }),
      fc.record({
        namespacePrefix: namespace,
        filter: fc.record({ n: fc.nat(3) }, { requiredKeys: [] }),
        limit: fc.constant(99),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(operation, { maxLength: 4 }), { maxLength: 8 }), async (batches) => {
        const [own, model] = [newStore(opened.store), new InMemoryStore()];
        for (const batch of batches) {
          const answers: unknown[] = await own.batch(batch as Operation[]);
          expect(plain(answers)).toEqual(await modelAnswers(model, batch as Operation[]));
        }
      }),
      { numRuns: soak(25) },
    );
  });

  test("puts of a batch take effect together, and its reads see what was there before", async () => {
    const items = newStore(opened.store);
    await items.put(["a"], "k", { n: 1 });
    const [before] = await items.batch([
      { namespace: ["a"], key: "k" },
      { namespace: ["a"], key: "k", value: { n: 2 } },
      { namespace: ["b"], key: "k", value: { n: 3 } },
    ]);
    expect(before?.value).toEqual({ n: 1 });
    const refused = [
      { namespace: ["c"], key: "k", value: { n: 4 } },
      { namespace: ["c"], key: "l", value: { n: Number.NaN } },
    ];
    await expect(items.batch(refused)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    const none = { namespace: ["c"], key: "k", value: undefined as unknown as null };
    await expect(items.batch([none])).rejects.toMatchObject({ code: "INVALID_RECORD" });
    expect((await items.search([], { limit: 9 })).map(({ value }) => value.n)).toEqual([2, 3]);
    const many = Array.from({ length: 1_200 }, (_, n) => ({
      namespace: ["many"],
      key: `k${n}`,
      value: { n },
    }));
    await items.batch(many);
    expect(await items.search(["many"], { limit: 2_000 })).toHaveLength(1_200);
  });

  test("finds by meaning, with filters, and what has no vector last", async () => {
    const items = newStore(opened.store, { index: INDEX });
    await items.put(["m"], "1", { text: "aab", n: 1 });
    await items.put(["m"], "2", { text: "ghg", n: 2 });
    await items.put(["m"], "3", { text: "abb", n: 3 });
    await items.put(["m"], "4", { text: "aab", n: 4 }, false);
    const found = await items.search(["m"], { query: "aab" });
    expect(found.map(({ key }) => key)).toEqual(["1", "3", "2", "4"]);
    expect(found.map(({ score }) => score?.toFixed(2))).toEqual(["1.00", "0.80", "0.00", undefined]);
    expect((await items.search(["m"], { query: "aab", filter: { n: { $gt: 1 } }, limit: 1 }))[0]?.key).toBe(
      "3",
    );
    await items.put(["m"], "1", { text: "gh", n: 1 });
    await items.delete(["m"], "3");
    expect((await items.search(["m"], { query: "aab", limit: 1 }))[0]?.score).toBe(0);
  });

  test("an item is there until its time is over, and cleanup removes it then", async () => {
    let now = 0;
    const options = { owner: { tenant: `tenant-${newEventId()}`, user: "ann" }, clock: () => now };
    const items = new GroundstateStore(opened.store, { ...options, ttlMs: 1_000, index: INDEX });
    await items.put(["a"], "k", { text: "a" });
    await new GroundstateStore(opened.store, options).put(["b"], "k", { n: 1 });
    now = 999;
    expect(await items.get(["a"], "k")).not.toBeNull();
    expect(await items.cleanup()).toBe(0);
    now = 1_000;
    expect(await items.get(["a"], "k")).toBeNull();
    expect(await items.search(["a"], { query: "a" })).toEqual([]);
    expect(await items.listNamespaces()).toEqual([["b"]]);
    expect(await items.cleanup()).toBe(1);
    expect(await items.cleanup()).toBe(0);
    const session = { ...options.owner, session: "%langgraph-store" };
    expect(await opened.store.count(session, "")).toBe(1);
  });

  test("owners see nothing of each other", async () => {
    const tenant = `tenant-${newEventId()}`;
    let user = "ann";
    const items = new GroundstateStore(opened.store, { owner: () => ({ tenant, user }) });
    await items.put(["a"], "k", { n: 1 });
    user = "bob";
    expect(await items.get(["a"], "k")).toBeNull();
    expect(await items.search([])).toEqual([]);
    user = "ann";
    expect(await items.search([])).toHaveLength(1);
  });
});

describe("misuse", () => {
  test.each([[undefined], [null], ["acme"], [{}]])("an owner of %j is refused", async (owner) => {
    const { openMemory } = await import("../../../drivers/memory/index.js");
    const { createStore } = await import("../../../src/index.js");
    const store = createStore(await openMemory());
    const use = async () =>
      new GroundstateStore(store, { owner: owner as unknown as { tenant: string; user: string } }).get(
        ["a"],
        "k",
      );
    await expect(use()).rejects.toMatchObject({
      code: expect.stringMatching(/INVALID_RECORD|IDENTITY_REQUIRED/),
    });
  });
});

/** Without times, and with the items of a search in one order: the two stores list in different ones. */
function plain(results: readonly unknown[]): unknown[] {
  return results.map((result) => (Array.isArray(result) ? result.map(line).sort() : line(result)));
}

function line(result: unknown): string | null {
  if (!result) return null;
  const { namespace, key, value } = result as Item;
  return JSON.stringify([namespace, key, value.n, value.text]);
}

/** Its reads first: what the model answers are its own items, which the puts of the same batch change afterwards. */
async function modelAnswers(model: InMemoryStore, batch: readonly Operation[]): Promise<unknown[]> {
  const isPut = (operation: Operation) => "value" in operation;
  const reads: unknown[] = await model.batch(batch.filter((operation) => !isPut(operation)));
  const read = plain(reads)[Symbol.iterator]();
  await model.batch(batch.filter(isPut));
  return batch.map((operation) => (isPut(operation) ? null : read.next().value));
}
