import { expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import type { StateStore } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createStore } from "../../src/store/driver-store.js";
import { driverWith, failure, IDENTITY, unavailable } from "./store-rig.js";

const RECORD = { eventId: "e1", identity: IDENTITY, kind: "note", bytes: new Uint8Array(1) };

const CALLS: Readonly<Record<string, (store: StateStore) => Promise<unknown>>> = {
  save: async (store) => await store.save(RECORD),
  load: async (store) => await store.load(IDENTITY, "note"),
  find: async (store) => await store.find(IDENTITY, "note"),
  list: async (store) => await store.list(IDENTITY, ""),
  commit: async (store) => await store.commit([{ op: "save", record: RECORD }]),
  delete: async (store) => await store.delete(IDENTITY, "note"),
  erase: async (store) => await store.erase(IDENTITY),
};

/** Rejects in a later turn of the event loop, as a driver does: the stack of the error does not contain the caller. */
async function fails(): Promise<never> {
  await new Promise((resolve) => setImmediate(resolve));
  const error = unavailable("busy");
  error.stack = "StateError [UNAVAILABLE]: busy\n    at somewhere (driver.js:1:1)";
  throw error;
}

test.each(Object.entries(CALLS))("the stack of an error of %s has the caller's line", async (_, call) => {
  const store = createStore(driverWith({ apply: fails, read: fails, scan: fails }));
  const error = await failure(call(store));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "busy" } });
  expect(error.stack).toMatch(/^StateError \[UNAVAILABLE\]: busy\n.*driver\.js/);
  expect(error.stack).toContain("caller-stack.test.ts");
});

test("callers that share an error each get the line of their own call", async () => {
  const store = createStore(driverWith({ apply: fails }));
  const first = async () => await store.save(RECORD);
  const second = async () => await store.save({ ...RECORD, eventId: "e2" });
  const [one, two] = await Promise.all([failure(first()), failure(second())]);
  expect(one).not.toBe(two);
  const line = ({ stack }: Error) => /caller-stack\.test\.ts:(\d+)/.exec(stack ?? "")?.[1];
  expect(line(one)).toBeDefined();
  expect(Number(line(two))).toBe(Number(line(one)) + 1);
});

test("an error of a wrapper has the caller's line too, however deep it was thrown", async () => {
  const store = createStore(await openMemory());
  onTestFinished(() => store.close());
  const handleChat = async () => {
    const identity = { tenant: "a", user: "u", session: "nope" };
    await createSessions(store).append(identity, { value: { role: "user" } });
  };
  expect((await failure(handleChat())).stack).toContain("handleChat");
});
