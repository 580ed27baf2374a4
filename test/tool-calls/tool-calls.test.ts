import { describe, expect, test, vi } from "vitest";
import { callDigest, createApprovals } from "../../src/approvals/index.js";
import { maintenanceScope, newEventId, type SessionIdentity, StateError } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls, type ToolCallsOptions, type Verdict } from "../../src/tool-calls/index.js";
import { together } from "../../src/typed.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ENDS, MAIL } from "./table.js";

onEveryStore((opened) => {
  const on = (options?: ToolCallsOptions, store = opened.store) => createToolCalls(store, options);
  const approvals = () => createApprovals(opened.store);

  /** A session with an approved request of a call. */
  const approved = async (call = MAIL, decision: "approve" | "deny" = "approve") => {
    const who = newSession();
    await approvals().request(who, { ...call, id: "gate" });
    await approvals().decide(who, "gate", { decision, by: "grace" });
    return who;
  };
  const statusOf = async (who: SessionIdentity) => (await approvals().get(who, "gate")).status;

  test("an intent, its outcome, and what is known in between", async () => {
    const who = newSession();
    const calls = on({ clock: () => 1000 });
    const whole = { ...MAIL, sideEffect: "write", run: "r", step: "s" };
    const begun = await calls.begin(who, { ...whole, id: "a", token: "secret" });
    expect(begun).toEqual({
      ...whole,
      id: "a",
      identity: who,
      status: "begun",
      digest: callDigest(MAIL.tool, MAIL.arguments),
      begunAt: new Date(1000),
    });
    expect(await calls.get(who, "a")).toEqual(begun);
    const done = await calls.succeed(who, "a", { result: { id: 7 }, by: "w1" });
    const outcome = { result: { id: 7 }, by: "w1", at: new Date(1000) };
    expect(done).toEqual({ ...begun, status: "succeeded", outcome });
    expect(await calls.find(who, "a")).toEqual(done);
  });

  test.each(Object.entries(ENDS))("%s ends a call once", async (name, end) => {
    const who = newSession();
    await on().begin(who, { ...MAIL, id: "a" });
    const { outcome } = await end(on(), who, "a");
    expect(
      outcome?.[({ succeed: "result", fail: "error", abandon: "reason" } as const)[name as "fail"]],
    ).toBeDefined();
    for (const again of Object.values(ENDS))
      await expect(again(on(), who, "a")).rejects.toMatchObject({
        code: "ALREADY_FINISHED",
        details: { outcome },
      });
  });

  test("what has begun is told, and not begun again: but for the same token, until it has ended", async () => {
    const who = newSession();
    const call = { ...MAIL, id: "a", token: "t" };
    const begun = await on().begin(who, call);
    expect(await on().begin(who, call)).toEqual(begun);
    const told = { code: "ALREADY_BEGUN", details: { call: begun } };
    for (const other of [
      { ...MAIL, id: "a" },
      { ...call, token: "u" },
      { ...call, tool: "x", token: "u" },
    ])
      await expect(on().begin(who, other)).rejects.toMatchObject(told);
    await expect(on().begin(who, { ...call, tool: "x" })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    const done = await on().succeed(who, "a", { result: 1 });
    await expect(on().begin(who, call)).rejects.toMatchObject({
      code: "ALREADY_BEGUN",
      details: { call: done },
    });
  });

  test("of many that begin one call at once, one may make it, and all others are told", async () => {
    const who = newSession();
    const codes = await Promise.all(
      Array.from({ length: 6 }, (_, n) =>
        on({}, withMethods(opened.store, {}))
          .begin(who, { ...MAIL, id: "a", token: `t${n}` })
          .then(
            () => "begun",
            (error: StateError) => error.code,
          ),
      ),
    );
    expect(codes.sort()).toEqual([...Array(5).fill("ALREADY_BEGUN"), "begun"]);
  });

  test("lists of a session, a run and a tenant in audit order; orphans; recovery", async () => {
    const clock = manualClock();
    const calls = on({ clock });
    const who = newSession();
    for (const [id, run] of [
      ["c", "r1"],
      ["a", "r2"],
      ["b", "r1"],
    ] as const) {
      await calls.begin(who, { ...MAIL, id, run });
      clock.forward(1);
    }
    const other = { ...who, user: "bob", session: "s2" };
    await calls.begin(other, { ...MAIL, id: "d" });
    await calls.succeed(who, "c");
    const listed = async (...args: Parameters<typeof calls.list>) =>
      (await calls.list(...args)).calls.map(({ id }) => id);
    expect(await listed(who)).toEqual(["c", "a", "b"]);
    expect(await listed({ ...who, run: "" })).toEqual(["c", "a", "b"]);
    expect(await listed({ ...who, run: "r1" })).toEqual(["c", "b"]);
    expect(await listed({ tenant: who.tenant })).toEqual(["c", "a", "b", "d"]);
    expect(await listed({ tenant: who.tenant }, { status: "succeeded" })).toEqual(["c"]);
    const first = await calls.list(who, { limit: 2 });
    expect((await listed(who, { after: first.next })).concat()).toEqual(["b"]);
    const orphans = async (where: Parameters<typeof calls.orphans>[0]) =>
      (await calls.orphans(where)).calls.map(({ id }) => id);
    expect(await orphans(who)).toEqual(["a", "b"]);
    expect(await orphans({ ...who, run: "r1" })).toEqual(["b"]);
    const found: string[] = [];
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    for await (const { id } of calls.recover(scope)) found.push(id);
    expect(found).toEqual(["a", "b", "d"]);
    await expect(calls.recover({ reason: "x" } as never).next()).rejects.toMatchObject({
      code: "MAINTENANCE_SCOPE_REQUIRED",
    });
    await expect(listed({ tenant: who.tenant, run: "r1" } as never)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "run" },
    });
    await expect(listed({ ...who, run: "r1" }, { by: { run: "r2" } } as never)).rejects.toMatchObject({
      details: { field: "options" },
    });
    await expect(listed({ tenant: who.tenant, user: "ann" } as never)).rejects.toMatchObject({
      code: "IDENTITY_REQUIRED",
    });
    expect(await calls.forgetUser({ tenant: who.tenant, user: "bob" })).toBe(1);
    expect(await listed({ tenant: who.tenant })).toEqual(["c", "a", "b"]);
  });

  describe("with an approval", () => {
    test.each([
      ["succeed", "completed"],
      ["fail", "failed"],
      ["abandon", "failed"],
    ] as const)("begin claims it, and %s ends it, in the same commits", async (end, status) => {
      const who = await approved();
      const call = { ...MAIL, id: "a", approval: "gate", token: "t" };
      expect(await on().begin(who, call)).toMatchObject({ status: "begun", approval: "gate" });
      expect(await statusOf(who)).toBe("claimed");
      expect((await on().begin(who, call)).status).toBe("begun");
      await ENDS[end](on(), who, "a");
      expect(await statusOf(who)).toBe(status);
      // Another call is not approved by it.
      await expect(on().begin(who, { ...call, id: "b" })).rejects.toMatchObject({ code: "ALREADY_CLAIMED" });
      expect((await on().list(who)).calls).toHaveLength(1);
    });

    test("nothing begins without a claim of exactly this call, and nothing is claimed without a begin", async () => {
      const refusals = [
        [await approved(), { ...MAIL, tool: "other" }, "DIGEST_MISMATCH"],
        [await approved(), { ...MAIL, arguments: {} }, "DIGEST_MISMATCH"],
        [await approved(MAIL, "deny"), MAIL, "ALREADY_DECIDED"],
        [newSession(), MAIL, "NOT_FOUND"],
      ] as const;
      for (const [who, call, code] of refusals) {
        await expect(on().begin(who, { ...call, id: "a", approval: "gate" })).rejects.toMatchObject({ code });
        expect(await on().find(who, "a")).toBeUndefined();
      }
      const who = await approved();
      const failing = withMethods(opened.store, {
        commit: async () => {
          throw new StateError("UNAVAILABLE", "no", { details: { reason: "unreachable" } });
        },
      });
      const begin = on({}, failing).begin(who, { ...MAIL, id: "a", approval: "gate" });
      await expect(begin).rejects.toMatchObject({ code: "UNAVAILABLE" });
      expect([await statusOf(who), await on().find(who, "a")]).toEqual(["approved", undefined]);
    });

    test("an approval that was ended otherwise, or removed, does not hold up the outcome", async () => {
      const who = await approved();
      await on().begin(who, { ...MAIL, id: "a", approval: "gate" });
      await approvals().complete(who, "gate", { result: "mine" });
      expect((await on().fail(who, "a", { error: "no" })).status).toBe("failed");
      expect((await approvals().get(who, "gate")).outcome).toMatchObject({ result: "mine" });
      const other = await approved();
      await on().begin(other, { ...MAIL, id: "a", approval: "gate" });
      await approvals().forgetUser({ tenant: other.tenant, user: other.user });
      expect((await on().succeed(other, "a")).status).toBe("succeeded");
    });
  });

  test.each([
    ["another call of the same content", "tool-call/b", MAIL, "claimed"],
    ["this call, as version 0.4 claimed", undefined, MAIL, "completed"],
    ["another call, as version 0.4 claimed", undefined, { ...MAIL, tool: "other" }, "claimed"],
  ])("an outcome ends an approval that was claimed by %s: %s", async (_, token, claimed, status) => {
    const who = await approved();
    await on().begin(who, { ...MAIL, id: "a", approval: "gate" });
    // As if the approval had gone since, and another of its id had been requested and claimed.
    const { bytes } = await opened.store.load(who, "approval/gate");
    const stored = JSON.parse(Buffer.from(bytes).toString());
    expect(stored.claim.token).toBe("tool-call/a");
    const { token: _own, ...claim } = stored.claim;
    const other = { ...claim, ...(token !== undefined && { token }) };
    const digest = callDigest(claimed.tool, claimed.arguments);
    const written = Buffer.from(JSON.stringify({ ...stored, digest, claim: other }));
    await opened.store.save({ eventId: newEventId(), identity: who, kind: "approval/gate", bytes: written });
    await on().succeed(who, "a", { result: 1 });
    expect(await statusOf(who)).toBe(status);
  });

  describe("a policy", () => {
    const judged = (verdict: unknown) => on({ policy: () => verdict as Verdict });

    test("allows, wants an approval of exactly this call, or forbids; what it does not say forbids", async () => {
      const who = await approved();
      expect((await judged("allow").begin(who, { ...MAIL, id: "a" })).status).toBe("begun");
      await expect(judged("approve").begin(who, { ...MAIL, id: "b" })).rejects.toMatchObject({
        code: "APPROVAL_REQUIRED",
        details: { digest: callDigest(MAIL.tool, MAIL.arguments) },
      });
      for (const verdict of ["forbid", undefined, null, true, "Allow", {}])
        await expect(
          judged(verdict).begin(who, { ...MAIL, id: "b", approval: "gate" }),
        ).rejects.toMatchObject({ code: "CALL_FORBIDDEN" });
      expect(await statusOf(who)).toBe("approved");
      await expect(
        judged("approve").begin(who, { ...MAIL, tool: "x", id: "b", approval: "gate" }),
      ).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      expect((await judged("approve").begin(who, { ...MAIL, id: "b", approval: "gate" })).status).toBe(
        "begun",
      );
      await expect(judged("forbid").begin(who, { ...MAIL, id: "b" })).rejects.toMatchObject({
        code: "ALREADY_BEGUN",
      });
    });

    test("that does not answer holds up nobody who aborts, and is told of the abort", async () => {
      const who = newSession();
      const abort = new AbortController();
      let asked = 0;
      let told: AbortSignal | undefined;
      const calls = on({
        policy: (_call, _identity, { signal }) => {
          asked++;
          told = signal;
          return new Promise(() => {});
        },
      });
      const options = { signal: abort.signal };
      const begun = [
        calls.begin(who, { ...MAIL, id: "a" }, options),
        calls.once(who, { ...MAIL, id: "b" }, () => expect.unreachable("it ran"), options),
      ];
      await vi.waitUntil(() => asked === 2, { timeout: 60_000 });
      expect(told).toBe(abort.signal);
      const reason = new Error("enough");
      abort.abort(reason);
      for (const each of begun) await expect(each).rejects.toBe(reason);
      await expect(calls.begin(who, { ...MAIL, id: "a" }, options)).rejects.toBe(reason);
      expect(asked).toBe(2);
      expect((await calls.list(who)).calls).toEqual([]);
    });

    test("judges the call and its session, can change neither, and an error of it is passed on", async () => {
      const who = newSession();
      const seen: unknown[] = [];
      const calls = on({
        policy: async (call, identity) => {
          seen.push(structuredClone([call, identity]));
          (call.arguments as { to: string }).to = "eve";
          (identity as { tenant: string }).tenant = "other";
          return "allow" as const;
        },
      });
      const begun = await calls.begin(who, { ...MAIL, id: "a", run: "r", token: "t" });
      expect(seen).toEqual([[{ ...MAIL, id: "a", run: "r" }, who]]);
      expect(begun).toMatchObject({ identity: who, arguments: MAIL.arguments });
      const broken = on({ policy: () => Promise.reject(new Error("no policy")) });
      await expect(broken.begin(who, { ...MAIL, id: "b" })).rejects.toThrow("no policy");
      expect(await calls.find(who, "b")).toBeUndefined();
    });
  });

  test("in a unit of together: an event, a claim and a begin; an event and an outcome", async () => {
    const who = await approved();
    const sessions = createSessions(opened.store);
    await sessions.create(who);
    const begin = { ...MAIL, id: "a", approval: "gate", token: "t" };
    const starting = async () =>
      together(opened.store, async (unit) => {
        await sessions.in(unit).append(who, { id: "1", value: "I mail." });
        return on().in(unit).begin(who, begin);
      });
    const begun = await starting();
    expect(await starting()).toEqual(begun);
    const torn = together(opened.store, async (unit) => {
      await on().in(unit).succeed(who, "a", { result: 1 });
      await sessions.in(unit).append({ ...who, session: "missing" }, { value: 2 });
    });
    await expect(torn).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect([(await on().get(who, "a")).status, await statusOf(who)]).toEqual(["begun", "claimed"]);
    const ended = await together(opened.store, async (unit) => {
      await sessions.in(unit).append(who, { id: "2", value: "Mailed." });
      const mine = on().in(unit);
      await mine.begin(who, { ...MAIL, id: "b" });
      await mine.fail(who, "b", { error: "no" });
      await mine.begin(who, { ...MAIL, id: "c" });
      await mine.abandon(who, "c", { reason: "?" });
      return mine.succeed(who, "a", { result: 1, token: "e" });
    });
    expect(ended.status).toBe("succeeded");
    expect(await statusOf(who)).toBe("completed");
    expect((await on().list(who)).calls.map(({ status }) => status).sort()).toEqual([
      "abandoned",
      "failed",
      "succeeded",
    ]);
  });
});
