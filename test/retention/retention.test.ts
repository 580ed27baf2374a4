import { describe, expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import {
  maintenanceScope,
  newEventId,
  openStore,
  type SessionIdentity,
  type StateStore,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { createRetention, type RetentionPolicy, type UserData } from "../../src/retention/index.js";
import { createRuntime } from "../../src/runtime/index.js";
import { failure } from "../drivers/sqlite-rig.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { onEveryStore } from "../typed/stores.js";

const DAY = 86_400_000;
const POLICY = { payloads: "30d", records: "180d", idleSessions: "90d" } as const satisfies RetentionPolicy;
const NONE = { payloads: 0, records: 0, kept: 0 };
const LARGE = "secret ".repeat(50);

const scopeOf = (tenant: string) => maintenanceScope({ reason: "retention", tenant });

/** All wrappers on a store, with one clock that a test moves. */
function rigOn(store: StateStore) {
  // Lineages go by the store's own times, so the clock begins now.
  const clock = manualClock(Date.now());
  const tenant = `tenant-${newEventId()}`;
  const who = { tenant, user: "ada", session: "s-1" };
  return { ...createRuntime(store, { clock }), clock, tenant, who, scope: scopeOf(tenant) };
}

type Rig = ReturnType<typeof rigOn>;

/** Something ended of every wrapper in a session, with payloads. */
async function useEverything(rig: Rig, who: SessionIdentity): Promise<void> {
  const { sessions, approvals, questions, runs, toolCalls, checkpoints, artifacts, results } = rig;
  await sessions.create(who, { metadata: { title: "kept" } });
  await sessions.append(who, [{ value: LARGE }, { value: "two" }]);
  await sessions.saveSummary(who, { upTo: 1, value: LARGE });
  await sessions.sessionState(who).set("note", LARGE);
  await approvals.request(who, { id: "a", tool: "mail", arguments: { text: LARGE }, sender: LARGE });
  const args = { text: LARGE };
  await approvals.decide(who, "a", { decision: "approve", by: "boss", arguments: { ...args, edited: true } });
  await approvals.claim(who, "a", { tool: "mail", arguments: { ...args, edited: true } });
  await approvals.complete(who, "a", { result: LARGE });
  await questions.ask(who, { id: "q", text: LARGE, context: LARGE, choices: ["yes", "no"] });
  await questions.answer(who, "q", { value: "yes", by: "boss" });
  await runs.start(who, { id: "r", name: "n", input: LARGE, metadata: { kept: true } });
  const { lease } = await runs.claim(who, "r", { worker: "w", leaseMs: 60_000 });
  await runs.step(lease, "s", () => LARGE);
  await runs.complete(lease, { result: LARGE });
  await toolCalls.begin(who, { id: "c", tool: "mail", arguments: args, sideEffect: "write" });
  await toolCalls.fail(who, "c", { error: LARGE });
  await checkpoints.put(who, { lineage: "main", id: "p", values: { a: LARGE } });
  await artifacts.put(who, { name: "a.txt", content: LARGE });
  await artifacts.put(who, { name: "a.txt", content: "two" });
  await results.put(who, { id: "res", content: LARGE });
}

const only = (sorts: object) => expect.objectContaining(sorts);

onEveryStore((opened) => {
  test("payloads go first, then sessions, then records, and a dry run says so before", async () => {
    const rig = rigOn(opened.store);
    const { clock, who, scope, retention } = rig;
    await useEverything(rig, who);
    const apply = async () => {
      const would = await retention.apply(scope, POLICY, { dryRun: true });
      expect(await retention.apply(scope, POLICY, { dryRun: true })).toEqual(would);
      const did = await retention.apply(scope, POLICY);
      expect({ ...did, dryRun: true }).toEqual(would);
      expect(await retention.apply(scope, POLICY)).toMatchObject({ payloads: 0, records: 0 });
      return did;
    };
    clock.forward(29 * DAY);
    expect(await apply()).toMatchObject(NONE);
    expect((await rig.sessions.read(who)).length).toBe(2);

    clock.forward(2 * DAY);
    const one = { payloads: 1, records: 0, kept: 0 };
    expect((await apply()).sorts).toEqual({
      approvals: one,
      audit: one,
      questions: one,
      runs: one,
      toolCalls: one,
      sessions: one,
      artifacts: NONE,
      results: NONE,
      lineages: NONE,
      expiring: NONE,
      memories: NONE,
    });
    const left = await everythingStored(opened.store, rig.tenant, who);
    const inContent = /^(artifact|result|checkpoint)[./]/;
    expect(left.filter(({ kind, text }) => text.includes("secret") && !inContent.test(kind))).toEqual([]);
    const at = new Date(clock());
    expect(await rig.toolCalls.get(who, "c")).toMatchObject({
      ...{ tool: "mail", arguments: null, sideEffect: "write", status: "failed", payloadRemovedAt: at },
      ...{ digest: expect.stringMatching(/./), outcome: { error: "[removed]" } },
    });
    const run = await rig.runs.get(who, "r");
    expect(run).toMatchObject({
      name: "n",
      metadata: { kept: true },
      status: "completed",
      payloadRemovedAt: at,
    });
    expect([run.input, run.outcome?.result]).toEqual([undefined, undefined]);
    expect((await rig.runs.steps(who, "r")).steps).toMatchObject([{ key: "s", status: "finished" }]);
    expect(await rig.questions.get(who, "q")).toMatchObject({
      ...{ text: "[removed]", status: "answered", answer: { value: null, by: "boss" }, payloadRemovedAt: at },
    });
    const approval = await rig.approvals.get(who, "a");
    expect(approval).toMatchObject({
      ...{ tool: "mail", arguments: null, status: "completed", payloadRemovedAt: at },
      ...{ edited: { by: "boss", arguments: null }, outcome: {} },
    });
    expect("sender" in approval || "result" in (approval.outcome ?? {})).toBe(false);
    expect((await rig.approvals.audit({ tenant: rig.tenant })).entries).toMatchObject([
      { id: "a", tool: "mail" },
    ]);
    expect(await rig.sessions.get(who)).toMatchObject({ metadata: { title: "kept" } });
    expect(await rig.sessions.read(who)).toEqual([]);
    expect(await rig.sessions.summaries(who)).toEqual([]);
    expect(await rig.sessions.sessionState(who).entries()).toEqual([]);
    // The lists go on.
    expect((await rig.toolCalls.list(who)).calls.length).toBe(1);
    expect((await rig.runs.list({ tenant: rig.tenant }, { name: "n" })).runs.length).toBe(1);

    clock.forward(150 * DAY);
    const gone = { payloads: 0, records: 1, kept: 0 };
    expect((await apply()).sorts).toEqual(
      only({
        ...{ approvals: gone, audit: gone, questions: gone, runs: gone, toolCalls: gone, sessions: gone },
        ...{ artifacts: { ...gone, records: 2 }, results: gone, lineages: gone },
      }),
    );
    expect(await everythingStored(opened.store, rig.tenant, who)).toEqual([]);
  });

  test("an event appended after the payloads went has the next number", async () => {
    const { sessions, who, clock, scope, retention } = rigOn(opened.store);
    await sessions.create(who);
    await sessions.append(who, [{ value: 1 }, { value: 2 }]);
    clock.forward(31 * DAY);
    expect((await retention.apply(scope, POLICY)).sorts.sessions).toEqual({ ...NONE, payloads: 1 });
    await sessions.append(who, { value: 3 });
    expect((await sessions.read(who)).map(({ number, value }) => [number, value])).toEqual([[3, 3]]);
  });

  test("everything of a pinned session stays, also what another sort of data keeps", async () => {
    const rig = rigOn(opened.store);
    const { clock, scope, tenant } = rig;
    const other = { tenant, user: "ada", session: "s-2" };
    for (const who of [rig.who, other]) await useEverything(rig, who);
    await rig.sessions.pin(rig.who);
    const hold: UserData = { name: "holds", isKept: async ({ session }) => session === "s-2" };
    clock.forward(200 * DAY);
    // What is kept of arguments has no name of a session: the audit list says whose it is.
    const isOfPinned = (one: { readonly kind: string }) =>
      !one.kind.startsWith("approval.audit.call/") && !JSON.stringify(one).includes("s-2");
    const ofPinned = async () => (await everythingStored(opened.store, tenant, rig.who)).filter(isOfPinned);
    const before = await ofPinned();
    const held = createRetention(opened.store, { clock, data: [hold] });
    expect(await held.apply(scope, POLICY)).toMatchObject({ payloads: 0, records: 0, kept: 20 });
    expect(await rig.retention.apply(scope, POLICY)).toMatchObject({ records: 10, kept: 10 });
    expect(await ofPinned()).toEqual(before);
    const { entries } = await rig.approvals.audit({ tenant });
    expect(entries).toMatchObject([{ identity: rig.who, arguments: { text: LARGE } }]);
    await rig.sessions.unpin(rig.who);
    await rig.retention.apply(scope, POLICY);
    expect(await rig.toolCalls.find(rig.who, "c")).toBeUndefined();
  });

  test("a session that is used, or pinned, while it is looked at stays whole", async () => {
    const { sessions, clock, tenant, scope } = rigOn(opened.store);
    const names = ["touched", "pinned", "left"];
    for (const age of [100, 40]) {
      for (const session of names) {
        const who = { tenant, user: `u-${age}`, session };
        await sessions.create(who);
        await sessions.append(who, { value: "one" });
      }
      clock.forward(age * DAY - (age === 100 ? 40 * DAY : 0));
    }
    const wake = async ({ user, session }: { user: string; session: string }) => {
      const who = { tenant, user, session };
      if (session === "touched") await sessions.append(who, { value: "two" });
      if (session === "pinned") await sessions.pin(who);
    };
    const asked = new Set<string>();
    // Right before each commit of the retention, the session is used.
    const store = withMethods(opened.store, {
      commit: async (changes, options) => {
        for (const change of changes) {
          const { user = "", session = "" } = change.op === "erase" ? change.identity : {};
          if (session !== "" && !asked.has(user + session)) {
            asked.add(user + session);
            await wake({ user, session });
          }
        }
        return opened.store.commit(changes, options);
      },
    });
    const { sorts } = await createRetention(store, { clock }).apply(scope, POLICY);
    expect(sorts.sessions).toEqual({ payloads: 1, records: 1, kept: 0 });
    expect(asked.size).toBe(6);
    for (const user of ["u-100", "u-40"]) {
      expect((await sessions.read({ tenant, user, session: "touched" })).length).toBe(2);
      expect((await sessions.read({ tenant, user, session: "pinned" })).length).toBe(1);
    }
  });

  test("delete with `ifIdleSince` leaves a session that was used since", async () => {
    const { sessions, who, clock } = rigOn(opened.store);
    await sessions.create(who);
    const created = new Date(clock());
    expect(await sessions.delete(who, { ifIdleSince: created })).toBe(false);
    clock.forward(1_000);
    await sessions.append(who, { value: 1 });
    expect(await sessions.delete(who, { ifIdleSince: new Date(clock()) })).toBe(false);
    expect(await sessions.delete(who, { ifIdleSince: new Date(clock() + 1) })).toBe(true);
    expect(await sessions.find(who)).toBeUndefined();
  });

  test("arguments and results that lie in chunks go with the payload, and a reader of that moment sees none", async () => {
    const { toolCalls, who, clock, scope, retention } = rigOn(opened.store);
    const large = "x".repeat(1_100_000);
    await toolCalls.begin(who, { id: "c", tool: "t", arguments: large });
    await toolCalls.succeed(who, "c", { result: large });
    clock.forward(31 * DAY);
    const chunks = () => opened.store.count(who, "tool-call.chunk/");
    expect(await chunks()).toBeGreaterThan(1);
    // Between the record and its chunks, the reader is overtaken.
    const apply = () => retention.apply(scope, POLICY);
    let overtake: typeof apply | undefined = apply;
    const before = async (kind: string) => {
      const now = kind.startsWith("tool-call.chunk/") ? overtake : undefined;
      if (now !== undefined) overtake = undefined;
      await now?.();
    };
    const slow = withMethods(opened.store, {
      find: async (...args) => {
        await before(args[1]);
        return opened.store.find(...args);
      },
      list: (async (...args: Parameters<StateStore["list"]>) => {
        await before(args[1]);
        return opened.store.list(...args);
      }) as StateStore["list"],
    });
    const { arguments: args, ...seen } = await createRuntime(slow, { clock }).toolCalls.get(who, "c");
    expect([args === null, seen.status, seen.payloadRemovedAt]).toEqual([
      true,
      "succeeded",
      new Date(clock()),
    ]);
    expect(overtake).toBeUndefined();
    expect(await chunks()).toBe(0);
    expect((await toolCalls.get(who, "c")).outcome).toEqual({ at: expect.any(Date) });
  });

  test("what is open stays, and what ended lately though it began long ago", async () => {
    const { runs, toolCalls, questions, who, clock, scope, retention } = rigOn(opened.store);
    await runs.start(who, { id: "waiting" });
    for (const id of ["open", "late"]) await toolCalls.begin(who, { id, tool: "t", arguments: { a: 1 } });
    await questions.ask(who, { id: "q", text: "Which?", ttlMs: 300 * DAY });
    clock.forward(200 * DAY);
    await toolCalls.succeed(who, "late", { result: "fresh" });
    clock.forward(29 * DAY);
    expect(await retention.apply(scope, POLICY)).toMatchObject(NONE);
    clock.forward(2 * DAY);
    expect((await retention.apply(scope, POLICY)).sorts).toEqual(
      only({ toolCalls: { ...NONE, payloads: 1 }, runs: NONE, questions: NONE }),
    );
    expect(await toolCalls.get(who, "open")).toMatchObject({ arguments: { a: 1 } });
  });

  test("limits, and what goes on after an abort, end with what one call does", async () => {
    const { toolCalls, who, clock, scope, tenant, retention } = rigOn(opened.store);
    const other = { ...who, tenant: `${tenant}-2` };
    for (let n = 0; n < 8; n++)
      for (const owner of n < 7 ? [who] : [other]) {
        await toolCalls.begin(owner, { id: `${n}`, tool: "t", arguments: [n] });
        await toolCalls.succeed(owner, `${n}`);
        clock.forward(1);
      }
    clock.forward(31 * DAY);
    const bare = async () =>
      (await toolCalls.list(who)).calls.filter(({ arguments: args }) => args === null).map(({ id }) => id);
    const first = await retention.apply(scope, POLICY, { limit: 3 });
    expect(first).toMatchObject({ payloads: 3, next: expect.stringMatching(/^toolCalls/) });
    // The oldest go first.
    expect(await bare()).toEqual(["0", "1", "2"]);
    const controller = new AbortController();
    const stop = () => controller.abort(new Error("killed"));
    const call = retention.apply(scope, POLICY, {
      after: first.next,
      onProgress: stop,
      signal: controller.signal,
    });
    await expect(call).rejects.toThrow("killed");
    expect(await retention.apply(scope, POLICY)).toMatchObject({ payloads: 0 });
    expect((await bare()).length).toBe(7);
    // Another tenant has its own policy.
    expect(await toolCalls.get(other, "7")).toMatchObject({ arguments: [7] });
  });

  test("past sessions: events, first text, times and cost, the last one first", async () => {
    const { sessions, ledger, retention, clock, tenant, who } = rigOn(opened.store);
    const user = { tenant, user: "ada" };
    const begun = new Date(clock());
    for (const session of ["s-1", "s-2", "s-3"]) await sessions.create({ ...user, session });
    const text = "x".repeat(300);
    clock.forward(1);
    const say = (role: string, said: string) => ({
      value: { role, content: [{ type: "text", text: said }] },
    });
    await sessions.append(who, [say("system", "rules"), say("user", text), say("assistant", "c")]);
    await sessions.append(who, { value: "four" });
    await sessions.truncate(who, { after: 3 });
    await ledger.record(who, { provider: "p", model: "m", promptTokens: 7, cost: "0.25" });
    clock.forward(60_000);
    await sessions.append({ ...who, session: "s-2" }, [{ value: { type: "human", text: "hello" } }]);
    await sessions.pin({ ...who, session: "s-2" });
    const first = await retention.pastSessions(user, { limit: 2 });
    expect(first.sessions).toMatchObject([
      {
        ...{ identity: { ...who, session: "s-2" }, events: 1, firstText: "hello", isPinned: true },
        ...{ firstSeenAt: begun, lastSeenAt: new Date(clock()), usage: { cost: "0", calls: 0 } },
      },
      {
        ...{ identity: who, events: 3, firstText: text.slice(0, 200), isPinned: false, status: "open" },
        ...{
          firstSeenAt: begun,
          lastSeenAt: new Date(begun.getTime() + 1),
          usage: { cost: "0.25", calls: 1 },
        },
      },
    ]);
    const { sessions: rest, next } = await retention.pastSessions({ tenant }, { limit: 5 });
    expect([rest.map(({ identity }) => identity.session), next]).toEqual([["s-2", "s-1", "s-3"], undefined]);
    expect(rest[2]).toMatchObject({ events: 0, lastSeenAt: begun });
    expect(rest[2]).not.toHaveProperty("firstText");
    await sessions.trim(who, 1);
    const again = await retention.pastSessions(user, { after: first.next });
    expect(again.sessions.map(({ identity }) => identity.session)).toEqual(["s-3"]);
    expect((await sessions.overview(who)).events).toBe(1);
  });

  test("what has lost its payload is passed over by its entry: no record is read again", async () => {
    const { toolCalls, who, clock, scope, tenant, retention } = rigOn(opened.store);
    for (const id of ["a", "b"]) {
      await toolCalls.begin(who, { id, tool: "t", arguments: [id], token: id });
      await toolCalls.succeed(who, id);
    }
    clock.forward(31 * DAY);
    await retention.apply(scope, POLICY);
    const read: string[] = [];
    const noting = withMethods(opened.store, {
      find: (...args) => {
        read.push(args[1]);
        return opened.store.find(...args);
      },
    });
    expect(await createRetention(noting, { clock }).apply(scope, POLICY)).toMatchObject(NONE);
    expect(read).toEqual([]);
    // The lists are those of before, and whoever moves takes them along.
    const calls = (await toolCalls.list({ tenant })).calls.map(({ id, status }) => [id, status]);
    expect(calls.sort()).toEqual([
      ["a", "succeeded"],
      ["b", "succeeded"],
    ]);
    await moveUser(opened.store, { tenant, user: who.user }, "grace");
    expect(await createRetention(noting, { clock }).apply(scope, POLICY)).toMatchObject(NONE);
    expect(read).toEqual([]);
    expect(await toolCalls.get({ ...who, user: "grace" }, "a")).toMatchObject({ arguments: null });
  });

  test("a run that is started again under its id is a duplicate still, though its input is gone", async () => {
    const { runs, who, clock, scope, retention } = rigOn(opened.store);
    const start = (input: string) => runs.start(who, { id: "r", name: "n", input });
    await start("one");
    await runs.cancel(who, "r", { reason: "enough" });
    clock.forward(31 * DAY);
    await retention.apply(scope, POLICY);
    expect(await start("one")).toMatchObject({ duplicate: true, run: { status: "cancelled" } });
    expect(await failure(runs.start(who, { id: "r", name: "other" }))).toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
  });

  test("two processes at once count each record once", async () => {
    const { toolCalls, who, clock, scope, retention } = rigOn(opened.store);
    for (let n = 0; n < 5; n++) {
      await toolCalls.begin(who, { id: `${n}`, tool: "t", arguments: [n] });
      await toolCalls.succeed(who, `${n}`);
    }
    clock.forward(181 * DAY);
    const both = await Promise.all([1, 2].map(() => retention.apply(scope, POLICY)));
    expect(both.reduce((sum, { records }) => sum + records, 0)).toBe(5);
    expect((await toolCalls.list(who)).calls).toEqual([]);
  });
});

describe("what a policy may say", () => {
  const inMemory = async () => {
    const store = await openStore("memory:");
    onTestFinished(() => store.close());
    return store;
  };

  test.each<[string, object, RegExp]>([
    ["no policy", undefined as never, /policy/],
    ["an unknown field", { payload: "1d" }, /payload/],
    ["no unit", { payloads: "30" }, /payloads/],
    ["an unknown unit", { records: "3 days" }, /records/],
    ["less than nothing", { records: -1 }, /records/],
    ["a fraction", { idleSessions: "1.5d" }, /idleSessions/],
    ["undefined", { payloads: undefined }, /payloads/],
    ["for ever, for all", { payloads: "forever" }, /payloads/],
    ["an unknown sort", { bySort: { toolcalls: { records: "1d" } } }, /toolcalls/],
    ["a wrong age of a sort", { bySort: { runs: { records: "1y" } } }, /bySort.runs.records/],
    ["an unknown field of a sort", { bySort: { runs: { age: "1d" } } }, /age/],
  ])("%s is refused", async (_, policy, words) => {
    const retention = createRetention(await inMemory());
    const error = await failure(retention.apply(scopeOf("t"), policy as RetentionPolicy));
    expect(error).toMatchObject({ code: "INVALID_RECORD" });
    expect(error.message).toMatch(words);
  });

  test.each<[string, object]>([
    ["no scope", { scope: { reason: "x", tenant: "t" } }],
    ["an unknown option", { dry: true }],
    ["a limit of nothing", { limit: 0 }],
    ["another call's next", { after: "nothing" }],
    ["a next that is cut", { after: "runs [" }],
    ["no function", { onProgress: 1 }],
  ])("%s is refused", async (_, { scope = scopeOf("t"), ...options }: { scope?: unknown }) => {
    const retention = createRetention(await inMemory());
    const code = scope === undefined || "reason" in (scope as object) ? /INVALID|SCOPE/ : /./;
    const error = await failure(retention.apply(scope as never, { payloads: 1 }, options as never));
    expect(error.code).toMatch(code);
  });

  test("sorts of data must have names of their own", async () => {
    const store = await inMemory();
    for (const data of [[{ name: "runs" }], [{ name: "a" }, { name: "a" }], [{}], "runs"])
      expect(() => createRetention(store, { data: data as never })).toThrow(/data/);
  });

  test("a sort may have times of its own, and a further sort gets what the policy says", async () => {
    const store = await inMemory();
    const given: object[] = [];
    const notes: UserData = {
      name: "notes",
      retain: async (_, { before }) => {
        given.push(before);
        return { payloads: 1, records: 2, kept: 3 };
      },
    };
    const retention = createRetention(store, { clock: () => 400 * DAY, data: [notes] });
    expect(retention.sorts).toContain("notes");
    const bySort = { notes: { records: "forever", payloads: 5 } } as const;
    const report = await retention.apply(scopeOf("t"), { payloads: "1d", records: "2w", bySort });
    expect(report).toMatchObject({ sorts: { notes: { payloads: 1, records: 2, kept: 3 } }, kept: 3 });
    await retention.apply(scopeOf("t"), { payloads: "1d", records: "2w", idleSessions: "5w" });
    expect(given).toEqual([{ payloads: 400 * DAY - 5 }, { payloads: 399 * DAY, records: 386 * DAY }]);
  });

  test("damage is passed over, and told", async () => {
    const store = await inMemory();
    const { toolCalls, who, clock, scope, retention } = rigOn(store);
    for (const id of ["a", "b", "c"]) {
      await toolCalls.begin(who, { id, tool: "t", arguments: [id] });
      await toolCalls.succeed(who, id);
    }
    const bytes = Buffer.from("no JSON");
    await store.save({ eventId: newEventId(), identity: who, kind: "tool-call/b", bytes });
    clock.forward(31 * DAY);
    const report = await retention.apply(scope, POLICY);
    expect(report).toMatchObject({
      payloads: 2,
      damage: { code: "CORRUPT", details: { at: { kind: "tool-call/b" } } },
    });
  });
});

/** All that is stored of a session, of its user and its tenant. */
async function everythingStored(store: StateStore, tenant: string, who: SessionIdentity) {
  const user = { tenant, user: who.user };

  const owners = [who, userIdentity(user.tenant, user.user), tenantIdentity(tenant)];
  const records = await Promise.all(owners.map((owner) => store.list(owner, "")));
  return records
    .flat()
    .map(({ identity, kind, bytes }) => ({ identity, kind, text: Buffer.from(bytes).toString() }));
}
