import { expect, test } from "vitest";
import { maintenanceScope, tenantIdentity } from "../../src/index.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { expectAllRejected } from "./rejections.js";
import type { WrapperTable } from "./wrapper.js";

/** A session that is erased takes its records with it, and nothing that is left points at it for long. */
export function testErasedSessions<W>(opened: TestStore, table: WrapperTable<W>): void {
  test("an erased session takes its records with it, and lists heal", () =>
    checkErasedSession(opened, table));
  test("a late retry after the session was erased does not make the record again", () =>
    checkLateRetry(opened, table));
}

export async function checkErasedSession<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const who = newSession();
  const gone = { ...who, session: "secret-session" };
  for (const id of ["a", "b"]) await table.make(wrapper, gone, id);
  await table.make(wrapper, who, "c");
  // A tenant that has never had another record.
  const other = newSession();
  await table.make(wrapper, other, "c");
  const kept = await table.find(wrapper, who, "c");
  await store.erase(gone);
  const calls = Object.entries(table.methods).map(([name, act]) => [name, () => act(wrapper, gone, "a")]);
  await expectAllRejected(Object.fromEntries(calls), { code: "NOT_FOUND", details: {} });
  expect(await table.find(wrapper, gone, "a")).toBeUndefined();
  expect(await table.listed(wrapper, gone)).toEqual([]);
  expect(await table.listed(wrapper, { tenant: who.tenant })).toEqual(["c"]);
  await table.sweep(wrapper, maintenanceScope({ reason: "test", tenant: who.tenant }));
  const left = await store.list(tenantIdentity(who.tenant), "");
  expect(left).toHaveLength(await store.count(tenantIdentity(other.tenant), ""));
  for (const { kind, bytes } of left) expect(`${kind} ${Buffer.from(bytes)}`).not.toContain("secret-session");
  expect(await table.find(wrapper, who, "c")).toEqual(kept);
}

export async function checkLateRetry<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const who = newSession();
  await table.make(wrapper, who, "a");
  await store.erase(who);
  await expect(table.make(wrapper, who, "a")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await store.list(who, "")).toEqual([]);
  expect(await table.listed(wrapper, { tenant: who.tenant })).toEqual([]);
}
