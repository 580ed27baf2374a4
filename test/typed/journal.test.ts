import { describe, expect, test } from "vitest";
import { newEventId, userIdentity } from "../../src/index.js";
import { Collection, Journal, json } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "./stores.js";

onEveryStore((opened) => {
  const log = () => new Journal<number>(opened.store, "log");
  const entry = (value: number, id?: string) => (id === undefined ? { value } : { id, value });
  const kindOf = (number: number) => `log/${String(number).padStart(16, "0")}`;

  /** A journal of the values 1 to `count`, each under its own number. */
  async function filled(count: number) {
    const who = newSession();
    for (let next = 1; next <= count; next += 200) {
      const values = Array.from({ length: Math.min(200, count - next + 1) }, (_, n) => entry(next + n));
      await log().append(who, values);
    }
    return who;
  }

  test("clear deletes all of a journal, whatever its state, and it begins anew", async () => {
    const who = await filled(450);
    const other = new Journal<number>(opened.store, "log2");
    await other.append(who, [entry(1)]);
    await log().append(who, [entry(451, "sent")]);
    await log().trim(who, { upTo: 10 });
    expect(await log().clear(who)).toBe(441);
    expect(await log().read(who)).toEqual([]);
    expect(await log().bounds(who)).toEqual({ first: 1, next: 1 });
    expect(await opened.store.list(who, "log/")).toEqual([]);
    expect(await log().clear(who)).toBe(0);
    await expect(log().append(who, [entry(451, "sent")])).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect(await log().append(who, [entry(1)])).toEqual({ duplicate: false, numbers: [1] });
    expect(await other.read(who)).toHaveLength(1);
  });

  test("beside a clear, a read returns all entries or none", async () => {
    const who = await filled(400);
    const clearing = log().clear(who);
    for (const read of await Promise.all(Array.from({ length: 8 }, () => log().read(who))))
      expect([0, 400]).toContain(read.length);
    expect(await clearing).toBe(400);
  });

  test("misuse is refused, and nothing is written", async () => {
    const who = newSession();
    const many = Array.from({ length: 201 }, () => entry(1));
    const misuse: [() => Promise<unknown>, string][] = [
      [() => log().append(who, undefined as never), "entries"],
      [() => log().append(who, []), "entries"],
      [() => log().append(who, many), "entries"],
      [() => log().append(who, new Array(2) as never), "entries"],
      [() => log().append(who, [{ value: 1, key: "x" } as never]), "entries"],
      [() => log().append(who, [{ value: 1, id: undefined } as never]), "id"],
      [() => log().append(who, [entry(1, "")]), "id"],
      [() => log().append(who, [entry(1, "i".repeat(106))]), "id"],
      [() => log().append(who, [entry(1, "a\0")]), "id"],
      [() => log().append(who, [{} as never]), "value"],
      [() => log().append(who, [entry(1), entry(Number.NaN)]), "value"],
      [() => log().append(who, [entry(1, "x"), entry(2, "x")]), "id"],
      [() => log().append(who, [entry(1)], { also: undefined } as never), "also"],
      [() => log().append(who, [entry(1)], { attempts: undefined } as never), "attempts"],
      [() => log().append(who, [entry(1)], { expect: null } as never), "options"],
      [() => log().read(who, { from: 0 }), "from"],
      [() => log().read(who, { limit: 0 }), "limit"],
      [() => log().read(who, { reverse: "yes" as never }), "reverse"],
      [() => log().read(who, { after: 1 } as never), "options"],
      [() => log().trim(who, -1), "keep"],
      [() => log().trim(who, undefined as never), "keep"],
      [() => log().trim(who, { upTo: 0 }), "upTo"],
      [() => log().trim(who, { upTo: 1 }), "upTo"],
      [() => log().trim(who, { keep: 1 } as never), "range"],
      [() => log().trim(who, 1, { attempts: 1 } as never), "options"],
    ];
    for (const [call, field] of misuse) {
      await expect(call()).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
    }
    for (const call of [
      () => log().append({ ...who, user: "" }, [entry(1)]),
      () => log().read({} as never),
      () => log().bounds({} as never),
      () => log().trim({} as never, 1),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
    }
    expect([await log().read(who), await log().bounds(who)]).toEqual([[], { first: 1, next: 1 }]);
  });

  test("numbers follow one another, from 1 on, over all appends", async () => {
    const who = newSession();
    expect(await log().append(who, [entry(10, "a"), entry(20)])).toEqual({
      duplicate: false,
      numbers: [1, 2],
    });
    expect((await log().append(who, [entry(30)])).numbers).toEqual([3]);
    expect(await log().bounds(who)).toEqual({ first: 1, next: 4 });
    expect(await log().read(who)).toEqual([
      { number: 1, id: "a", value: 10, at: expect.any(Date) },
      { number: 2, id: expect.stringMatching(/^[0-9A-Z]{26}$/), value: 20, at: expect.any(Date) },
      { number: 3, id: expect.any(String), value: 30, at: expect.any(Date) },
    ]);
  });

  test("reads from any number, with a limit, in both directions", async () => {
    const who = await filled(7);
    const read = async (options?: Parameters<Journal<number>["read"]>[1]) =>
      (await log().read(who, options)).map(({ number, value }) => (number === value ? number : "wrong"));
    expect(await read()).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(await read({ from: 5 })).toEqual([5, 6, 7]);
    expect(await read({ from: 3, limit: 2 })).toEqual([3, 4]);
    expect(await read({ from: 8 })).toEqual([]);
    expect(await read({ from: Number.MAX_SAFE_INTEGER - 1 })).toEqual([]);
    expect(await read({ reverse: true })).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(await read({ reverse: true, limit: 2 })).toEqual([7, 6]);
    expect(await read({ reverse: true, from: 5, limit: 2 })).toEqual([5, 4]);
    expect(await read({ reverse: true, from: 100 })).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect(await read({ limit: 7 })).toHaveLength(7);
    expect(await read({ reverse: true, from: 1 })).toEqual([1]);
  });

  test("a batch is appended whole or not at all", async () => {
    const who = await filled(1);
    const failing = log().append(who, [entry(2), entry(3)], { also: () => Promise.reject(new Error("no")) });
    await expect(failing).rejects.toThrow("no");
    expect(await log().bounds(who)).toEqual({ first: 1, next: 2 });
    expect(await log().read(who)).toHaveLength(1);
  });

  describe("an id is one entry", () => {
    test("sent again it is a duplicate with its number, in whatever order", async () => {
      const who = newSession();
      await log().append(who, [entry(1, "a"), entry(2, "b")]);
      const again = { duplicate: true, numbers: [1, 2] };
      expect(await log().append(who, [entry(1, "a"), entry(2, "b")])).toEqual(again);
      expect(await log().append(who, [entry(2, "b")])).toEqual({ duplicate: true, numbers: [2] });
      expect(await log().append(who, [entry(2, "b"), entry(1, "a")])).toMatchObject({ numbers: [2, 1] });
      expect(await log().bounds(who)).toEqual({ first: 1, next: 3 });
    });

    test.each([
      ["with another value", [entry(9, "a")], 0],
      ["with a new one", [entry(1, "a"), entry(3, "c")], 1],
      ["with one that has no id", [entry(3), entry(1, "a")], 0],
    ])("sent again %s it is a conflict, and nothing is written", async (_, entries, change) => {
      const who = newSession();
      await log().append(who, [entry(1, "a"), entry(2, "b")]);
      const error = await log()
        .append(who, entries)
        .catch((reason: unknown) => reason);
      expect(error).toMatchObject({ code: "IDEMPOTENCY_CONFLICT", details: { change } });
      expect(await log().bounds(who)).toEqual({ first: 1, next: 3 });
    });

    test("of an entry that was trimmed or erased since, nothing is acknowledged that is not there", async () => {
      const who = newSession();
      await log().append(who, [entry(1, "a"), entry(2, "b"), entry(3, "c")]);
      await log().trim(who, 1);
      for (const entries of [
        [entry(1, "a")],
        [entry(9, "a")],
        [entry(1, "a"), entry(2, "b")],
        [entry(2, "b"), entry(3, "c")],
      ]) {
        await expect(log().append(who, entries)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      }
      expect(await log().bounds(who)).toEqual({ first: 3, next: 4 });
      await opened.store.erase(who);
      await expect(log().append(who, [entry(7, "c")])).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect(await log().read(who)).toEqual([]);
      expect(await log().append(who, [entry(7, "d")])).toEqual({ duplicate: false, numbers: [1] });
    });

    test("the same one in other journals, sessions, runs, users and tenants is another", async () => {
      const who = newSession();
      const owners = [
        who,
        { ...who, run: "r" },
        { ...who, session: "s2" },
        { ...who, user: "bob" },
        { ...who, tenant: `${who.tenant}x` },
        userIdentity(who.tenant, who.user),
      ];
      for (const owner of owners) {
        for (const name of ["log", "lo", "log2"]) {
          const journal = new Journal<number>(opened.store, name);
          expect(await journal.append(owner, [entry(1, "a")])).toEqual({ duplicate: false, numbers: [1] });
          expect(await journal.read(owner)).toMatchObject([{ id: "a", value: 1 }]);
        }
      }
    });
  });

  test("changes to values and identities after append have no effect", async () => {
    const who = { ...newSession() };
    const { user } = who;
    const journal = new Journal<{ n: number }>(opened.store, "log");
    const entries = [{ id: "a", value: { n: 1 } }];
    const appending = journal.append(who, entries);
    entries[0]!.value.n = 2;
    entries[0]!.id = "b";
    entries.push({ id: "c", value: { n: 3 } });
    (who as { user: string }).user = "bob";
    await appending;
    expect(await journal.read(who)).toEqual([]);
    expect(await journal.read({ ...who, user })).toMatchObject([{ id: "a", value: { n: 1 } }]);
  });

  describe("what is damaged is CORRUPT, naming the slot", () => {
    const corrupt = (kind: string) => ({ code: "CORRUPT", details: { at: { kind } } });
    const save = (identity: ReturnType<typeof newSession>, kind: string, text: string) =>
      opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from(text) });

    test.each([1, 3, 5])("entry %i of 5 is missing", async (missing) => {
      const who = await filled(5);
      await opened.store.delete(who, kindOf(missing));
      for (const options of [{}, { reverse: true }, { from: missing }, { from: missing, reverse: true }]) {
        await expect(log().read(who, options)).rejects.toMatchObject(corrupt(kindOf(missing)));
      }
      if (missing > 1) expect(await log().read(who, { limit: missing - 1 })).toHaveLength(missing - 1);
      expect(await log().read(who, { from: missing + 1 })).toHaveLength(5 - missing);
    });

    test("an entry does not decode, or is none", async () => {
      const who = await filled(2);
      const strict = new Journal<number>(opened.store, "log", { codec: json() });
      await save(who, kindOf(2), "hunter2");
      await expect(strict.read(who)).rejects.toMatchObject(corrupt(kindOf(2)));
      await expect(strict.read(who)).rejects.toThrow(/^(?!.*(hunter2|log|ann)).*$/s);
      await save(who, kindOf(2), "2");
      await new Collection<number>(opened.store, "log").put(who, "stray", 1);
      await expect(strict.read(who)).rejects.toMatchObject(corrupt("log/stray"));
    });

    test.each([
      "null",
      "{}",
      "5",
      '{"first":1}',
      '{"first":1,"next":0}',
      '{"first":"1","next":"2"}',
      '{"first":1,"next":3,"unswept":1}',
      '{"first":2,"next":3,"unswept":"1"}',
      "hunter2",
    ])("its head is %s: nothing is read, appended or trimmed", async (text) => {
      const who = await filled(2);
      await save(who, "log", text);
      for (const call of [
        () => log().append(who, [entry(9)]),
        () => log().read(who),
        () => log().bounds(who),
        () => log().trim(who, 0),
      ]) {
        await expect(call()).rejects.toMatchObject(corrupt("log"));
      }
      expect(await opened.store.list(who, "log/")).toHaveLength(2);
    });

    test("an entry lies where the next belongs: it is not overwritten", async () => {
      const who = await filled(3);
      const before = await opened.store.list(who, "log/");
      await opened.store.delete(who, "log");
      await expect(log().append(who, [entry(9)])).rejects.toMatchObject(corrupt("log"));
      await save(who, "log", '{"first":1,"next":3}');
      await expect(log().append(who, [entry(9), entry(10)])).rejects.toMatchObject(corrupt("log"));
      expect(await opened.store.list(who, "log/")).toEqual(before);
    });
  });
});
