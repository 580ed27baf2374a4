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
  const [plain, wrapper] = [store, losingAnswers(store, { requests: 0.3, replies: 0.3 })].map((each) =>
    table.open(each),
  ) as [W, W];
  const [who, without] = [newSession(), newSession()];
  const ids = Array.from({ length: RECORDS }, (_, n) => `r${n}`);
  await Promise.all(
    ids.map(async (id) => {
      for (const act of Object.values(table.walk)) {
        await act(plain, without, id);
        await untilKnown(() => act(wrapper, who, id));
      }
    }),
  );
  for (const each of [who, without])
    expect([...(await table.listed(plain, widestListOf(table, each)))].sort()).toEqual(ids);
  // As many records and entries as without trouble.
  const whole = await everythingOf(store, table, without, ids);
  expect(await everythingOf(store, table, who, ids)).toHaveLength(whole.length);
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
