import { pageUnder } from "../content/page-under.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import { readStateOf } from "../identity/own-state.js";
import { readStore } from "../typed/cell.js";
import { InputReader } from "../typed/input-reader.js";
import type { JsonInput, JsonValue } from "../typed/json-value.js";
import { perform } from "../typed/operation.js";
import { readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { readFlag } from "../validation/fields.js";
import { splitSignal } from "../validation/split-signal.js";
import { readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import type {
  DeleteFactOptions,
  Fact,
  FactPage,
  FactReceipt,
  FactsInOptions,
  FactsOf,
  FactsOptions,
  FactUpdater,
  ListFactsOptions,
  ListNamespacesOptions,
  Namespace,
  NamespacePage,
  PutFactOptions,
  UpdateFactOptions,
} from "./fact.js";
import { FactsInUnit } from "./in-unit.js";
import { listNamespaces } from "./list-namespaces.js";
import { positionOf, prefixOf, readNamespace, readPosition } from "./namespace-path.js";
import { FactOperations } from "./operations.js";
import { factCell, readPlace, seenFact } from "./stored-fact.js";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;

/**
 * What is known about a user, or in a whole tenant: JSON values under a namespace and a key, with the run that learned each and
 * when.
 *
 * A namespace is a path of parts. Lists go by whole parts: what is below `["a", "b"]` is below `["a"]`, and nothing of
 * `["a", "bc"]` is below `["a", "b"]`.
 */
export class Facts {
  readonly #store: StateStore;
  readonly #operations: FactOperations;

  /** @internal */
  constructor(store: StateStore, options: FactsOptions = {}) {
    readNamed(options, "options", ["clock", "redact"]);
    this.#store = readStore(store);
    this.#operations = new FactOperations(readClock(options), new InputReader(options, "facts"));
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): FactsInUnit {
    return new FactsInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Puts a fact in place of what was known before. With an `id` it happens once: the same call again writes nothing, also if the
   * fact was replaced or deleted since. IDEMPOTENCY_CONFLICT, CONDITION_FAILED.
   */
  async put(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    value: JsonInput,
    options?: PutFactOptions,
  ): Promise<FactReceipt> {
    const { signal, rest } = splitSignal(options, ["run", "id", "expect"]);
    const operation = this.#operations.put(identity, namespace, key, value, rest);
    const { result, duplicate } = await perform(this.#store, operation, { signal });
    return { ...result, duplicate };
  }

  /** The value of a fact, or `undefined`. CORRUPT. */
  async get(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    options?: CallOptions,
  ): Promise<JsonValue | undefined> {
    return (await this.find(identity, namespace, key, options))?.value;
  }

  /** The fact, or `undefined`. CORRUPT. */
  async find(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    options?: CallOptions,
  ): Promise<Fact | undefined> {
    const cell = factCell(readPlace(identity, namespace, key));
    const { signal } = splitSignal(options, []);
    const record = await this.#store.find(cell.identity, cell.kind, { signal });
    return record && seenFact(record);
  }

  /**
   * Replaces the value by the one that `update` returns, atomically. `update` gets `undefined` where there is none, and runs again
   * if another writer was faster. The run is that of this call. Returns the new value. CORRUPT.
   */
  async update(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    update: FactUpdater,
    options?: UpdateFactOptions,
  ): Promise<JsonValue> {
    const { signal, rest } = splitSignal(options, ["run", "attempts"]);
    const { attempts, ...learned } = rest as { attempts?: number };
    const operation = this.#operations.update(identity, namespace, key, update, learned);
    const tries = "attempts" in rest ? { attempts: attempts as number } : {};
    return (await perform(this.#store, operation, { signal, ...tries })).result;
  }

  /** Deletes a fact, also a damaged one. Returns whether there was one. CONDITION_FAILED. */
  async delete(
    identity: FactsOf,
    namespace: Namespace,
    key: string,
    options?: DeleteFactOptions,
  ): Promise<boolean> {
    const { signal, rest } = splitSignal(options, ["expect"]);
    return (await perform(this.#store, this.#operations.delete(identity, namespace, key, rest), { signal }))
      .result;
  }

  /**
   * Deletes all facts of a namespace and of those below it in one step, however many there are, without reading them; those of
   * `[]` are all. Returns how many. What is put later stays.
   */
  async clear(identity: FactsOf, namespace: Namespace, options?: CallOptions): Promise<number> {
    const owner = readStateOf(identity);
    const prefix = prefixOf(readNamespace(namespace, 0), true);
    const { signal } = splitSignal(options, []);
    return this.#store.erase(owner, { prefix, ownState: true, signal });
  }

  /** The facts of a namespace by key, or with `nested` also those below it, by namespace and key; below `[]` are all. CORRUPT. */
  async list(identity: FactsOf, namespace: Namespace, options?: ListFactsOptions): Promise<FactPage> {
    const owner = readStateOf(identity);
    const given = readOptions(options, ["nested", "limit", "after", "signal"]) as ListFactsOptions;
    const { limit = DEFAULT_LIMIT, after } = given;
    const prefix = readPrefix(namespace, given);
    const range = {
      prefix,
      limit: readLimit(limit, MAX_LIMIT),
      after: after === undefined ? undefined : readPosition(after, prefix),
      signal: readSignal(given),
    };
    const { values: facts, next } = await pageUnder(this.#store, owner, range, seenFact);
    return { facts, ...(next !== undefined && { next: positionOf(next) }) };
  }

  /** How many facts a namespace has, or with `nested` it and those below it. It reads none of them. */
  async count(identity: FactsOf, namespace: Namespace, options?: FactsInOptions): Promise<number> {
    const owner = readStateOf(identity);
    const given = readOptions(options, ["nested", "signal"]) as FactsInOptions;
    return this.#store.count(owner, readPrefix(namespace, given), { signal: readSignal(given) });
  }

  /**
   * The namespaces that have facts and begin with these parts, that of exactly these parts among them; default all. The cost is
   * that of the namespaces, however many facts they have. CORRUPT.
   */
  async namespaces(
    identity: FactsOf,
    prefix: Namespace = [],
    options?: ListNamespacesOptions,
  ): Promise<NamespacePage> {
    const owner = readStateOf(identity);
    const given = readOptions(options, ["limit", "after", "signal"]) as ListNamespacesOptions;
    const { limit = DEFAULT_LIMIT, after } = given;
    const kinds = prefixOf(readNamespace(prefix, 0), true);
    return listNamespaces(this.#store, owner, {
      prefix: kinds,
      from: after === undefined ? undefined : readPosition(after, kinds),
      limit: readLimit(limit, MAX_LIMIT),
      signal: readSignal(given),
    });
  }
}

function readPrefix(namespace: Namespace, given: FactsInOptions): string {
  const nested = readFlag(given, "nested");
  return prefixOf(readNamespace(namespace, nested ? 0 : 1), nested);
}
