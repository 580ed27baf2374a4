import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore } from "../../src/index.js";
import { Lifecycle } from "../../src/typed.js";
import { newSession } from "../typed/stores.js";
import { TASK, Tasks, taken } from "./tasks.js";

const open = async () => createStore(await openMemory());

test.each([
  ["name", { name: "a/b" }],
  ["name", { name: "x".repeat(65) }],
  ["contentName", { contentName: "" }],
  ["transitions", { transitions: {} }],
  ["transitions", { transitions: { Waiting: [] } }],
  ["transitions", { transitions: { "a/b": [] } }],
  ["transitions", { transitions: { ...TASK.transitions, done: ["gone"] } }],
  ["expired", { expired: "gone" }],
  ["awaited", { awaited: ["gone"] }],
  ["listedBy", { listedBy: [{ under: "session" }] }],
  ["listedBy", { listedBy: [{ under: "tenant", field: "name", value: () => "n" }] }],
  ["listedBy", { listedBy: [{ under: "tenant" }, { under: "tenant" }] }],
  ["field", { listedBy: [{ under: "tenant" }, { under: "tenant", field: "a/b", value: () => "n" }] }],
])("a declaration is refused for its %s", async (field, change) => {
  const store = await open();
  expect(() => new Lifecycle(store, { ...TASK, ...(change as object) })).toThrow(
    expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
  );
});

test.each([
  ["pollMs", { pollMs: 0 }],
  ["clock", { clock: 1 }],
  ["options", { poll: 1 }],
])("the option %s is checked", async (field, options) => {
  const store = await open();
  expect(() => new Tasks(store, options as never)).toThrow(
    expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
  );
});

test("a promise of a store is no store", () => {
  expect(() => new Tasks(open() as never)).toThrow(
    expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field: "store" }) }),
  );
});

test("a transition that is not declared is a mistake of the wrapper, and writes nothing", async () => {
  const store = await open();
  const tasks = new Tasks(store);
  const who = newSession();
  await tasks.add(who, "a");
  const before = await store.list(who, "");
  const key = tasks.key(who, "a");
  for (const to of ["waiting", "done"] as const) {
    const change = tasks.lifecycle.change(key, (state) => ({ ...state, status: to, fence: 9 }));
    await expect(change).rejects.toThrow(new TypeError(`no transition of task leads from waiting to ${to}`));
  }
  await expect(
    tasks.lifecycle.change(key, (state) => ({ ...state, status: "dropped", createdAt: 1 })),
  ).rejects.toThrow("createdAt");
  expect(await store.list(who, "")).toEqual(before);
  expect(tasks.lifecycle.allows("waiting", "taken")).toBe(true);
  expect(tasks.lifecycle.allows("taken", "taken")).toBe(true);
  expect(tasks.lifecycle.allows("waiting", "done")).toBe(false);
});

test("a status that names itself may change its state without it", async () => {
  const tasks = new Tasks(await open());
  const who = newSession();
  await tasks.add(who, "a");
  await tasks.take(who, "a");
  const renew = await tasks.lifecycle.change(tasks.key(who, "a"), (state, { now }) => ({
    ...state,
    until: now + 5000,
  }));
  expect(renew).toMatchObject({ status: "taken", fence: 1 });
  await expect(
    tasks.lifecycle.change(tasks.key(who, "a"), (state, moment) => taken("bob")(state, moment)),
  ).rejects.toMatchObject({ code: "FORBIDDEN" });
});

test("a content that is too large is refused, and its large field is named", async () => {
  const tasks = new Tasks(createStore(await openMemory(), { maxBytes: 2000 }));
  const who = newSession();
  await expect(tasks.add(who, "a", { text: "x".repeat(3000), name: "n" })).rejects.toMatchObject({
    code: "INVALID_RECORD",
    message: expect.stringMatching(/^text must be smaller: with the rest of the content, .*2000 bytes/),
    details: { field: "text" },
  });
});
