import {
  BaseStore,
  type GetOperation,
  type IndexConfig,
  type Item,
  type ListNamespacesOperation,
  type Operation,
  type OperationResults,
  type PutOperation,
  type SearchItem,
  type SearchOperation,
  validateNamespace,
} from "@langchain/langgraph-checkpoint";
import { recordsUnder } from "../../content/paging.js";
import { type Removal, removeUnchanged } from "../../content/remove-unchanged.js";
import type { SessionIdentity, StateRecord, StateStore } from "../../contract/store.js";
import { cellAt, decodeRecord, readStore } from "../../typed/cell.js";
import { copyJson } from "../../typed/json-copy.js";
import { type Clock, readClock } from "../../typed/time.js";
import { transact } from "../../typed/transact.js";
import type { Transaction } from "../../typed/transaction.js";
import { readTtl } from "../../validation/fields.js";
import { readNamed } from "../../validation/validate.js";
import { type Owner, readOwnSession } from "../owner.js";
import {
  afterKeys,
  ITEM_CODEC,
  ITEMS,
  isLive,
  itemOf,
  itemPath,
  keysIn,
  pathOf,
  type StoredItem,
  VECTORS,
} from "./item.js";
import { commonBeginning, isNamed, matches } from "./matching.js";
import { queryVector, similarity, type Vectors, vectorsCodec, vectorsOf } from "./vectors.js";

/** The options of a `GroundstateStore`. */
export interface StoreOptions {
  /** Whose items they are. A function is called with each batch. */
  readonly owner: Owner;
  /** Embeds the texts of items, so that `search` finds them by meaning. */
  readonly index?: IndexConfig;
  /** How long an item stays after it was put, in milliseconds: 1 to ten years. Default: for good. */
  readonly ttlMs?: number;
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/**
 * All items of an owner lie in one session of this name, so they are moved, exported and forgotten with the user. No thread's
 * session is called this: `safeName` writes a `%` only before an escape, and `%la` is none.
 */
const SESSION = "%langgraph-store";
const DEFAULT_LIMIT = 10;
const PUTS_AT_ONCE = 500;
const PUT_BYTES = 4 * 1024 * 1024;
/** More than the vectors of most models have. */
const VECTOR_BYTES = 16_384;

type Value = StoredItem["value"];

/** An item to put, with its vectors. */
interface Put {
  readonly path: string;
  readonly put: PutOperation;
  readonly vectors: Vectors;
}

/** An item that was found. */
interface Found {
  readonly path: string;
  readonly item: StoredItem;
  readonly score?: number;
}

/**
 * A long-term store for LangGraph: JSON objects under namespaces and keys. Items are listed by namespace and key. What is put in
 * one `batch` is put in one commit, up to 500 items and 4 MiB; a read in it sees what was there before. Every method rejects
 * with the errors of the store.
 */
export class GroundstateStore extends BaseStore {
  readonly #store: StateStore;
  readonly #ownerOf: () => SessionIdentity;
  readonly #index: IndexConfig | undefined;
  readonly #ttlMs: number | undefined;
  readonly #now: Clock;

  constructor(store: StateStore, options: StoreOptions) {
    super();
    readNamed(options, "options", ["owner", "index", "ttlMs", "clock"]);
    this.#store = readStore(store);
    this.#ownerOf = readOwnSession(options.owner, SESSION);
    this.#index = options.index;
    this.#ttlMs = options.ttlMs === undefined ? undefined : readTtl(options.ttlMs, "ttlMs");
    this.#now = readClock(options);
  }

  /** Does what the operations say. Of several puts of an item the last one counts. */
  async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    const owner = this.#ownerOf();
    const puts = new Map<string, PutOperation>();
    const results = operations.map((operation) => {
      if ("namespacePrefix" in operation) return this.#search(owner, operation);
      if ("value" in operation) {
        validateNamespace(operation.namespace, { allowReservedRoot: true });
        const value = operation.value === null ? null : copyJson(operation.value, "value");
        puts.set(itemPath(operation.namespace, operation.key), {
          ...operation,
          value: value as Value | null,
        });
        return undefined;
      }
      return "key" in operation ? this.#get(owner, operation) : this.#namespaces(owner, operation);
    });
    const read = await Promise.all(results);
    await this.#put(owner, puts);
    return read as OperationResults<Op>;
  }

  /** Removes items of the owner that are past their time. Returns how many. It reads all of them, page by page. */
  async cleanup(): Promise<number> {
    const owner = this.#ownerOf();
    let removed = 0;
    for await (const page of recordsUnder(this.#store, owner, ITEMS, {})) {
      const items = await Promise.all(page.map((record) => decodeRecord(ITEM_CODEC, record)));
      const ended = page.filter((_, at) => !isLive(items[at] as StoredItem, this.#now()));
      removed += (await removeUnchanged(this.#store, ended.map(removalOf), [], {})).removed;
    }
    return removed;
  }

  async #get(owner: SessionIdentity, { namespace, key }: GetOperation): Promise<Item | null> {
    validateNamespace(namespace, { allowEmpty: true, allowReservedRoot: true });
    const item = await this.#find(owner, itemPath(namespace, key));
    return item === undefined ? null : itemOf(item);
  }

  async #find(owner: SessionIdentity, path: string): Promise<StoredItem | undefined> {
    const record = await this.#store.find(owner, ITEMS + path);
    const item = record && (await decodeRecord(ITEM_CODEC, record));
    return item && isLive(item, this.#now()) ? item : undefined;
  }

  async #put(owner: SessionIdentity, puts: ReadonlyMap<string, PutOperation>): Promise<void> {
    const all = [...puts];
    const vectors =
      this.#index &&
      (await vectorsOf(
        this.#index,
        all.map(([, put]) => put),
      ));
    for (const slice of slicesOf(all.map(([path, put], at) => ({ path, put, vectors: vectors?.[at] ?? [] }))))
      await transact(this.#store, (transaction) =>
        Promise.all(slice.map((each) => this.#putOne(transaction, owner, each))),
      );
  }

  async #putOne(
    transaction: Transaction,
    owner: SessionIdentity,
    { path, put, vectors }: Put,
  ): Promise<void> {
    const { namespace, key, value } = put;
    const item = cellAt(owner, ITEMS + path, ITEM_CODEC);
    if (this.#index !== undefined && vectors.length > 0)
      await transaction.set(cellAt(owner, VECTORS + path, vectorsCodec(this.#index)), vectors);
    else transaction.delete(cellAt(owner, VECTORS + path, ITEM_CODEC));
    if (value === null) return transaction.delete(item);
    const now = this.#now();
    const before = await transaction.get(item);
    await transaction.set(item, {
      namespace,
      key,
      value,
      createdAt: before && isLive(before, now) ? before.createdAt : now,
      updatedAt: now,
      ...(this.#ttlMs !== undefined && { expiresAt: now + this.#ttlMs }),
    });
  }

  async #search(owner: SessionIdentity, operation: SearchOperation): Promise<SearchItem[]> {
    const { namespacePrefix, filter, limit = DEFAULT_LIMIT, offset = 0, query } = operation;
    validateNamespace(namespacePrefix, { allowEmpty: true, allowReservedRoot: true });
    const path = pathOf(namespacePrefix);
    const found: SearchItem[] = [];
    let passed = 0;
    const items =
      query && this.#index ? this.#byMeaning(owner, path, query, this.#index) : this.#items(owner, path);
    for await (const { item, score } of items) {
      if (found.length >= limit) break;
      if (!matches(item.value, filter)) continue;
      if (passed++ >= offset) found.push({ ...itemOf(item), ...(score !== undefined && { score }) });
    }
    return found;
  }

  /** Everything under a path, by namespace and key. */
  async *#items(owner: SessionIdentity, path: string): AsyncGenerator<Found> {
    for await (const page of recordsUnder(this.#store, owner, ITEMS + path, {}))
      for (const record of page) {
        const item = await decodeRecord(ITEM_CODEC, record);
        if (isLive(item, this.#now())) yield { item, path: record.kind.slice(ITEMS.length) };
      }
  }

  /** What is nearest to the query first, then what has no vectors. */
  async *#byMeaning(
    owner: SessionIdentity,
    path: string,
    query: string,
    index: IndexConfig,
  ): AsyncGenerator<Found> {
    const vector = await queryVector(index, query);
    const codec = vectorsCodec(index);
    const scores = new Map<string, number>();
    for await (const page of recordsUnder(this.#store, owner, VECTORS + path, {}))
      for (const record of page) {
        const score = similarity(vector, await decodeRecord<Vectors>(codec, record));
        if (score !== undefined) scores.set(record.kind.slice(VECTORS.length), score);
      }
    for (const [at, score] of [...scores].sort(([, one], [, other]) => other - one)) {
      const item = await this.#find(owner, at);
      if (item !== undefined) yield { path: at, item, score };
    }
    for await (const found of this.#items(owner, path)) if (!scores.has(found.path)) yield found;
  }

  async #namespaces(owner: SessionIdentity, operation: ListNamespacesOperation): Promise<string[][]> {
    const { matchConditions, maxDepth = Number.POSITIVE_INFINITY, limit, offset = 0 } = operation;
    const found = new Map<string, string[]>();
    for await (const namespace of this.#eachNamespace(owner, commonBeginning(matchConditions))) {
      if (!isNamed(namespace, matchConditions)) continue;
      const cut = namespace.slice(0, maxDepth);
      found.set(pathOf(cut), cut);
      if (found.size >= offset + (limit ?? Number.POSITIVE_INFINITY)) break;
    }
    return [...found.values()].slice(offset);
  }

  /** One read for each, however many items it has. */
  async *#eachNamespace(owner: SessionIdentity, beginning: readonly string[]): AsyncGenerator<string[]> {
    const prefix = ITEMS + pathOf(beginning);
    for (let from = prefix; ; ) {
      const [first] = await this.#store.list(owner, prefix, { from, limit: 1 });
      if (first === undefined) return;
      const { namespace } = await decodeRecord(ITEM_CODEC, first);
      if (await this.#hasLive(owner, namespace, first)) yield [...namespace];
      from = ITEMS + afterKeys(namespace);
    }
  }

  async #hasLive(owner: SessionIdentity, namespace: readonly string[], first: StateRecord): Promise<boolean> {
    if (isLive(await decodeRecord(ITEM_CODEC, first), this.#now())) return true;
    for await (const _ of this.#items(owner, keysIn(namespace))) return true;
    return false;
  }
}

/** An item with its vectors, unless it was put again meanwhile. */
function removalOf({ identity, kind, eventId }: StateRecord): Removal {
  return [
    { op: "delete", identity, kind, expect: eventId },
    { op: "delete", identity, kind: VECTORS + kind.slice(ITEMS.length) },
  ];
}

/** Parts of a batch that fit into a commit each. */
function* slicesOf(puts: readonly Put[]): Generator<Put[]> {
  let slice: Put[] = [];
  let bytes = 0;
  for (const each of puts) {
    const size = Buffer.byteLength(JSON.stringify(each.put.value)) + each.vectors.length * VECTOR_BYTES;
    if (slice.length > 0 && (slice.length >= PUTS_AT_ONCE || bytes + size > PUT_BYTES)) {
      yield slice;
      [slice, bytes] = [[], 0];
    }
    slice.push(each);
    bytes += size;
  }
  if (slice.length > 0) yield slice;
}
