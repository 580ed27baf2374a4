import { setTimeout as pause } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { openMemory } from "../../drivers/memory/index.js";
import type { Commit, StoredRecord } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import type { StateStore } from "../../src/contract/store.js";
import { fingerprint } from "../../src/rules/fingerprint.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { createStore } from "../../src/store/driver-store.js";
import { changing } from "./changing.js";
import { keyOf } from "./image.js";
import { isJson } from "./json-damage.js";
import { READS, RETRIES, type Read, tellStory, wrappersOf } from "./typed-story.js";

/** What the story left, and what each read makes of it. */
export interface Story {
  readonly records: readonly StoredRecord[];
  readonly answers: ReadonlyMap<string, unknown>;
  readonly reads: Reads;
}

export type Reads = Readonly<Record<string, Read>>;

export type Outcome = "as it was" | "another value" | "conflict" | "CORRUPT" | "SCHEMA_TOO_NEW";

/** What changes nothing where nothing is damaged; what may write all the same comes last. */
const ALL = { ...READS, ...RETRIES };

export async function makeStory(reads: Reads = ALL): Promise<Story> {
  const driver = await openMemory();
  await tellStory(createStore(driver));
  const { records } = await driver.scan({ prefix: "", limit: 1e6, maxBytes: 1e9, reverse: false });
  const answers = new Map<string, unknown>();
  const store = await storeOf(records);
  for (const [name, read] of Object.entries(reads)) answers.set(name, await read(wrappersOf(store)));
  return { records, answers, reads };
}

/** A store of these records, one of them damaged above the floor's own checks, as other code or an older one writes it. */
async function storeOf(
  records: readonly StoredRecord[],
  onRead?: (record: StoredRecord) => void,
): Promise<StateStore> {
  const driver = await openMemory();
  const commits = records.map((record): Commit => {
    const sealed = { ...record, fingerprint: fingerprint(record) };
    return { tenant: record.tenant, writes: [{ op: "save", record: sealed }] };
  });
  await driver.apply(commits, { now: Date.now(), window: 1e9 });
  const noting = changing((record) => {
    onRead?.(record);
    return record;
  });
  return createStore(driver, { layers: onRead ? [noting] : [] });
}

/**
 * Reads everything with one record in place of another. Throws where an answer is neither what it was, nor a StateError
 * that names the damage, nor another value of the same form.
 */
export async function readDamaged(
  { records, answers, reads }: Story,
  damaged: StoredRecord,
): Promise<readonly Outcome[]> {
  const key = slotKey(damaged);
  let wasRead = false;
  const others = records.map((record) => (slotKey(record) === key ? damaged : record));
  const store = await storeOf(others, (record) => {
    if (slotKey(record) === key) wasRead = true;
  });
  const outcomes: Outcome[] = [];
  const ask = async (name: string, read: (typeof reads)[string]) => {
    wasRead = false;
    const outcome = await outcomeOf(read(wrappersOf(store)), answers.get(name), damaged, name);
    return { outcome, wasRead };
  };
  for (const [name, read] of Object.entries(reads)) {
    let asked = await ask(name, read);
    if (isPassedOver(name, damaged, asked)) {
      // What an earlier call had left to do may have read it: alone, it says whose doing that was.
      await pause(20);
      asked = await ask(name, read);
    }
    const { outcome } = asked;
    if (isPassedOver(name, damaged, asked))
      throw new Error(`${name} read what is no JSON, and is ${outcome}`);
    if (asked.wasRead) outcomes.push(outcome);
    else if (outcome !== "as it was") throw new Error(`${name} did not read it, and is ${outcome}`);
  }
  return outcomes;
}

/** Whether it read the damaged record, of which nothing can be made, and did not say so. */
function isPassedOver(
  name: string,
  damaged: StoredRecord,
  { outcome, wasRead }: { readonly outcome: Outcome; readonly wasRead: boolean },
): boolean {
  // What was appended under an id is compared as it is stored.
  const isSaid = outcome === "CORRUPT" || outcome === "SCHEMA_TOO_NEW" || outcome === "conflict";
  // A retry may be told from the event id alone that it is one.
  const isRetry = name.includes(" again") && outcome === "as it was";
  // A search counts what it cannot read, and finds the rest.
  const isCounted = name === "memories.search" && outcome === "another value";
  const isFloats = damaged.kind.startsWith("memories.vector/");
  return wasRead && !isFloats && !isJson(damaged.bytes) && !isSaid && !isRetry && !isCounted;
}

/** Of a retry, where what it is compared with has changed. */
const CONFLICTS: readonly string[] = ["IDEMPOTENCY_CONFLICT", "ALREADY_EXISTS"];

async function outcomeOf(
  reading: Promise<unknown>,
  before: unknown,
  damaged: StoredRecord,
  name: string,
): Promise<Outcome> {
  let answer: unknown;
  try {
    answer = await reading;
  } catch (error) {
    if (isStateError(error, "SCHEMA_TOO_NEW")) return error.code;
    if (name in RETRIES && isStateError(error) && CONFLICTS.includes(error.code)) return "conflict";
    if (!isStateError(error, "CORRUPT")) throw error;
    const { at } = error.details;
    // Sums that do not add up are not one record's alone.
    if (at === undefined && !/do not add up/.test(error.message))
      throw new Error(`${name} says CORRUPT, and not where`, { cause: error });
    const isThere = at !== undefined && keyOf(at) === slotKey(damaged);
    if (!isThere && !isJson(damaged.bytes))
      throw new Error(`${name} says CORRUPT of another`, { cause: error });
    return error.code;
  }
  if (isDeepStrictEqual(answer, before)) return "as it was";
  if (!FREE_READS.test(name)) refuseOtherForm(answer, before, name);
  return "another value";
}

/** What callers put there themselves may be any JSON. */
const FREE_READS = /^(slot|collection|journal|sessionState|userState|tenantState|expiring\.get|facts\.get)/;
const FREE = ["metadata", "value", "arguments", "result"];

/** What is handed out has the types it should have: dates are dates, counts are numbers. */
function refuseOtherForm(answer: unknown, before: unknown, path: string): void {
  if (answer instanceof Date) {
    if (Number.isNaN(answer.getTime())) throw new Error(`${path} is no date`);
    if (before !== undefined && !(before instanceof Date)) throw new Error(`${path} is a date`);
    return;
  }
  const isTold = answer !== undefined && answer !== null && before !== undefined && before !== null;
  if (isTold && typeof answer !== typeof before)
    throw new Error(`${path} is of type ${typeof answer}, not ${typeof before}`);
  if (typeof answer !== "object" || answer === null) return;
  for (const [name, value] of Object.entries(answer)) {
    if (FREE.includes(name)) continue;
    const other = (before as Record<string, unknown> | undefined)?.[name];
    // Of a list another element may stand in this place.
    refuseOtherForm(value, other ?? undefined, `${path}.${name}`);
  }
}
