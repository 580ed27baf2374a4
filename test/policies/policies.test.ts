import { describe, expect, test } from "vitest";
import { CLOSEST_NAMES } from "../../conformance/inputs/hostile-names.js";
import { forgetUser } from "../../src/forget-user/index.js";
import { newEventId, tenantIdentity, userIdentity } from "../../src/index.js";
import { createPolicies } from "../../src/policies/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together, type Unit } from "../../src/typed/index.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";

const CAREFUL = {
  name: "careful",
  tools: ["files.read", "files.delete"],
  approvals: [{ sideEffect: "write*" }],
  budget: { cost: "1.50", loops: 10 },
  metadata: { owner: "ops" },
};
const CALL = { policy: "careful", tool: "files.delete", sideEffect: "write.disk" };

/** A clock that can be moved on from now. */
function movingClock() {
  let shift = 0;
  return {
    clock: () => Date.now() + shift,
    pass(ms: number) {
      shift += ms;
    },
  };
}

onEveryStore((opened) => {
  const policies = () => createPolicies(opened.store);

  test("versions are numbered, the first one's time stays, and each can be read", async () => {
    const tenant = newSession();
    const { clock, pass } = movingClock();
    const mine = createPolicies(opened.store, { clock });
    const { policy: first, duplicate } = await mine.put(tenant, CAREFUL);
    expect(duplicate).toBe(false);
    expect(first).toMatchObject({ version: 1, ...CAREFUL, budget: { cost: "1.5", loops: 10 } });
    pass(1_000);
    expect(await mine.put(tenant, CAREFUL)).toEqual({ policy: first, duplicate: true });
    const { policy: second } = await mine.put(tenant, { name: "careful", tools: "any" });
    expect(second).toMatchObject({
      version: 2,
      createdAt: first.createdAt,
      tools: "any",
      approvals: [],
      metadata: {},
    });
    expect(second.updatedAt.getTime()).toBeGreaterThan(first.updatedAt.getTime());
    expect("budget" in second).toBe(false);
    expect(await mine.get(tenant, "careful")).toEqual(second);
    expect(await mine.get(tenant, "careful", { version: 1 })).toEqual(first);
    expect(await mine.find(tenant, "careful", { version: 3 })).toBeUndefined();
    const page = await mine.versions(tenant, "careful", { limit: 1 });
    expect(page.policies).toEqual([second]);
    expect(await mine.versions(tenant, "careful", { after: page.next })).toEqual({ policies: [first] });
    // Another tenant sees nothing of it.
    await expect(mine.get(newSession(), "careful")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("an id makes a put happen once, also when there are newer versions, and after a delete it brings nothing back", async () => {
    const tenant = newSession();
    const put = { ...CAREFUL, id: "p-1" };
    const { policy } = await policies().put(tenant, put);
    await policies().put(tenant, { ...CAREFUL, tools: "any" });
    expect(await policies().put(tenant, put)).toEqual({ policy, duplicate: true });
    expect((await policies().get(tenant, "careful")).version).toBe(2);
    await expect(policies().put(tenant, { ...put, tools: [] })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    expect(await policies().delete(tenant, "careful")).toBe(true);
    expect(await policies().delete(tenant, "careful")).toBe(false);
    await expect(policies().put(tenant, put)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.count(tenantIdentity(tenant.tenant), "")).toBe(0);
    expect((await policies().put(tenant, CAREFUL)).policy.version).toBe(1);
  });

  test("the list has the policy that was created last first", async () => {
    const tenant = newSession();
    const { clock, pass } = movingClock();
    const mine = createPolicies(opened.store, { clock });
    for (const name of ["a", "b", "c"]) {
      await mine.put(tenant, { name, tools: [] });
      pass(1_000);
    }
    await mine.put(tenant, { name: "a", tools: "any" });
    const names = (page: { policies: readonly { name: string }[] }) => page.policies.map(({ name }) => name);
    const first = await mine.list(tenant, { limit: 2 });
    expect(names(first)).toEqual(["c", "b"]);
    const next = await mine.list(tenant, { after: first.next });
    expect([names(next), next.next, next.policies[0]?.version]).toEqual([["a"], undefined, 2]);
  });

  test("always allow this tool: in a session, for a user, under a policy, until it is revoked or has expired", async () => {
    const who = newSession();
    const { clock, pass } = movingClock();
    const mine = createPolicies(opened.store, { clock });
    await mine.put(who, CAREFUL);
    await mine.put(who, { ...CAREFUL, name: "other" });
    const verdictOf = async (owner = who, policy = "careful") =>
      (await mine.judge(owner, { ...CALL, policy })).verdict;
    expect(await mine.judge(who, CALL)).toEqual({
      verdict: "approve",
      because: "rule",
      rule: { sideEffect: "write*" },
    });
    const grant = { tool: "files.delete", by: "grace", reason: "she said so", ttlMs: 60_000 };
    expect(await mine.remember(who, grant)).toEqual({ duplicate: false });
    expect(await mine.judge(who, CALL)).toMatchObject({ verdict: "allow", because: "granted" });
    expect(await verdictOf({ ...who, session: "s2" })).toBe("approve");
    expect(await verdictOf({ ...who, user: "bob" })).toBe("approve");
    expect(await mine.grants(who)).toMatchObject([
      { for: "session", tool: "files.delete", by: "grace", reason: "she said so" },
    ]);
    pass(60_001);
    expect(await verdictOf()).toBe("approve");
    expect(await mine.grants(who)).toEqual([]);
    expect(await mine.removeExpired(who)).toBe(1);
    expect(await mine.removeExpired(who)).toBe(0);

    const { session: _, ...user } = who;
    await mine.remember(user, { tool: "files.delete", policy: "careful", by: "grace" });
    expect(await verdictOf({ ...who, session: "s2" })).toBe("allow");
    expect(await verdictOf(who, "other")).toBe("approve");
    expect(await mine.grants(who)).toEqual(await mine.grants(user));
    expect((await mine.grants(user))[0]).toMatchObject({ for: "user", policy: "careful" });
    expect(await mine.revoke(user, { tool: "files.delete" })).toBe(false);
    expect(await mine.revoke(user, { tool: "files.delete", policy: "careful" })).toBe(true);
    expect(await verdictOf()).toBe("approve");
    // A grant allows no tool that the policy does not name.
    await mine.remember(who, { tool: "shell", by: "grace" });
    expect((await mine.judge(who, { ...CALL, tool: "shell" })).because).toBe("not listed");
  });

  test("a late retry of a grant that was revoked brings nothing back", async () => {
    const who = newSession();
    const grant = { id: "g-1", tool: "files.delete", by: "grace" };
    await policies().put(who, CAREFUL);
    expect(await policies().remember(who, grant)).toEqual({ duplicate: false });
    expect(await policies().remember(who, grant)).toEqual({ duplicate: true });
    await expect(policies().remember(who, { ...grant, by: "bob" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await policies().revoke(who, { tool: "files.delete" });
    expect(await policies().remember(who, grant)).toEqual({ duplicate: true });
    expect((await policies().judge(who, CALL)).verdict).toBe("approve");
    expect((await policies().remember({ ...who, session: "s2" }, grant)).duplicate).toBe(false);
  });

  test("a policy that is missing or damaged forbids, a grant that is damaged grants nothing, and both can be removed", async () => {
    const who = newSession();
    expect(await policies().judge(who, CALL)).toEqual({ verdict: "forbid", because: "no policy" });
    await policies().put(who, CAREFUL);
    await policies().remember(who, { tool: "files.delete", by: "grace" });
    const owner = tenantIdentity(who.tenant);
    const [record] = await opened.store.list(owner, "policy/");
    const [grant] = await opened.store.list(who, "policy.grant/");
    if (record === undefined || grant === undefined) throw new Error("nothing is stored");
    const stored = JSON.parse(Buffer.from(record.bytes).toString());
    const save = (at: typeof record, value: unknown) =>
      opened.store.save({
        eventId: newEventId(),
        identity: at.identity,
        kind: at.kind,
        bytes: Buffer.from(typeof value === "string" ? value : JSON.stringify(value)),
      });
    const damages = [
      "{",
      {},
      { ...stored, tools: undefined },
      { ...stored, approvals: [{}] },
      { ...stored, name: "another's" },
      { ...stored, version: 0 },
      { ...stored, more: 1 },
    ];
    for (const damage of damages) {
      await save(record, damage);
      expect(await policies().judge(who, CALL)).toEqual({ verdict: "forbid", because: "damaged" });
      const calls = [
        () => policies().get(who, "careful"),
        () => policies().list(who),
        () => policies().put(who, CAREFUL),
      ];
      for (const call of calls)
        await expect(call()).rejects.toMatchObject({
          code: "CORRUPT",
          details: { at: { kind: record.kind } },
        });
    }
    expect(await policies().delete(who, "careful")).toBe(true);
    expect(await opened.store.count(owner, "")).toBe(0);
    await policies().put(who, CAREFUL);
    for (const damage of ["{", {}, { tool: "files.delete" }, { tool: "files.read", by: "grace" }]) {
      await save(grant, damage);
      expect((await policies().judge(who, CALL)).verdict).toBe("approve");
      await expect(policies().grants(who)).rejects.toMatchObject({ code: "CORRUPT" });
    }
    expect(await policies().revoke(who, { tool: "files.delete" })).toBe(true);
    expect(await policies().grants(who)).toEqual([]);
  });

  test("as part of a unit, once", async () => {
    const who = newSession();
    const sessions = createSessions(opened.store);
    await sessions.create(who);
    const unit = async (unit: Unit) => {
      await sessions.in(unit).append(who, { id: "e", value: "allowed for good" });
      const mine = policies().in(unit);
      const put = await mine.put(who, { ...CAREFUL, id: "p" });
      const grant = await mine.remember(who, { id: "g", tool: "files.delete", by: "grace" });
      await mine.revoke(who, { tool: "files.read" });
      return [put.duplicate, grant.duplicate];
    };
    expect(await together(opened.store, unit)).toEqual([false, false]);
    expect(await together(opened.store, unit)).toEqual([true, true]);
    expect((await policies().judge(who, CALL)).verdict).toBe("allow");
  });

  test("grants go with their session and with their user", async () => {
    const who = newSession();
    await createSessions(opened.store).create(who);
    const { session: _, ...user } = who;
    for (const scope of [who, user]) await policies().remember(scope, { tool: "files.delete", by: "grace" });
    await forgetUser(opened.store, user);
    expect(await policies().grants(who)).toEqual([]);
    expect(await opened.store.count(userIdentity(who.tenant, who.user), "")).toBe(0);
  });
});

inMemory((opened) => {
  const policies = () => createPolicies(opened.store);

  test("over a connection that loses answers every call happens once", async () => {
    const who = newSession();
    const mine = createPolicies(losingAnswers(opened.store, { requests: 0.3, replies: 0.3 }));
    for (let version = 1; version <= 10; version++) {
      const content = { ...CAREFUL, metadata: { version } };
      await untilKnown(() => mine.put(who, { ...content, id: `p-${version}` }));
      await untilKnown(() => mine.remember(who, { id: `g-${version}`, tool: `t-${version}`, by: "grace" }));
    }
    expect((await policies().versions(who, "careful")).policies.map(({ version }) => version)).toEqual([
      10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
    expect(await policies().grants(who)).toHaveLength(10);
  });

  test("many at once make versions without a gap", async () => {
    const tenant = newSession();
    const put = (n: number) => policies().put(tenant, { ...CAREFUL, metadata: { n }, id: `p-${n}` });
    const puts = await Promise.all(Array.from({ length: 20 }, (_, n) => put(n % 10)));
    expect(puts.filter(({ duplicate }) => duplicate)).toHaveLength(10);
    expect((await policies().get(tenant, "careful")).version).toBe(10);
  });

  test("policies and tools with hostile names are as good as any", async () => {
    const who = newSession();
    const names = [...new Set(CLOSEST_NAMES)];
    for (const name of names) {
      await policies().put(who, { name, tools: [name], approvals: [{ tool: name }] });
      await policies().remember(who, { tool: name, policy: name, by: name });
    }
    expect((await policies().list(who, { limit: 1_000 })).policies).toHaveLength(names.length);
    for (const name of names) {
      expect(await policies().get(who, name)).toMatchObject({ name, tools: [name], version: 1 });
      expect((await policies().judge(who, { policy: name, tool: name })).because).toBe("granted");
    }
    const [one = "", two = ""] = names;
    expect((await policies().judge(who, { policy: one, tool: two })).because).toBe("not listed");
  });

  describe("wrong input is refused, and nothing is written", () => {
    // biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
    const put = (change: any) => () => policies().put({ tenant: "t" }, { ...CAREFUL, ...change });
    // biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
    const grant = (change: any) => () =>
      policies().remember({ tenant: "t", user: "u", session: "s" }, { tool: "x", by: "y", ...change });
    test.each([
      ["name", put({ name: "" })],
      ["tools", put({ tools: undefined })],
      ["tools", put({ tools: "all" })],
      ["tools", put({ tools: [1] })],
      ["approvals", put({ approvals: [{}] })],
      ["approvals", put({ approvals: [{ side: 1 }] })],
      ["sideEffect", put({ approvals: [{ sideEffect: "" }] })],
      ["budget", put({ budget: {} })],
      ["loops", put({ budget: { loops: 0 } })],
      ["cost", put({ budget: { cost: "-1" } })],
      ["metadata", put({ metadata: [] })],
      ["metadata", put({ metadata: { a: "x".repeat(70_000) } })],
      ["id", put({ id: undefined })],
      ["policy", put({ tool: "x" })],
      ["tool", grant({ tool: "" })],
      ["by", grant({ by: undefined })],
      ["ttlMs", grant({ ttlMs: 0 })],
      ["policy", grant({ policy: undefined })],
      ["grant", grant({ tools: "x" })],
      ["identity", () => policies().grants({ tenant: "t", user: "u", sesion: "s" } as never)],
      ["rule", () => policies().revoke({ tenant: "t", user: "u" }, { tool: "x", by: "y" } as never)],
      ["limit", () => policies().list({ tenant: "t" }, { limit: 0 })],
      ["after", () => policies().list({ tenant: "t" }, { after: "" })],
      ["version", () => policies().get({ tenant: "t" }, "a", { version: 0 })],
      [
        "call",
        () => policies().judge({ tenant: "t", user: "u", session: "s" }, { ...CALL, tol: "x" } as never),
      ],
    ] as const)("%s", async (field, call) => {
      await expect((async () => call())()).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
      expect(await opened.store.count(tenantIdentity("t"), "")).toBe(0);
      expect(await opened.store.count({ tenant: "t", user: "u", session: "s" }, "")).toBe(0);
    });
  });
});
