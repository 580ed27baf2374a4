import { describe, expect, test } from "vitest";
import { CLOSEST_NAMES } from "../../conformance/inputs/hostile-names.js";
import { forgetUser } from "../../src/forget-user/index.js";
import {
  newEventId,
  type SessionIdentity,
  StateError,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { createPolicies, type Policies } from "../../src/policies/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together, type Unit } from "../../src/typed/index.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { inProcesses } from "../typed/processes.js";
import { inMemory, newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { testProcesses } from "../wrappers/processes.js";
import { CAREFUL as CONTENT, GRANTS, POLICIES } from "./tables.js";

const CAREFUL = { ...CONTENT, name: "careful" };
const CALL = { policy: "careful", tool: "files.delete", sideEffect: "write.disk" };

/** As many names as a list may hold, each as long as it may be. */
function manyNames(): string[] {
  return Array.from({ length: 1_000 }, (_, n) => `${n}`.padEnd(512, "x"));
}

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

  for (const table of [POLICIES, GRANTS]) {
    describe(table.of === "tenant" ? "policies" : "grants", () => {
      testOtherIdentities(opened, table);
      testDamagedRecords(opened, table);
      testLostAnswers(opened, table);
    });
  }

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
    for (const damage of ["{", {}, ...POLICIES.damages(stored)]) {
      await save(record, damage);
      expect(await policies().judge(who, CALL)).toEqual({ verdict: "forbid", because: "damaged" });
      // What cannot be read is not built upon.
      await expect(policies().put(who, CAREFUL)).rejects.toMatchObject({ code: "CORRUPT" });
    }
    expect(await policies().delete(who, "careful")).toBe(true);
    expect(await opened.store.count(owner, "")).toBe(0);
    await policies().put(who, CAREFUL);
    for (const damage of ["{", {}, ...GRANTS.damages({ tool: "files.delete", by: "grace" })]) {
      await save(grant, damage);
      expect((await policies().judge(who, CALL)).verdict).toBe("approve");
    }
    expect(await policies().revoke(who, { tool: "files.delete" })).toBe(true);
    expect(await policies().grants(who)).toEqual([]);
  });

  test("many that put and delete one policy at once leave one of it in the list, or none", async () => {
    const who = newSession();
    const some = async (n: number) => {
      // Stores of their own: as other processes, they hold no lock of each other.
      const mine = createPolicies(withMethods(opened.store, {}));
      const deleted: boolean[] = [];
      for (let round = 0; round < 5; round++) {
        await mine.put(who, { ...CAREFUL, metadata: { n, round } });
        deleted.push(await mine.delete(who, "careful"));
        await mine.put(who, { ...CAREFUL, metadata: { n, round } });
      }
      return deleted;
    };
    const all = await Promise.all(Array.from({ length: 4 }, (_, n) => some(n)));
    expect(all.flat()).toContain(true);
    const { policies: listed } = await policies().list(who);
    const { policies: versions } = await policies().versions(who, "careful");
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, n) => versions.length - n));
    expect(listed).toEqual(versions.slice(0, 1));
    await policies().delete(who, "careful");
    expect(await opened.store.count(tenantIdentity(who.tenant), "")).toBe(0);
  });

  test("grants are dated by the clock that judges them", async () => {
    const who = newSession();
    const clock = manualClock();
    const mine = createPolicies(opened.store, { clock });
    await mine.put(who, CAREFUL);
    await mine.remember(who, { tool: "files.delete", by: "grace", ttlMs: 1_000, id: "g" });
    expect(await mine.grants(who)).toMatchObject([
      { at: new Date(clock()), expiresAt: new Date(clock() + 1_000) },
    ]);
    clock.forward(999);
    expect((await mine.judge(who, CALL)).verdict).toBe("allow");
    // The same call later changes nothing, and does not begin the time again.
    expect(await mine.remember(who, { tool: "files.delete", by: "grace", ttlMs: 1_000, id: "g" })).toEqual({
      duplicate: true,
    });
    clock.forward(1);
    expect((await mine.judge(who, CALL)).verdict).toBe("approve");
    // A clock that was set back brings it to life again, and no longer than it was to live.
    clock.forward(-1);
    expect((await mine.judge(who, CALL)).verdict).toBe("allow");
  });

  test("damaged grants keep no other from being removed", async () => {
    const who = newSession();
    const clock = manualClock();
    const mine = createPolicies(opened.store, { clock });
    for (const tool of ["a", "b", "c"]) await mine.remember(who, { tool, by: "grace", ttlMs: 1 });
    await mine.remember(who, { tool: "kept", by: "grace" });
    const stored = await opened.store.list(who, "policy.grant/");
    const [damaged] = stored.filter(({ bytes }) => !Buffer.from(bytes).toString().includes("kept"));
    const { identity, kind } = damaged as (typeof stored)[0];
    await opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from("{") });
    clock.forward(1);
    await expect(mine.removeExpired(who)).rejects.toMatchObject({
      code: "CORRUPT",
      details: { at: { kind } },
    });
    expect(await opened.store.count(who, "policy.grant/")).toBe(2);
  });

  test("what lies in the place of another is CORRUPT, in lists and versions too, and is deleted with the policy", async () => {
    const who = newSession();
    const owner = tenantIdentity(who.tenant);
    for (const name of ["careful", "other"]) {
      await policies().put(who, { ...CAREFUL, name });
      await policies().put(who, { ...CAREFUL, name, tools: "any" });
    }
    const move = async (from: string, to: string) => {
      const { bytes } = await opened.store.load(owner, from);
      await opened.store.save({ eventId: newEventId(), identity: owner, kind: to, bytes });
    };
    const kinds = async (prefix: string, name: string) =>
      (await opened.store.list(owner, prefix))
        .filter(({ bytes }) => Buffer.from(bytes).toString().includes(`"${name}"`))
        .map(({ kind }) => kind);
    const corrupt = (kind: string) => ({ code: "CORRUPT", details: { at: { identity: owner, kind } } });

    const [first = "", second = ""] = await kinds("policy.version/", "careful");
    await move(first, second);
    await expect(policies().get(who, "careful", { version: 2 })).rejects.toMatchObject(corrupt(second));
    await expect(policies().versions(who, "careful")).rejects.toMatchObject(corrupt(second));
    expect((await policies().get(who, "careful")).version).toBe(2);

    const [[mine = ""], [others = ""]] = (await Promise.all(
      ["careful", "other"].map((name) => kinds("policy.index/", name)),
    )) as [string[], string[]];
    await move(others, mine);
    await expect(policies().list(who)).rejects.toMatchObject(corrupt(mine));
    expect(await policies().delete(who, "careful")).toBe(true);
    expect((await policies().list(who)).policies.map(({ name }) => name)).toEqual(["other"]);
    expect(await opened.store.count(owner, "")).toBe(4);
  });

  test("what the store itself finds damaged forbids, can be deleted, and can be revoked", async () => {
    const who = newSession();
    await policies().put(who, CAREFUL);
    await policies().remember(who, { tool: "files.delete", by: "grace" });
    const broken = withMethods(opened.store, {
      async find(identity, kind, options) {
        const record = await opened.store.find(identity, kind, options);
        if (record === undefined) return undefined;
        throw new StateError("CORRUPT", "it does not pass its checks", {
          details: { at: { identity, kind } },
        });
      },
    });
    const mine = createPolicies(broken);
    expect(await mine.judge(who, CALL)).toEqual({ verdict: "forbid", because: "damaged" });
    expect(await mine.revoke(who, { tool: "files.delete" })).toBe(true);
    expect(await mine.delete(who, "careful")).toBe(true);
    expect(await policies().grants(who)).toEqual([]);
    expect(await opened.store.count(tenantIdentity(who.tenant), "")).toBe(0);
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

  describe.each([POLICIES, GRANTS])("hostile names %#", (table) => testHostileNames(opened, table));

  test("many at once make versions without a gap", async () => {
    const tenant = newSession();
    const put = (n: number) => policies().put(tenant, { ...CAREFUL, metadata: { n }, id: `p-${n}` });
    const puts = await Promise.all(Array.from({ length: 20 }, (_, n) => put(n % 10)));
    expect(puts.filter(({ duplicate }) => duplicate)).toHaveLength(10);
    expect((await policies().get(tenant, "careful")).version).toBe(10);
  });

  test("verdicts tell hostile names apart", async () => {
    const who = newSession();
    const names = [...new Set(CLOSEST_NAMES)];
    for (const name of names) {
      await policies().put(who, { name, tools: [name], approvals: [{ tool: name }] });
      await policies().remember(who, { tool: name, policy: name, by: name });
    }
    for (const name of names)
      expect((await policies().judge(who, { policy: name, tool: name })).because).toBe("granted");
    const [one = "", two = ""] = names;
    expect((await policies().judge(who, { policy: one, tool: two })).because).toBe("not listed");
  });

  // biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
  const put = (change: any) => (mine: Policies, who: SessionIdentity) =>
    mine.put(who, { ...CAREFUL, ...change });
  // biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
  const grant = (change: any) => (mine: Policies, who: SessionIdentity) =>
    mine.remember(who, { tool: "x", by: "y", ...change });
  testBadInput(opened, POLICIES, [
    ["name", "empty", put({ name: "" })],
    ["tools", "missing", put({ tools: undefined })],
    ["tools", "no such word", put({ tools: "all" })],
    ["tools", "no text", put({ tools: [1] })],
    ["approvals", "an empty rule", put({ approvals: [{}] })],
    ["approvals", "misspelt", put({ approvals: [{ side: 1 }] })],
    ["approvals", "too many", put({ approvals: new Array(1_001).fill({ tool: "x" }) })],
    ["sideEffect", "empty", put({ approvals: [{ sideEffect: "" }] })],
    ["budget", "empty", put({ budget: {} })],
    ["loops", "none", put({ budget: { loops: 0 } })],
    ["cost", "negative", put({ budget: { cost: "-1" } })],
    ["metadata", "a list", put({ metadata: [] })],
    ["metadata", "too large", put({ metadata: { a: "x".repeat(70_000) } })],
    [
      "policy",
      "too large",
      put({ tools: manyNames(), approvals: manyNames().map((tool) => ({ tool, sideEffect: tool })) }),
    ],
    ["id", "left undefined", put({ id: undefined })],
    ["policy", "misspelt", put({ tool: "x" })],
    ["tool", "empty", grant({ tool: "" })],
    ["by", "missing", grant({ by: undefined })],
    ["ttlMs", "none", grant({ ttlMs: 0 })],
    ["policy", "left undefined", grant({ policy: undefined })],
    ["grant", "misspelt", grant({ tools: "x" })],
    ["session", "a user's own state", (mine) => mine.grants(userIdentity("t", "u") as never)],
    ["identity", "misspelt", (mine) => mine.grants({ tenant: "t", user: "u", sesion: "s" } as never)],
    ["rule", "misspelt", (mine, who) => mine.revoke(who, { tool: "x", by: "y" } as never)],
    ["limit", "zero", (mine, who) => mine.list(who, { limit: 0 })],
    ["after", "empty", (mine, who) => mine.list(who, { after: "" })],
    ["after", "no cursor", (mine, who) => mine.versions(who, "a", { after: "\ud800" })],
    ["version", "zero", (mine, who) => mine.get(who, "a", { version: 0 })],
    ["call", "misspelt", (mine, who) => mine.judge(who, { ...CALL, tol: "x" } as never)],
    ["sideEffect", "empty", (mine, who) => mine.judge(who, { ...CALL, sideEffect: "" })],
    ["options", "judge", (mine, who) => mine.judge(who, CALL, { singal: 1 } as never)],
    ["unit", "in", (mine) => mine.in({} as never)],
  ]);
});

onSharedStores((opened) => {
  testProcesses(opened, POLICIES, {
    processes: 3,
    setUp: `
      import { createPolicies } from "groundstate/policies";
      const policies = createPolicies(store);
    `,
    make: `policies.put(who, { name: id, tools: "any", id: "1" })`,
    change: `policies.put(who, { name: id, tools: [by], id: "2" })`,
    lostWith: "IDEMPOTENCY_CONFLICT",
  });

  test("processes that put versions of one policy leave no gap, and lose none", async () => {
    const who = newSession();
    const each = 15;
    const source = `
      import { createPolicies } from "groundstate/policies";
      const policies = createPolicies(store);
      const versions = [];
      for (let n = 0; n < args.each; n++) {
        const { policy } = await policies.put(args.who, { name: "p", tools: [me + "-" + n], id: me + "-" + n });
        versions.push(policy.version);
      }
      console.log(JSON.stringify(versions));
    `;
    const answers = await inProcesses<number[]>(3, opened.url, { who, each }, source);
    const found = await createPolicies(opened.store).versions(who, "p", { limit: 1_000 });
    expect(found.policies.map(({ version }) => version)).toEqual(
      Array.from({ length: 3 * each }, (_, n) => 3 * each - n),
    );
    for (const [me, versions] of answers.entries())
      for (const [n, version] of versions.entries())
        expect(found.policies[3 * each - version]?.tools).toEqual([`${me}-${n}`]);
  });
});
