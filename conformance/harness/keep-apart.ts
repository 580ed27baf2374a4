import assert from "node:assert/strict";
import { setImmediate as turnOfTheLoop } from "node:timers/promises";
import { type NewRecord, type RecordKey, type StateStore, slotKey } from "../../src/index.js";
import { assertRecord, assertWritten, broken, byBytes } from "../assertions/expect.js";

/** At least one record. */
export type NonEmptyRecords = readonly [NewRecord, ...NewRecord[]];

const AT_ONCE = 32;

/** Saves records into empty slots, overwrites each, and checks that each is found by its slot and in its list as saved last. */
export async function assertKeptApart(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  await saveIntoEmptySlots(store, records);
  const later = records.map((record) => ({
    ...record,
    eventId: `${record.eventId}-2`,
    bytes: Uint8Array.from(record.bytes).reverse(),
  }));
  await inBatches(later, (record, index) => saveOnto(store, record, records[index]?.eventId ?? null));
  await inBatches(later, (record) => assertThere(store, record));
  const identities = grouped(later, ({ identity }) => slotKey({ run: "", ...identity, kind: "" }));
  await inBatches(identities, (own) => assertListed(store, own));
}

/** Saves each record into a slot that must be empty. */
export async function saveIntoEmptySlots(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  await inBatches(records, (record) => saveOnto(store, record, null));
}

/** Works on a batch at a time, and yields to the event loop after each, for cases that run at the same time. */
export async function inBatches<T>(
  items: readonly T[],
  act: (item: T, index: number) => Promise<unknown>,
): Promise<void> {
  for (let start = 0; start < items.length; start += AT_ONCE) {
    const group = items.slice(start, start + AT_ONCE);
    await Promise.all(group.map((item, index) => act(item, start + index)));
    await turnOfTheLoop();
  }
}

/** Asserts that a record is found by its slot and by its event id, as it was saved. */
export async function assertThere(store: StateStore, record: NewRecord): Promise<void> {
  const { identity, kind, eventId } = record;
  const [bySlot, byEvent] = await Promise.all([
    store.find(identity, kind),
    store.loadByEventId(identity, eventId).catch((error: unknown) => {
      throw broken(`${describeKey(record)}: its event was not found`, error);
    }),
  ]);
  assertRecord(bySlot, record, describeKey(record));
  assertRecord(byEvent, record, `${describeKey(record)} by its event id`);
}

/** A record's key for a message: invisible characters are escaped, long names are cut. */
export function describeKey({ identity, kind }: RecordKey): string {
  const { tenant, user, session, run } = identity;
  const fields = Object.entries({ tenant, user, session, ...(run ? { run } : {}), kind });
  return fields.map(([name, value]) => `${name} ${visible(value)}`).join(", ");
}

async function saveOnto(store: StateStore, record: NewRecord, expect: string | null): Promise<void> {
  const receipt = await store.save(record, { expect }).catch((error: unknown) => {
    const state = expect === null ? "nothing was saved there yet" : "it was saved there before";
    throw broken(`${describeKey(record)}: ${state}, and a save on that condition was refused`, error);
  });
  assertWritten(receipt, describeKey(record));
}

/** All records of one identity, and nothing else, in the order of their kinds. */
async function assertListed(store: StateStore, own: NonEmptyRecords): Promise<void> {
  const [first] = own;
  const listed = await store.list(first.identity, "");
  const expected = [...own].sort((a, b) => byBytes(a.kind, b.kind));
  const shown = (records: readonly RecordKey[]) => records.map(({ kind }) => visible(kind));
  assert.deepEqual(shown(listed), shown(expected), `the list of ${describeKey(first)}`);
  for (const [index, record] of listed.entries()) {
    assertRecord(record, expected[index] as NewRecord, `${describeKey(first)} in its list`);
  }
}

/** Records grouped by session, in the order of the first record of each. */
export function bySession(records: readonly NewRecord[]): NonEmptyRecords[] {
  return grouped(records, ({ identity }) => slotKey({ ...identity, run: "", kind: "" }));
}

function grouped(records: readonly NewRecord[], keyOf: (record: NewRecord) => string): NonEmptyRecords[] {
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
