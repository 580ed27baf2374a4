import { expect, test } from "vitest";
import { newEventId } from "../../src/index.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { expectAllRejected } from "./rejections.js";
import { everythingOf, listsOf, placeOf, type WrapperTable } from "./wrapper.js";

/** A record that is damaged in any way is CORRUPT for every method, and none of them changes anything. */
export function testDamagedRecords<W>(opened: TestStore, table: WrapperTable<W>): void {
  test("a damaged record is CORRUPT and names its slot, in every method, and stays as it is", () =>
    checkDamagedRecords(opened, table));
}

export async function checkDamagedRecords<W>(
  { store }: Pick<TestStore, "store">,
  table: WrapperTable<W>,
): Promise<void> {
  const wrapper = table.open(store);
  const who = newSession();
  const kind = table.kindOf("a");
  await table.make(wrapper, who, "a");
  expect(await table.listed(wrapper, who)).toEqual(["a"]);
  const identity = placeOf(table, who, "a");
  const { bytes } = await store.load(identity, kind);
  const stored = JSON.parse(Buffer.from(bytes).toString());
  for (const damage of ["", "{", "null", "[]", "{}", ...table.damages(stored)]) {
    const text = typeof damage === "string" ? damage : JSON.stringify(damage);
    await store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from(text) });
    const before = await everythingOf(store, table, who, ["a"]);
    const calls: Record<string, () => Promise<unknown>> = {
      [`find of ${text}`]: () => table.find(wrapper, who, "a"),
    };
    for (const where of listsOf(table, who))
      calls[`list of ${Object.keys(where)}`] = () => table.listed(wrapper, where);
    for (const [name, act] of Object.entries(table.methods))
      if (!table.notReadBy?.includes(name)) calls[name] = () => act(wrapper, who, "a");
    await expectAllRejected(calls, { code: "CORRUPT", details: { at: { identity, kind } } });
    expect(await everythingOf(store, table, who, ["a"])).toEqual(before);
  }
}
