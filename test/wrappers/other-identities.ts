import { expect, test } from "vitest";
import type { SessionIdentity } from "../../src/index.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { expectAbsent, isListedByTenant, type WrapperTable } from "./wrapper.js";

/** No other identity reaches a record, and nobody learns that it exists. */
export function testOtherIdentities<W>(opened: TestStore, table: WrapperTable<W>): void {
  test("no other identity reaches a record, and the error is the same as for a missing one", () =>
    checkOtherIdentities(opened, table));
}

export async function checkOtherIdentities<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const who = newSession();
  await table.make(wrapper, who, "a");
  const before = await table.find(wrapper, who, "a");
  expect(before).toBeDefined();
  const others = othersThan(who)[table.of ?? "session"];
  for (const other of others) {
    await expectAbsent(table, wrapper, other, "a");
    expect(await table.listed(wrapper, other)).toEqual([]);
    // The same id is free for everybody.
    await table.make(wrapper, other, "a");
  }
  expect(await table.find(wrapper, who, "a")).toEqual(before);
  expect(await table.listed(wrapper, who)).toEqual(["a"]);
  if (isListedByTenant(table))
    expect(await table.listed(wrapper, { tenant: who.tenant })).toHaveLength(others.length);
}

/** Those who see other records, by what tells them apart. */
function othersThan(who: SessionIdentity) {
  const tenant = [{ ...who, tenant: `${who.tenant}2` }];
  const user = [...tenant, { ...who, user: "bob" }, { ...who, user: `${who.user}/${who.session}` }];
  return { tenant, user, session: [...user, { ...who, session: "s2" }] };
}
