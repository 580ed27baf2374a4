import { expect, test } from "vitest";
import { tenantIdentity } from "../../src/index.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { newSession, type TestStore } from "../typed/stores.js";
import type { WrapperTable } from "./wrapper.js";

const RECORDS = 10;

/** Over a connection that loses answers, every step of a record happens once. */
export function testLostAnswers<W>(opened: TestStore, table: WrapperTable<W>): void {
  test("over a connection that loses answers every step happens once", () => checkLostAnswers(opened, table));
  test("each call that comes again gets the same answer, and writes nothing", () =>
    checkRepeats(opened, table));
}

export async function checkLostAnswers<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const who = newSession();
  const plain = table.open(store);
  const expected = newSession();
  for (const act of Object.values(table.walk)) await act(plain, expected, "a");
  const wrapper = table.open(losingAnswers(store, { requests: 0.3, replies: 0.3 }));
  const ids = Array.from({ length: RECORDS }, (_, n) => `r${n}`);
  await Promise.all(
    ids.map(async (id) => {
      for (const act of Object.values(table.walk)) await untilKnown(() => act(wrapper, who, id));
    }),
  );
  expect([...(await table.listed(plain, { tenant: who.tenant }))].sort()).toEqual(ids);
  // As many entries for each as for the one that met no trouble.
  const entries = (tenant: string) => store.count(tenantIdentity(tenant), "");
  expect(await entries(who.tenant)).toBe(RECORDS * (await entries(expected.tenant)));
  const records = (whose: typeof who) => store.count(whose, "");
  expect(await records(who)).toBe(RECORDS * (await records(expected)));
}

export async function checkRepeats<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const who = newSession();
  const wrapper = table.open(store);
  for (const [name, act] of Object.entries(table.walk)) {
    await act(wrapper, who, "a");
    const before = [await table.find(wrapper, who, "a"), await store.list(who, "")];
    await act(wrapper, who, "a");
    const after = [await table.find(wrapper, who, "a"), await store.list(who, "")];
    expect(after, name).toEqual(before);
  }
}
