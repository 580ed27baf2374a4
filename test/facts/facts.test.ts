import { describe, expect, test } from "vitest";
import { CLOSEST_NAMES } from "../../conformance/inputs/hostile-names.js";
import { createFacts, type Facts, type FactsOf, type Namespace } from "../../src/facts/index.js";
import { forgetUser } from "../../src/forget-user/index.js";
import { newEventId, type SessionIdentity, type StateStore, userIdentity } from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { together } from "../../src/typed/index.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
import { type BadCall, testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { FACTS, FOOD, READING } from "./table.js";

function newUser(): { tenant: string; user: string } {
  const { tenant, user } = newSession();
  return { tenant, user };
}

const pathsOf = (found: readonly Namespace[]) => found.map((parts) => parts.join("|"));

/** All pages of a list, of so many each. */
async function allOf(facts: Facts, who: FactsOf, namespace: Namespace, nested: boolean, limit: number) {
  const all: string[] = [];
  for (let after: string | undefined, isDone = false; !isDone; isDone = after === undefined) {
    const page = await facts.list(who, namespace, { nested, limit, after });
    expect(page.facts.length).toBeLessThanOrEqual(limit);
    all.push(...page.facts.map(({ namespace: parts, key }) => `${parts.join("|")} ${key}`));
    after = page.next;
  }
  return all;
}

/** All pages of namespaces, of so many each. */
async function namespacesOf(facts: Facts, who: FactsOf, prefix: Namespace, limit: number) {
  const all: Namespace[] = [];
  for (let after: string | undefined, isDone = false; !isDone; isDone = after === undefined) {
    const page = await facts.namespaces(who, prefix, { limit, after });
    expect(page.namespaces.length).toBeLessThanOrEqual(limit);
    all.push(...page.namespaces);
    after = page.next;
  }
  return all;
}

onEveryStore((opened) => {
  const facts = () => createFacts(opened.store);

  testOtherIdentities(opened, FACTS);
  testDamagedRecords(opened, READING);
  testLostAnswers(opened, FACTS);

  test("a fact says what is known, which run learned it and when", async () => {
    const [ada, clock] = [newUser(), manualClock()];
    const mine = createFacts(opened.store, { clock });
    const { eventId, duplicate } = await mine.put(ada, FOOD, "breakfast", { is: "porridge" }, { run: "r1" });
    expect(duplicate).toBe(false);
    const fact = { namespace: FOOD, key: "breakfast", value: { is: "porridge" }, run: "r1" };
    expect(await mine.find(ada, FOOD, "breakfast")).toEqual({
      ...fact,
      learnedAt: new Date(clock()),
      eventId,
    });
    clock.forward(5);
    expect(await mine.update(ada, FOOD, "breakfast", (was) => [was ?? null], { run: "r2" })).toEqual([
      { is: "porridge" },
    ]);
    expect(await mine.find(ada, FOOD, "breakfast")).toMatchObject({
      value: [{ is: "porridge" }],
      run: "r2",
      learnedAt: new Date(clock()),
    });
    // What is learned without a run names none, also in place of one that did.
    await mine.put(ada, FOOD, "breakfast", 1);
    expect("run" in ((await mine.find(ada, FOOD, "breakfast")) ?? {})).toBe(false);
    expect(await mine.delete(ada, FOOD, "breakfast")).toBe(true);
    expect(await mine.delete(ada, FOOD, "breakfast")).toBe(false);
    expect(await mine.get(ada, FOOD, "breakfast")).toBeUndefined();
  });

  test("lists go by whole parts, in the order of keys, page by page", async () => {
    const ada = newUser();
    const places: [Namespace, string][] = [
      [["a"], "z"],
      [["a"], "b//c"],
      [["a", "b"], "k"],
      [["a", "b"], "a/b"],
      [["a", "b", "c"], "k"],
      [["a", "b", "-"], "k"],
      [["a", "bc"], "k"],
      [["a/b"], "k"],
      [["a%2Fb"], "k"],
      [["b"], "k"],
    ];
    for (const [namespace, key] of places) await facts().put(ada, namespace, key, 1);
    const below = async (namespace: Namespace, nested: boolean) => {
      const all = await allOf(facts(), ada, namespace, nested, 100);
      for (const limit of [1, 2, 3]) expect(await allOf(facts(), ada, namespace, nested, limit)).toEqual(all);
      expect(await facts().count(ada, namespace, { nested })).toBe(all.length);
      return all;
    };
    expect(await below(["a"], false)).toEqual(["a b//c", "a z"]);
    expect(await below(["a", "b"], false)).toEqual(["a|b a/b", "a|b k"]);
    expect(await below(["a", "b"], true)).toEqual(["a|b|- k", "a|b a/b", "a|b k", "a|b|c k"]);
    expect(await below(["a/b"], true)).toEqual(["a/b k"]);
    expect(await below(["a%2Fb"], true)).toEqual(["a%2Fb k"]);
    expect((await below(["a"], true)).length).toBe(7);
    expect((await below([], true)).length).toBe(places.length);
    for (const limit of [1, 2, 100]) {
      expect(pathsOf(await namespacesOf(facts(), ada, ["a"], limit))).toEqual([
        "a",
        "a|b|-",
        "a|b",
        "a|b|c",
        "a|bc",
      ]);
      expect(await namespacesOf(facts(), ada, [], limit)).toHaveLength(8);
    }
    expect(await facts().clear(ada, ["a", "b"])).toBe(4);
    expect(pathsOf((await facts().namespaces(ada, ["a"])).namespaces)).toEqual(["a", "a|bc"]);
    expect(await facts().clear(ada, [])).toBe(6);
  });

  test("users and the tenant have facts of their own", async () => {
    const { tenant } = newUser();
    const owners = [{ tenant }, { tenant, user: "ada" }, { tenant, user: "bob" }];
    for (const [n, who] of owners.entries()) await facts().put(who, FOOD, "k", n, { id: "same" });
    for (const [n, who] of owners.entries()) {
      expect(await facts().get(who, FOOD, "k")).toBe(n);
      expect(await facts().count(who, [], { nested: true })).toBe(1);
    }
    const session = { tenant, user: "ada", session: "s" } as FactsOf;
    await expect(facts().get(session, FOOD, "k")).rejects.toMatchObject({ code: "INVALID_RECORD" });
    const nobody = { tenant, user: undefined } as never;
    await expect(facts().get(nobody, FOOD, "k")).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
  });

  test("expect holds against other writers, and no update is lost", async () => {
    const ada = newUser();
    const { eventId } = await facts().put(ada, FOOD, "n", 0, { expect: null });
    const put = (expected: string | null) => facts().put(ada, FOOD, "n", 0, { expect: expected });
    const refused = { code: "CONDITION_FAILED", details: { current: eventId } };
    await expect(put(null)).rejects.toMatchObject(refused);
    await expect(facts().delete(ada, FOOD, "n", { expect: "another" })).rejects.toMatchObject(refused);
    const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => put(eventId)));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const add = (n: unknown) => (n as number) + 1;
    await Promise.all(Array.from({ length: 10 }, () => facts().update(ada, FOOD, "n", add)));
    const found = await facts().find(ada, FOOD, "n");
    expect(found?.value).toBe(10);
    expect(await facts().delete(ada, FOOD, "n", { expect: found?.eventId as string })).toBe(true);
  });

  test("an id makes a put happen once, alone and in a unit, also when the fact was deleted since", async () => {
    const ada = newUser();
    const call = { run: "r1", id: "call-1" };
    const first = await facts().put(ada, FOOD, "k", 1, call);
    expect(await facts().put(ada, FOOD, "k", 1, call)).toEqual({ ...first, duplicate: true });
    for (const [key, value, options] of [
      ["k", 2, call],
      ["other", 1, call],
      ["k", 1, { id: "call-1" }],
    ] as const)
      await expect(facts().put(ada, FOOD, key, value, options)).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
    await facts().delete(ada, FOOD, "k");
    const again = await together(opened.store, (unit) => facts().in(unit).put(ada, FOOD, "k", 1, call));
    expect(again).toEqual({ ...first, duplicate: true });
    expect(await facts().get(ada, FOOD, "k")).toBeUndefined();
  });

  test("together with other calls it takes effect, or not at all", async () => {
    const ada = newUser();
    await facts().put(ada, FOOD, "gone", 1);
    const failure = new Error("no");
    const unit = (fails: boolean) =>
      together(opened.store, async (unit) => {
        const mine = facts().in(unit);
        await mine.put(ada, FOOD, "a", 1);
        expect(await mine.update(ada, FOOD, "a", (n) => Number(n) + 1)).toBe(2);
        expect(await mine.delete(ada, FOOD, "gone")).toBe(true);
        if (fails) throw failure;
      });
    await expect(unit(true)).rejects.toBe(failure);
    expect(await allOf(facts(), ada, FOOD, false, 9)).toEqual(["preferences|food gone"]);
    await unit(false);
    expect(await allOf(facts(), ada, FOOD, false, 9)).toEqual(["preferences|food a"]);
  });

  test("namespaces are found without reading facts, however many each has", async () => {
    const ada = newUser();
    await Promise.all(
      Array.from({ length: 120 }, (_, n) =>
        facts().put(ada, n < 100 ? ["many"] : [`few-${n % 3}`], `${n}`, n),
      ),
    );
    const asked = { lists: 0, records: 0 };
    const list = (async (...args: Parameters<StateStore["list"]>) => {
      const page = await opened.store.list(...args);
      asked.lists++;
      asked.records += page.length;
      expect(args[2]).toMatchObject({ bytes: false });
      return page;
    }) as StateStore["list"];
    const noting = createFacts(withMethods(opened.store, { list }));
    expect(pathsOf((await noting.namespaces(ada)).namespaces)).toEqual(["few-0", "few-1", "few-2", "many"]);
    expect(asked.lists).toBeLessThan(4);
    expect(asked.records).toBeLessThan(70);
  });

  test("a damaged fact is replaced or deleted; a moved user takes facts along, a forgotten one has none", async () => {
    const ada = newUser();
    const owner = userIdentity(ada.tenant, ada.user);
    for (const key of "ab") await facts().put(ada, FOOD, key, key);
    for (const { kind } of await opened.store.list(owner, "facts/"))
      await opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes: Buffer.from("{") });
    await facts().put(ada, FOOD, "a", "again", { id: "once" });
    expect(await facts().delete(ada, FOOD, "b")).toBe(true);
    await moveUser(opened.store, ada, "grace");
    const grace = { ...ada, user: "grace" };
    expect(await facts().get(grace, FOOD, "a")).toBe("again");
    expect((await facts().put(grace, FOOD, "a", "again", { id: "once" })).duplicate).toBe(true);
    await forgetUser(opened.store, grace);
    expect(await facts().count(grace, [], { nested: true })).toBe(0);
  });
});

const ada = ({ tenant, user }: SessionIdentity) => ({ tenant, user });
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
type Wrong = any;
const put =
  (options: Wrong, namespace: Wrong = FOOD) =>
  (facts: Facts, who: SessionIdentity) =>
    facts.put(ada(who), namespace, "a", 1, options);
const list =
  (options: Wrong, namespace: Wrong = FOOD) =>
  (facts: Facts, who: SessionIdentity) =>
    facts.list(ada(who), namespace, options);

const BAD: readonly BadCall<Facts>[] = [
  ["namespace", "no list", put({}, "food")],
  ["namespace", "empty", put({}, [])],
  ["namespace", "an empty part", put({}, ["a", ""])],
  ["namespace", "a part that is no text", put({}, ["a", 1])],
  ["namespace", "too long", put({}, ["a".repeat(300), "b".repeat(300)])],
  ["namespace", "empty, without nested", list({}, [])],
  ["namespace", "a hole", put({}, new Array(2))],
  ["key", "too long beside its namespace", (f, who) => f.get(ada(who), ["a".repeat(400)], "k".repeat(112))],
  ["value", "undefined", (f, who) => f.put(ada(who), FOOD, "a", undefined as never)],
  ["value", "what JSON does not carry", (f, who) => f.put(ada(who), FOOD, "a", new Map() as never)],
  ["value", "too large", (f, who) => f.put(ada(who), FOOD, "a", "x".repeat(1_100_000))],
  ["run", "reserved", put({ run: "~x" })],
  ["id", "left undefined", put({ id: undefined })],
  ["id", "too long", put({ id: "x".repeat(106) })],
  ["expect", "left undefined", put({ expect: undefined })],
  ["expect", "null for delete", (f, who) => f.delete(ada(who), FOOD, "a", { expect: null as never })],
  ["options", "misspelt", put({ runs: "r" })],
  ["update", "no function", (f, who) => f.update(ada(who), FOOD, "a", 1 as never)],
  ["attempts", "zero", (f, who) => f.update(ada(who), FOOD, "a", () => 1, { attempts: 0 })],
  ["limit", "zero", list({ limit: 0 })],
  ["limit", "too many", list({ limit: 1_001 })],
  ["nested", "no boolean", list({ nested: 1 })],
  ["after", "of another list", list({ after: "another//k" })],
  ["after", "no text", list({ after: 1 })],
  ["after", "of another list of namespaces", (f, who) => f.namespaces(ada(who), FOOD, { after: "b/" })],
  ["signal", "no signal", put({ signal: 1 })],
];

inMemory((opened) => {
  testBadInput(opened, READING, BAD);
  testHostileNames(opened, FACTS);

  describe("hostile namespaces", () => {
    test("each is its own, and no other is below it", async () => {
      const facts = createFacts(opened.store);
      const who = newUser();
      const names = [...new Set(CLOSEST_NAMES)].filter((name) => Buffer.byteLength(name) <= 150);
      const spaces: Namespace[] = [...names.map((name) => [name]), ...names.map((name) => [name, "sub"])];
      await Promise.all(spaces.map((namespace) => facts.put(who, namespace, "k/k", namespace.join("|"))));
      for (const namespace of spaces) {
        expect(await facts.get(who, namespace, "k/k")).toBe(namespace.join("|"));
        expect(await facts.count(who, namespace)).toBe(1);
        const below = await facts.list(who, namespace, { nested: true });
        expect(below.facts.length).toBe(namespace.length === 1 ? 2 : 1);
        for (const each of below.facts) expect(each.namespace[0]).toBe(namespace[0]);
      }
      const found = (await facts.namespaces(who, [], { limit: 1_000 })).namespaces;
      expect(new Set(found.map((parts) => JSON.stringify(parts)))).toEqual(
        new Set(spaces.map((parts) => JSON.stringify(parts))),
      );
      expect(found).toHaveLength(spaces.length);
    });

    test("a page ends at some mebibytes, and the next goes on", async () => {
      const facts = createFacts(opened.store);
      const who = newUser();
      for (let n = 0; n < 22; n++) await facts.put(who, ["large"], `${n + 10}`, "x".repeat(1_000_000));
      const first = await facts.list(who, ["large"], { limit: 1_000 });
      expect(first.facts.length).toBeGreaterThan(15);
      expect(first.facts.length).toBeLessThan(22);
      const rest = await facts.list(who, ["large"], { after: first.next });
      expect([first.facts.length + rest.facts.length, rest.next]).toEqual([22, undefined]);
    });
  });
});
