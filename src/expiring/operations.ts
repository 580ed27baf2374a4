import { invalid } from "../contract/errors.js";
import type { EventId, Expect } from "../contract/store.js";
import type { ListedOf } from "../lifecycle/options.js";
import { type Cell, corruptRecord } from "../typed/cell.js";
import { conditionFailed } from "../typed/condition-failed.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, scopedEventId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import { readTtl } from "../validation/fields.js";
import { readExpect, readNamed } from "../validation/validate.js";
import {
  readId,
  readPlace,
  type SeenValue,
  type StoredValue,
  seenValue,
  type ValuePlace,
  valueAt,
  valueCell,
} from "./stored-value.js";
import type { ExpiringReceipt, ExpiringUpdater } from "./value.js";
import { type Before, deleteValue, writeValue } from "./write-value.js";

/** What the mutating methods do once their input is read. */
export class ExpiringOperations {
  readonly #now: Clock;
  readonly #inputs: InputReader;

  constructor(now: Clock, inputs: InputReader) {
    this.#now = now;
    this.#inputs = inputs;
  }

  set(
    identity: ListedOf,
    group: unknown,
    key: unknown,
    value: unknown,
    options: unknown,
  ): Operation<ExpiringReceipt> {
    const place = readPlace(identity, group, key);
    const given = readNamed(options, "options", ["ttlMs", "id", "expect"]) as {
      ttlMs?: unknown;
      id?: unknown;
    };
    const stored = storedAs(place, given, this.#inputs.json(value, "value"));
    const expect = readExpect(given);
    const ownId = "id" in given ? this.#eventId(place, readId(given.id)) : undefined;
    const cell = valueCell(place);
    return {
      ...operationOn(cell, ownId !== undefined),
      findsItsIds: true,
      apply: async (transaction) => {
        if (ownId !== undefined && (await transaction.isKnown(cell, stored, ownId)))
          return { eventId: ownId, duplicate: true };
        const before = await unlessCorrupt(() => readBefore(transaction, cell));
        if (expect !== undefined) requireExpected(cell, before, expect, this.#now());
        return { eventId: await this.#write(transaction, place, stored, before, ownId), duplicate: false };
      },
    };
  }

  touch(identity: ListedOf, group: unknown, key: unknown, options: unknown): Operation<Date | undefined> {
    const place = readPlace(identity, group, key);
    const given = readNamed(options, "options", ["ttlMs"]) as { ttlMs?: unknown };
    const ttlMs = readTtl(given.ttlMs, "ttlMs");
    const cell = valueCell(place);
    return {
      // The same call again only moves the end a little further.
      ...operationOn(cell, true),
      apply: async (transaction) => {
        const before = await readBefore(transaction, cell);
        if (before === undefined || valueAt(before, this.#now()) === undefined) return undefined;
        await this.#write(transaction, place, { ...before.stored, ttlMs }, before);
        return (await readBefore(transaction, cell))?.expiresAt;
      },
    };
  }

  update(
    identity: ListedOf,
    group: unknown,
    key: unknown,
    update: ExpiringUpdater,
    options: unknown,
  ): Operation<JsonValue> {
    const place = readPlace(identity, group, key);
    if (typeof update !== "function") throw invalid("update", "a function");
    const given = readNamed(options, "options", ["ttlMs"]) as { ttlMs?: unknown };
    readTtl(given.ttlMs, "ttlMs");
    const cell = valueCell(place);
    return {
      ...operationOn(cell, false),
      apply: async (transaction) => {
        const before = await readBefore(transaction, cell);
        const current = before && valueAt(before, this.#now());
        const stored = storedAs(place, given, this.#inputs.json(await update(current?.value), "value"));
        await this.#write(transaction, place, stored, before);
        return stored.value;
      },
    };
  }

  delete(identity: ListedOf, group: unknown, key: unknown, options: unknown = {}): Operation<boolean> {
    const place = readPlace(identity, group, key);
    const given = readNamed(options, "options", ["expect"]);
    const expect = readExpect(given);
    if (expect === null) throw invalid("expect", "left out or an event id");
    const cell = valueCell(place);
    return {
      ...operationOn(cell, true),
      apply: async (transaction) => {
        const before = await unlessCorrupt(() => readBefore(transaction, cell));
        if (expect !== undefined) requireExpected(cell, before, expect, this.#now());
        if (before === undefined) return false;
        deleteValue(transaction, place, before);
        return before === DAMAGED || valueAt(before, this.#now()) !== undefined;
      },
    };
  }

  #write(
    transaction: Transaction,
    place: ValuePlace,
    stored: StoredValue,
    before: Before,
    eventId?: EventId,
  ): Promise<EventId> {
    return writeValue(transaction, place, before, { stored, at: new Date(this.#now()), eventId });
  }

  #eventId({ owner: { user, session } }: ValuePlace, id: string): EventId {
    return scopedEventId(digestOf("expiring", user, session), id);
  }
}

function operationOn(cell: Cell<StoredValue>, repeatable: boolean) {
  return { turn: cell, repeatable };
}

function storedAs(
  { group, key }: ValuePlace,
  given: { readonly ttlMs?: unknown },
  value: JsonValue,
): StoredValue {
  return { group, key, ttlMs: readTtl(given.ttlMs, "ttlMs"), value };
}

/** What the slot holds. CORRUPT. */
async function readBefore(transaction: Transaction, cell: Cell<StoredValue>): Promise<SeenValue | undefined> {
  const record = await transaction.getRecord(cell);
  return record && seenValue(record);
}

/** CONDITION_FAILED unless this event wrote the value. A value that is past its time is none. */
function requireExpected(cell: Cell<StoredValue>, before: Before, expect: Expect, now: number): void {
  if (before === DAMAGED) throw corruptRecord(cell, "a stored value does not decode");
  const current = (before && valueAt(before, now)?.eventId) ?? null;
  if (current !== expect) throw conditionFailed(cell, current);
}
