import { type AgentInputItem, MemorySession } from "@openai/agents-core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { GroundstateSession } from "../../../src/adapters/openai-agents/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { createSessions } from "../../../src/sessions/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const newSession = (store: StateStore, owner = newOwner(), sessionId = "s-1") =>
  new GroundstateSession(store, { owner, sessionId });
const said = (text: string): AgentInputItem => ({ role: "user", content: text });
const called = (callId: string, name: string): AgentInputItem & { type: "function_call" } => ({
  type: "function_call",
  callId,
  name,
  arguments: "{}",
  status: "completed",
});

onEveryStore((opened) => {
  test("keeps items in order, gives the last ones and takes them back", async () => {
    const session = newSession(opened.store);
    expect(await session.getItems()).toEqual([]);
    expect(await session.popItem()).toBeUndefined();
    await session.clearSession();
    await session.addItems([]);
    await session.addItems([said("one"), said("two"), said("three")]);
    expect(await session.getItems()).toEqual([said("one"), said("two"), said("three")]);
    expect(await session.getItems(2)).toEqual([said("two"), said("three")]);
    expect(await session.getItems(0)).toEqual([]);
    expect(await session.popItem()).toEqual(said("three"));
    await session.clearSession();
    expect(await session.getItems()).toEqual([]);
    await session.addItems([said("four")]);
    expect(await newSession(opened.store, newOwner()).getItems()).toEqual([]);
    expect(await session.getItems()).toEqual([said("four")]);
  });

  test("1,000 items at once are there together", async () => {
    const owner = newOwner();
    const items = Array.from({ length: 1_000 }, (_, n) => said(`${n}`));
    let seen = new Set<number>();
    let done = false;
    const adding = newSession(opened.store, owner)
      .addItems(items)
      .finally(() => {
        done = true;
      });
    while (!done) seen = seen.add((await newSession(opened.store, owner).getItems()).length);
    await adding;
    expect([...seen].filter((length) => length !== 0 && length !== 1_000)).toEqual([]);
    expect(await newSession(opened.store, owner).getItems()).toEqual(items);
    await newSession(opened.store, owner).addItems(
      Array.from({ length: 1_500 }, (_, n) => said(`more ${n}`)),
    );
    expect((await newSession(opened.store, owner).getItems(1))[0]).toEqual(said("more 1499"));
  });

  test("items come back as they were, bytes and odd names included", async () => {
    const session = newSession(opened.store);
    const odd = {
      ...said("x"),
      providerData: {
        "~bytes": "a",
        "~~b": [1, null, { "~bytes": new Uint8Array([1, 2, 255]) }],
        bytes: new Uint8Array(0),
      },
    };
    await session.addItems([odd]);
    expect(await session.getItems()).toEqual([odd]);
    const circle: Record<string, unknown> = {};
    circle.own = circle;
    for (const bad of [circle, new Date(), 1n, Number.NaN, () => {}, new Map()])
      await expect(session.addItems([{ ...said("x"), providerData: { bad } }])).rejects.toMatchObject({
        code: "INVALID_RECORD",
      });
    await session.addItems([{ ...said("y"), providerData: undefined }]);
    expect(await session.getItems(1)).toEqual([said("y")]);
  });

  test("ids of any text are told apart, and kept", async () => {
    const owner = newOwner();
    const ids = ["s", "s-", "~s", "s/1", "\0", "x".repeat(300), `${"x".repeat(300)}y`];
    for (const id of ids) await newSession(opened.store, owner, id).addItems([said(id)]);
    for (const id of ids) {
      expect(await newSession(opened.store, owner, id).getItems()).toEqual([said(id)]);
      expect(await newSession(opened.store, owner, id).getSessionId()).toBe(id);
    }
    const { sessions } = await createSessions<{ sessionId: string }>(opened.store).list(owner);
    expect(sessions.map(({ metadata }) => metadata.sessionId).sort()).toEqual([...ids].sort());
  });

  test("does what the SDK's own session in memory does, over random operations", async () => {
    const item = fc.oneof(
      fc.constantFrom(said("a"), said("b")),
      fc.constantFrom(called("c1", "f"), called("c2", "g")),
    );
    const items = fc.array(item, { maxLength: 4 });
    const operation = fc.oneof(
      fc.record({ is: fc.constant("add" as const), items }),
      fc.record({ is: fc.constant("pop" as const) }),
      fc.record({ is: fc.constant("clear" as const) }),
      fc.record({ is: fc.constant("mutate" as const), callId: fc.constantFrom("c1", "c2") }),
      fc.record({ is: fc.constant("append" as const), id: fc.constantFrom("o1", "o2", "o3"), items }),
      fc.record({
        is: fc.constant("replace" as const),
        id: fc.constantFrom("o4", "o5"),
        count: fc.nat(3),
        right: fc.boolean(),
        items,
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 14 }), async (operations) => {
        const [own, model] = [newSession(opened.store), new MemorySession()];
        for (const operation of operations) {
          const end = await model.getItems(operation.is === "replace" ? operation.count : 0);
          const outcomes = await Promise.all(
            [own, model].map((session) => outcomeOf(session, operation, end)),
          );
          expect(outcomes[0]).toEqual(outcomes[1]);
          expect(await own.getItems()).toEqual(await model.getItems());
          expect(await own.getItems(2)).toEqual(await model.getItems(2));
        }
      }),
      { numRuns: soak(20) },
    );
  }, 240_000);

  test("one transaction at once from eight callers takes effect once, and so do eight of different ids each", async () => {
    const owner = newOwner();
    const sessions = Array.from({ length: 8 }, () => newSession(opened.store, owner));
    const append = (operationId: string) => ({
      operationId,
      transaction: { type: "append_items" as const, items: [said(operationId)] },
    });
    await Promise.all(sessions.map((session) => session.applyHistoryTransaction(append("same"))));
    await Promise.all(sessions.map((session, n) => session.applyHistoryTransaction(append(`op-${n}`))));
    const texts = (await newSession(opened.store, owner).getItems()).map(
      (item) => (item as { content: string }).content,
    );
    expect(texts[0]).toBe("same");
    expect(texts.sort()).toEqual(["same", ...sessions.map((_, n) => `op-${n}`)].sort());
  });

  test("of eight that replace the same end at once, one does", async () => {
    const owner = newOwner();
    await newSession(opened.store, owner).addItems([said("start"), said("end")]);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, n) =>
        newSession(opened.store, owner).applyHistoryTransaction({
          operationId: `op-${n}`,
          transaction: { type: "replace_suffix", expectedSuffix: [said("end")], replacement: [said(`${n}`)] },
        }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const refused = outcomes.flatMap((outcome) =>
      outcome.status === "rejected" ? [outcome.reason.code] : [],
    );
    expect(new Set(refused)).toEqual(new Set(["CONDITION_FAILED"]));
    expect(await newSession(opened.store, owner).getItems()).toHaveLength(2);
  });

  test("an end is replaced whole after a call in it was replaced", async () => {
    const session = newSession(opened.store);
    await session.addItems([said("a"), called("c", "f"), called("c", "f")]);
    const replacement = called("c", "g");
    await session.applyHistoryMutations({
      mutations: [{ type: "replace_function_call", callId: "c", replacement }],
    });
    await session.applyHistoryTransaction({
      operationId: "o",
      transaction: { type: "replace_suffix", expectedSuffix: [said("a"), replacement], replacement: [] },
    });
    expect(await session.getItems()).toEqual([]);
  });

  test("compaction puts other items in the place of all", async () => {
    const session = newSession(opened.store);
    await session.replaceHistoryWithCompaction([said("nothing before")]);
    await session.addItems([said("a"), said("b")]);
    await session.replaceHistoryWithCompaction([said("summary"), said("b")]);
    expect(await session.getItems()).toEqual([said("summary"), said("b")]);
  });
});

type Operation =
  | { readonly is: "add"; readonly items: AgentInputItem[] }
  | { readonly is: "pop" | "clear" }
  | { readonly is: "mutate"; readonly callId: string }
  | { readonly is: "append"; readonly id: string; readonly items: AgentInputItem[] }
  | {
      readonly is: "replace";
      readonly id: string;
      readonly right: boolean;
      readonly items: AgentInputItem[];
    };

/** What a session answers, or that it refuses. */
async function outcomeOf(
  session: GroundstateSession | MemorySession,
  operation: Operation,
  end: AgentInputItem[],
) {
  const answer = async () => {
    switch (operation.is) {
      case "add":
        return session.addItems(operation.items);
      case "pop":
        return session.popItem();
      case "clear":
        return session.clearSession();
      case "mutate":
        return session.applyHistoryMutations({
          mutations: [
            {
              type: "replace_function_call",
              callId: operation.callId,
              replacement: called(operation.callId, "other"),
            },
          ],
        });
      case "append": {
        const { id: operationId, items } = operation;
        return session.applyHistoryTransaction({ operationId, transaction: { type: "append_items", items } });
      }
      case "replace": {
        const { id: operationId, right, items: replacement } = operation;
        const expectedSuffix = right ? end : [said("never said")];
        return session.applyHistoryTransaction({
          operationId,
          transaction: { type: "replace_suffix", expectedSuffix, replacement },
        });
      }
    }
  };
  return answer().then(
    (value) => ({ value }),
    () => ({ refused: true }),
  );
}
