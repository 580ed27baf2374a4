import { type Cleanup, type CleanupOptions, cleanUpDue, type DueIndex } from "../content/clean-up-due.js";
import { invalid } from "../contract/errors.js";
import type { CallOptions, MaintenanceScope, StateStore } from "../contract/store.js";
import { readStateOf } from "../identity/own-state.js";
import { validateScope } from "../identity/scope.js";
import { readStore } from "../typed/cell.js";
import { InputReader } from "../typed/input-reader.js";
import type { UserData } from "../typed/moving/user-data.js";
import { perform } from "../typed/operation.js";
import { type Clock, readClock } from "../typed/time.js";
import { Unit } from "../typed/together/unit.js";
import { splitSignal } from "../validation/split-signal.js";
import { readInteger, readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { clearAll } from "./clear-all.js";
import { embedMissing } from "./embed-missing.js";
import { Embedder } from "./embedder.js";
import { embeddedIfChanged, embeddedIfNew } from "./embedding.js";
import { exportMemories } from "./exporting.js";
import { readFilter } from "./filter.js";
import { MemoriesInUnit } from "./in-unit.js";
import type {
  AddMemoryOptions,
  ChangeMemoryOptions,
  EmbeddedMissing,
  EmbedMissingOptions,
  MemoriesOf,
  MemoriesOptions,
  Memory,
  MemoryChanges,
  MemoryPage,
  MemoryReceipt,
  MemorySearch,
  ReadMemoriesOptions,
  SearchMemoriesOptions,
} from "./memory.js";
import { movingMemories } from "./moving.js";
import { ADD_NAMES, MemoryOperations, readAdding, readUpdating } from "./operations.js";
import { readNewest } from "./read-newest.js";
import { removeDue } from "./remove-due.js";
import { retainMemories } from "./retaining.js";
import { MemorySearches } from "./search.js";
import { ALL, DUE, memoryAt, memoryCell, positionIn, readPlace, seenMemory } from "./stored-memory.js";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
const DEFAULT_LOOKED_AT = 1_000;
const MIB = 1024 * 1024;
const DEFAULT_INDEX_BYTES = 256 * MIB;
const [LEAST_INDEX_BYTES, MOST_INDEX_BYTES] = [16 * MIB, 65_536 * MIB];

/**
 * What is remembered about a user, or in a whole tenant: texts that are found by their words and, with `embed`, by their meaning.
 *
 * The same content is the same memory: there is one at most of each content. A memory that is past its time is there for no
 * method, whether `cleanup` has removed it or not.
 */
export class Memories {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #embedder: Embedder | undefined;
  readonly #operations: MemoryOperations;
  readonly #searches: MemorySearches;

  /** @internal */
  constructor(store: StateStore, options: MemoriesOptions = {}) {
    readNamed(options, "options", ["clock", "redact", "embed", "maxIndexBytes"]);
    const { maxIndexBytes = DEFAULT_INDEX_BYTES } = options;
    readInteger(maxIndexBytes, "maxIndexBytes", LEAST_INDEX_BYTES, MOST_INDEX_BYTES);
    this.#store = readStore(store);
    this.#now = readClock(options);
    this.#embedder = options.embed === undefined ? undefined : new Embedder(options.embed);
    this.#operations = new MemoryOperations(this.#now, new InputReader(options, "memories"));
    this.#searches = new MemorySearches(this.#store, this.#now, this.#embedder, maxIndexBytes);
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): MemoriesInUnit {
    return new MemoriesInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Adds a memory: 1 to 65,536 UTF-8 bytes of text. Where there is one with exactly this content, nothing is written, and that
   * one stays as it is. With an `id` the call happens once: the same call again writes nothing, also if the memory was changed or
   * deleted since. With `embed`, the content's vector is made before; where that fails, the memory is added without. IDEMPOTENCY_CONFLICT.
   */
  async add(identity: MemoriesOf, content: string, options?: AddMemoryOptions): Promise<MemoryReceipt> {
    const { signal, rest } = splitSignal(options, ADD_NAMES);
    const adding = readAdding(identity, content, rest, this.#operations.inputs);
    const added = { owner: adding.owner, content: adding.stored.content, now: this.#now() };
    const { vector, ...failure } = await embeddedIfNew(this.#store, this.#embedder, added, { signal });
    const { result } = await perform(this.#store, this.#operations.add(adding, vector), { signal });
    return result.duplicate ? result : { ...result, ...failure };
  }

  /**
   * Changes a memory; its id stays. With `embed`, the vector of another content is made before. NOT_FOUND; ALREADY_EXISTS where
   * another memory has the content; CONDITION_FAILED; CORRUPT.
   */
  async update(
    identity: MemoriesOf,
    id: string,
    changes: MemoryChanges,
    options?: ChangeMemoryOptions,
  ): Promise<MemoryReceipt> {
    const { signal, rest } = splitSignal(options, ["expect"]);
    const updating = readUpdating(identity, id, changes, rest, this.#operations.inputs);
    const { place, changes: given } = updating;
    const { vector, ...failure } = await embeddedIfChanged(
      this.#store,
      this.#embedder,
      place,
      given.content,
      {
        signal,
      },
    );
    const { result } = await perform(this.#store, this.#operations.update(updating, vector), { signal });
    return { ...result, ...failure };
  }

  /** Deletes a memory, also a damaged one. Returns whether there was one. CONDITION_FAILED. */
  async delete(identity: MemoriesOf, id: string, options?: ChangeMemoryOptions): Promise<boolean> {
    const { signal, rest } = splitSignal(options, ["expect"]);
    return (await perform(this.#store, this.#operations.delete(identity, id, rest), { signal })).result;
  }

  /**
   * Deletes all memories in one step, however many there are, without reading them. Returns how many, those past their time
   * included. What is added later stays.
   */
  async clear(identity: MemoriesOf, options?: CallOptions): Promise<number> {
    const owner = readStateOf(identity);
    const { signal } = splitSignal(options, []);
    return clearAll(this.#store, owner, signal);
  }

  /** The memory, or `undefined`. CORRUPT. */
  async get(identity: MemoriesOf, id: string, options?: CallOptions): Promise<Memory | undefined> {
    const cell = memoryCell(readPlace(identity, id));
    const { signal } = splitSignal(options, []);
    const record = await this.#store.find(cell.identity, cell.kind, { signal });
    const seen = record && (await seenMemory(record));
    return seen && memoryAt(seen, this.#now());
  }

  /** The memories, those added last first. CORRUPT. */
  async read(identity: MemoriesOf, options?: ReadMemoriesOptions): Promise<MemoryPage> {
    const owner = readStateOf(identity);
    const given = readOptions(options, [
      "topics",
      "filter",
      "limit",
      "after",
      "signal",
    ]) as ReadMemoriesOptions;
    const { limit = DEFAULT_LIMIT, after } = given;
    return readNewest(this.#store, owner, this.#now, {
      isWanted: readFilter(given),
      limit: readLimit(limit, MAX_LIMIT),
      after: after === undefined ? undefined : positionIn(after),
      signal: readSignal(given),
    });
  }

  /**
   * The memories in which words of the query are found or, with `embed`, whose meaning is near to that of the query: up to 4,096
   * UTF-8 bytes of text. It sees every memory that was acknowledged before, also by another process, and none that was deleted.
   * The first search of a user reads all memories into an index in memory; later ones read what has changed.
   */
  async search(identity: MemoriesOf, query: string, options?: SearchMemoriesOptions): Promise<MemorySearch> {
    return this.#searches.search(readStateOf(identity), query, options);
  }

  /**
   * Makes vectors for memories that have none of the model in use: because `embed` failed, was not given or had another model, or
   * because they were added in a unit. The newest first. Call it again with `after` until `next` is absent. INVALID_RECORD where
   * the wrapper was made without `embed`.
   */
  async embedMissing(identity: MemoriesOf, options?: EmbedMissingOptions): Promise<EmbeddedMissing> {
    const owner = readStateOf(identity);
    const given = readOptions(options, ["limit", "after", "signal"]) as EmbedMissingOptions;
    const { limit = DEFAULT_LOOKED_AT, after } = given;
    if (this.#embedder === undefined) throw invalid("embed", "given to createMemories");
    return embedMissing(this.#store, owner, this.#embedder, {
      after: after === undefined ? undefined : positionIn(after),
      limit: readLimit(limit),
      signal: readSignal(given),
    });
  }

  /** The memories as they take part when a user is forgotten, moved or exported, and in retention. */
  get userData(): UserData {
    return {
      ...movingMemories(this.#store),
      retain: (scope, options) => retainMemories(this.#store, validateScope(scope), options),
      exportOf: (owner, options) => exportMemories(this.#store, owner, this.#now, options),
      exportedKinds: ALL,
    };
  }

  /**
   * Removes memories that are past their time, of all users and tenants that the scope covers. Of each tenant those that ended
   * first go first; tenants take turns. It costs as much as it removes, whatever else is stored. Call it again with `after` until
   * `next` is absent. OUTCOME_UNKNOWN when an answer was lost: call it again. MAINTENANCE_SCOPE_REQUIRED.
   */
  async cleanup(scope: MaintenanceScope, options?: CleanupOptions): Promise<Cleanup> {
    const index: DueIndex = {
      prefix: DUE,
      remove: (entries, damage, signal) => removeDue(this.#store, entries, damage, signal),
    };
    return cleanUpDue(this.#store, index, scope, this.#now(), options);
  }
}
