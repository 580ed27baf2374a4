import assert from "node:assert/strict";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { type NewRecord, type RecordKey, type StateStore, slotKey } from "../../src/index.js";
import { assertRecord, assertWritten, broken, byBytes } from "../assertions/expect.js";

/** One record or more. */
export type Some = readonly [NewRecord, ...NewRecord[]];

const AT_ONCE = 32;

/** Fills the slots, which are empty, overwrites each, and then finds each by itself and in its list, as it was saved last. */
export async function keepApart(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  await fill(store, records);
  const later = records.map((record) => ({
    ...record,
    eventId: `${record.eventId}-2`,
    bytes: Uint8Array.from(record.bytes).reverse(),
  }));
  await inGroups(later, (record, index) => saveOnto(store, record, records[index]?.eventId ?? null));
  await inGroups(later, (record) => assertThere(store, record));
  const identities = grouped(later, ({ identity }) => slotKey({ run: "", ...identity, kind: "" }));
  await inGroups(identities, (own) => assertListed(store, own));
}

/** Saves each into a slot that must be empty. */
export async function fill(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  await inGroups(records, (record) => saveOnto(store, record, null));
}

/** So many at once, with a turn of the loop after each group, so that cases beside this one get theirs. */
export async function inGroups<T>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const group = items.slice(start, start + AT_ONCE);
    await Promise.all(group.map((item, index) => act(item, start + index)));
    await turnOfTheLoop();
  }
}

/** Found by its slot and by its event id, as it was saved. */
export async function assertThere(store: StateStore, record: NewRecord): Promise<void> {
  const { identity, kind, eventId } = record;
  const [bySlot, byEvent] = await Promise.all([
    store.find(identity, kind),
    store.loadByEventId(identity, eventId).catch((error: unknown) => {
      throw broken(`${where(record)}: its event was not found`, error);
    }),
  ]);
  assertRecord(bySlot, record, where(record));
  assertRecord(byEvent, record, `${where(record)} by its event id`);
}

/** A place as a message can show it: what cannot be seen is escaped, what is long is cut. */
export function where({ identity, kind }: RecordKey): string {
  const { tenant, user, session, run } = identity;
  const fields = Object.entries({ tenant, user, session, ...(run ? { run } : {}), kind });
  return fields.map(([name, value]) => `${name} ${visible(value)}`).join(", ");
}

async function saveOnto(store: StateStore, record: NewRecord, expect: string | null): Promise<void> {
  const receipt = await store.save(record, { expect }).catch((error: unknown) => {
    const state = expect === null ? "nothing was saved there yet" : "it was saved there before";
    throw broken(`${where(record)}: ${state}, and a save on that condition was refused`, error);
  });
  assertWritten(receipt, where(record));
}

/** All records of one identity, and nothing else, in the order of their kinds. */
async function assertListed(store: StateStore, own: Some): Promise<void> {
  const [first] = own;
  const listed = await store.list(first.identity, "");
  const expected = [...own].sort((a, b) => byBytes(a.kind, b.kind));
  const shown = (records: readonly RecordKey[]) => records.map(({ kind }) => visible(kind));
  assert.deepEqual(shown(listed), shown(expected), `the list of ${where(first)}`);
  for (const [index, record] of listed.entries()) {
    assertRecord(record, expected[index] as NewRecord, `${where(first)} in its list`);
  }
}

/** Those of one session together, in the order of the first of each. */
export function bySession(records: readonly NewRecord[]): Some[] {
  return grouped(records, ({ identity }) => slotKey({ ...identity, run: "", kind: "" }));
}

function grouped(records: readonly NewRecord[], keyOf: (record: NewRecord) => string): Some[] {
  const groups = new Map<string, [NewRecord, ...NewRecord[]]>();
  for (const record of records) {
    const key = keyOf(record);
    const group = groups.get(key);
    if (group) group.push(record);
    else groups.set(key, [record]);
  }
  return [...groups.values()];
}

function visible(text: string): string {
  const cut = text.length > 40 ? `${text.slice(0, 12)}…${text.slice(-6)}` : text;
  const escaped = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
  return JSON.stringify(cut).replaceAll(/[^\u0020-\u007e…]/gu, escaped);
}
