import type { StoredRecord } from "../../src/contract/driver.js";
import { isStateError } from "../../src/contract/errors.js";
import type { StateStore } from "../../src/contract/store.js";
import { identityOf } from "../../src/identity/identity.js";
import { slotKey } from "../../src/rules/slot-key.js";
import { validateRecord } from "../../src/validation/validate.js";
import type { Choices } from "./choices.js";
import { Expected, type Retry } from "./expected.js";
import { type Population, recordOf } from "./population.js";
import type { RawRecord, RawRows } from "./raw-rows.js";
import { assertSame } from "./read-everything.js";

/** What is tried on damage. Each throws where the answer is not the one expected, and notes what is acknowledged. */
type Try = (attempt: Attempt) => Promise<void>;

interface Attempt {
  readonly store: StateStore;
  readonly rows: RawRows;
  readonly expected: Expected;
  readonly population: Population;
  /** What is acknowledged, also by the attempt itself. */
  readonly acknowledged: Map<string, StoredRecord>;
  /** What was acknowledged of the slot that is written to, which may be damaged by now. */
  readonly target: StoredRecord;
  readonly choices: Choices;
}

export const WINDOW = 86_400_000;

/** Of a row that better-sqlite3 cannot name no more is asked than that it says so. */
export async function attempt(name: string, given: Attempt): Promise<void> {
  try {
    await (TRIES[name] as Try)(given);
  } catch (error) {
    if (!given.expected.rows.records.some(isOutOfReach) || !isStateError(error, "CORRUPT")) throw error;
  }
}

function isOutOfReach({ id }: RawRecord): boolean {
  return typeof id === "bigint" && !Number.isSafeInteger(Number(id));
}

const TRIES: Readonly<Record<string, Try>> = {
  async "a new value"({ store, acknowledged, target }) {
    await saveNew(store, acknowledged, target);
  },
  async "a new value where the old event is expected"(attempt) {
    await conditionally(attempt, (expect) =>
      saveNew(attempt.store, attempt.acknowledged, attempt.target, { expect }),
    );
  },
  async "a delete"({ store, expected, acknowledged, target }) {
    const row = expected.rowAt(target);
    const existed = await store.delete(identityOf(target), target.kind);
    // Postgres tells by its event whether there was a record.
    if (row?.eventId !== null) assertSame(existed, row !== undefined, "delete");
    acknowledged.delete(slotKey(target));
  },
  async "a delete where the old event is expected"(attempt) {
    const { store, acknowledged, target } = attempt;
    await conditionally(attempt, async (expect) => {
      assertSame(await store.delete(identityOf(target), target.kind, { expect }), true, "delete");
      acknowledged.delete(slotKey(target));
    });
  },
  async "a commit with a neighbour"({ store, acknowledged, target, choices }) {
    const others = [...acknowledged.values()].filter((other) => other.tenant === target.tenant);
    const [one, other] = choices.two([target, ...others.filter((other) => other !== target)]);
    const records = [one, other].map((slot) => newRecord(slot));
    const { receipts } = await store.commit(records.map((record) => ({ op: "save", record })));
    assertSame(
      receipts.map(({ duplicate }) => duplicate),
      [false, false],
      "commit",
    );
    for (const record of records) note(acknowledged, validateRecord(record, { now: 0 }));
  },
  async "an erase"({ store, expected, acknowledged, target }) {
    const { tenant, user, session } = target;
    const owner = identityOf({ tenant, user, session, run: "" });
    assertSame(await store.erase(owner, { ownState: true }), expected.countOf(owner), "erase");
    for (const [key, record] of acknowledged)
      if (record.tenant === tenant && record.user === user && record.session === session)
        acknowledged.delete(key);
  },
  /** Forgetting goes over the memory of events, damaged as it may be. */
  async "new values when the window has passed"({ store, rows, expected, acknowledged, target, choices }) {
    const others = [...acknowledged.values()].filter((other) => other.tenant === target.tenant);
    await rows.age(2 * WINDOW);
    for (let round = 0; round < 12; round++) await saveNew(store, acknowledged, choices.one(others));
    await saveNew(store, acknowledged, target);
    const after = new Expected(await rows.read(), acknowledged);
    for (const write of acknowledged.values()) {
      const { eventId } = write;
      const before = expected.loadByEventId(identityOf(write), eventId);
      if (before.is === "record")
        assertSame(
          after.loadByEventId(identityOf(write), eventId),
          before,
          `${eventId} when others are forgotten`,
        );
    }
  },
  async "every write again"({ store, expected, population, acknowledged }) {
    const retries = population.writes.map((write) => retry(store, expected, acknowledged, write));
    for (const { status, reason } of (await Promise.allSettled(retries)) as PromiseRejectedResult[])
      if (status === "rejected") throw reason;
  },
};

export const ATTEMPTS = Object.keys(TRIES);

async function saveNew(
  store: StateStore,
  acknowledged: Map<string, StoredRecord>,
  slot: StoredRecord,
  options?: { expect: string },
): Promise<void> {
  const record = newRecord(slot);
  assertSame(await store.save(record, options), { eventId: record.eventId, duplicate: false }, "save");
  note(acknowledged, validateRecord(record, { now: 0 }));
}

let made = 0;

function newRecord(slot: StoredRecord) {
  const number = ++made;
  return recordOf(identityOf(slot), slot.kind, `new/${number}`, 100 + (number % 50), number % 1000);
}

function note(acknowledged: Map<string, StoredRecord>, record: StoredRecord): void {
  acknowledged.set(slotKey(record), record);
}

/** Holds as long as the row says so; where it names no event, nobody can say whether it does. */
async function conditionally(
  { expected, target }: Attempt,
  write: (expect: string) => Promise<void>,
): Promise<void> {
  const { eventId } = target;
  const row = expected.rowAt(target);
  try {
    await write(eventId);
  } catch (error) {
    if (row !== undefined && typeof row.eventId !== "string" && isStateError(error, "CORRUPT")) return;
    if (!isStateError(error, "CONDITION_FAILED")) throw error;
    assertSame(error.details.current, row === undefined ? null : row.eventId, "the event that is current");
    return;
  }
  assertSame(row?.eventId, eventId, "the event that was current");
}

async function retry(
  store: StateStore,
  expected: Expected,
  acknowledged: Map<string, StoredRecord>,
  write: StoredRecord,
): Promise<void> {
  const { eventId, kind, bytes, version, updatedAt } = write;
  const told = expected.retry(write, WINDOW);
  const record = {
    eventId,
    identity: identityOf(write),
    kind,
    bytes,
    version,
    updatedAt: new Date(updatedAt),
  };
  const got = await store.save(record).then(
    ({ duplicate }): Retry => (duplicate ? "duplicate" : "applied"),
    (error): Retry => {
      if (isStateError(error, "IDEMPOTENCY_CONFLICT")) return "conflict";
      if (told === "cannot be told" && isStateError(error)) return told;
      throw error;
    },
  );
  if (told !== "cannot be told") assertSame(got, told, `${eventId} again`);
  if (got === "applied") note(acknowledged, write);
}
