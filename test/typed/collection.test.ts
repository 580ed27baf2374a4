import { expect, test } from "vitest";
import { z } from "zod";
import { newEventId, userIdentity } from "../../src/index.js";
import { Collection, json, transact } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "./stores.js";

onEveryStore((opened) => {
  const numbers = () => new Collection<number>(opened.store, "all");

  async function filled(ids: string) {
    const who = newSession();
    const all = numbers();
    await Promise.all([...ids].map((id, n) => all.put(who, id, n)));
    const idsOf = async (options?: Parameters<typeof all.list>[1]) =>
      (await all.list(who, options)).map(({ id }) => id).join("");
    return { who, all, idsOf };
  }

  test("misuse is refused", async () => {
    const { who, all } = await filled("ab");
    const misuse: [unknown, string][] = [
      [null, "options"],
      [{ order: "desc" }, "options"],
      [{ prefix: undefined }, "prefix"],
      [{ prefix: 1 }, "prefix"],
      [{ prefix: "p".repeat(509) }, "prefix"],
      [{ prefix: "\ud800" }, "prefix"],
      [{ from: "" }, "from"],
      [{ after: "" }, "after"],
      [{ bytes: false }, "options"],
      [{ limit: 0 }, "limit"],
      [{ limit: 10_001 }, "limit"],
      [{ reverse: undefined }, "reverse"],
      [{ reverse: "yes" }, "reverse"],
      [{ signal: 1 }, "signal"],
    ];
    for (const [options, field] of misuse) {
      await expect(all.keys(who, options as object)).rejects.toMatchObject({ details: { field } });
      await expect(all.list(who, options as object)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    }
    await expect(all.list({ ...who, user: "" })).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
    await expect(all.put(who, "c", 1, { expect: undefined } as never)).rejects.toMatchObject({
      details: { field: "expect" },
    });
    const none = {
      signal: undefined,
      from: undefined,
      after: undefined,
      before: undefined,
      limit: undefined,
    };
    expect(await all.list(who, none)).toHaveLength(2);
    expect(await all.keys(who, none)).toHaveLength(2);
  });

  test("put, get, find, update, delete", async () => {
    const who = newSession();
    const all = numbers();
    expect(await all.get(who, "a")).toBeUndefined();
    const { eventId } = await all.put(who, "a", 1);
    expect(await all.find(who, "a")).toEqual({ id: "a", value: 1, eventId, updatedAt: expect.any(Date) });
    expect(await all.update(who, "a", (n = 0) => n + 1)).toBe(2);
    expect(await all.update(who, "b", (n) => (n === undefined ? 10 : 0))).toBe(10);
    await expect(all.delete(who, "a", { expect: eventId })).rejects.toMatchObject({
      code: "CONDITION_FAILED",
    });
    expect(await all.delete(who, "a")).toBe(true);
    expect(await all.delete(who, "a")).toBe(false);
    expect(await all.list(who)).toMatchObject([{ id: "b", value: 10 }]);
  });

  test("an event id is one write of one item", async () => {
    const who = newSession();
    const all = numbers();
    const eventId = newEventId();
    expect(await all.put(who, "a", 1, { eventId })).toEqual({ eventId, duplicate: false });
    expect(await all.put(who, "a", 1, { eventId, expect: null })).toEqual({ eventId, duplicate: true });
    await expect(all.put(who, "a", 2, { eventId })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    await expect(all.put(who, "b", 1, { eventId })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect(await all.list(who)).toMatchObject([{ id: "a", value: 1 }]);
  });

  test("lists by id, within bounds that are exclusive, up to a limit, in both directions", async () => {
    const { idsOf } = await filled("dbcaBe");
    expect(await idsOf()).toBe("Babcde");
    expect(await idsOf({ reverse: true })).toBe("edcbaB");
    expect(await idsOf({ after: "a" })).toBe("bcde");
    expect(await idsOf({ before: "d" })).toBe("Babc");
    expect(await idsOf({ after: "a", before: "d" })).toBe("bc");
    expect(await idsOf({ from: "b", before: "d" })).toBe("bc");
    expect(await idsOf({ from: "aa", after: "b" })).toBe("cde");
    expect(await idsOf({ after: "aa", before: "bb" })).toBe("b");
    expect(await idsOf({ after: "d", before: "a" })).toBe("");
    expect(await idsOf({ limit: 2 })).toBe("Ba");
    expect(await idsOf({ limit: 2, reverse: true })).toBe("ed");
    expect(await idsOf({ limit: 2, reverse: true, before: "d", after: "a" })).toBe("cb");
    expect(await idsOf({ limit: 10_000 })).toBe("Babcde");
  });

  test("keys are items without their values, which may be damaged", async () => {
    const who = newSession();
    const all = numbers();
    await all.put(who, "a", 1);
    await all.put(who, "b", 2);
    await all.put(who, "c", 3);
    const bytes = new TextEncoder().encode("no JSON");
    await opened.store.save({ eventId: newEventId(), identity: who, kind: "all/b", bytes });
    await expect(all.list(who)).rejects.toMatchObject({ code: "CORRUPT" });
    const [first] = await all.list(who, { limit: 1 });
    const { value: _, ...key } = first ?? {};
    expect(await all.keys(who, { limit: 1 })).toEqual([key]);
    expect((await all.keys(who, { reverse: true, before: "c" })).map(({ id }) => id)).toEqual(["b", "a"]);
  });

  test("a prefix is literal, and goes with the bounds", async () => {
    const who = newSession();
    const all = numbers();
    const ids = ["a", "a/1", "a/2", "a0", "a%", "a_", "ab", "A/1"];
    await Promise.all(ids.map((id) => all.put(who, id, 1)));
    const under = async (options: { prefix: string; after?: string; before?: string; reverse?: boolean }) =>
      (await all.list(who, options)).map(({ id }) => id);
    expect(await under({ prefix: "a/" })).toEqual(["a/1", "a/2"]);
    expect(await under({ prefix: "a%" })).toEqual(["a%"]);
    expect(await under({ prefix: "a_" })).toEqual(["a_"]);
    expect(await under({ prefix: "a/", after: "a/1" })).toEqual(["a/2"]);
    expect(await under({ prefix: "a/", before: "a/2", reverse: true })).toEqual(["a/1"]);
    expect(await under({ prefix: "a/", after: "b" })).toEqual([]);
    expect(await under({ prefix: "" })).toHaveLength(ids.length);
    expect(await under({ prefix: "p".repeat(508) })).toEqual([]);
  });

  test("pages join without a gap or a repetition", async () => {
    const { who, all } = await filled("hgfedcba");
    for (const reverse of [false, true]) {
      const seen: string[] = [];
      for (let last: string | undefined; ; ) {
        const from = last === undefined ? {} : reverse ? { before: last } : { after: last };
        const page = await all.list(who, { limit: 3, reverse, ...from });
        seen.push(...page.map(({ id }) => id));
        last = page.at(-1)?.id;
        if (page.length < 3) break;
      }
      expect(seen.join("")).toBe(reverse ? "hgfedcba" : "abcdefgh");
    }
  });

  test("clear deletes all items of one identity, and reads none", async () => {
    const { who, all, idsOf } = await filled("abc");
    const run = { ...who, run: "r" };
    const user = userIdentity(who.tenant, who.user);
    const others = [new Collection<number>(opened.store, "al"), new Collection<number>(opened.store, "all2")];
    for (const other of others) await other.put(who, "a", 1);
    for (const owner of [run, user]) await all.put(owner, "a", 1);
    // One that does not decode is deleted like any other.
    await opened.store.save({ eventId: newEventId(), identity: who, kind: "all/d", bytes: Buffer.from("{") });
    expect(await all.clear(who)).toBe(4);
    expect(await idsOf()).toBe("");
    expect(await all.clear(who)).toBe(0);
    for (const other of others) expect(await other.list(who)).toHaveLength(1);
    for (const owner of [run, user]) expect(await all.clear(owner)).toBe(1);
    await expect(all.clear(who, { limit: 1 } as never)).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("one item that does not decode fails the list that holds it, naming it, and no other", async () => {
    const who = newSession();
    const all = new Collection(opened.store, "all", { codec: json({ schema: z.number() }) });
    await all.put(who, "a", 1);
    await all.put(who, "c", 3);
    const bytes = Buffer.from('"hunter2"');
    await opened.store.save({ eventId: newEventId(), identity: who, kind: "all/b", bytes });
    const corrupt = { code: "CORRUPT", details: { at: { identity: who, kind: "all/b" } } };
    for (const call of [
      () => all.list(who),
      () => all.list(who, { reverse: true, limit: 2 }),
      () => all.get(who, "b"),
      () => all.find(who, "b"),
      () => all.update(who, "b", () => 2),
      () => transact(opened.store, (transaction) => transaction.get(all.at(who, "b"))),
    ]) {
      await expect(call()).rejects.toMatchObject(corrupt);
      await expect(call()).rejects.toThrow(/^(?!.*(hunter2|all|ann)).*$/s);
    }
    expect(await all.list(who, { after: "b" })).toMatchObject([{ id: "c" }]);
    await all.put(who, "b", 2);
    expect(await all.list(who)).toMatchObject([{ value: 1 }, { value: 2 }, { value: 3 }]);
  });

  test("lists of other identities stay empty, and erase takes a session's items alone", async () => {
    const { who, all } = await filled("ab");
    const users = userIdentity(who.tenant, who.user);
    await all.put(users, "u", 1);
    expect((await all.list(users)).map(({ id }) => id)).toEqual(["u"]);
    for (const other of [
      { ...who, session: "s2" },
      { ...who, user: "bob" },
      { ...who, tenant: `${who.tenant}x` },
      { ...who, run: "r" },
    ]) {
      expect(await all.list(other)).toEqual([]);
    }
    await opened.store.erase(who);
    expect(await all.list(who)).toEqual([]);
    expect(await all.list(users)).toHaveLength(1);
  });

  test("a change to the value after put has no effect", async () => {
    const who = { ...newSession() };
    const { tenant, user, session } = who;
    const all = new Collection<{ n: number }>(opened.store, "all");
    const value = { n: 1 };
    const putting = all.put(who, "a", value);
    value.n = 2;
    (who as { user: string }).user = "bob";
    await putting;
    expect(await all.get({ tenant, user, session }, "a")).toEqual({ n: 1 });
    expect(await all.list(who)).toEqual([]);
  });
});
