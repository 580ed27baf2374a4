import { removeAbandoned } from "../../content/abandoned.js";
import { type CleanupOptions, readCleanup } from "../../content/cleanup-options.js";
import { CountedContent } from "../../content/counted-content.js";
import { FIRST_TURN, removeInTurns } from "../../content/due-in-turns.js";
import { joined } from "../../content/joined.js";
import { recordsUnder } from "../../content/paging.js";
import { digestOfSource } from "../../content/source-digest.js";
import type {
  CallOptions,
  MaintenanceScope,
  RecordHeader,
  SessionIdentity,
  StateRecord,
  StateStore,
} from "../../contract/store.js";
import { validateScope } from "../../identity/scope.js";
import { copySession, decodeRecord, readStore } from "../../typed/cell.js";
import { findCell } from "../../typed/cell-operations.js";
import { DamageLog } from "../../typed/damage.js";
import { exportEach } from "../../typed/exporting/export-each.js";
import { InputReader } from "../../typed/input-reader.js";
import type { UserData } from "../../typed/moving/user-data.js";
import { readScopedId } from "../../typed/names.js";
import { perform } from "../../typed/operation.js";
import { type Clock, readClock } from "../../typed/time.js";
import { Unit } from "../../typed/together/unit.js";
import { readNamed } from "../../validation/validate.js";
import { exportedContent } from "../exporting.js";
import { readCall } from "../input.js";
import { ResultsInUnit } from "./in-unit.js";
import { readNewResult, readResultList } from "./input.js";
import { noSuchResult, ResultOperations } from "./operations.js";
import type {
  ListResultsOptions,
  NewResult,
  Result,
  ResultInfo,
  ResultPage,
  ResultReceipt,
  ResultsOptions,
} from "./result.js";
import { retainResults } from "./retaining.js";
import {
  DUE,
  DUE_CODEC,
  RESULT_CODEC,
  RESULT_CONTENT,
  RESULTS,
  requireResult,
  resultCell,
  resultInfoOf,
  type StoredResult,
} from "./stored-result.js";

/**
 * Results of tool calls that are too large to show a model: it gets a preview and a reference, by which a tool reads more.
 *
 * The identity is that of a session; the session need not exist. What has expired is not found, whether `cleanup` has removed
 * it or not. Every method rejects with the errors of the store.
 */
export class Results {
  readonly #store: StateStore;
  readonly #now: Clock;
  readonly #operations: ResultOperations;
  /** Where the last `cleanup` of all tenants ended. */
  readonly #turns = { position: FIRST_TURN };

  /** @internal */
  constructor(store: StateStore, options: ResultsOptions = {}) {
    readNamed(options, "options", ["clock", "redact"]);
    this.#store = readStore(store);
    this.#now = readClock(options);
    this.#operations = new ResultOperations(this.#store, this.#now, new InputReader(options, "results"));
    Object.freeze(this);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): ResultsInUnit {
    return new ResultsInUnit(Unit.check(unit, this.#store), this.#store, this.#operations);
  }

  /**
   * Puts a result. With an `id` it is put once: the same call again is a duplicate, other content, tool, type or metadata is
   * IDEMPOTENCY_CONFLICT, and NOT_FOUND one that was deleted or has expired since, within the store's idempotency window.
   */
  async put(identity: SessionIdentity, result: NewResult, options?: CallOptions): Promise<ResultReceipt> {
    const input = readNewResult(
      identity,
      result,
      CountedContent.smallBytes(this.#store),
      this.#operations.inputs,
    );
    const call = readCall(options);
    const { owner, id, isOwnId, source } = input;
    const earlier = isOwnId ? await this.#stored(owner, id, call) : undefined;
    if (earlier !== undefined)
      return this.#operations.requireSame(earlier, input, await digestOfSource(source, call));
    const content = this.#operations.content(owner);
    const taken = await content.take(source, call);
    try {
      const receipt = (await perform(this.#store, this.#operations.put(input, taken), call)).result;
      if (receipt.duplicate && taken.isUploaded) await content.drop(taken);
      return receipt;
    } catch (error) {
      if (taken.isUploaded) await content.drop(taken);
      throw error;
    }
  }

  /** The results as they take part when a user is exported, and in retention. They move and go with their sessions. */
  get userData(): UserData {
    return {
      name: "results",
      retain: (scope, options) => retainResults(this.#store, this.#operations, scope, options),
      exportOf: (owner, options) => {
        const itemsOf = ({ kind }: RecordHeader) => this.#exported(owner, kind, options);
        return exportEach(this.#store, { owner, prefix: RESULTS, itemsOf }, options);
      },
      exportedKinds: [RESULTS, "result."],
    };
  }

  /** What is known of a result, with its preview. NOT_FOUND, CORRUPT. */
  async stat(identity: SessionIdentity, id: string, options?: CallOptions): Promise<ResultInfo> {
    return resultInfoOf(await this.#require(copySession(identity), id, readCall(options)));
  }

  /** The result with its content. NOT_FOUND, CORRUPT. */
  async get(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Result> {
    const found = await this.find(identity, id, options);
    if (found === undefined) throw noSuchResult();
    return found;
  }

  /** The result with its content, or `undefined`. CORRUPT. */
  async find(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Result | undefined> {
    const owner = copySession(identity);
    const call = readCall(options);
    const found = await this.#find(owner, readScopedId(id, "id"), call);
    if (found === undefined) return undefined;
    const bytes = await joined(this.#read(owner, found, call), found.content.size);
    return { ...resultInfoOf(found), bytes };
  }

  /** The content in pieces of up to a mebibyte, checked like that of an artifact. NOT_FOUND, CORRUPT. */
  async *stream(
    identity: SessionIdentity,
    id: string,
    options?: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const owner = copySession(identity);
    const call = readCall(options);
    yield* this.#read(owner, await this.#require(owner, id, call), call);
  }

  /** The results of a session that have not expired, in the order of their references. CORRUPT. */
  async list(identity: SessionIdentity, options?: ListResultsOptions): Promise<ResultPage> {
    const owner = copySession(identity);
    const { after, limit, signal } = readResultList(options);
    const range = after === undefined ? {} : { after: resultCell(owner, after).kind };
    const results: ResultInfo[] = [];
    for await (const page of recordsUnder(this.#store, owner, RESULTS, { ...range, signal }))
      for (const record of page) {
        const found = requireResult(record, await decodeRecord(RESULT_CODEC, record));
        if (this.#operations.isOver(found)) continue;
        if (results.length === limit) return { results, next: results.at(-1)?.id as string };
        results.push(resultInfoOf(found));
      }
    return { results };
  }

  /** Deletes a result. Returns whether there was one. CORRUPT. */
  async delete(identity: SessionIdentity, id: string, options?: CallOptions): Promise<boolean> {
    const owner = copySession(identity);
    const operation = this.#operations.remove(owner, readScopedId(id, "id"), { ifOver: false });
    return (await perform(this.#store, operation, readCall(options))).result;
  }

  /**
   * Removes results that have expired, and what puts and deletions that were cut off have left. Of each tenant the oldest
   * result goes first; tenants take turns, also from one call to the next, so that one with many holds up no other. Both are
   * found by an index of their own. Returns how many were removed; call it again if that is the `limit`. What is damaged is
   * passed over, and the first damage is thrown as CORRUPT.
   */
  async cleanup(scope: MaintenanceScope, options?: CleanupOptions): Promise<number> {
    const { abandonedMs, limit, signal } = readCleanup(options);
    const damage = new DamageLog();
    const isOfAll = validateScope(scope).tenant === undefined;
    const position = isOfAll ? this.#turns.position : FIRST_TURN;
    const { removed, next } = await removeInTurns(
      this.#store,
      scope,
      {
        prefix: DUE,
        until: this.#now(),
        remove: (entries) => this.#removeAllDue(entries, damage, { signal }),
      },
      { limit, position, damage, signal },
    );
    if (isOfAll) this.#turns.position = next ?? FIRST_TURN;
    if (removed === limit) return removed;
    damage.throwFirst();
    const rest = { abandonedMs, limit: limit - removed, signal };
    return removed + (await removeAbandoned(this.#store, scope, RESULT_CONTENT, this.#now, rest));
  }

  async #removeAllDue(
    entries: readonly StateRecord[],
    damage: DamageLog,
    call: CallOptions,
  ): Promise<number> {
    let removed = 0;
    for (const entry of entries) removed += (await damage.skipIfDamaged(this.#removeDue(entry, call))) ?? 0;
    return removed;
  }

  /** Returns how many were removed: one. */
  async #removeDue(entry: StateRecord, call: CallOptions): Promise<number> {
    const id = await decodeRecord(DUE_CODEC, entry);
    const operation = this.#operations.remove(entry.identity, id, { ifOver: true });
    const { result: isRemoved } = await perform(this.#store, operation, call);
    // It points at nothing: its result was removed by the application itself.
    if (!isRemoved) await this.#store.delete(entry.identity, entry.kind, call);
    return 1;
  }

  /** A result that has not expired, with its content. */
  async *#exported(owner: SessionIdentity, kind: string, options: CallOptions): AsyncGenerator<object> {
    const record = await this.#store.find(owner, kind, options);
    if (record === undefined) return;
    const found = requireResult(record, await decodeRecord(RESULT_CODEC, record));
    if (this.#operations.isOver(found)) return;
    yield* exportedContent(resultInfoOf(found), { id: found.id }, this.#read(owner, found, options));
  }

  #read(
    owner: SessionIdentity,
    { id, content }: StoredResult,
    options: CallOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    return this.#operations.content(owner).readFor(resultCell(owner, id), content, noSuchResult, options);
  }

  async #require(owner: SessionIdentity, id: string, options: CallOptions): Promise<StoredResult> {
    const found = await this.#find(owner, readScopedId(id, "id"), options);
    if (found === undefined) throw noSuchResult();
    return found;
  }

  async #find(owner: SessionIdentity, id: string, options: CallOptions): Promise<StoredResult | undefined> {
    const found = await this.#stored(owner, id, options);
    return found === undefined || this.#operations.isOver(found) ? undefined : found;
  }

  /** Also one that has expired. */
  async #stored(owner: SessionIdentity, id: string, options: CallOptions): Promise<StoredResult | undefined> {
    const cell = resultCell(owner, id);
    const found = await findCell(this.#store, cell, options);
    return found && requireResult(cell, found.value);
  }
}
