import { expect, test } from "vitest";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { everythingOf, type WrapperTable, widestListOf } from "./wrapper.js";

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
  expect([...(await table.listed(plain, widestListOf(table, who)))].sort()).toEqual(ids);
  // As many records and entries for each as for the one that met no trouble.
  const one = await everythingOf(store, table, expected, ["a"]);
  expect(await everythingOf(store, table, who, ids)).toHaveLength(RECORDS * one.length);
}

export async function checkRepeats<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const who = newSession();
  const wrapper = table.open(store);
  for (const [name, act] of Object.entries(table.walk)) {
    await act(wrapper, who, "a");
    const before = [await table.find(wrapper, who, "a"), await everythingOf(store, table, who, ["a"])];
    await act(wrapper, who, "a");
    const after = [await table.find(wrapper, who, "a"), await everythingOf(store, table, who, ["a"])];
    expect(after, name).toEqual(before);
  }
}
