import { createHash } from "node:crypto";
import { inspect, isDeepStrictEqual } from "node:util";
import type { StoredRecord } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import type { Identity, RecordKey, StateRecord, StateStore } from "../../src/contract/store.js";
import { identityOf } from "../../src/identity/identity.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { scanKind } from "../../src/store/scan-kind.js";
import type { Answer, Expected } from "./expected.js";
import { IDENTITIES, type Population, PREFIX, slotAt, TENANTS } from "./population.js";

/** Asks the store for everything in every way; throws where an answer is not the one expected. How many were damaged. */
export async function readEverything(
  store: StateStore,
  expected: Expected,
  population: Population,
): Promise<number> {
  const events = population.writes.map((write) => readEvent(store, expected, write));
  const lists = identitiesOf(expected).map((identity) => readList(store, expected, identity));
  const scans = TENANTS.map((tenant) => readScan(store, expected, tenant));
  return readAll(store, expected, population, [...events, ...lists, ...scans]);
}

/** Every slot, one by one, and all of them in one scan. */
export function readBriefly(store: StateStore, expected: Expected, population: Population): Promise<number> {
  return readAll(store, expected, population, []);
}

async function readAll(
  store: StateStore,
  expected: Expected,
  population: Population,
  others: readonly Promise<void>[],
): Promise<number> {
  const slots = slotsOf(expected, population).map((slot) => readSlot(store, expected, slot));
  const reads = await Promise.allSettled([...slots, ...others, readScan(store, expected, undefined)]);
  for (const read of reads) if (read.status === "rejected") throw read.reason;
  const answers = await Promise.all(slots);
  return answers.filter(({ is }) => is === "corrupt").length;
}

/** What a promise of a record came to; throws what no read of anything may throw. */
export async function answerOf(reading: Promise<StateRecord | undefined>): Promise<Answer> {
  try {
    const record = await reading;
    return record === undefined ? { is: "nothing" } : { is: "record", record };
  } catch (error) {
    if (isStateError(error, "NOT_FOUND")) return { is: "nothing" };
    if (isStateError(error, "CORRUPT")) return { is: "corrupt", ...error.details };
    throw error;
  }
}

export function assertSame(actual: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(actual, expected)) return;
  throw new Error(`${what}: expected ${shown(expected)}, got ${shown(actual)}`);
}

function shown(value: unknown): string {
  const short = (_: string, part: unknown) =>
    part instanceof Uint8Array
      ? `${part.length} bytes, ${createHash("sha1").update(part).digest("hex").slice(0, 8)}`
      : part;
  return JSON.stringify(value, short);
}

const STRANGER = IDENTITIES[3] as Identity;

type Place = Pick<StoredRecord, "tenant" | "user" | "session" | "run" | "kind">;

/** Where something was acknowledged, and where something lies by now that can be asked for. */
function slotsOf({ rows }: Expected, { writes }: Population): readonly Place[] {
  const claimed = rows.records.filter(
    (row) => row.broken.length === 0 && canBeAsked(row as unknown as Place),
  ) as unknown as Place[];
  return distinct([...writes, ...claimed]);
}

function distinct(slots: readonly Place[]): readonly Place[] {
  return [...new Map(slots.map((slot) => [slotKey(slot), slot])).values()];
}

function canBeAsked({ tenant, user, session, run, kind }: Place): boolean {
  const isName = (name: unknown) =>
    typeof name === "string" && Buffer.byteLength(name) <= 255 && !name.includes("\0");
  const required = [tenant, user, session, kind];
  return (
    required.every((name) => isName(name) && name !== "") &&
    isName(run) &&
    !/^~/.test(tenant) &&
    !/^~/.test(run)
  );
}

function identitiesOf(expected: Expected): readonly Identity[] {
  const claimed = expected.rows.records.filter(({ broken }) => broken.length === 0) as unknown as Place[];
  const owners = [...IDENTITIES.map((identity) => slotAt(identity, "")), ...claimed.filter(canBeAsked)];
  return distinct(owners.map((owner) => ({ ...owner, kind: "" }))).map(identityOf);
}

async function readSlot(store: StateStore, expected: Expected, slot: Place): Promise<Answer> {
  const identity = identityOf(slot);
  const answer = expected.find(slot);
  assertSame(await answerOf(store.find(identity, slot.kind)), answer, `find ${inspect(slot.kind)}`);
  assertSame(await answerOf(store.load(identity, slot.kind)), answer, `load ${inspect(slot.kind)}`);
  return answer;
}

async function readEvent(store: StateStore, expected: Expected, write: StoredRecord): Promise<void> {
  const owner = identityOf(write);
  for (const identity of [owner, STRANGER]) {
    const answer = expected.loadByEventId(identity, write.eventId);
    const got = await answerOf(store.loadByEventId(identity, write.eventId));
    if (answer.is === "corrupt somewhere") assertSame(got.is, "corrupt", `loadByEventId ${write.eventId}`);
    else assertSame(got, answer, `loadByEventId ${write.eventId}`);
  }
}

/** One list after another, going on behind each damaged record, and with what lies before it read by itself. */
async function readList(store: StateStore, expected: Expected, identity: Identity): Promise<void> {
  const left = [...expected.list(identity)];
  let after: { after?: string } = {};
  for (;;) {
    const right = rightOnes(left);
    const damaged = left.shift();
    const got = await settled(store.list(identity, "", after));
    if (damaged === undefined) return assertSame(got, right, "list");
    if (damaged.is === "corrupt somewhere")
      return assertEnds(got, ({ kind }) => settled(store.list(identity, "", { after: kind })));
    assertSame(got, damaged, "list");
    if (damaged.is !== "corrupt" || damaged.at === undefined) return;
    const { kind } = damaged.at;
    if (kind === "" || Buffer.byteLength(kind) > 512 || kind.includes("\0")) return;
    assertSame(await settled(store.list(identity, "", { ...after, before: kind })), right, "list before");
    after = { after: kind };
  }
}

/** One scan after another, going on behind each damaged record. */
async function readScan(store: StateStore, expected: Expected, tenant: string | undefined): Promise<void> {
  const reason = "looks for damage";
  const scope = maintenanceScope(tenant === undefined ? { reason, allTenants: true } : { reason, tenant });
  const left = [...expected.scan(PREFIX, tenant)];
  let after: { after?: RecordKey } = {};
  for (;;) {
    const right = rightOnes(left);
    const damaged = left.shift() ?? { is: "nothing" };
    const [records, end] = await drained(scanKind(store, scope, PREFIX, { ...after, pageSize: 16 }));
    if (damaged.is === "corrupt somewhere") {
      assertSame(records, right, `scan of ${tenant ?? "all"}`);
      return assertEnds(end, (at) => settled(store.listKind(scope, PREFIX, { after: at })));
    }
    assertSame([records, end], [right, damaged], `scan of ${tenant ?? "all"}`);
    const got = await settled(store.listKind(scope, PREFIX, after));
    assertSame(got, damaged.is === "nothing" ? right : damaged, `listKind of ${tenant ?? "all"}`);
    if (end.is !== "corrupt" || end.at === undefined) return;
    after = { after: end.at };
  }
}

/** Whoever goes on from where the damage is said to be does not meet it for ever. */
async function assertEnds(got: unknown, goOn: (at: RecordKey) => Promise<unknown>): Promise<void> {
  let answer = got as Answer;
  for (let rounds = 0; rounds < 3; rounds++) {
    if (answer.is !== "corrupt") throw new Error(`it should be damaged, and is ${inspect(answer)}`);
    if (answer.at === undefined) return;
    answer = (await goOn(answer.at)) as Answer;
    if (Array.isArray(answer)) return;
  }
  throw new Error("a reader that goes on behind the damage meets it again and again");
}

/** Takes the records off that come before the first damaged one. */
function rightOnes(answers: Answer[]): readonly StateRecord[] {
  const end = answers.findIndex(({ is }) => is !== "record");
  const right = answers.splice(0, end === -1 ? answers.length : end);
  return right.map((answer) => (answer as Extract<Answer, { is: "record" }>).record);
}

async function settled<T>(reading: Promise<T>): Promise<T | Answer> {
  try {
    return await reading;
  } catch (error) {
    if (isStateError(error, "CORRUPT")) return { is: "corrupt", ...error.details };
    throw error;
  }
}

async function drained(generator: AsyncIterable<StateRecord>): Promise<[readonly StateRecord[], Answer]> {
  const records: StateRecord[] = [];
  try {
    for await (const record of generator) records.push(record);
    return [records, { is: "nothing" }];
  } catch (error) {
    if (isStateError(error, "CORRUPT")) return [records, { is: "corrupt", ...error.details }];
    throw error;
  }
}
