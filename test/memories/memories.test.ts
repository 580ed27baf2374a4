import { expect, test } from "vitest";
import { forgetUser } from "../../src/forget-user/index.js";
import { maintenanceScope, newEventId, openStore, type StateStore, userIdentity } from "../../src/index.js";
import { createMemories, type Memories, type MemoriesOf } from "../../src/memories/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { createRetention } from "../../src/retention/index.js";
import { together } from "../../src/typed/index.js";
import { manualClock, newUser } from "../sessions/rig.js";
import { onEveryStore } from "../typed/stores.js";

const HOUR = 3_600_000;

async function contentsOf(memories: Memories, who: MemoriesOf, limit = 100) {
  const all: string[] = [];
  for (let after: string | undefined, isDone = false; !isDone; isDone = after === undefined) {
    const page = await memories.read(who, { limit, after });
    expect(page.memories.length).toBeLessThanOrEqual(limit);
    all.push(...page.memories.map(({ content }) => content));
    after = page.next;
  }
  return all;
}

const scopeOf = ({ tenant }: { tenant: string }) => maintenanceScope({ reason: "test", tenant });

const foundBy = async (memories: Memories, who: MemoriesOf, query: string) =>
  (await memories.search(who, query)).found.map(({ memory }) => memory.content);

/** Everything that is stored of a user. */
const storedOf = (store: StateStore, { tenant, user }: { tenant: string; user: string }) =>
  store.list(userIdentity(tenant, user), "");

onEveryStore((opened) => {
  /** A new user, with a clock that is moved by hand. */
  function some() {
    const clock = manualClock();
    return { clock, memories: createMemories(opened.store, { clock }), ann: newUser() };
  }

  test("a memory has what it was added with; an update changes what is given, and its id stays", async () => {
    const { clock, memories, ann } = some();
    const about = { topics: ["food", "food"], metadata: { source: "chat" }, run: "r1" };
    const { id, duplicate } = await memories.add(ann, "Likes tea.", about);
    expect(duplicate).toBe(false);
    const createdAt = new Date(clock());
    const before = await memories.get(ann, id);
    expect(before).toEqual({
      id,
      content: "Likes tea.",
      topics: ["food"],
      metadata: { source: "chat" },
      run: "r1",
      createdAt,
      updatedAt: createdAt,
      eventId: expect.any(String),
    });
    clock.forward(5);
    await memories.update(ann, id, { content: "Likes coffee." }, { expect: before?.eventId as string });
    const after = await memories.get(ann, id);
    expect(after).toEqual({
      ...before,
      content: "Likes coffee.",
      updatedAt: new Date(clock()),
      eventId: expect.any(String),
    });
    const stale = { expect: before?.eventId as string };
    const refused = { code: "CONDITION_FAILED", details: { current: after?.eventId } };
    await expect(memories.update(ann, id, { topics: [] }, stale)).rejects.toMatchObject(refused);
    await expect(memories.delete(ann, id, stale)).rejects.toMatchObject(refused);
    expect(await memories.delete(ann, id, { expect: after?.eventId as string })).toBe(true);
    expect(await memories.delete(ann, id)).toBe(false);
    // Nothing is left of it but what says that something has changed.
    expect((await storedOf(opened.store, ann)).filter(({ kind }) => !kind.includes("changed"))).toEqual([]);
  });

  test("the same content is the same memory, whoever adds it at once, and after an update too", async () => {
    const { memories, ann } = some();
    const other = opened.url === "memory:" ? opened.store : await openStore(opened.url);
    const all = [memories, createMemories(opened.store), createMemories(other)];
    for (const content of ["a", "b", "c"]) {
      const receipts = await Promise.all(
        [...all, ...all].map((each, n) => each.add(ann, content, { topics: [`${n}`] })),
      );
      expect(new Set(receipts.map(({ id }) => id)).size).toBe(1);
      expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    }
    expect((await contentsOf(memories, ann)).sort()).toEqual(["a", "b", "c"]);
    const { id } = await memories.add(ann, "a");
    const taken = { code: "ALREADY_EXISTS" };
    await expect(memories.update(ann, id, { content: "b" })).rejects.toMatchObject(taken);
    await memories.update(ann, id, { content: "d" });
    expect(await memories.add(ann, "d")).toEqual({ id, duplicate: true });
    const anew = await memories.add(ann, "a");
    expect([anew.duplicate, anew.id === id]).toEqual([false, false]);
    // Of two that take one content, one gets it.
    const [first, second] = [await memories.add(ann, "e"), await memories.add(ann, "f")];
    const outcomes = await Promise.allSettled([
      memories.update(ann, first.id, { content: "g" }),
      all[2]?.update(ann, second.id, { content: "g" }),
      memories.add(ann, "g"),
    ]);
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThan(0);
    const contents = await contentsOf(memories, ann);
    expect(contents.filter((content) => content === "g")).toHaveLength(1);
    expect(new Set(contents).size).toBe(contents.length);
    if (other !== opened.store) await other.close();
  });

  test("users and the tenant have memories of their own", async () => {
    const { memories, ann } = some();
    const owners = [{ tenant: ann.tenant }, ann, { ...ann, user: "bob" }];
    for (const who of owners) await memories.add(who, "shared words", { id: "same" });
    await memories.add(ann, "words of ann");
    for (const who of owners) {
      expect(await contentsOf(memories, who)).toHaveLength(who === ann ? 2 : 1);
      expect(await foundBy(memories, who, "words")).toHaveLength(who === ann ? 2 : 1);
    }
    expect(await memories.clear({ tenant: ann.tenant })).toBe(1);
    expect(await foundBy(memories, { tenant: ann.tenant }, "words")).toEqual([]);
    expect(await foundBy(memories, ann, "words")).toHaveLength(2);
  });

  test("an id makes an add happen once, also when the memory was changed or deleted since", async () => {
    const { memories, ann } = some();
    const call = { id: "call-1", topics: ["t"], ttlMs: HOUR };
    await memories.add(ann, "once", call);
    expect(await memories.add(ann, "once", call)).toEqual({ id: "call-1", duplicate: true });
    for (const [content, options] of [
      ["other", call],
      ["once", { ...call, topics: [] }],
    ] as const)
      await expect(memories.add(ann, content, options)).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
    await memories.update(ann, "call-1", { content: "twice" });
    expect((await memories.add(ann, "once", call)).duplicate).toBe(true);
    await memories.delete(ann, "call-1");
    const again = await together(opened.store, (unit) => memories.in(unit).add(ann, "once", call));
    expect(again).toEqual({ id: "call-1", duplicate: true });
    expect(await contentsOf(memories, ann)).toEqual([]);
    // Without an id, what was deleted can be added.
    expect((await memories.add(ann, "once")).duplicate).toBe(false);
  });

  test("pages go from the newest to the oldest, by topics and metadata", async () => {
    const { clock, memories, ann } = some();
    for (let n = 0; n < 9; n++) {
      clock.forward(1);
      const about = { topics: n % 2 ? ["odd", "all"] : ["all"], metadata: { n: { of: n % 3 } } };
      await memories.add(ann, `m${n}`, about);
    }
    const expected = Array.from({ length: 9 }, (_, n) => `m${8 - n}`);
    for (const limit of [1, 2, 100]) expect(await contentsOf(memories, ann, limit)).toEqual(expected);
    const read = async (options: object) =>
      (await memories.read(ann, options)).memories.map(({ content }) => content).join(" ");
    expect(await read({ topics: ["odd"] })).toBe("m7 m5 m3 m1");
    expect(await read({ topics: ["odd", "all"], limit: 2 })).toBe("m8 m7");
    expect(await read({ topics: [] })).toBe("");
    expect(await read({ filter: { n: { of: 0 } } })).toBe("m6 m3 m0");
    expect(await read({ filter: { n: { of: 0 } }, topics: ["odd"], limit: 1 })).toBe("m3");
    expect(await read({ filter: { toString: 1 } })).toBe("");
  });

  test("a memory is there until its time and not a millisecond longer; then its content is free", async () => {
    const { clock, memories, ann } = some();
    const { id } = await memories.add(ann, "fleeting", { ttlMs: HOUR, metadata: { n: 1 } });
    const { id: kept } = await memories.add(ann, "kept");
    const contents = async () => [
      await contentsOf(memories, ann),
      await foundBy(memories, ann, "fleeting kept"),
    ];
    clock.forward(HOUR - 1);
    expect((await memories.get(ann, id))?.expiresAt).toEqual(new Date(clock() + 1));
    expect((await contents())[1]).toHaveLength(2);
    // An update without a time leaves the end where it is.
    await memories.update(ann, id, { metadata: { n: 2 } });
    expect((await memories.get(ann, id))?.expiresAt).toEqual(new Date(clock() + 1));
    clock.forward(1);
    expect(await memories.get(ann, id)).toBeUndefined();
    expect(await contents()).toEqual([["kept"], ["kept"]]);
    await expect(memories.update(ann, id, { ttlMs: null })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await memories.delete(ann, id)).toBe(false);
    const again = await memories.add(ann, "fleeting", { ttlMs: HOUR });
    expect([again.duplicate, again.id === id]).toEqual([false, false]);
    await memories.update(ann, again.id, { ttlMs: null });
    await memories.update(ann, kept, { ttlMs: HOUR });
    clock.forward(HOUR);
    expect(await contents()).toEqual([["fleeting"], ["fleeting"]]);
    // Another memory takes the content of one that is over.
    await memories.update(ann, again.id, { content: "kept" });
    expect(await contents()).toEqual([["kept"], ["kept"]]);
  });

  test("a clean-up removes what is over, of all users, in bounded steps, and nothing else", async () => {
    const { clock, memories, ann } = some();
    const scope = maintenanceScope({ reason: "test", tenant: ann.tenant });
    const owners = [ann, { ...ann, user: "bob" }, { tenant: ann.tenant }];
    for (const who of owners) {
      for (let n = 0; n < 3; n++) await memories.add(who, `over ${n}`, { ttlMs: HOUR });
      await memories.add(who, "longer", { ttlMs: 3 * HOUR, id: "longer" });
      await memories.add(who, "for good");
    }
    clock.forward(2 * HOUR);
    await memories.update(ann, "longer", { ttlMs: 9 * HOUR });
    let removed = 0;
    for (let after: string | undefined; ; ) {
      const page = await memories.cleanup(scope, { limit: 2, after });
      expect(page.removed).toBeLessThanOrEqual(2);
      removed += page.removed;
      after = page.next;
      if (after === undefined) break;
    }
    expect(removed).toBe(9);
    for (const who of owners)
      expect((await contentsOf(memories, who)).sort()).toEqual(["for good", "longer"]);
    const kinds = (await storedOf(opened.store, ann)).map(({ kind }) => kind.split("/")[0]);
    const count = (name: string) => kinds.filter((kind) => kind === name).length;
    expect(["memories", "memories.new", "memories.content", "memories.due"].map(count)).toEqual([2, 2, 2, 1]);
    clock.forward(2 * HOUR);
    expect((await memories.cleanup(scope)).removed).toBe(2);
    expect((await contentsOf(memories, ann)).sort()).toEqual(["for good", "longer"]);
    await expect(memories.cleanup({} as never)).rejects.toMatchObject({ code: "MAINTENANCE_SCOPE_REQUIRED" });
  });

  test("retention removes memories that nobody has updated for too long, and counts them before", async () => {
    const { clock, memories, ann } = some();
    const scope = { tenant: ann.tenant };
    const retention = createRetention(opened.store, { clock });
    for (const id of ["old", "updated"])
      await memories.add(ann, `content of ${id}`, { id, ttlMs: 9_999 * HOUR });
    clock.forward(20 * HOUR);
    await memories.update(ann, "updated", { topics: ["still true"] });
    await memories.add(ann, "content of new");
    clock.forward(10 * HOUR);
    const policy = { records: 24 * HOUR, bySort: { sessions: { records: "forever" } } } as const;
    const counted = { memories: { payloads: 0, records: 1, kept: 0 } };
    expect((await retention.apply(scopeOf(scope), policy, { dryRun: true })).sorts).toMatchObject(counted);
    expect(await contentsOf(memories, ann)).toHaveLength(3);
    expect((await retention.apply(scopeOf(scope), policy)).sorts).toMatchObject(counted);
    expect((await contentsOf(memories, ann)).sort()).toEqual(["content of new", "content of updated"]);
    expect((await foundBy(memories, ann, "content")).sort()).toEqual([
      "content of new",
      "content of updated",
    ]);
    expect((await retention.apply(scopeOf(scope), { payloads: HOUR })).records).toBe(0);
  });

  test("together with other calls it takes effect, or not at all", async () => {
    const { memories, ann } = some();
    const { id } = await memories.add(ann, "there");
    const failure = new Error("no");
    const unit = (fails: boolean) =>
      together(opened.store, async (unit) => {
        const mine = memories.in(unit);
        const added = await mine.add(ann, "new");
        expect(await mine.add(ann, "new")).toEqual({ id: added.id, duplicate: true });
        await mine.update(ann, added.id, { content: "newer" });
        expect(await mine.delete(ann, id)).toBe(true);
        expect((await mine.add(ann, "there")).duplicate).toBe(false);
        if (fails) throw failure;
      });
    await expect(unit(true)).rejects.toBe(failure);
    expect(await foundBy(memories, ann, "there new newer")).toEqual(["there"]);
    await unit(false);
    expect((await foundBy(memories, ann, "there new newer")).sort()).toEqual(["newer", "there"]);
    expect(await memories.get(ann, id)).toBeUndefined();
  });

  test("what is damaged can be deleted, and its content added again", async () => {
    const { memories, ann } = some();
    const owner = userIdentity(ann.tenant, ann.user);
    const write = (kind: string) =>
      opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes: Buffer.from("{") });
    for (const id of ["a", "b"]) await memories.add(ann, `content of ${id}`, { id });
    await write("memories/a");
    for (const { kind } of await opened.store.list(owner, "memories.content/")) await write(kind);
    expect(await memories.delete(ann, "a")).toBe(true);
    expect(await contentsOf(memories, ann)).toEqual(["content of b"]);
    for (const id of ["a", "b"]) expect((await memories.add(ann, `content of ${id}`)).duplicate).toBe(false);
    expect((await foundBy(memories, ann, "content")).sort()).toEqual(["content of a", "content of b"]);
    expect(await memories.delete(ann, "b")).toBe(true);
    expect((await contentsOf(memories, ann)).sort()).toEqual(["content of a", "content of b"]);
  });

  test("a moved user takes memories along, a forgotten one has none", async () => {
    const embed = {
      model: "m",
      vectorsOf: (texts: readonly string[]) => texts.map((text) => [text.length, 1]),
    };
    const clock = manualClock();
    const memories = createMemories(opened.store, { clock, embed });
    const ann = newUser();
    const grace = { ...ann, user: "grace" };
    await memories.add(ann, "both know", { topics: ["of ann"] });
    await memories.add(grace, "both know", { topics: ["of grace"] });
    await memories.add(ann, "ann knows", { ttlMs: HOUR, id: "mine" });
    const before = await memories.get(ann, "mine");
    clock.forward(5);
    expect(await foundBy(memories, grace, "ann knows")).toEqual(["both know"]);
    expect((await moveUser(opened.store, ann, "grace")).memories).toBe(1);
    expect(await memories.get(grace, "mine")).toEqual({ ...before, eventId: expect.any(String) });
    const { found, notSearched } = await memories.search(grace, "knows");
    expect(found.map(({ memory, similarity }) => [memory.content, similarity !== undefined])).toContainEqual([
      "ann knows",
      true,
    ]);
    expect(notSearched.notEmbedded).toBe(0);
    expect((await memories.read(grace, { topics: ["of grace"] })).memories).toHaveLength(1);
    expect(await foundBy(memories, ann, "knows")).toEqual([]);
    expect((await forgetUser(opened.store, grace)).memories).toBe(2);
    expect(await foundBy(memories, grace, "knows")).toEqual([]);
    for (const user of ["grace", ann.user])
      expect(
        (await storedOf(opened.store, { ...ann, user })).filter(({ kind }) => kind.includes("memor")),
      ).toEqual([]);
  });
});
