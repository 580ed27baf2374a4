import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { openStore, tenantIdentity, userIdentity } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL } from "./states.js";

const APPROVE = { decision: "approve", by: "bob" } as const;

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

  const cycle: unknown[] = [];
  cycle.push(cycle);

  test.each([
    ["request", undefined],
    ["request", { ...CALL, more: 1 }],
    ["tool", { ...CALL, tool: "" }],
    ["tool", { ...CALL, tool: "a\0b" }],
    ["tool", { ...CALL, tool: "x".repeat(513) }],
    ["arguments", { tool: "t" }],
    ["arguments", { ...CALL, arguments: cycle }],
    ["arguments", { ...CALL, arguments: { n: 1n } }],
    ["arguments", { ...CALL, arguments: Number.NaN }],
    ["arguments", { ...CALL, arguments: new Map() }],
    ["sideEffect", { ...CALL, sideEffect: undefined }],
    ["question", { ...CALL, question: 1 }],
    ["requester", { ...CALL, requester: "" }],
    ["run", { ...CALL, run: undefined }],
    ["step", { ...CALL, step: 1 }],
    ["sender", { ...CALL, sender: new Date() }],
    ["ttlMs", { ...CALL, ttlMs: 0 }],
    ["ttlMs", { ...CALL, ttlMs: 10 * 366 * 86_400_000 }],
    ["ttlMs", { ...CALL, ttlMs: undefined }],
    ["id", { ...CALL, id: undefined }],
    ["id", { ...CALL, id: "" }],
    ["id", { ...CALL, id: "x".repeat(106) }],
    ["id", { ...CALL, id: "a\ud800" }],
  ])("a request is refused for its %s, and nothing is stored", async (field, request) => {
    const who = newSession();
    await expect(gate().request(who, request as never)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
    expect(await opened.store.list(who, "")).toEqual([]);
    expect(await opened.store.list(tenantIdentity(who.tenant), "")).toEqual([]);
  });

  test.each([
    ["decision", "decide", { decision: "maybe", by: "bob" }],
    ["by", "decide", { decision: "approve" }],
    ["reason", "decide", { ...APPROVE, reason: undefined }],
    ["token", "decide", { ...APPROVE, token: "" }],
    ["ttlMs", "decide", { ...APPROVE, ttlMs: 1.5 }],
    ["ttlMs", "decide", { decision: "deny", by: "bob", ttlMs: 1 }],
    ["input", "decide", { ...APPROVE, decisison: 1 }],
    ["by", "cancel", {}],
    ["input", "cancel", { by: "bob", ttlMs: 1 }],
    ["arguments", "claim", { tool: "t" }],
    ["tool", "claim", { arguments: {} }],
    ["by", "claim", { ...CALL, by: undefined }],
    ["result", "complete", { result: () => 1 }],
    ["error", "fail", {}],
    ["timeoutMs", "wait", { timeoutMs: 0 }],
    ["options", "get", { singal: 1 }],
    ["signal", "find", { signal: {} }],
  ] as const)("%s of %s is checked before anything is read", async (field, method, input) => {
    // Nothing is stored under this id: whatever looked there first would answer NOT_FOUND.
    const call = gate()[method] as (...given: unknown[]) => Promise<unknown>;
    await expect(call.call(gate(), newSession(), "none", input)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
  });

  test.each([
    ["status", { status: "open" }],
    ["status", { status: [] }],
    ["status", { status: undefined }],
    ["limit", { limit: 0 }],
    ["limit", { limit: 1001 }],
    ["after", { after: "2026" }],
    ["after", { after: null }],
    ["options", { state: "pending" }],
  ])("%s of list is checked", async (field, options) => {
    await expect(gate().list(newSession(), options as never)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field },
    });
  });

  test("what makes a request too large for the store is named", async () => {
    await using store = await openStore("memory:", { maxBytes: 2000 });
    const approvals = createApprovals(store);
    const large = { text: "x".repeat(2000) };
    for (const [field, request] of [
      ["arguments", { ...CALL, arguments: large }],
      ["arguments", { ...CALL, arguments: large, id: "a", question: "x".repeat(1000) }],
      ["sender", { ...CALL, sender: large }],
    ] as const) {
      const who = newSession();
      const refusal: unknown = await approvals.request(who, request).catch((error) => error);
      expect(refusal).toMatchObject({
        code: "INVALID_RECORD",
        message: expect.stringMatching(new RegExp(`^${field} must be smaller: .*2000 bytes`)),
        details: { field },
      });
      expect(await store.list(who, "")).toEqual([]);
      expect(await store.list(tenantIdentity(who.tenant), "")).toEqual([]);
    }
    // Neither of them is to blame.
    await expect(
      approvals.request(newSession(), { ...CALL, question: "x".repeat(2000) }),
    ).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: expect.stringMatching(/^(bytes|value)$/) },
    });
  });

  test("an identity that is more or less than a session is refused", async () => {
    const who = newSession();
    const { tenant, user } = who;
    const wrong = [
      { ...who, run: "r1" },
      { tenant, user },
      tenantIdentity(tenant),
      userIdentity(tenant, user),
      { tenant, user: "~", session: "~" },
    ];
    for (const identity of wrong) {
      const expected = { code: expect.stringMatching(/INVALID_RECORD|IDENTITY_REQUIRED/) };
      await expect(gate().request(identity as never, CALL)).rejects.toMatchObject(expected);
      await expect(gate().list(identity as never)).rejects.toMatchObject(expected);
    }
    const forgotten = { tenant, user: undefined, session: undefined };
    await expect(gate().list(forgotten as never)).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
  });

  test.each([
    ["pollMs", { pollMs: 0 }],
    ["clock", { clock: 1 }],
    ["mayDecide", { mayDecide: undefined }],
    ["requireOtherDecider", { requireOtherDecider: "no" }],
    ["options", { requireOtherDeciders: true }],
  ])("the option %s is checked", (field, options) => {
    expect(() => gate(options)).toThrow(
      expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
    );
  });
});
