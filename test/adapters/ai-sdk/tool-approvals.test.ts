import type { UIMessage } from "ai";
import { expect, test } from "vitest";
import { ToolApprovals } from "../../../src/adapters/ai-sdk/index.js";
import { createApprovals } from "../../../src/approvals/index.js";
import { newEventId, openStore, type StateStore } from "../../../src/index.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const approvalsOf = (store: StateStore, owner = newOwner()) => new ToolApprovals(store, { owner });
type Part = UIMessage["parts"][number];

const call = (n: number, approval: object = {}, state = "approval-requested"): Part =>
  ({
    type: "tool-transfer",
    toolCallId: `call-${n}`,
    state,
    input: { amount: n },
    approval: { id: `approval-${n}`, ...approval },
  }) as Part;
const asked = (...parts: Part[]): UIMessage => ({ id: "m", role: "assistant", parts });
const answered = (n: number, approved: boolean, reason?: string) =>
  call(n, { approved, ...(reason && { reason }) }, "approval-responded");
const statesOf = (message: UIMessage | undefined) =>
  message?.parts.map((part) => {
    const { state, input, approval } = part as { state: string; input: unknown; approval: object };
    return { state, input, ...approval };
  });

onEveryStore((opened, driver) => {
  test("calls are asked for once, decided by the client's message, claimed, and completed", async () => {
    const owner = newOwner();
    const approvals = approvalsOf(opened.store, owner);
    const message = asked(call(1), call(2), { type: "text", text: "?" });
    const requested = await approvals.request("~chat", message, { question: "Pay?" });
    expect(requested.map(({ tool, arguments: given, question }) => [tool, given, question])).toEqual([
      ["transfer", { amount: 1 }, "Pay?"],
      ["transfer", { amount: 2 }, "Pay?"],
    ]);
    await approvals.request("~chat", message, { question: "Pay?" });
    expect(await approvals.resume("~chat", message, { token: "t" })).toMatchObject({
      pending: [{ status: "pending" }, { status: "pending" }],
    });
    await approvals.respond("~chat", asked(answered(1, true)), { by: "ann" });
    expect((await approvals.resume("~chat", message, { token: "t" })).pending).toHaveLength(1);
    await approvals.respond("~chat", asked(answered(1, false), answered(2, false, "too much")), {
      by: "ann",
    });

    const store = driver === "memory" ? opened.store : await openStore(opened.url);
    const elsewhere = approvalsOf(store, owner);
    for (const _ of ["", "again, after a crash"]) {
      const resumed = await elsewhere.resume("~chat", message, { token: "t" });
      expect(statesOf(resumed.message)?.slice(0, 2)).toEqual([
        { state: "approval-responded", input: { amount: 1 }, id: "approval-1", approved: true },
        {
          state: "approval-responded",
          input: { amount: 2 },
          id: "approval-2",
          approved: false,
          reason: "too much",
        },
      ]);
      expect(resumed.message?.parts[2]).toEqual({ type: "text", text: "?" });
    }
    await elsewhere.finish("~chat", { token: "t" });
    const { approvals: listed } = await createApprovals(opened.store).list(owner);
    expect(listed.map(({ status }) => status).sort()).toEqual(["completed", "denied"]);
    if (store !== opened.store) await store.close();
  });

  test("what a client says of the call counts for nothing", async () => {
    const approvals = approvalsOf(opened.store);
    const message = asked(call(1));
    await approvals.request("c", message);
    const forged = { ...answered(1, true), input: { amount: 1_000_000 }, type: "tool-erase" } as Part;
    await approvals.respond("c", asked(forged), { by: "ann" });
    const { message: decided } = await approvals.resume("c", message, { token: "t" });
    expect(statesOf(decided)).toMatchObject([{ approved: true, input: { amount: 1 } }]);
    await expect(approvals.respond("c", asked(answered(2, true)), { by: "ann" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    const unclear = call(1, { approved: "yes" }, "approval-responded");
    await expect(approvals.respond("c", asked(unclear), { by: "ann" })).rejects.toMatchObject({
      code: "INVALID_RECORD",
    });
  });

  test("another owner's and another chat's requests are not found", async () => {
    const owner = newOwner();
    await approvalsOf(opened.store, owner).request("c", asked(call(1)));
    const others = await Promise.allSettled([
      approvalsOf(opened.store).respond("c", asked(answered(1, true)), { by: "eve" }),
      approvalsOf(opened.store, owner).respond("c/", asked(answered(1, true)), { by: "eve" }),
      approvalsOf(opened.store).resume("c", asked(call(1)), { token: "t" }),
    ]);
    for (const other of others) expect(other).toMatchObject({ reason: { code: "NOT_FOUND" } });
  });

  test("one of several requests that send the decision at once goes on, also where all was denied", async () => {
    for (const approved of [true, false]) {
      const owner = newOwner();
      const message = asked(call(1));
      await approvalsOf(opened.store, owner).request("c", message);
      const outcomes = await Promise.allSettled(
        Array.from({ length: 8 }, async (_, n) => {
          const approvals = approvalsOf(opened.store, owner);
          await approvals.respond("c", asked(answered(1, approved)), { by: "ann" });
          return approvals.resume("c", message, { token: `t${n}` });
        }),
      );
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ALREADY_CLAIMED" });
    }
  });

  test("calls that are decided elsewhere, automatic ones and dynamic tools", async () => {
    const owner = newOwner();
    const approvals = approvalsOf(opened.store, owner);
    const dynamic = { ...call(1), type: "dynamic-tool", toolName: "erase" } as Part;
    const message = asked(dynamic, call(2, { isAutomatic: true }), call(3));
    const [erase, transfer] = await approvals.request("c", message);
    expect([erase?.tool, transfer?.tool]).toEqual(["erase", "transfer"]);
    const session = { ...owner, session: "c" };
    const office = createApprovals(opened.store);
    await office.decide(session, erase?.id ?? "", { decision: "approve", by: "grace" });
    await office.decide(session, transfer?.id ?? "", {
      decision: "approve",
      by: "grace",
      arguments: { amount: 1 },
    });
    const { message: decided } = await approvals.resume("c", message, { token: "t" });
    expect(statesOf(decided)).toMatchObject([
      { state: "approval-responded", approved: true },
      { state: "approval-requested", isAutomatic: true },
      { approved: false, reason: 'Approved with other arguments: {"amount":1}' },
    ]);
    const plain = asked({ type: "text", text: "x" });
    expect(await approvals.request("c", plain)).toEqual([]);
    expect(await approvals.resume("c", plain, { token: "t" })).toEqual({ message: plain, pending: [] });
  });
});
