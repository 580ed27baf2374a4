import { type Cleanup, type CleanupOptions, cleanUpDue, type DueIndex } from "../content/clean-up-due.js";
import { pageUnder } from "../content/page-under.js";
import { LIMITS } from "../contract/limits.js";
import type { CallOptions, MaintenanceScope, StateStore } from "../contract/store.js";
import { validateScope } from "../identity/scope.js";
import type { ListedOf } from "../lifecycle/options.js";
import { readStore } from "../typed/cell.js";
import { dueEnd } from "../typed/due-scan.js";
import { InputReader } from "../typed/input-reader.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import type { UserData } from "../typed/moving/user-data.js";
import { perform } from "../typed/operation.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { splitSignal } from "../validation/split-signal.js";
import { readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readText } from "../validation/validate-text.js";
import { exportValues } from "./exporting.js";
import { ExpiringInUnit } from "./in-unit.js";
import { movingExpiring } from "./moving.js";
import { ExpiringOperations } from "./operations.js";
import { removeDue } from "./remove-due.js";
import { retainExpiring } from "./retaining.js";
import {
  DUE,
  LIVE,
  livePrefix,
  readGroup,
  readKey,
  readPlace,
  seenValue,
  VALUES,
  valueAt,
  valueCell,
  valuesPrefix,
} from "./stored-value.js";
import type {
  DeleteExpiringOptions,
  ExpiringOptions,
  ExpiringPage,
  ExpiringReceipt,
  ExpiringUpdater,
  ExpiringValue,
  ListExpiringOptions,
  SetExpiringOptions,
  TouchOptions,
  UpdateExpiringOptions,
} from "./value.js";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;

/**
 * Values with a time to live: JSON under a group and a key of a session, a user or a tenant.
 *
 * A value that is past its time by the clock is there for no method, whether it has been removed or not. `cleanup` removes such
 * values from the store.
 */
export class Expiring {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #operations: ExpiringOperations;

  /** @internal */
  constructor(store: StateStore, options: ExpiringOptions = {}) {
    readNamed(options, "options", ["clock", "redact"]);
    this.#store = readStore(store);
    this.#now = readClock(options);
    this.#operations = new ExpiringOperations(this.#now, new InputReader(options, "expiring"));
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ExpiringInUnit {
    return new ExpiringInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Sets the value, for `ttlMs` from now. With an `id` it happens once: the same call again writes nothing, also if the value is
   * past its time since. IDEMPOTENCY_CONFLICT, CONDITION_FAILED.
   */
  async set(
    identity: ListedOf,
    group: string,
    key: string,
    value: JsonInput,
    options: SetExpiringOptions,
  ): Promise<ExpiringReceipt> {
    const { signal, rest } = splitSignal(options, ["ttlMs", "id", "expect"]);
    return (await perform(this.#store, this.#operations.set(identity, group, key, value, rest), { signal }))
      .result;
  }

  /** The value, or `undefined` if there is none or it is past its time. CORRUPT. */
  async get(
    identity: ListedOf,
    group: string,
    key: string,
    options?: CallOptions,
  ): Promise<JsonValue | undefined> {
    return (await this.find(identity, group, key, options))?.value;
  }

  /** The value with its event id and its times, or `undefined`. CORRUPT. */
  async find(
    identity: ListedOf,
    group: string,
    key: string,
    options?: CallOptions,
  ): Promise<ExpiringValue | undefined> {
    const cell = valueCell(readPlace(identity, group, key));
    const { signal } = splitSignal(options, []);
    const record = await this.#store.find(cell.identity, cell.kind, { signal });
    const seen = record && (await seenValue(record));
    // Asked once the value is here: reading it may have taken long.
    return seen && valueAt(seen, this.#now());
  }

  /**
   * Lets the value live for `ttlMs` from now, more or less than before. Returns until when, or `undefined` if there is none or it
   * is past its time. A touch is a write: the value has another event id. CORRUPT.
   */
  async touch(
    identity: ListedOf,
    group: string,
    key: string,
    options: TouchOptions,
  ): Promise<Date | undefined> {
    const { signal, rest } = splitSignal(options, ["ttlMs"]);
    return (await perform(this.#store, this.#operations.touch(identity, group, key, rest), { signal }))
      .result;
  }

  /**
   * Replaces the value by the one that `update` returns, atomically, for `ttlMs` from now. `update` gets `undefined` where there is
   * none or it is past its time, and runs again if another writer was faster. Returns the new value. CORRUPT.
   */
  async update(
    identity: ListedOf,
    group: string,
    key: string,
    update: ExpiringUpdater,
    options: UpdateExpiringOptions,
  ): Promise<JsonValue> {
    const { signal, rest } = splitSignal(options, ["ttlMs", "attempts"]);
    const { attempts, ...ttl } = rest as { attempts?: number };
    const operation = this.#operations.update(identity, group, key, update, ttl);
    const tries = "attempts" in rest ? { attempts: attempts as number } : {};
    return (await perform(this.#store, operation, { signal, ...tries })).result;
  }

  /**
   * Deletes the value, also a damaged one. Returns whether there was one that was not past its time. CONDITION_FAILED.
   */
  async delete(
    identity: ListedOf,
    group: string,
    key: string,
    options?: DeleteExpiringOptions,
  ): Promise<boolean> {
    const { signal, rest } = splitSignal(options, ["expect"]);
    return (await perform(this.#store, this.#operations.delete(identity, group, key, rest), { signal }))
      .result;
  }

  /** The values of a group, by key, without those that are past their time. CORRUPT. */
  async list(identity: ListedOf, group: string, options?: ListExpiringOptions): Promise<ExpiringPage> {
    const { owner } = readGroup(identity, group);
    const given = readOptions(options, ["prefix", "limit", "after", "signal"]) as ListExpiringOptions;
    const { prefix = "", limit = DEFAULT_LIMIT, after } = given;
    const keys = valuesPrefix(group);
    const range = {
      prefix: keys + readText(prefix, "prefix", LIMITS.kindBytes - Buffer.byteLength(keys)),
      limit: readLimit(limit, MAX_LIMIT),
      after: after === undefined ? undefined : keys + readKey(after, "after"),
      signal: readSignal(given),
    };
    const { values, next } = await pageUnder(this.#store, owner, range, async (record) =>
      valueAt(await seenValue(record), this.#now()),
    );
    // The first ones may have ended while the others were read.
    const now = this.#now();
    const live = values.filter(({ expiresAt }) => expiresAt.getTime() > now);
    return { values: live, ...(next !== undefined && { next: next.slice(keys.length) }) };
  }

  /** How many values a group has, without those that are past their time. It reads none of them, however many there are. */
  async count(identity: ListedOf, group: string, options?: CallOptions): Promise<number> {
    const { owner } = readGroup(identity, group);
    const { signal } = splitSignal(options, []);
    const prefix = livePrefix(group);
    return this.#store.count(owner, prefix, { after: prefix + dueEnd(this.#now()), signal });
  }

  /** The values as they take part when a user is forgotten, moved or exported, and those past their time in retention. */
  get userData(): UserData {
    return {
      ...movingExpiring(this.#store),
      retain: (scope, options) => retainExpiring(this.#store, validateScope(scope), this.#now(), options),
      exportOf: (owner, options) => exportValues(this.#store, owner, this.#now, options),
      exportedKinds: [VALUES, DUE, LIVE],
    };
  }

  /**
   * Removes values that are past their time, of all groups, users and sessions that the scope covers. Of each tenant those that
   * ended first go first; tenants take turns, so that one with many holds up no other. It reads no value, and costs as much as it
   * removes, whatever else is stored. Call it again with `after` until `next` is absent.
   *
   * A value that is touched or set meanwhile stays. OUTCOME_UNKNOWN when an answer was lost: call it again.
   * MAINTENANCE_SCOPE_REQUIRED.
   */
  async cleanup(scope: MaintenanceScope, options?: CleanupOptions): Promise<Cleanup> {
    const index: DueIndex = {
      prefix: DUE,
      remove: (entries, damage, signal) => removeDue(this.#store, entries, damage, signal),
    };
    return cleanUpDue(this.#store, index, scope, this.#now(), options);
  }
}
