import type { UIMessage } from "ai";
import fc from "fast-check";
import { expect, test } from "vitest";
import { GroundstateChats } from "../../../src/adapters/ai-sdk/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { soak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}`, user: "ann" });
const chatsOf = (store: StateStore, owner = newOwner()) => new GroundstateChats(store, { owner });
const said = (id: string, text = id, role: UIMessage["role"] = "user"): UIMessage => ({
  id,
  role,
  parts: [{ type: "text", text }],
});
const idsOf = (messages: readonly UIMessage[]) => messages.map(({ id }) => id);

onEveryStore((opened) => {
  test("keeps messages in order; one that comes again takes its own place", async () => {
    const chats = chatsOf(opened.store);
    expect(await chats.load("c")).toEqual([]);
    await chats.put("c", []);
    expect((await chats.list()).chats).toEqual([]);
    await chats.put("c", [said("1"), said("2")]);
    await chats.put("c", said("3"));
    await chats.put("c", said("2"));
    await chats.put("c", [said("4"), said("1", "other words")]);
    expect(await chats.load("c")).toEqual([said("1", "other words"), said("2"), said("3"), said("4")]);
    expect(await chatsOf(opened.store).load("c")).toEqual([]);
    expect(await chats.delete("c")).toBe(true);
    expect(await chats.delete("c")).toBe(false);
    expect(await chats.load("c")).toEqual([]);
    await chats.put("c", said("1"));
    expect(await chats.load("c")).toEqual([said("1")]);
  });

  test("an answer that is generated anew takes the place of the one before and of what followed", async () => {
    const chats = chatsOf(opened.store);
    await chats.save("c", [said("1"), said("2", "a", "assistant"), said("3"), said("4", "b", "assistant")]);
    await chats.save("c", [said("1"), said("5", "c", "assistant")]);
    expect(idsOf(await chats.load("c"))).toEqual(["1", "5"]);
    await chats.save("c", []);
    expect(await chats.load("c")).toEqual([]);
  });

  test("chats of thousands of messages are saved, searched for an id and replaced", async () => {
    const chats = chatsOf(opened.store);
    const many = Array.from({ length: 2_300 }, (_, n) => said(`${n}`));
    await chats.save("c", many);
    expect(await chats.load("c")).toEqual(many);
    await chats.put("c", [said("7", "seven"), said("new")]);
    const after = [...many.slice(0, 7), said("7", "seven"), ...many.slice(8), said("new")];
    expect(await chats.load("c")).toEqual(after);
    const others = Array.from({ length: 1_200 }, (_, n) => said(`other ${n}`));
    await chats.save("c", others);
    expect(await chats.load("c")).toEqual(others);
    await expect(chats.put("c", many)).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("of callers that put the same messages at once each message is there once, and no caller's is lost", async () => {
    const owner = newOwner();
    const callers = Array.from({ length: 8 }, (_, n) => ({ n, chats: chatsOf(opened.store, owner) }));
    await Promise.all(callers.map(({ n, chats }) => chats.put("c", [said("same"), said(`own ${n}`)])));
    const stored = idsOf(await chatsOf(opened.store, owner).load("c"));
    expect([...stored].sort()).toEqual([...callers.map(({ n }) => `own ${n}`), "same"]);
  });

  test("callers that save at once leave the chat of one of them", async () => {
    const owner = newOwner();
    const given = Array.from({ length: 6 }, (_, n) => [said("1"), said(`${n} a`), said(`${n} b`)]);
    await Promise.all(given.map((messages) => chatsOf(opened.store, owner).save("c", messages)));
    expect(given.map(idsOf)).toContainEqual(idsOf(await chatsOf(opened.store, owner).load("c")));
  });

  test("messages are stored as a client receives them", async () => {
    const chats = chatsOf(opened.store);
    const at = new Date(0);
    const output = { at, none: undefined, "~": "\0", text: "half \ud83d" };
    const part = { type: "tool-look", toolCallId: "t", state: "output-available", input: {}, output };
    await chats.put("c", { id: "1", role: "assistant", parts: [part as never], metadata: { at } });
    expect(await chats.load("c")).toEqual([
      {
        id: "1",
        role: "assistant",
        metadata: { at: at.toISOString() },
        parts: [{ ...part, output: { at: at.toISOString(), "~": "\0", text: "half \ufffd" } }],
      },
    ]);
    const picture = `data:image/png;base64,${"A".repeat(3_000_000)}`;
    const file = { ...said("2"), parts: [{ type: "file" as const, mediaType: "image/png", url: picture }] };
    await chats.put("c", file);
    expect((await chats.load("c"))[1]).toEqual(file);
  });

  test("ids from outside reach only chats of the owner, and are listed as they were", async () => {
    const owner = newOwner();
    const chats = chatsOf(opened.store, owner);
    const ids = ["c", "c-", "~c", "c/1", "\0", "", "x".repeat(300), `${"x".repeat(300)}y`, "🙂".repeat(80)];
    for (const id of ids) await chats.put(id, said(`in ${id}`));
    for (const id of ids) expect(idsOf(await chats.load(id))).toEqual([`in ${id}`]);
    const listed: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await chats.list({ limit: 4, after });
      listed.push(...page.chats.map(({ chatId }) => chatId));
      after = page.next;
      if (after === undefined) break;
    }
    expect(listed).toEqual([...ids].reverse());
    expect((await chatsOf(opened.store).list()).chats).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["no message", undefined],
    ["a message without an id", { role: "user", parts: [] }],
    ["an empty id", said("")],
    ["a role that there is not", { ...said("1"), role: "tool" }],
    ["a message without parts", { id: "1", role: "user", content: "x" }],
    ["a circle", circular()],
    ["a bigint", { ...said("1"), metadata: 1n }],
    ["two messages of one id", [said("1"), said("1", "other")]],
  ])("is refused: %s", async (_, messages) => {
    const chats = chatsOf(opened.store);
    await expect(chats.put("c", messages as UIMessage)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    const all = Array.isArray(messages) ? messages : [messages];
    await expect(chats.save("c", all)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    expect(await chats.load("c")).toEqual([]);
  });

  test("does what a map of lists does, over random operations", async () => {
    const id = fc.constantFrom("c1", "c2");
    const message = fc.tuple(fc.integer({ min: 0, max: 6 }), fc.constantFrom("x", "y"));
    const messages = fc.uniqueArray(message, { selector: ([n]) => n, maxLength: 5 });
    const call = fc.oneof(
      fc.record({ call: fc.constant("put" as const), id, messages }),
      fc.record({ call: fc.constant("save" as const), id, messages }),
      fc.record({ call: fc.constant("delete" as const), id, messages }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(call, { maxLength: 12 }), async (calls) => {
        const chats = chatsOf(opened.store);
        const model = new Map<string, UIMessage[]>();
        for (const { call: name, id: chatId, messages: pairs } of calls) {
          const given = pairs.map(([n, text]) => said(`${n}`, text));
          if (name === "delete") expect(await chats.delete(chatId)).toBe(model.delete(chatId));
          else {
            await chats[name](chatId, given);
            const before = model.get(chatId);
            const after = name === "save" ? given : merged(before ?? [], given);
            if (before !== undefined || after.length > 0) model.set(chatId, after);
          }
          expect(await chats.load(chatId)).toEqual(model.get(chatId) ?? []);
        }
        const { chats: listed } = await chats.list();
        expect(listed.map(({ chatId }) => chatId).sort()).toEqual([...model.keys()].sort());
      }),
      { numRuns: soak(8) },
    );
  });
});

/** What `put` leaves. */
function merged(before: readonly UIMessage[], given: readonly UIMessage[]): UIMessage[] {
  const ids = new Set(idsOf(before));
  const byId = new Map(given.map((message) => [message.id, message]));
  return [...before.map((each) => byId.get(each.id) ?? each), ...given.filter(({ id }) => !ids.has(id))];
}

function circular(): unknown {
  const message: Record<string, unknown> = { ...said("1") };
  message.metadata = message;
  return message;
}
