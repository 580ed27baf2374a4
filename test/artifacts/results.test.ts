import { expect, test } from "vitest";
import { createErrors, createResults } from "../../src/artifacts/index.js";
import {
  maintenanceScope,
  newEventId,
  openStore,
  type SessionIdentity,
  type StateStore,
} from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { corruptRecord } from "../../src/typed/cell.js";
import { together } from "../../src/typed/index.js";
import { dyingAt, manualClock, withMethods } from "../sessions/rig.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import { bytesOf, collected, streamOf } from "./rig.js";
import { RESULTS } from "./tables.js";

const CHUNK = 64 * 1024;
const LARGE = bytesOf(150_000);
const FAILURE = { tool: "search", message: "timeout", arguments: { q: "cats" }, stack: "at x", step: "s-1" };

onEveryStore(
  (opened) => {
    const scopeOf = ({ tenant }: SessionIdentity) => maintenanceScope({ reason: "test", tenant });

    testLostAnswers(opened, RESULTS);

    test("a result is shown by a preview and a reference, and read whole or in pieces by it", async () => {
      const who = newSession();
      const results = createResults(opened.store);
      const { result } = await results.put(who, {
        content: "a🙂".repeat(1_000),
        tool: "search",
        previewBytes: 7,
      });
      expect(result).toMatchObject({
        preview: "a🙂a",
        isWhole: false,
        size: 5_000,
        tool: "search",
        metadata: {},
      });
      expect(result.id).toMatch(/^r-[0-9a-f]{12}$/);
      expect(await results.stat(who, result.id)).toEqual(result);
      expect(Buffer.from((await results.get(who, result.id)).bytes).toString()).toBe("a🙂".repeat(1_000));
      const small = await results.put(who, { id: "b", content: "all of it" });
      expect(small.result).toMatchObject({ preview: "all of it", isWhole: true });
      const large = await results.put(who, { id: "c", content: streamOf(LARGE, 40_000) });
      expect(large.result).toMatchObject({ preview: "", isWhole: false, size: LARGE.length });
      expect(await results.put(who, { id: "c", content: streamOf(LARGE, 7_000) })).toEqual({
        ...large,
        duplicate: true,
      });
      expect(Buffer.compare(await collected(results.stream(who, "c")), LARGE)).toBe(0);
      await expect(results.put(who, { id: "c", content: "other" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      const page = await results.list(who, { limit: 2 });
      expect([page.results.map(({ id }) => id), page.next]).toEqual([["b", "c"], "c"]);
      expect((await results.list(who, { after: "c" })).results).toEqual([result]);
      for (const id of ["b", "c", result.id]) expect(await results.delete(who, id)).toBe(true);
      expect(await opened.store.count(who, "")).toBe(0);
      await expect(results.put(who, { id: "b", content: "all of it" })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
    });

    test("cleanup goes on behind an entry that cannot be read, and tells of it", async () => {
      const clock = manualClock();
      const who = newSession();
      const results = createResults(opened.store, { clock });
      for (const id of ["a", "b", "c"]) {
        await results.put(who, { id, content: id, ttlMs: 1_000 });
        clock.forward(1);
      }
      clock.forward(2_000);
      const due = () => opened.store.listKind(scopeOf(who), "result.due/");
      const [first] = await due();
      const damaged = async (...given: Parameters<StateStore["listKind"]>) => {
        const page = await opened.store.listKind(...given);
        const at = page.find(({ kind }) => kind === first?.kind);
        if (at !== undefined) throw corruptRecord(at, "damaged");
        return page;
      };
      const store = withMethods(opened.store, { listKind: damaged as StateStore["listKind"] });
      await expect(createResults(store, { clock }).cleanup(scopeOf(who))).rejects.toMatchObject({
        code: "CORRUPT",
        details: { at: { kind: first?.kind } },
      });
      expect((await due()).map(({ kind }) => kind)).toEqual([first?.kind]);
    });

    test("what has expired is not found, and cleanup removes the oldest first, and nothing else", async () => {
      const who = newSession();
      const clock = manualClock();
      const results = createResults(opened.store, { clock });
      for (const [id, ttlMs] of [
        ["c", 1_000],
        ["a", 2_000],
        ["b", 3_000],
      ] as const)
        await results.put(who, { id, content: LARGE, ttlMs });
      await results.put({ ...who, session: "s2" }, { id: "kept", content: "x" });
      const ids = async () => (await results.list(who)).results.map(({ id }) => id);
      clock.forward(999);
      expect([await ids(), await results.cleanup(scopeOf(who))]).toEqual([["a", "b", "c"], 0]);
      clock.forward(1);
      expect(await ids()).toEqual(["a", "b"]);
      expect(await results.find(who, "c")).toBeUndefined();
      await expect(results.put(who, { id: "c", content: LARGE, ttlMs: 1_000 })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
      clock.forward(1_000);
      expect(await results.cleanup(scopeOf(who), { limit: 1 })).toBe(1);
      expect(await opened.store.count(who, "result/c")).toBe(0);
      // Equal content is kept for what still uses it.
      expect(await results.cleanup(scopeOf(who))).toBe(1);
      expect(Buffer.compare((await results.get(who, "b")).bytes, LARGE)).toBe(0);
      clock.forward(1_000);
      expect(await results.cleanup(scopeOf(who))).toBe(1);
      expect(await opened.store.count(who, "")).toBe(0);
      expect((await results.list({ ...who, session: "s2" })).results).toHaveLength(1);
    });

    test("an error is recorded with the rest of a unit, or not at all, and once under an id", async () => {
      const who = newSession();
      const errors = createErrors(opened.store);
      const unit = (fails: boolean) =>
        together(opened.store, async (made) => {
          const first = await errors.in(made).record(who, { ...FAILURE, id: "call-1" });
          const second = await errors.in(made).record(who, { tool: "mail", message: "no" });
          if (fails) throw new Error("no");
          return [first, second];
        });
      await expect(unit(true)).rejects.toThrow("no");
      expect(await errors.list(who)).toEqual({ errors: [] });
      expect(await unit(false)).toEqual([
        { ref: "E1", duplicate: false },
        { ref: "E2", duplicate: false },
      ]);
      expect(await errors.get(who, "E1")).toMatchObject(FAILURE);
      expect(await unit(false)).toEqual([
        { ref: "E1", duplicate: true },
        { ref: "E3", duplicate: false },
      ]);
      await expect(
        together(opened.store, (made) =>
          errors.in(made).record(who, { ...FAILURE, tool: "x", id: "call-1" }),
        ),
      ).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      expect(() => errors.in({} as never)).toThrow(expect.objectContaining({ code: "INVALID_RECORD" }));
      expect((await errors.list(who)).errors.map(({ ref }) => ref)).toEqual(["E3", "E2", "E1"]);
    });

    test("errors are numbered in their session, are found by what a model quotes, and are listed newest first", async () => {
      const who = newSession();
      const errors = createErrors(opened.store);
      const before = Date.now();
      expect(await errors.record(who, { ...FAILURE, id: "call-1" })).toEqual({ ref: "E1", duplicate: false });
      expect(await errors.record(who, { tool: "mail", message: "no" })).toEqual({
        ref: "E2",
        duplicate: false,
      });
      expect(await errors.record(who, { ...FAILURE, id: "call-1" })).toEqual({ ref: "E1", duplicate: true });
      await expect(errors.record(who, { ...FAILURE, message: "x", id: "call-1" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      const { at, ...first } = await errors.get(who, "E1");
      expect(first).toEqual({ ref: "E1", ...FAILURE, cut: [] });
      expect(Math.abs(at.getTime() - before)).toBeLessThan(60_000);
      for (const ref of ["E3", "E0", "e1", "E1 ", "1", "", "E99999999999999999"])
        await expect(errors.get(who, ref), ref).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await errors.find({ ...who, session: "s2" }, "E1")).toBeUndefined();
      const page = await errors.list(who, { limit: 1 });
      expect([page.errors.map(({ ref }) => ref), page.next]).toEqual([["E2"], "E2"]);
      const rest = await errors.list(who, { after: page.next, limit: 1 });
      expect([rest.errors.map(({ ref }) => ref), rest.next]).toEqual([["E1"], undefined]);
      expect(await errors.list(who, { after: "E1" })).toEqual({ errors: [] });
      await errors.trim(who, 1);
      expect(await errors.find(who, "E1")).toBeUndefined();
      expect((await errors.record(who, { tool: "mail", message: "again" })).ref).toBe("E3");
    });
  },
  { maxBytes: 2 * CHUNK },
);

inMemory((opened) => {
  testOtherIdentities(opened, RESULTS);
  testDamagedRecords(opened, RESULTS);
  testHostileNames(opened, RESULTS);
  testErasedSessions(opened, RESULTS);

  test("a clean-up that dies, and one that meets damage, leave the rest to the next", async () => {
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    const clock = manualClock();
    const results = createResults(opened.store, { clock });
    for (const id of ["a", "b", "c"]) {
      await results.put(who, { id, content: bytesOf(2_000_000, id.charCodeAt(0)), ttlMs: 1_000 });
      clock.forward(1);
    }
    const { kind } = (await opened.store.list(who, "result.due/"))[0] as { kind: string };
    await opened.store.save({ eventId: newEventId(), identity: who, kind, bytes: Buffer.from("{") });
    clock.forward(1_000);
    await expect(
      createResults(dyingAt(opened.store, "commit", 2), { clock }).cleanup(scope),
    ).rejects.toThrow();
    await expect(results.cleanup(scope, { abandonedMs: 0 })).rejects.toMatchObject({
      code: "CORRUPT",
      details: { at: { kind } },
    });
    expect((await opened.store.list(who, "result/", { bytes: false })).map((each) => each.kind)).toEqual([
      "result/a",
    ]);
    await opened.store.delete(who, kind);
    expect(await results.cleanup(scope, { abandonedMs: 0 })).toBe(1);
    expect(await opened.store.count(who, "result.chunk/")).toBe(2);
  });

  test("results and errors move with their session, and expire there", async () => {
    const who = newSession();
    const clock = manualClock();
    const results = createResults(opened.store, { clock });
    const errors = createErrors(opened.store);
    await results.put(who, { id: "a", content: bytesOf(3_000_000), ttlMs: 1_000 });
    await errors.record(who, { ...FAILURE, id: "call-1" });
    await moveUser(opened.store, { tenant: who.tenant, user: who.user }, "ada");
    const moved = { ...who, user: "ada" };
    expect((await results.get(moved, "a")).size).toBe(3_000_000);
    expect(await errors.record(moved, { ...FAILURE, id: "call-1" })).toEqual({ ref: "E1", duplicate: true });
    clock.forward(1_000);
    expect(await results.cleanup(maintenanceScope({ reason: "test", tenant: who.tenant }))).toBe(1);
    expect(await opened.store.count(who, "")).toBe(0);
    expect(await opened.store.count(moved, "result")).toBe(0);
  });

  test("a result is put in a unit with other writes, or not at all", async () => {
    const who = newSession();
    const results = createResults(opened.store);
    const step = (content: string, fails = false) =>
      together(opened.store, async (unit) => {
        const { duplicate } = await results.in(unit).put(who, { id: "a", content });
        if (fails) throw new Error("the step failed");
        return duplicate;
      });
    await expect(step("one", true)).rejects.toThrow("the step failed");
    expect(await opened.store.count(who, "")).toBe(0);
    expect([await step("one"), await step("one")]).toEqual([false, true]);
    await expect(step("x".repeat(300_000))).rejects.toMatchObject({ details: { field: "content" } });
  });

  test("an error that is too long is cut, and says what was cut; over a connection that loses answers it is recorded once", async () => {
    const who = newSession();
    const errors = createErrors(losingAnswers(opened.store, { requests: 0.3, replies: 0.3 }));
    const long = {
      tool: "t",
      message: "🙂".repeat(5_000),
      stack: "a\ud800".repeat(9_000),
      arguments: ["x".repeat(40_000)],
    };
    for (let n = 1; n <= 10; n++) {
      const { ref } = await untilKnown(() => errors.record(who, { ...long, id: `call-${n}` }));
      expect(ref).toBe(`E${n}`);
    }
    const found = await createErrors(opened.store).get(who, "E7");
    expect(found.cut).toEqual(["message", "arguments", "stack"]);
    expect([found.message, found.arguments]).toEqual(["🙂".repeat(4_096), `["${"x".repeat(32 * 1024 - 2)}`]);
    expect(Buffer.byteLength(found.stack as string)).toBeLessThanOrEqual(16 * 1024);
    const { kind } = (await opened.store.list(who, "error/", { limit: 1, reverse: true }))[0] as {
      kind: string;
    };
    await opened.store.save({ eventId: newEventId(), identity: who, kind, bytes: Buffer.from("{}") });
    await expect(createErrors(opened.store).get(who, "E10")).rejects.toMatchObject({ code: "CORRUPT" });
    for (const [field, bad] of [
      ["tool", { message: "x" }],
      ["message", { tool: "t" }],
      ["stack", { ...FAILURE, stack: 1 }],
      ["arguments", { ...FAILURE, arguments: Number.NaN }],
    ] as const)
      await expect(errors.record(who, bad as never)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
  });
});

test("cleanup serves tenants in turn: one with many results holds up no other, also from call to call", async () => {
  const store = await openStore("memory:");
  const clock = manualClock();
  const results = createResults(store, { clock });
  const whose = (tenant: string) => ({ tenant, user: "ann", session: "s" });
  for (let n = 0; n < 130; n++) await results.put(whose("a-flood"), { content: "x", ttlMs: 1 });
  for (const tenant of ["b", "c"]) await results.put(whose(tenant), { content: "x", ttlMs: 2 });
  clock.forward(10);
  const all = maintenanceScope({ reason: "test", allTenants: true });
  const left = async () =>
    Promise.all(["a-flood", "b", "c"].map((tenant) => store.count(whose(tenant), "result/")));
  expect(await results.cleanup(all, { limit: 20 })).toBe(20);
  expect(await left()).toEqual([110, 1, 1]);
  expect(await results.cleanup(all, { limit: 1 })).toBe(1);
  expect(await left()).toEqual([110, 0, 1]);
  const other = createResults(store, { clock });
  expect(await other.cleanup(all, { limit: 102 })).toBe(102);
  expect(await left()).toEqual([9, 0, 0]);
  expect(await results.cleanup(all)).toBe(9);
  expect(await results.cleanup(all)).toBe(0);
  await store.close();
});
