import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { maintenanceScope, newEventId, type SessionIdentity, type StateStore } from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls, type ToolCalls, type ToolCallsOptions } from "../../src/tool-calls/index.js";
import { together } from "../../src/typed.js";
import { dyingAt, manualClock } from "../sessions/rig.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import type { WrapperTable } from "../wrappers/wrapper.js";
import { TOOL_CALLS } from "./table.js";

const KIB = 1024;
/** Small, so that little is large. */
const MAX_BYTES = 8 * KIB;
const HOUR = 3_600_000;

const text = (fill: string, size = 20 * KIB) => Array.from({ length: size / 8 }, (_, n) => `${fill}${n}`);
const CALL = { tool: "scrape", arguments: { pages: text("é") } };
const RESULT = { found: text("ß", 30 * KIB) };

/** Tool calls whose arguments and results lie in chunks, for the tests that all wrappers share. */
const LARGE_CALLS: WrapperTable<ToolCalls> = {
  ...TOOL_CALLS,
  make: (calls, who, id) => calls.begin(who, { ...CALL, id, token: `begin ${id}` }),
  methods: {
    ...TOOL_CALLS.methods,
    succeed: (calls, who, id) => calls.succeed(who, id, { result: RESULT }),
  },
  walk: {
    begin: (calls, who, id) => calls.begin(who, { ...CALL, id, token: `begin ${id}` }),
    succeed: (calls, who, id) => calls.succeed(who, id, { result: RESULT, token: `end ${id}` }),
  },
  damages: (stored) => [
    ...TOOL_CALLS.damages(stored),
    { ...stored, argumentsAt: {} },
    { ...stored, argumentsAt: { ...stored.argumentsAt, sha256: "x" } },
    { ...stored, status: "succeeded", outcome: { result: 1, resultAt: stored.argumentsAt, at: 1 } },
    { ...stored, status: "succeeded", outcome: { resultAt: null, at: 1 } },
  ],
};

onEveryStore(
  (opened) => {
    const on = (options?: ToolCallsOptions, store = opened.store) => createToolCalls(store, options);
    const scopeOf = ({ tenant }: SessionIdentity) => maintenanceScope({ reason: "test", tenant });
    const stored = (who: SessionIdentity, kind = "tool-call.") => opened.store.count(who, kind);
    const chunks = (who: SessionIdentity) => stored(who, "tool-call.chunk/");
    const uploads = (who: SessionIdentity) => stored(who, "tool-call.upload/");

    testErasedSessions(opened, LARGE_CALLS);

    test("large arguments and results are given back whole, wherever a call is shown", async () => {
      const who = newSession();
      const begun = await on().begin(who, { ...CALL, id: "a", run: "r", token: "t" });
      expect(begun).toMatchObject({ ...CALL, status: "begun" });
      expect(await chunks(who)).toBeGreaterThan(2);
      expect(await on().begin(who, { ...CALL, id: "a", run: "r", token: "t" })).toEqual(begun);
      expect(await on().get(who, "a")).toEqual(begun);
      expect((await on().orphans(who)).calls).toEqual([begun]);
      for await (const found of on().recover(scopeOf(who))) expect(found).toEqual(begun);
      await expect(on().begin(who, { ...CALL, id: "a" })).rejects.toMatchObject({
        code: "ALREADY_BEGUN",
        details: { call: begun },
      });
      const done = await on().succeed(who, "a", { result: RESULT, by: "w", token: "t" });
      expect(done).toEqual({
        ...begun,
        status: "succeeded",
        outcome: { result: RESULT, by: "w", at: expect.any(Date) },
      });
      expect(await on().get(who, "a")).toEqual(done);
      // A version that knows no references finds no outcome to the status, and refuses the call.
      const { bytes } = await opened.store.load(who, "tool-call/a");
      expect(JSON.parse(Buffer.from(bytes).toString())).not.toHaveProperty("outcome");
      expect((await on().list({ tenant: who.tenant })).calls).toEqual([done]);
      expect((await on().list({ ...who, run: "r" }, { status: "succeeded" })).calls).toEqual([done]);
      await expect(on().fail(who, "a", { error: "no" })).rejects.toMatchObject({
        code: "ALREADY_FINISHED",
        details: { outcome: done.outcome },
      });
      expect(await uploads(who)).toBe(0);
    });

    test("once keeps a large result, and gives it back without running the work again", async () => {
      const who = newSession();
      let runs = 0;
      const once = () =>
        on().once(who, { ...CALL, id: "a" }, () => {
          runs++;
          return RESULT;
        });
      expect(await once()).toEqual(RESULT);
      const before = await stored(who);
      expect(await once()).toEqual(RESULT);
      expect(runs).toBe(1);
      expect([await stored(who), await uploads(who)]).toEqual([before, 0]);
    });

    test("calls that come again write nothing, and those that are refused leave nothing", async () => {
      const who = newSession();
      const begin = (more: object = {}) => on().begin(who, { ...CALL, id: "a", token: "t", ...more });
      const succeed = (more: object = {}) => on().succeed(who, "a", { result: RESULT, token: "t", ...more });
      await expect(succeed()).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await stored(who)).toBe(0);
      const begun = await begin();
      const once = await stored(who);
      expect(await begin()).toEqual(begun);
      await expect(begin({ arguments: text("x") })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      await expect(begin({ token: "u" })).rejects.toMatchObject({ code: "ALREADY_BEGUN" });
      expect(await stored(who)).toBe(once);
      const done = await succeed();
      const twice = await stored(who);
      expect(await succeed()).toEqual(done);
      for (const other of [{ result: text("x", 30 * KIB) }, { token: "u" }, { by: "w" }, { result: 1 }])
        await expect(succeed(other)).rejects.toMatchObject({ code: "ALREADY_FINISHED" });
      expect(await stored(who)).toBe(twice);
      const forbidding = on({ policy: () => "forbid" });
      await expect(forbidding.begin(who, { ...CALL, id: "b" })).rejects.toMatchObject({
        code: "CALL_FORBIDDEN",
      });
      const gated = on({ policy: () => "approve" });
      await expect(gated.begin(who, { ...CALL, id: "b" })).rejects.toMatchObject({
        code: "APPROVAL_REQUIRED",
      });
      await expect(on().begin(who, { ...CALL, id: "b", approval: "x" })).rejects.toMatchObject({});
      expect(await stored(who)).toBe(twice);
    });

    test("sizes about that of a record are all accepted; beyond `maxJsonBytes` none, with what to do", async () => {
      const who = newSession();
      const [by, token] = ["\u0001".repeat(512), "\u0001".repeat(128)];
      for (let size = MAX_BYTES + 500; size > 0; size -= 700) {
        const [id, value] = [`n-${size}`, "x".repeat(size)];
        await on().begin(who, { id, tool: by, step: by, arguments: value, token });
        await on().succeed(who, id, { result: value, by, token });
        expect(await on().get(who, id)).toMatchObject({ arguments: value, outcome: { result: value } });
      }
      expect(await uploads(who)).toBe(0);
      const limited = on({ maxJsonBytes: 10_000 });
      const refused = (field: string) => ({
        code: "INVALID_RECORD",
        details: { field, rule: expect.stringContaining("10000 bytes of JSON: keep more as an artifact") },
      });
      await limited.begin(who, { id: "most", tool: "t", arguments: "x".repeat(9_998) });
      for (const value of ["x".repeat(9_999), "é".repeat(5_000), "x".repeat(99_999)]) {
        const begin = limited.begin(who, { id: "more", tool: "t", arguments: value });
        await expect(begin).rejects.toMatchObject(refused("arguments"));
        await expect(limited.succeed(who, "most", { result: value })).rejects.toMatchObject(
          refused("result"),
        );
      }
      await expect(
        limited.once(who, { id: "o", tool: "t", arguments: 1 }, () => RESULT),
      ).rejects.toMatchObject(refused("result"));
      expect((await on().get(who, "o")).status).toBe("begun");
      await on().forgetUser({ tenant: who.tenant, user: who.user });
      expect(await stored(who)).toBe(0);
    });

    test("in a unit a large call is seen with the rest of it, or not at all", async () => {
      const who = newSession();
      const sessions = createSessions(opened.store);
      await sessions.create(who);
      const step = (fails: boolean) =>
        together(opened.store, async (unit) => {
          await sessions.in(unit).append(who, { id: "e", value: "calls" });
          const calls = on().in(unit);
          expect(await calls.begin(who, { ...CALL, id: "a", token: "t" })).toMatchObject(CALL);
          const done = await calls.succeed(who, "a", { result: RESULT, token: "t" });
          expect(done).toMatchObject({ ...CALL, outcome: { result: RESULT } });
          expect(await on().find(who, "a")).toBeUndefined();
          if (fails) throw new Error("no");
        });
      await expect(step(true)).rejects.toThrow("no");
      expect([await on().find(who, "a"), (await sessions.read(who)).length]).toEqual([undefined, 0]);
      expect(await stored(who)).toBe(0);
      await step(false);
      expect(await on().get(who, "a")).toMatchObject({ ...CALL, outcome: { result: RESULT } });
      await expect(
        together(opened.store, (unit) => on().in(unit).succeed(who, "a", { result: RESULT, token: "u" })),
      ).rejects.toMatchObject({ code: "ALREADY_FINISHED" });
      expect(await uploads(who)).toBe(0);
    });

    test("what removes a call removes its content: forgotten users, damaged calls, deleted sessions", async () => {
      const who = newSession();
      const fill = async () => {
        for (let n = 0; n < 2; n++) await on().begin(who, { ...CALL, id: newEventId() });
        for (const { id } of (await on().list(who)).calls) await on().succeed(who, id, { result: RESULT });
      };
      await fill();
      expect(await on().forgetUser({ tenant: who.tenant, user: who.user })).toBe(2);
      expect(await stored(who)).toBe(0);
      await fill();
      const [damaged] = (await on().list(who)).calls;
      const bytes = Buffer.from("{");
      await opened.store.save({
        eventId: newEventId(),
        identity: who,
        kind: `tool-call/${damaged?.id}`,
        bytes,
      });
      expect(await on().forgetUser({ tenant: who.tenant, user: who.user })).toBe(2);
      expect(await stored(who)).toBe(0);
      const sessions = createSessions(opened.store);
      await sessions.create(who);
      await fill();
      await sessions.delete(who);
      expect(await opened.store.count(who, "")).toBe(0);
    });

    test("a call moves to another user with its content, from a small session and from a large one", async () => {
      for (const others of [0, 260]) {
        const who = newSession();
        const to = { ...who, user: "bob" };
        await on().begin(who, { ...CALL, id: "a" });
        const done = await on().succeed(who, "a", { result: RESULT });
        await on().begin(who, { id: "small", tool: "t", arguments: 1 });
        const save = (n: number) =>
          ({
            op: "save",
            record: { eventId: newEventId(), identity: who, kind: `z/${n}`, bytes: new Uint8Array(9) },
          }) as const;
        if (others > 0) await opened.store.commit(Array.from({ length: others }, (_, n) => save(n)));
        // An upload that was cut off.
        const cutOff = on({}, dyingAt(opened.store, "commit", 3));
        await expect(cutOff.begin(who, { ...CALL, id: "b" })).rejects.toThrow("died");
        const before = await opened.store.count(who, "");
        expect((await moveUser(opened.store, { tenant: who.tenant, user: who.user }, "bob")).toolCalls).toBe(
          2,
        );
        expect(await on().get(to, "a")).toEqual({ ...done, identity: to });
        expect((await on().list(to)).calls).toHaveLength(2);
        expect([await opened.store.count(who, ""), await opened.store.count(to, "")]).toEqual([0, before]);
        expect(await on().cleanup(scopeOf(to), { abandonedMs: 0 })).toBe(1);
        expect(await on().get(to, "a")).toEqual({ ...done, identity: to });
      }
    });
  },
  { maxBytes: MAX_BYTES },
);

inMemory(
  (opened) => {
    const clock = manualClock();
    const on = (store = opened.store) => createToolCalls(store, { clock });
    const cleanup = ({ tenant }: SessionIdentity, options = {}) =>
      on().cleanup(maintenanceScope({ reason: "test", tenant }), options);

    testOtherIdentities(opened, LARGE_CALLS);
    testDamagedRecords(opened, LARGE_CALLS);
    testLostAnswers(opened, {
      ...LARGE_CALLS,
      // What a lost answer kept from being removed is for `cleanup`.
      listed: async (calls, where) => {
        await cleanup(where as SessionIdentity, { abandonedMs: 0 });
        return TOOL_CALLS.listed(calls, where);
      },
      open: (store) => createToolCalls(store, { clock }),
    });

    test("a process that dies in any commit leaves the call as it was or whole, and what cleanup removes", async () => {
      const who = newSession();
      const steps: ((store: StateStore, id: string) => Promise<unknown>)[] = [
        (store, id) => on(store).begin(who, { ...CALL, id }),
        (store, id) => on(store).succeed(who, id, { result: RESULT }),
      ];
      for (const [place, step] of steps.entries())
        for (let call = 1, isDone = false; !isDone; call++) {
          const id = `${place}-${call}`;
          for (const earlier of steps.slice(0, place)) await earlier(opened.store, id);
          const before = await on().find(who, id);
          isDone = await step(dyingAt(opened.store, "commit", call), id).then(
            () => true,
            () => false,
          );
          const after = await on().find(who, id);
          if (isDone)
            expect(after).toMatchObject(place === 0 ? CALL : { ...CALL, outcome: { result: RESULT } });
          else expect(after).toEqual(before);
          if (isDone) expect(call).toBeGreaterThan(2);
        }
      const whole = (await on().list(who)).calls;
      expect(await opened.store.count(who, "tool-call.upload/")).toBeGreaterThan(3);
      clock.forward(HOUR - 1);
      expect(await cleanup(who)).toBe(0);
      clock.forward(1);
      expect(await cleanup(who, { limit: 1 })).toBe(1);
      expect(await cleanup(who)).toBeGreaterThan(2);
      expect(await opened.store.count(who, "tool-call.upload/")).toBe(0);
      expect((await on().list(who)).calls).toEqual(whole);
      await on().forgetUser({ tenant: who.tenant, user: who.user });
      expect(await opened.store.count(who, "")).toBe(0);
    });

    test("a unit whose upload `cleanup` has removed does not take effect: it runs again", async () => {
      const who = newSession();
      let attempts = 0;
      await together(opened.store, async (unit) => {
        await on()
          .in(unit)
          .begin(who, { ...CALL, id: "a" });
        // The unit pauses between the upload and its commit.
        if (attempts++ === 0) expect(await cleanup(who, { abandonedMs: 0 })).toBe(1);
      });
      expect(attempts).toBe(2);
      expect(await on().get(who, "a")).toMatchObject(CALL);
      expect(await opened.store.count(who, "tool-call.upload/")).toBe(0);
    });

    test("content that is not what was kept is CORRUPT, and a list goes no further; recovery does", async () => {
      const who = newSession();
      for (const id of ["a", "b"]) await on().begin(who, { ...CALL, id });
      const [first] = await opened.store.list(who, "tool-call.chunk/");
      if (first === undefined) throw new Error("no chunk");
      const { identity, kind, version } = first;
      const damage = { code: "CORRUPT", details: { at: { identity, kind } } };
      const bytes = Buffer.from(first.bytes);
      bytes[5] = (bytes[5] as number) ^ 1;
      const changes = [
        () => opened.store.save({ eventId: newEventId(), identity, kind, version, bytes }),
        () => opened.store.delete(identity, kind),
      ];
      for (const change of changes) {
        await change();
        const codes = await Promise.all(
          ["a", "b"].map((id) =>
            on()
              .get(who, id)
              .then(
                () => "whole",
                (error) => expect(error).toMatchObject(damage),
              ),
          ),
        );
        expect(codes.filter((code) => code === "whole")).toHaveLength(1);
        await expect(on().list(who)).rejects.toMatchObject(damage);
        const found: string[] = [];
        const recovering = async () => {
          const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
          for await (const { id } of on().recover(scope)) found.push(id);
        };
        await expect(recovering()).rejects.toMatchObject(damage);
        expect(found).toHaveLength(1);
      }
      expect(await on().forgetUser({ tenant: who.tenant, user: who.user })).toBe(2);
    });

    test("a call that an approval allows has arguments that an approval has room for", async () => {
      const who = newSession();
      const approvals = createApprovals(opened.store);
      await expect(approvals.request(who, { ...CALL, id: "gate" })).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "arguments" },
      });
    });
  },
  { maxBytes: MAX_BYTES },
);

inMemory((opened) => {
  test("a page has some 16 MiB, or one larger call", async () => {
    const who = newSession();
    const calls = createToolCalls(opened.store);
    const sizes = [7, 9, 1].map((mebibytes) => mebibytes * 1024 * KIB);
    for (const [n, size] of sizes.entries())
      await calls.begin(who, { id: `c-${n}`, tool: "t", arguments: "x".repeat(size) });
    const pages: number[][] = [];
    for (let after: string | undefined; ; ) {
      const page = await calls.list(who, { after });
      pages.push(page.calls.map(({ arguments: args }) => (args as string).length));
      after = page.next;
      if (after === undefined) break;
    }
    const [seven, nine, one] = sizes;
    expect(pages).toEqual([[seven], [nine, one]]);
  });
});
