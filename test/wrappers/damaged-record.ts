import { expect, test } from "vitest";
import { newEventId } from "../../src/index.js";
import { newSession, type TestStore } from "../typed/stores.js";
import { expectAllRejected } from "./rejections.js";
import type { WrapperTable } from "./wrapper.js";

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
  const { bytes } = await store.load(who, kind);
  const stored = JSON.parse(Buffer.from(bytes).toString());
  for (const damage of ["", "{", "null", "[]", "{}", ...table.damages(stored)]) {
    const text = typeof damage === "string" ? damage : JSON.stringify(damage);
    await store.save({ eventId: newEventId(), identity: who, kind, bytes: Buffer.from(text) });
    const before = await store.list(who, "");
    const calls: Record<string, () => Promise<unknown>> = {
      [`find of ${text}`]: () => table.find(wrapper, who, "a"),
      "list of the session": () => table.listed(wrapper, who),
      "list of the tenant": () => table.listed(wrapper, { tenant: who.tenant }),
    };
    for (const [name, act] of Object.entries(table.methods)) calls[name] = () => act(wrapper, who, "a");
    await expectAllRejected(calls, { code: "CORRUPT", details: { at: { identity: who, kind } } });
    expect(await store.list(who, "")).toEqual(before);
  }
}
