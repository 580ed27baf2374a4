import { invalid } from "../contract/errors.js";
import type { EventId } from "../contract/store.js";
import { type Cell, corruptRecord } from "../typed/cell.js";
import { conditionFailed } from "../typed/condition-failed.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf, readScopedId, scopedEventId } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import { optional } from "../validation/fields.js";
import { readExpect, readNamed } from "../validation/validate.js";
import type { FactReceipt, FactsOf, FactUpdater } from "./fact.js";
import { type FactPlace, factCell, readPlace, readRun, type StoredFact, seenFact } from "./stored-fact.js";

/** What the mutating methods do once their input is read. */
export class FactOperations {
  readonly #now: Clock;
  readonly #inputs: InputReader;

  constructor(now: Clock, inputs: InputReader) {
    this.#now = now;
    this.#inputs = inputs;
  }

  put(
    identity: FactsOf,
    namespace: unknown,
    key: unknown,
    value: unknown,
    options: unknown = {},
  ): Operation<FactReceipt> {
    const place = readPlace(identity, namespace, key);
    const given = readNamed(options, "options", ["run", "id", "expect"]) as { run?: unknown; id?: unknown };
    const fact = factOf(place, given, this.#inputs.json(value, "value"));
    const expect = readExpect(given);
    const ownId = "id" in given ? eventIdOf(place, readScopedId(given.id, "id")) : undefined;
    const cell = factCell(place);
    return {
      turn: cell,
      repeatable: ownId !== undefined,
      apply: async (transaction) => {
        const eventId = await transaction.write(cell, fact, ownId, expect, new Date(this.#now()));
        return { eventId, duplicate: false };
      },
      recall: async (transaction) =>
        ownId !== undefined && (await transaction.isKnown(cell, fact, ownId))
          ? { eventId: ownId, duplicate: true }
          : undefined,
    };
  }

  update(
    identity: FactsOf,
    namespace: unknown,
    key: unknown,
    update: FactUpdater,
    options: unknown = {},
  ): Operation<JsonValue> {
    const place = readPlace(identity, namespace, key);
    if (typeof update !== "function") throw invalid("update", "a function");
    const given = readNamed(options, "options", ["run"]);
    optional(given as { run?: unknown }, "run", readRun);
    const cell = factCell(place);
    return {
      turn: cell,
      repeatable: false,
      apply: async (transaction) => {
        const record = await transaction.getRecord(cell);
        const current = record && (await seenFact(record));
        const fact = factOf(place, given, this.#inputs.json(await update(current?.value), "value"));
        await transaction.write(cell, fact, undefined, undefined, new Date(this.#now()));
        return fact.value;
      },
    };
  }

  delete(identity: FactsOf, namespace: unknown, key: unknown, options: unknown = {}): Operation<boolean> {
    const cell = factCell(readPlace(identity, namespace, key));
    const expect = readExpect(readNamed(options, "options", ["expect"]));
    if (expect === null) throw invalid("expect", "left out or an event id");
    return {
      turn: cell,
      repeatable: true,
      async apply(transaction) {
        const eventId = await eventIn(transaction, cell);
        if (expect !== undefined && eventId === DAMAGED)
          throw corruptRecord(cell, "a stored fact is damaged");
        if (expect !== undefined && eventId !== expect) throw conditionFailed(cell, eventId ?? null);
        if (eventId === undefined) return false;
        transaction.delete(cell);
        return true;
      },
    };
  }
}

/** The event of what the slot holds, whether or not that decodes. */
function eventIn(transaction: Transaction, cell: Cell<StoredFact>): Promise<EventId | undefined> {
  return unlessCorrupt(async () => (await transaction.getRecord(cell))?.eventId);
}

function factOf(
  { namespace, key }: FactPlace,
  given: { readonly run?: unknown },
  value: JsonValue,
): StoredFact {
  return { namespace, key, value, ...optional(given, "run", readRun) };
}

function eventIdOf({ owner: { user, session } }: FactPlace, id: string): EventId {
  return scopedEventId(digestOf("facts", user, session), id);
}
