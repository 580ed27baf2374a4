import { expect, test } from "vitest";
import { maintenanceScope } from "../../src/index.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { everythingOf, expectAbsent, placeOf, type WrapperTable, widestListOf } from "./wrapper.js";

const SECRET_IDS = ["secret-a", "secret-b"];

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
  // Where a record has a session of its own, its owner has others.
  const gone = table.storedUnder ? who : { ...who, session: "secret-session" };
  for (const id of SECRET_IDS) await table.make(wrapper, gone, id);
  await table.make(wrapper, who, "c");
  // A tenant that has never had another record.
  const other = newSession();
  await table.make(wrapper, other, "c");
  expect(await table.listed(wrapper, other)).toEqual(["c"]);
  const kept = await table.find(wrapper, who, "c");
  for (const id of SECRET_IDS) await store.erase(placeOf(table, gone, id));
  for (const id of SECRET_IDS) await expectAbsent(table, wrapper, gone, id);
  expect(await table.listed(wrapper, gone)).toEqual(gone === who ? ["c"] : []);
  expect(await table.listed(wrapper, widestListOf(table, who))).toEqual(["c"]);
  await table.sweep(wrapper, maintenanceScope({ reason: "test", tenant: who.tenant }));
  const left = await everythingOf(store, table, who, ["c"]);
  expect(left).toHaveLength((await everythingOf(store, table, other, ["c"])).length);
  for (const { kind, bytes } of left) expect(`${kind} ${Buffer.from(bytes)}`).not.toContain("secret");
  expect(await table.find(wrapper, who, "c")).toEqual(kept);
}

export async function checkLateRetry<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const who = newSession();
  await table.make(wrapper, who, "a");
  const place = placeOf(table, who, "a");
  await store.erase(place);
  await expect(table.make(wrapper, who, "a")).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(await store.list(place, "")).toEqual([]);
  expect(await table.listed(wrapper, widestListOf(table, who))).toEqual([]);
}
