import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { newEventId, openStore, type StateStore, userIdentity } from "../../src/index.js";
import {
  createMemories,
  type Memories,
  type MemoriesOf,
  type SearchMemoriesOptions,
} from "../../src/memories/index.js";
import { newUser, withMethods } from "../sessions/rig.js";
import { inMemory, onEveryStore, onSharedStores } from "../typed/stores.js";

const NOTHING_LEFT_OUT = { damaged: 0, beyondMemory: 0, notEmbedded: 0 };

async function found(memories: Memories, who: MemoriesOf, query: string, options?: SearchMemoriesOptions) {
  return (await memories.search(who, query, options)).found.map(({ memory }) => memory.content);
}

/** A model that knows three meanings. */
function threeMeanings() {
  const calls: (readonly string[])[] = [];
  const meanings = [/dog|puppy|hound/, /car|vehicle/, /rain|wet/];
  const state = { calls, model: "three", fails: undefined as Error | undefined, dimension: 3 };
  const embed = () => ({
    model: state.model,
    vectorsOf: async (texts: readonly string[]) => {
      calls.push(texts);
      if (state.fails) throw state.fails;
      return texts.map((text) => [
        ...meanings.map((meaning) => (meaning.test(text) ? 1 : 0.01)),
        ...new Array(state.dimension - 3).fill(0),
      ]);
    },
  });
  return { state, embed, texts: () => calls.flat() };
}

onEveryStore((opened) => {
  test("a search sees what another process added, changed and deleted a moment ago", async () => {
    const other = opened.url === "memory:" ? opened.store : await openStore(opened.url);
    const [mine, theirs] = [createMemories(opened.store), createMemories(other)];
    const ann = newUser();
    const finds = async (expected: Record<string, number>) => {
      for (const [word, count] of Object.entries(expected))
        expect(await found(mine, ann, word), word).toHaveLength(count);
    };
    await finds({ apple: 0 });
    const { id } = await theirs.add(ann, "an apple a day");
    await finds({ apple: 1 });
    await theirs.add(ann, "two apples", { id: "two" });
    await finds({ apple: 2, day: 1 });
    await theirs.update(ann, id, { content: "a pear a day" });
    await finds({ apple: 1, pear: 1, day: 1 });
    await theirs.update(ann, id, { topics: ["fruit"] });
    expect(await found(mine, ann, "pear", { topics: ["fruit"] })).toHaveLength(1);
    await theirs.delete(ann, "two");
    await finds({ apple: 0, pear: 1 });
    await Promise.all(Array.from({ length: 40 }, (_, n) => theirs.add(ann, `pear number ${n}`)));
    expect(await found(mine, ann, "pear", { limit: 100 })).toHaveLength(41);
    expect(await theirs.clear(ann)).toBe(41);
    await finds({ pear: 0 });
    await theirs.add(ann, "a pear again");
    await finds({ pear: 1 });
    // As when forgetting a user was interrupted: what says that something has changed is gone first.
    const owner = userIdentity(ann.tenant, ann.user);
    await other.erase(owner, { prefix: "memories.changed/", ownState: true });
    await finds({ pear: 1 });
    await other.erase(owner, { prefix: "memories.content/", ownState: true });
    await other.erase(owner, { prefix: "memories/", ownState: true });
    await finds({ pear: 0 });
    if (other !== opened.store) await other.close();
  });

  test("a memory whose content changes during a search is found all the time", async () => {
    const ann = newUser();
    const writer = createMemories(opened.store);
    const { id } = await writer.add(ann, "needle 0");
    let changes = 0;
    // Right before each look at some entries, the memory gets another content, mostly among other entries.
    const list = (async (...args: Parameters<StateStore["list"]>) => {
      if (args[1].startsWith("memories.content/") && changes < 12)
        await writer.update(ann, id, { content: `needle ${++changes}` });
      return opened.store.list(...args);
    }) as StateStore["list"];
    const memories = createMemories(withMethods(opened.store, { list }));
    for (let round = 0; round < 6; round++) {
      await writer.add(ann, `hay ${round}`);
      expect(await found(memories, ann, "needle")).toHaveLength(1);
    }
    expect(changes).toBeGreaterThan(5);
  });

  test("what has not changed is not read again", async () => {
    const reads: string[] = [];
    const counted = withMethods(opened.store, {
      find: (identity, kind, options) => {
        reads.push(kind);
        return opened.store.find(identity, kind, options);
      },
      list: ((...args: Parameters<StateStore["list"]>) => {
        if (args[2]?.bytes !== (false as never)) reads.push(args[1]);
        return opened.store.list(...args);
      }) as StateStore["list"],
    });
    const memories = createMemories(counted);
    const ann = newUser();
    await Promise.all(Array.from({ length: 150 }, (_, n) => memories.add(ann, `memory number${n}`)));
    expect(await found(memories, ann, "number149")).toHaveLength(1);
    reads.length = 0;
    expect(await found(memories, ann, "nothing")).toEqual([]);
    expect(reads).toEqual([]);
    await memories.add(ann, "a needle");
    reads.length = 0;
    expect(await found(memories, ann, "needle")).toEqual(["a needle"]);
    // Some entries, the memory and its vector, and the memory as it is shown.
    expect(reads.length).toBeLessThan(5);
  });

  test("by words, in every script, of the topics and with the metadata that are asked for", async () => {
    const memories = createMemories(opened.store);
    const ann = newUser();
    const about = (n: number) => ({ topics: n % 2 ? ["odd"] : ["even"], metadata: { n } });
    const contents = [
      "Überraschung für Zoë",
      "работает в Москве",
      "東京の請求書",
      "เขาชอบกาแฟดำ",
      "يحب القهوة",
      "🎂 in May",
    ];
    for (const [n, content] of contents.entries()) await memories.add(ann, content, about(n));
    for (const [n, query] of ["uberraschung", "МОСКВЕ", "請求", "กาแฟ", "القهوة", "🎂"].entries()) {
      expect(await found(memories, ann, query), query).toEqual([contents[n]]);
      expect(await found(memories, ann, query, { topics: [n % 2 ? "odd" : "even"] })).toHaveLength(1);
      expect(await found(memories, ann, query, { topics: ["neither"] })).toEqual([]);
      expect(await found(memories, ann, query, { filter: { n } })).toHaveLength(1);
      expect(await found(memories, ann, query, { filter: { n: n + 1 } })).toEqual([]);
    }
    // Those that are not asked for take no room among those that are found.
    for (let n = 0; n < 30; n++) await memories.add(ann, "coffee ".repeat(5) + n, { topics: ["noise"] });
    await memories.add(ann, "a long text that mentions coffee once, and goes on and on", {
      topics: ["rare"],
    });
    expect(await found(memories, ann, "coffee", { topics: ["rare"], limit: 1 })).toHaveLength(1);
    expect(await found(memories, ann, "coffee", { limit: 100 })).toHaveLength(31);
    expect(await memories.search(ann, "")).toEqual({ found: [], notSearched: NOTHING_LEFT_OUT });
  });

  test("by meaning too, and both orders are merged; each content is embedded once", async () => {
    const { state, embed, texts } = threeMeanings();
    const memories = createMemories(opened.store, { embed: embed() });
    const ann = newUser();
    for (const content of ["a puppy named Rex", "drives an old car", "hates wet shoes"])
      await memories.add(ann, content);
    await memories.add(ann, "a puppy named Rex");
    expect(texts().sort()).toEqual(["a puppy named Rex", "drives an old car", "hates wet shoes"]);
    const { found: dogs, notSearched } = await memories.search(ann, "which dog does she have?", { limit: 1 });
    expect(dogs).toMatchObject([
      { memory: { content: "a puppy named Rex" }, similarity: expect.closeTo(1, 3) },
    ]);
    expect(notSearched).toEqual(NOTHING_LEFT_OUT);
    // What both the words and the meaning find comes before what one of them does.
    await memories.add(ann, "the hound barks at every vehicle");
    await memories.add(ann, "buys dog food");
    expect((await found(memories, ann, "dog food"))[0]).toBe("buys dog food");
    const { id } = await memories.add(ann, "hates wet shoes");
    state.calls.length = 0;
    await memories.update(ann, id, { topics: ["shoes"] });
    await memories.update(ann, id, { content: "hates wet shoes" });
    expect(texts()).toEqual([]);
    await memories.update(ann, id, { content: "a dog that hates water" });
    expect(texts()).toEqual(["a dog that hates water"]);
    expect(await found(memories, ann, "vehicle", { limit: 2 })).toContain("drives an old car");
    expect(await found(memories, ann, "rain", { limit: 3 })).not.toContain("hates wet shoes");
    expect((await memories.search(ann, "puppy", { topics: ["shoes"] })).found).toHaveLength(1);
  });

  test("where embed fails the words are still searched, and embedMissing makes up for it", async () => {
    const { state, embed } = threeMeanings();
    const failure = new Error("no such model");
    state.fails = failure;
    const memories = createMemories(opened.store, { embed: embed() });
    const ann = newUser();
    expect(await memories.add(ann, "a puppy named Rex")).toMatchObject({
      duplicate: false,
      embedFailure: failure,
    });
    const search = () => memories.search(ann, "dog Rex");
    expect(await search()).toMatchObject({
      found: [{ memory: { content: "a puppy named Rex" } }],
      embedFailure: failure,
      notSearched: { notEmbedded: 1 },
    });
    expect(await memories.embedMissing(ann)).toMatchObject({ embedded: 0, failed: 1, embedFailure: failure });
    state.fails = undefined;
    const wordsAlone = createMemories(opened.store);
    await Promise.all(Array.from({ length: 80 }, (_, n) => wordsAlone.add(ann, `filler ${n}`)));
    let embedded = 0;
    for (let after: string | undefined; ; ) {
      const page = await memories.embedMissing(ann, { limit: 50, after });
      embedded += page.embedded;
      after = page.next;
      if (after === undefined) break;
    }
    expect([embedded, await memories.embedMissing(ann)]).toEqual([81, { embedded: 0, failed: 0 }]);
    expect((await search()).notSearched).toEqual(NOTHING_LEFT_OUT);
    const { id } = await wordsAlone.add(ann, "without a vector");
    expect((await search()).notSearched.notEmbedded).toBe(1);
    await wordsAlone.delete(ann, id);
    expect((await search()).notSearched).toEqual(NOTHING_LEFT_OUT);
    expect(await found(memories, ann, "hound", { limit: 1 })).toEqual(["a puppy named Rex"]);
    // Another model: its vectors are compared with no others, also where they have as many numbers.
    state.model = "three, but newer";
    const newer = createMemories(opened.store, { embed: embed() });
    const changed = await newer.search(ann, "hound");
    expect([changed.found, changed.notSearched.notEmbedded]).toEqual([[], 81]);
    await newer.embedMissing(ann);
    expect((await newer.search(ann, "hound")).notSearched.notEmbedded).toBe(0);
    expect(await found(newer, ann, "hound", { limit: 1 })).toEqual(["a puppy named Rex"]);
    // The same name with another number of floats is another model too.
    state.dimension = 5;
    expect((await newer.search(ann, "another hound")).notSearched.notEmbedded).toBe(81);
  });

  test("what is damaged is counted, and the rest is found", async () => {
    const { embed } = threeMeanings();
    const memories = createMemories(opened.store, { embed: embed() });
    const ann = newUser();
    const owner = userIdentity(ann.tenant, ann.user);
    for (const id of ["memory", "vector", "good"]) await memories.add(ann, `needle ${id}`, { id });
    await memories.add(ann, "needle entry");
    const write = (kind: string, text: string) =>
      opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes: Buffer.from(text) });
    const entries = await opened.store.list(owner, "memories.content/");
    const named = entries.filter(({ bytes }) => /^"[0-9A-Z]{26}"$/.test(Buffer.from(bytes).toString()));
    expect(named).toHaveLength(1);
    await write("memories/memory", "{");
    await write("memories.vector/vector", "{}\n123");
    await write(named[0]?.kind as string, "{");
    const search = () => memories.search(ann, "needle");
    const seen = await search();
    expect(seen.found.map(({ memory }) => memory.id).sort()).toEqual(["good", "vector"]);
    expect(seen.notSearched).toEqual({ damaged: 2, beyondMemory: 0, notEmbedded: 1 });
    expect(await memories.embedMissing(ann)).toEqual({ embedded: 1, failed: 0 });
    await memories.delete(ann, "memory");
    expect((await search()).notSearched).toEqual({ damaged: 1, beyondMemory: 0, notEmbedded: 0 });
    // Any update of a memory mends its entry.
    const unnamed = (await memories.read(ann)).memories.find(({ content }) => content === "needle entry");
    await memories.update(ann, unnamed?.id as string, {});
    const after = await search();
    expect(after.found).toHaveLength(3);
    expect(after.notSearched).toEqual(NOTHING_LEFT_OUT);
  });
});

onSharedStores((opened) => {
  test("what a process added before it was killed is found, and what it had deleted is not", async () => {
    const ann = newUser();
    const memories = createMemories(opened.store);
    await memories.add(ann, "needle that goes", { id: "goes" });
    for (let n = 0; n < 20; n++) await memories.add(ann, `hay ${n}`);
    expect(await found(memories, ann, "needle")).toEqual(["needle that goes"]);
    // Acknowledged, and then killed in the middle of more of the same.
    const source = `
      import { openStore } from "groundstate";
      import "groundstate/drivers";
      import { createMemories } from "groundstate/memories";
      const { url, ann } = JSON.parse(process.argv[1]);
      const memories = createMemories(await openStore(url));
      await memories.search(ann, "needle");
      await memories.add(ann, "needle that came");
      await memories.delete(ann, "goes");
      console.log("acknowledged");
      for (let n = 0; ; n++) await memories.add(ann, "needle or hay " + n);
    `;
    const given = JSON.stringify({ url: opened.url, ann });
    const child = spawn(process.execPath, ["--input-type=module", "-e", source, given], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const failed = once(child, "exit").then(() => Promise.reject(new Error("the process ended by itself")));
    await Promise.race([once(child.stdout, "data"), failed]);
    const seen = await found(memories, ann, "needle", { limit: 100 });
    expect(seen).toContain("needle that came");
    expect(seen).not.toContain("needle that goes");
    child.kill("SIGKILL");
    await failed.catch(() => {});
    // Whatever it was killed in: each memory is there with all that belongs to it, or not at all.
    const read = (await memories.read(ann, { limit: 1_000 })).memories.map(({ content }) => content);
    const needles = read.filter((content) => content.startsWith("needle")).sort();
    const later = [...(await found(memories, ann, "needle", { limit: 100 }))].sort();
    if (needles.length <= 100) expect(later).toEqual(needles);
    else expect(later).toHaveLength(100);
  });
});

inMemory((opened) => {
  describe("embed", () => {
    test("is bounded in time, in texts of a call and in calls at once; equal texts share a vector", async () => {
      const sizes: number[] = [];
      let [now, most] = [0, 0];
      const vectorsOf = async (texts: readonly string[]) => {
        sizes.push(texts.length);
        most = Math.max(most, ++now);
        await new Promise((resolve) => setImmediate(resolve));
        now--;
        return texts.map(() => [1]);
      };
      const memories = createMemories(opened.store, { embed: { model: "m", vectorsOf, batch: 5 } });
      const users = Array.from({ length: 4 }, newUser);
      await Promise.all(
        users.flatMap((ann) => Array.from({ length: 40 }, (_, n) => memories.add(ann, `same of all ${n}`))),
      );
      expect(Math.max(...sizes)).toBeLessThanOrEqual(5);
      expect(most).toBe(4);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(40);
      const hanging = createMemories(opened.store, {
        embed: { model: "m", vectorsOf: () => new Promise<never>(() => {}), timeoutMs: 20 },
      });
      const many = await Promise.all(
        Array.from({ length: 300 }, (_, n) => hanging.add(users[0] as MemoriesOf, `slow ${n}`)),
      );
      for (const receipt of many)
        expect(receipt).toMatchObject({ duplicate: false, embedFailure: { code: "UNAVAILABLE" } });
      const reason = new Error("enough");
      const controller = new AbortController();
      const aborted = hanging.add(users[0] as MemoriesOf, "aborted", { signal: controller.signal });
      setImmediate(() => controller.abort(reason));
      await expect(aborted).rejects.toBe(reason);
      expect(await found(createMemories(opened.store), users[0] as MemoriesOf, "aborted")).toEqual([]);
    });

    test("of what is no vector the failure is told, and nothing is stored", async () => {
      const ann = newUser();
      const bad = [
        [],
        [[]],
        [[0, 0]],
        [[Number.NaN]],
        [["x"]],
        ["x"],
        [undefined],
        "x",
        new Array(2).fill([1]),
      ];
      for (const [n, answer] of bad.entries()) {
        const memories = createMemories(opened.store, {
          embed: { model: "m", vectorsOf: (() => answer) as never },
        });
        expect(await memories.add(ann, `content ${n}`)).toMatchObject({
          embedFailure: { code: "INVALID_RECORD", details: { field: "embed.vectorsOf" } },
        });
      }
      const owner = userIdentity(ann.tenant, ann.user);
      expect(await opened.store.list(owner, "memories.vector/")).toEqual([]);
      expect(await createMemories(opened.store).read(ann)).toMatchObject({
        memories: { length: bad.length },
      });
    });
  });

  test("memory is bounded: of more than fit, the newest are searched", async () => {
    const memories = createMemories(opened.store, { maxIndexBytes: 16 * 1024 * 1024 });
    const ann = newUser();
    const filler = "filler ".repeat(6_000);
    for (let n = 0; n < 40; n++) await memories.add(ann, `word${n} ${filler}`, { id: `m${n}` });
    expect(await found(memories, ann, "word39")).toHaveLength(1);
    expect(await found(memories, ann, "word0")).toEqual([]);
    const { notSearched } = await memories.search(ann, "word39");
    expect(notSearched.beyondMemory).toBeGreaterThan(10);
    expect(notSearched.beyondMemory).toBeLessThan(30);
    await memories.add(ann, `word40 ${filler}`);
    expect(await found(memories, ann, "word40")).toHaveLength(1);
    // Where newer ones go, older ones come back.
    for (let n = 5; n < 40; n++) await memories.delete(ann, `m${n}`);
    expect(await found(memories, ann, "word0")).toHaveLength(1);
    expect((await memories.search(ann, "word0")).notSearched.beyondMemory).toBe(0);
  });
});
