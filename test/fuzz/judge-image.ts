import { isDeepStrictEqual } from "node:util";
import type { Slot } from "../../src/contract/driver.js";
import type { StateRecord } from "../../src/contract/store.js";
import { compareByIdentity } from "../../src/rules/order.js";
import { keyOf, SCANNED, type State } from "./image.js";
import { slotAt } from "./population.js";
import { type Found, ownerOf, type Reading } from "./read-image.js";

export interface Verdict {
  /** How many answers were CORRUPT. */
  readonly corrupt: number;
  /** How often a slot, a list or a scan is said not to hold a record of the latest state. */
  readonly missing: number;
  /** How many event ids are said to be of no record, though one of the latest state has them. */
  readonly forgotten: number;
  /** Which state it is, by every answer; the latest of several. */
  readonly state: number | undefined;
}

/**
 * What a reading amounts to, when these states were acknowledged one after another. Throws for a record that was never
 * saved where it was read, and for a list that could be no list.
 */
export function judge(reading: Reading, states: readonly State[]): Verdict {
  for (const record of recordsOf(reading)) refuseUnknown(record, states);
  for (const [owner, list] of reading.lists) if (list !== "corrupt") refuseDisorder(owner, list);
  const latest = states.at(-1) as State;
  const state = states.findLastIndex((state) => isState(reading, state, latest));
  return {
    corrupt: damagedAnswers(reading),
    missing: missingAnswers(reading, latest),
    forgotten: [...latest.keys()].filter((key) => reading.events.get(key) === "nothing").length,
    state: state === -1 ? undefined : state,
  };
}

function recordsOf({ slots, events, lists, scan }: Reading): readonly StateRecord[] {
  const answers = [...slots.values(), ...events.values(), ...[...lists.values()].flat(), ...scan.records];
  return answers.filter((answer) => typeof answer !== "string");
}

function refuseUnknown(record: StateRecord, states: readonly State[]): void {
  const key = keyOf(record);
  if (states.some((state) => isDeepStrictEqual(state.get(key), record))) return;
  const said = JSON.stringify({ ...record, bytes: `${record.bytes.length} bytes` });
  throw new Error(`this was never saved there: ${said}`);
}

function refuseDisorder(owner: string, list: readonly StateRecord[]): void {
  if (list.some((record) => ownerOf(record) !== owner)) throw new Error("a list holds another's record");
  const slots = list.map(({ identity, kind }) => slotAt(identity, kind));
  const isBehind = (slot: Slot, before: Slot | undefined) => !before || compareByIdentity(slot, before) > 0;
  if (!slots.every((slot, index) => isBehind(slot, slots[index - 1])))
    throw new Error("a list is out of order");
}

function damagedAnswers({ slots, events, lists, scan }: Reading): number {
  const answers = [...slots.values(), ...events.values(), ...lists.values()];
  return answers.filter((answer) => answer === "corrupt").length + (scan.isDamaged ? 1 : 0);
}

function missingAnswers({ slots, lists, scan }: Reading, latest: State): number {
  const listed = new Set([...lists.values()].flatMap((list) => (list === "corrupt" ? [] : list.map(keyOf))));
  const scanned = new Set(scan.records.map(keyOf));
  let missing = 0;
  for (const [key, record] of latest) {
    if (slots.get(key) === "nothing") missing++;
    if (lists.get(ownerOf(record)) !== "corrupt" && !listed.has(key)) missing++;
    if (!scan.isDamaged && record.kind.startsWith(SCANNED) && !scanned.has(key)) missing++;
  }
  return missing;
}

function isState({ slots, events, lists, scan }: Reading, state: State, latest: State): boolean {
  const isAnswered = (found: Found, wanted: (key: string) => StateRecord | undefined) =>
    [...found].every(([key, answer]) => isDeepStrictEqual(answer, wanted(key) ?? "nothing"));
  const current = (key: string) => state.get(key);
  const ofEvent = (key: string) => {
    const record = state.get(key);
    return record?.eventId === latest.get(key)?.eventId ? record : undefined;
  };
  const scanned = [...state.values()].filter(({ kind }) => kind.startsWith(SCANNED));
  return (
    isAnswered(slots, current) &&
    isAnswered(events, ofEvent) &&
    isAll([...lists.values()].flat(), state, state.size) &&
    !scan.isDamaged &&
    isAll(scan.records, state, scanned.length)
  );
}

function isAll(records: readonly (StateRecord | "corrupt")[], state: State, count: number): boolean {
  const isCurrent = (record: StateRecord | "corrupt") =>
    record !== "corrupt" && isDeepStrictEqual(state.get(keyOf(record)), record);
  return records.length === count && records.every(isCurrent);
}
