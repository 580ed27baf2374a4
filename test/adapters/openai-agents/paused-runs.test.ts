import {
  Agent,
  type Model,
  type ModelRequest,
  type ModelResponse,
  RunState,
  run,
  setTracingDisabled,
  tool,
  Usage,
} from "@openai/agents-core";
import { expect, test } from "vitest";
import { z } from "zod";
import { GroundstateSession, PausedRuns } from "../../../src/adapters/openai-agents/index.js";
import { createApprovals } from "../../../src/approvals/index.js";
import { newEventId, openStore, type StateStore } from "../../../src/index.js";
import { onEveryStore } from "../../typed/stores.js";

setTracingDisabled(true);

/** Asks for a transfer of each amount, and then says what came of it. */
class FakeModel implements Model {
  readonly #amounts: readonly number[];

  constructor(amounts: readonly number[]) {
    this.#amounts = amounts;
  }

  async getResponse({ input }: ModelRequest): Promise<ModelResponse> {
    const items = typeof input === "string" ? [] : input;
    const results = items.filter((item) => item.type === "function_call_result");
    const output: ModelResponse["output"] =
      results.length > 0
        ? [
            {
              type: "message",
              role: "assistant",
              status: "completed",
              content: [
                { type: "output_text", text: results.map(({ output }) => textOf(output)).join("; ") },
              ],
            },
          ]
        : this.#amounts.map((amount) => ({
            type: "function_call",
            callId: `call-${amount}`,
            name: "transfer",
            status: "completed",
            arguments: JSON.stringify({ amount }),
          }));
    return { output, usage: new Usage(), responseId: newEventId() };
  }

  // biome-ignore lint/correctness/useYield: nothing here streams.
  async *getStreamedResponse(): AsyncGenerator<never> {
    throw new Error("not streamed");
  }
}

function textOf(output: unknown): string {
  if (typeof output === "string") return output;
  return String((output as { text?: string }).text ?? JSON.stringify(output));
}

/** A process of its own, but for the store: another agent, with objects of its own. */
function newProcess(store: StateStore, owner: { tenant: string; user: string }, amounts = [250, 9_000]) {
  const made: number[] = [];
  const transfer = tool({
    name: "transfer",
    description: "Transfers money.",
    parameters: z.object({ amount: z.number() }),
    needsApproval: true,
    execute: async ({ amount }) => {
      made.push(amount);
      return `transferred ${amount}`;
    },
  });
  const agent = new Agent({ name: "teller", model: new FakeModel(amounts), tools: [transfer] });
  return {
    agent,
    made,
    paused: new PausedRuns(store, { owner }),
    session: new GroundstateSession(store, { owner, sessionId: "chat/1" }),
    revive: (text: string) => RunState.fromString<unknown, typeof agent>(agent, text),
  };
}

onEveryStore((opened, driver) => {
  test("a run waits for people over a restart, makes each approved call once, and has no item twice", async () => {
    const owner = { tenant: `tenant-${newEventId()}`, user: "ann" };
    const first = newProcess(opened.store, owner);
    const result = await run(first.agent, "Pay both invoices.", { session: first.session });
    const requested = await first.paused.pause("chat/1", result.state, {
      question: "Pay?",
      requester: "teller",
    });
    expect(requested.map(({ tool, arguments: given }) => [tool, given])).toEqual([
      ["transfer", { amount: 250 }],
      ["transfer", { amount: 9_000 }],
    ]);
    expect(
      await first.paused.pause("chat/1", result.state, { question: "Pay?", requester: "teller" }),
    ).toEqual(requested);

    const store = driver === "memory" ? opened.store : await openStore(opened.url);
    const second = newProcess(store, owner);
    expect((await second.paused.resume("chat/1", { ...second, token: "w1" })).pending).toHaveLength(2);
    const approvals = createApprovals(store);
    const { approvals: pending } = await approvals.list({ tenant: owner.tenant }, { status: "pending" });
    for (const { identity, id, arguments: given } of pending) {
      const decision = (given as { amount: number }).amount < 1_000 ? "approve" : "deny";
      await approvals.decide(identity, id, { decision, by: "grace", reason: "too much" });
    }
    const taken = await second.paused.resume("chat/1", { ...second, token: "w1" });
    await expect(second.paused.resume("chat/1", { ...second, token: "w2" })).rejects.toMatchObject({
      code: "ALREADY_CLAIMED",
    });
    expect((await second.paused.resume("chat/1", { ...second, token: "w1" })).state).toBeDefined();
    if (taken.state === undefined) throw new Error("the run was not taken up");
    const ended = await run(second.agent, taken.state, { session: second.session });
    expect(second.made).toEqual([250]);
    expect(ended.finalOutput).toBe("transferred 250; too much");
    await second.paused.finish("chat/1", { token: "w1" });
    expect(await second.paused.resume("chat/1", { ...second, token: "w3" })).toEqual({ pending: [] });

    const items = await second.session.getItems();
    expect(items.map((item) => item.type ?? "message")).toEqual([
      "message",
      "function_call",
      "function_call",
      "function_call_result",
      "function_call_result",
      "message",
    ]);
    const counts = await approvals.count({ tenant: owner.tenant });
    expect(counts).toMatchObject({ pending: 0, denied: 1, completed: 1, claimed: 0 });
    if (store !== opened.store) await store.close();
  });

  test("where every call is denied, one of two workers takes the run up", async () => {
    const owner = { tenant: `tenant-${newEventId()}`, user: "ann" };
    const { agent, paused, revive } = newProcess(opened.store, owner, [1]);
    const [request] = await paused.pause("s", (await run(agent, "Pay.")).state);
    if (request === undefined) throw new Error("nothing was asked");
    await createApprovals(opened.store).decide(request.identity, request.id, {
      decision: "deny",
      by: "grace",
    });
    const outcomes = await Promise.allSettled(
      ["w1", "w2"].map((token) => paused.resume("s", { revive, token })),
    );
    expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("misuse", async () => {
    const owner = { tenant: `tenant-${newEventId()}`, user: "ann" };
    const { agent, paused, revive } = newProcess(opened.store, owner, [1]);
    const { state } = await run(agent, "Pay.");
    const other = new PausedRuns(opened.store, { owner: { ...owner, user: "bob" } });
    await paused.pause("s", state);
    expect(await other.resume("s", { revive, token: "w" })).toEqual({ pending: [] });
    expect(await paused.resume("other", { revive, token: "w" })).toEqual({ pending: [] });
    state.reject(state.getInterruptions()[0] as never);
    await expect(paused.pause("s", (await run(agent, state)).state)).rejects.toMatchObject({
      code: "INVALID_RECORD",
    });
  });
});
