import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { openStore, tenantIdentity, userIdentity } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { CALL } from "./states.js";

onEveryStore((opened) => {
  const gate = (options = {}) => createApprovals(opened.store, options);

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

  test("a list of more or less than a session, and of no tenant, is refused", async () => {
    const { tenant, user, session } = newSession();
    const refused = { code: expect.stringMatching(/^(INVALID_RECORD|IDENTITY_REQUIRED)$/) };
    for (const where of [
      { tenant, user, session, run: "r1" },
      tenantIdentity(tenant),
      userIdentity(tenant, user),
      { tenant, user: "~", session: "~" },
    ])
      await expect(gate().list(where as never)).rejects.toMatchObject(refused);
    const forgotten = { tenant, user: undefined, session: undefined };
    await expect(gate().list(forgotten as never)).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
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
