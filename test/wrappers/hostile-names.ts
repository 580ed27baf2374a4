import { expect, test } from "vitest";
import { CLOSEST_NAMES } from "../../conformance/inputs/hostile-names.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { isListedByTenant, type WrapperTable } from "./wrapper.js";

/** Ids have a shorter limit than names. */
const IDS = [...new Set(CLOSEST_NAMES)].filter((name) => Buffer.byteLength(name) <= 105);
/** Those closest to each other in their groups, of every other group. */
const NAMES = CLOSEST_NAMES.filter((_, index) => index % 4 < 2);

/** Records under names that a storage may confuse: each stands for itself. */
export function testHostileNames<W>(opened: TestStore, table: WrapperTable<W>): void {
  test("records under hostile ids are as good as any", () => checkHostileIds(opened, table));
  // The records of a tenant are those of all its users.
  if (table.of !== "tenant")
    test("users and sessions with hostile names see their own record and no other", () =>
      checkHostileOwners(opened, table));
}

export async function checkHostileIds<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const who = newSession();
  await Promise.all(IDS.map((id) => table.make(wrapper, who, id)));
  for (const id of IDS) expect(await table.find(wrapper, who, id), id).toMatchObject({ id });
  expect(new Set(await table.listed(wrapper, who))).toEqual(new Set(IDS));
  const [changed, ...others] = IDS as [string, ...string[]];
  const before = await Promise.all(others.map((id) => table.find(wrapper, who, id)));
  for (const act of Object.values(table.walk)) await act(wrapper, who, changed);
  expect(await Promise.all(others.map((id) => table.find(wrapper, who, id)))).toEqual(before);
}

export async function checkHostileOwners<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const { tenant } = newSession();
  const users = NAMES.map((name) => ({ tenant, user: name, session: "s" }));
  const owners = table.of
    ? users
    : users.concat(NAMES.map((name) => ({ tenant, user: "ann", session: name })));
  await Promise.all(owners.map((who, n) => table.make(wrapper, who, `id-${n}`)));
  for (const [n, who] of owners.entries()) expect(await table.listed(wrapper, who)).toEqual([`id-${n}`]);
  if (isListedByTenant(table)) expect(await table.listed(wrapper, { tenant })).toHaveLength(owners.length);
}
