import { describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { callDigest, createApprovals } from "../../src/approvals/index.js";
import { createStore, maintenanceScope, newEventId } from "../../src/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { together } from "../../src/typed/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL, HOUR, TestClock } from "./states.js";

const APPROVE = { decision: "approve", by: "bob" } as const;
const EDIT = { path: "/tmp/b" };
const EDITED = { tool: CALL.tool, arguments: EDIT };

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);
  const asked = async (options: object = {}, request: object = {}) => {
    const who = newSession();
    const approvals = gate(options);
    await approvals.request(who, { ...CALL, requester: "ann", ...request, id: "a" });
    const decide = (by: string, more: object = {}) => approvals.decide(who, "a", { ...APPROVE, by, ...more });
    return { who, approvals, decide };
  };

  describe("an approval with other arguments", () => {
    test("may be claimed with these and no others, and shows both", async () => {
      const { who, approvals, decide } = await asked();
      const edited = {
        arguments: EDIT,
        digest: callDigest(CALL.tool, EDIT),
        by: "bob",
        at: expect.any(Date),
      };
      const shown = { ...CALL, digest: callDigest(CALL.tool, CALL.arguments), edited, status: "approved" };
      expect(await decide("bob", { arguments: EDIT })).toMatchObject(shown);
      await expect(approvals.claim(who, "a", CALL)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      const claimed = await approvals.claim(who, "a", { ...EDITED, token: "t" });
      expect(claimed).toMatchObject({ ...shown, status: "claimed" });
      expect(await approvals.claim(who, "a", { ...EDITED, token: "t" })).toEqual(claimed);
      await approvals.complete(who, "a", { result: 1 });
      for (const where of [who, { tenant: who.tenant }])
        expect((await approvals.list(where)).approvals).toMatchObject([{ ...shown, status: "completed" }]);
    });

    test("is no edit where they are the same", async () => {
      const { who, approvals, decide } = await asked();
      const { deep, path } = CALL.arguments;
      expect(await decide("bob", { arguments: { deep, path } })).not.toHaveProperty("edited");
      await expect(approvals.claim(who, "a", CALL)).resolves.toMatchObject({ status: "claimed" });
    });

    test("is repeated with the same arguments, and is another one with others", async () => {
      const { decide } = await asked();
      const decided = await decide("bob", { arguments: EDIT, token: "t" });
      expect(await decide("bob", { arguments: { ...EDIT }, token: "t" })).toEqual(decided);
      for (const other of [{ arguments: { path: "/" } }, {}])
        await expect(decide("bob", { ...other, token: "t" })).rejects.toMatchObject({
          code: "ALREADY_DECIDED",
        });
    });

    test("makes its author a decider, and no requester", async () => {
      const { decide } = await asked({ requireOtherDecider: true });
      await expect(decide("ann", { arguments: EDIT })).rejects.toMatchObject({ code: "FORBIDDEN" });
      expect(await decide("bob", { arguments: EDIT })).toMatchObject({
        requester: "ann",
        edited: { by: "bob" },
      });
    });

    test("is told to the hook, which cannot change what is stored", async () => {
      const seen: unknown[] = [];
      const mayDecide = (_: unknown, wanted: { arguments?: unknown }) => {
        seen.push(structuredClone(wanted));
        if (wanted.arguments) (wanted.arguments as { path: string }).path = "/";
        return true;
      };
      const { who, approvals, decide } = await asked({ mayDecide });
      await decide("bob", { arguments: EDIT });
      expect(seen).toEqual([{ by: "bob", decision: "approve", arguments: EDIT }]);
      await approvals.extend(who, "a", { by: "eve", ttlMs: HOUR });
      expect(seen.at(-1)).toEqual({ by: "eve", decision: "extend" });
      await expect(approvals.claim(who, "a", EDITED)).resolves.toMatchObject({ status: "claimed" });
    });

    test("begins the tool call that was edited, and not the one that was asked for", async () => {
      const { who, approvals, decide } = await asked();
      await decide("bob", { arguments: EDIT });
      const calls = createToolCalls(opened.store);
      const begin = (call: typeof CALL | typeof EDITED) =>
        calls.begin(who, { id: "c", ...call, approval: "a" });
      await expect(begin(CALL)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      await begin(EDITED);
      await calls.succeed(who, "c");
      expect(await approvals.get(who, "a")).toMatchObject({ status: "completed" });
    });

    test("works in a unit, and with the requests of one", async () => {
      const who = newSession();
      const claimed = await together(opened.store, async (unit) => {
        const mine = gate().in(unit);
        await mine.request(who, { ...CALL, id: "a" });
        await mine.reassign(who, "a", { assignee: "bob", by: "ann" });
        await mine.extend(who, "a", { by: "ann", ttlMs: HOUR });
        await mine.decide(who, "a", { ...APPROVE, arguments: EDIT });
        await expect(mine.claim(who, "a", CALL)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
        return mine.claim(who, "a", EDITED);
      });
      expect(claimed).toMatchObject({ status: "claimed", edited: { arguments: EDIT }, assignee: "bob" });
      const { edited } = await gate().get(who, "a");
      expect(edited).toEqual(claimed.edited);
    });

    test("is CORRUPT where its arguments are lost or damaged, and names their slot", async () => {
      const { who, approvals, decide } = await asked();
      await decide("bob", { arguments: EDIT });
      const slot = { identity: who, kind: "approval.edit/a" };
      const corrupt = { code: "CORRUPT", details: { at: slot } };
      const { bytes } = await opened.store.load(who, slot.kind);
      const { createdAt } = JSON.parse(Buffer.from(bytes).toString());
      for (const damage of ["{", { createdAt, content: {} }, { createdAt: 1, content: { arguments: 1 } }]) {
        const text = typeof damage === "string" ? damage : JSON.stringify(damage);
        await opened.store.save({ eventId: newEventId(), ...slot, bytes: Buffer.from(text) });
        await expect(approvals.get(who, "a")).rejects.toMatchObject(corrupt);
        await expect(approvals.claim(who, "a", EDITED)).rejects.toMatchObject(corrupt);
      }
      await opened.store.delete(who, slot.kind);
      await expect(approvals.claim(who, "a", EDITED)).rejects.toMatchObject(corrupt);
    });

    test("leaves nothing behind when its user is forgotten", async () => {
      const { who, approvals, decide } = await asked();
      await decide("bob", { arguments: EDIT });
      await approvals.forgetUser({ tenant: who.tenant, user: who.user });
      expect(await opened.store.list(who, "")).toEqual([]);
    });
  });

  describe("where two people have to approve", () => {
    test("the first vote is shown and decides nothing; the second one does", async () => {
      const { who, approvals, decide } = await asked({}, { approvals: 2 });
      const first = await decide("bob", { reason: "fine", token: "t1" });
      const vote = { by: "bob", reason: "fine", at: expect.any(Date) };
      expect(first).toMatchObject({ status: "pending", approvals: 2, votes: [vote] });
      await expect(approvals.claim(who, "a", CALL)).rejects.toMatchObject({ code: "NOT_DECIDED" });
      expect(await decide("bob", { reason: "fine", token: "t1" })).toEqual(first);
      const second = await decide("eve", { token: "t2" });
      expect(second).toMatchObject({
        status: "approved",
        votes: [vote, { by: "eve" }],
        decision: { by: "eve" },
      });
      expect(JSON.stringify(second)).not.toMatch(/t1|t2/);
      // Each of them is repeated.
      expect(await decide("bob", { reason: "fine", token: "t1" })).toEqual(second);
      expect(await decide("eve", { token: "t2" })).toEqual(second);
      await expect(decide("zoe")).rejects.toMatchObject({ code: "ALREADY_DECIDED" });
    });

    test("one person has one vote, and their denial ends it", async () => {
      const { who, approvals, decide } = await asked({}, { approvals: 2 });
      await decide("bob");
      await expect(decide("bob")).rejects.toMatchObject({
        code: "ALREADY_VOTED",
        details: { vote: { by: "bob", at: expect.any(Date) } },
      });
      const denied = await approvals.decide(who, "a", { decision: "deny", by: "bob", reason: "no" });
      expect(denied).toMatchObject({ status: "denied", votes: [{ by: "bob" }], decision: { reason: "no" } });
      await expect(decide("eve")).rejects.toMatchObject({
        code: "ALREADY_DECIDED",
        details: { winner: { status: "denied", by: "bob" } },
      });
    });

    test("of many votes at once as many count as are needed", async () => {
      const { decide, who, approvals } = await asked({}, { approvals: 3 });
      const people = Array.from({ length: 8 }, (_, n) => `p${n % 4}`);
      const answers = await Promise.allSettled(people.map((by) => decide(by)));
      expect(answers.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
      const { votes = [], status } = await approvals.get(who, "a");
      expect(status).toBe("approved");
      expect(new Set(votes.map(({ by }) => by)).size).toBe(3);
    });

    test("a vote that comes after its time is late", async () => {
      const clock = new TestClock();
      const { who, decide, approvals } = await asked({ clock: clock.now }, { approvals: 2, ttlMs: HOUR });
      await decide("bob");
      clock.pass(HOUR);
      await expect(decide("eve")).rejects.toMatchObject({ code: "EXPIRED" });
      expect(await approvals.expireOverdue(maintenanceScope({ reason: "test", tenant: who.tenant }))).toBe(1);
      expect(await approvals.get(who, "a")).toMatchObject({ status: "expired", votes: [{ by: "bob" }] });
    });

    test("the shortest time that somebody gave counts", async () => {
      const clock = new TestClock();
      const { decide } = await asked({ clock: clock.now }, { approvals: 3 });
      await decide("bob", { ttlMs: 10 });
      await decide("eve", { ttlMs: HOUR });
      expect((await decide("zoe")).expiresAt).toEqual(new Date(clock.time + 10));
    });

    test("an edit asks for agreement to the same edit", async () => {
      const { who, approvals, decide } = await asked({}, { approvals: 2 });
      await decide("bob");
      const edited = await decide("eve", { arguments: EDIT });
      // Bob approved something else, and is asked again.
      expect(edited).toMatchObject({ status: "pending", votes: [{ by: "eve" }], edited: { by: "eve" } });
      for (const other of [{}, { arguments: { path: "/" } }])
        for (const by of ["bob", "zoe"])
          await expect(decide(by, other)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      expect(await approvals.get(who, "a")).toEqual(edited);
      const approved = await decide("bob", { arguments: { ...EDIT } });
      expect(approved).toMatchObject({ status: "approved", votes: [{ by: "eve" }, { by: "bob" }] });
      expect(approved.edited).toEqual(edited.edited);
      await expect(approvals.claim(who, "a", CALL)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
      await expect(approvals.claim(who, "a", EDITED)).resolves.toMatchObject({ status: "claimed" });
    });

    test("the requester has no vote where another one has to decide", async () => {
      const { decide } = await asked({ requireOtherDecider: true }, { approvals: 2 });
      await decide("bob");
      await expect(decide("ann")).rejects.toMatchObject({ details: { rule: "requireOtherDecider" } });
    });
  });

  describe("where groups have to approve", () => {
    const members: Record<string, readonly string[]> = { finance: ["bob", "eve"], legal: ["zoe", "bob"] };
    const mayDecide = (_: unknown, { by, group }: { by: string; group?: string }) =>
      group === undefined || members[group]?.includes(by) === true;
    const groups = ["finance", "legal", "security"];

    test("each of them gives one approval, by one of its people", async () => {
      const { decide } = await asked({ mayDecide }, { groups, approvals: 2 });
      await decide("bob", { group: "finance" });
      for (const [by, group, code] of [
        ["eve", "finance", "ALREADY_VOTED"],
        ["bob", "legal", "ALREADY_VOTED"],
        ["eve", "legal", "FORBIDDEN"],
        ["zoe", "board", "FORBIDDEN"],
        ["zoe", undefined, "FORBIDDEN"],
      ] as const)
        await expect(decide(by, group && { group }), by).rejects.toMatchObject({ code });
      expect(await decide("zoe", { group: "legal" })).toMatchObject({
        status: "approved",
        votes: [
          { by: "bob", group: "finance" },
          { by: "zoe", group: "legal" },
        ],
        decision: { by: "zoe", group: "legal" },
      });
    });

    test("all of them have to unless it says how many", async () => {
      const { who, approvals } = await asked({ mayDecide }, { groups });
      expect(await approvals.get(who, "a")).toMatchObject({ approvals: 3, groups });
    });

    test("nobody approves where no hook knows who belongs to them, and anybody denies", async () => {
      const { who, approvals, decide } = await asked({}, { groups: ["finance"] });
      await expect(decide("bob", { group: "finance" })).rejects.toMatchObject({
        code: "FORBIDDEN",
        details: { rule: "groups" },
      });
      await expect(approvals.decide(who, "a", { decision: "deny", by: "bob" })).resolves.toMatchObject({
        status: "denied",
      });
    });

    test("one that is named for a request without groups is refused", async () => {
      const { decide } = await asked({ mayDecide });
      await expect(decide("bob", { group: "finance" })).rejects.toMatchObject({
        details: { rule: "groups" },
      });
    });
  });

  test("an extension of a request that was approved meanwhile is refused, whoever may not decide", async () => {
    const { who, approvals, decide } = await asked({ requireOtherDecider: true });
    await approvals.extend(who, "a", { by: "ann", ttlMs: HOUR });
    await decide("bob");
    await expect(approvals.extend(who, "a", { by: "ann", ttlMs: 9 * HOUR })).rejects.toMatchObject({
      code: "FORBIDDEN",
    });
    await expect(approvals.extend(who, "a", { by: "bob", ttlMs: 9 * HOUR })).resolves.toMatchObject({
      status: "approved",
    });
  });
});

test("an edit of any size leaves room for its outcome, and one that is too large names its field", async () => {
  const maxBytes = 64 * 1024;
  const store = createStore(await openMemory(), { maxBytes });
  const approvals = createApprovals(store);
  const who = newSession();
  const text = (size: number) => ({ tool: "t", arguments: "x".repeat(size) });
  await approvals.request(who, { ...text(maxBytes - 1000), id: "a" });
  const edit = (size: number) => approvals.decide(who, "a", { ...APPROVE, arguments: text(size).arguments });
  for (const size of [maxBytes - 10, maxBytes + 10])
    await expect(edit(size)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "arguments" },
    });
  await edit(maxBytes - 900);
  await approvals.claim(who, "a", text(maxBytes - 900));
  await approvals.complete(who, "a", { result: "y".repeat(maxBytes - 2000) });
});
