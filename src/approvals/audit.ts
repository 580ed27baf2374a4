import type { Identity, MaintenanceScope, StateStore, UserIdentity } from "../contract/store.js";
import { isReserved, tenantIdentity } from "../identity/identity.js";
import { CHUNK_SIZE } from "../lifecycle/chunks.js";
import type { Made } from "../lifecycle/declaration.js";
import { digestOfKey, pointerTo } from "../lifecycle/pointer.js";
import type { LifecycleKey, Transition } from "../lifecycle/stored.js";
import { type Cell, decodeRecord } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import { DamageLog } from "../typed/damage.js";
import { rawCell } from "../typed/moving/moved-record.js";
import type { UserMove } from "../typed/moving/user-data.js";
import { itemPrefix } from "../typed/names.js";
import { retainPages } from "../typed/retaining/retain-pages.js";
import type { Retained, RetainOptions } from "../typed/retaining/retained-data.js";
import { timeKey } from "../typed/time.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { readTime } from "../validation/fields.js";
import { readObject } from "../validation/validate.js";
import type { Approval } from "./approval.js";
import {
  type AuditEntry,
  type AuditedCall,
  CALL_CODEC,
  ENTRY_CODEC,
  entryOf,
  keyOfEntry,
  type StoredEntry,
  viewOfEntry,
} from "./audit-entry.js";
import type { StoredRequest } from "./request.js";
import { approvalOf, type StoredState } from "./stored-approval.js";
import { finish, type NewOutcome } from "./transitions.js";

type Signal = AbortSignal | undefined;

/** What the audit list keeps: all of it, everything but arguments and senders, or nothing. */
export type AuditKeeping = "all" | "without-arguments" | "off";

/** Which entries of the audit list are read. */
export interface AuditRange {
  readonly since: number | undefined;
  readonly until: number | undefined;
  readonly order: "newest" | "oldest";
  readonly after: string | undefined;
  readonly limit: number;
  readonly signal: Signal;
}

const NAME = "approval.audit";

interface Running {
  readonly decidedAt: number;
}

const RUNNING_CODEC = mappedJson<Running>({
  write: ({ decidedAt }) => ({ decidedAt }),
  read: (value) => ({
    decidedAt: readTime((readObject(value, "running") as Partial<Running>).decidedAt, "decidedAt"),
  }),
});

/**
 * What was decided, under its tenant, so that it outlives its session. An entry is written in the commit of the decision and
 * of each change after it. Arguments have records of their own that are written once.
 */
export class Audit {
  readonly #store: StateStore;
  readonly #keeping: AuditKeeping;
  readonly #entries: Collection<StoredEntry>;
  readonly #calls: Collection<AuditedCall>;
  /** Where the entry of a claimed call is: whoever reports its outcome knows no more than its id. */
  readonly #running: Collection<Running>;

  constructor(store: StateStore, keeping: AuditKeeping) {
    this.#store = store;
    this.#keeping = keeping;
    this.#entries = new Collection(store, NAME, { codec: ENTRY_CODEC });
    this.#calls = new Collection(store, "approval.audit.call", { codec: CALL_CODEC });
    this.#running = new Collection(store, "approval.running", { codec: RUNNING_CODEC });
  }

  /**
   * A transition that decides. It is marked as one whose entry is kept, for the later changes by whatever process. What
   * versions before 0.5 decided is not.
   */
  marking<C>(transition: Transition<StoredState, C>): Transition<StoredState, C> {
    return (state, moment) => {
      const now = transition(state, moment);
      const isDecided = state.decision === undefined && now.decision !== undefined;
      return isDecided && this.#keeping !== "off" ? { ...now, audited: true } : now;
    };
  }

  /** Writes the entry of a decision, or what has become of it. */
  async record(
    transaction: Transaction,
    key: LifecycleKey,
    { before, now, isRetention }: Made<StoredState, StoredRequest>,
  ): Promise<void> {
    // The list has an age of its own.
    if (now === undefined) return isRetention ? undefined : this.#remove(transaction, key, before);
    const { decision, claim, outcome, audited } = now.state;
    if (decision === undefined || audited !== true) return;
    const position = positionOf(key, decision.at);
    const tenant = tenantIdentity(key.identity.tenant);
    await transaction.set(this.#entries.at(tenant, position), entryOf(key, now));
    const running = this.#runningCell(key);
    if (claim !== undefined && before?.claim === undefined)
      await transaction.set(running, { decidedAt: decision.at });
    if (outcome !== undefined) transaction.delete(running);
    if (before?.decision !== undefined || this.#keeping !== "all") return;
    const { arguments: asked, sender } = now.content;
    await transaction.set(this.#calls.at(tenant, `${position}/asked`), {
      arguments: asked,
      ...(sender === undefined ? {} : { sender }),
    });
    const edited = now.state.edited?.arguments;
    if (edited !== undefined)
      await transaction.set(this.#calls.at(tenant, `${position}/edited`), { arguments: edited });
  }

  /**
   * Reports the outcome of a call whose session was deleted while it was under way. `undefined` where nobody knows of such a
   * call.
   */
  async finishIn(
    transaction: Transaction,
    key: LifecycleKey,
    { result: _, ...made }: NewOutcome,
    now: number,
  ): Promise<Approval | undefined> {
    const running = await transaction.get(this.#runningCell(key));
    if (running === undefined) return undefined;
    const position = positionOf(key, running.decidedAt);
    const tenant = tenantIdentity(key.identity.tenant);
    const cell = this.#entries.at(tenant, position);
    const entry = await transaction.get(cell);
    if (entry === undefined) return undefined;
    const { status } = entry.state;
    const state = finish(entry.state, made, { now, status });
    if (state !== entry.state) await transaction.set(cell, { ...entry, state });
    const call = await transaction.peek(this.#calls.at(tenant, `${position}/asked`));
    const content = { ...entry.asked, arguments: null, ...call } as StoredRequest;
    return approvalOf(key, { state, content }, state.status);
  }

  /** A page of entries, by the time of their decisions. */
  async page(
    tenant: Identity,
    { since, until, order, after, limit, signal }: AuditRange,
    now: number,
  ): Promise<{ readonly entries: readonly AuditEntry[]; readonly next?: string }> {
    const isNewest = order === "newest";
    const items = await this.#entries.list(tenant, {
      ...(since === undefined ? {} : { from: timeKey(since) }),
      ...(until === undefined ? {} : { before: timeKey(until) }),
      ...(after === undefined ? {} : { [isNewest ? "before" : "after"]: after }),
      reverse: isNewest,
      // One more than the limit shows whether there is a next page.
      limit: limit + 1,
      signal,
    });
    const page = items.slice(0, limit);
    const entries = await Promise.all(
      page.map(({ id, value }) => this.#view(tenant, id, value, now, signal)),
    );
    const next = items.length > limit ? page.at(-1)?.id : undefined;
    return next === undefined ? { entries } : { entries, next };
  }

  /**
   * Removes what was kept of arguments and senders of decisions before one time, and the entries of decisions before another.
   * Those that are under way stay.
   */
  retain(scope: MaintenanceScope, options: RetainOptions): Promise<Retained> {
    const { records: recordsBefore = -Infinity, payloads: payloadsBefore = -Infinity } = options.before;
    const before = Math.max(recordsBefore, payloadsBefore);
    if (before === -Infinity) return Promise.resolve({ payloads: 0, records: 0, kept: 0 });
    const walk = { prefixes: [itemPrefix(NAME)], before };
    return retainPages(this.#store, scope, walk, options, async (record) => {
      const entry = await decodeRecord(ENTRY_CODEC, record);
      const { state } = entry;
      const key = keyOfEntry(record.identity.tenant, entry);
      const fate = (state.decision?.at ?? before) < recordsBefore ? "record" : "payload";
      if (state.decision === undefined || (state.claim !== undefined && state.outcome === undefined))
        return undefined;
      const [own, ...calls] = this.#cellsOf(key, state) as [Cell<unknown, never>, ...Cell<unknown, never>[]];
      const { signal } = options;
      const kept = await Promise.all(
        calls.map(async (cell) => {
          const [first] = await this.#store.list(cell.identity, cell.kind, {
            limit: 1,
            bytes: false,
            signal,
          });
          return first?.kind === cell.kind ? [cell] : [];
        }),
      );
      const removed = fate === "record" ? [own, ...calls] : kept.flat();
      if (removed.length === 0) return undefined;
      if (!isReserved(key.identity.session) && (await options.isKept(key.identity))) return "kept";
      if (options.dryRun) return fate;
      const deletes = removed.map(({ identity, kind }) => ({ op: "delete", identity, kind }) as const);
      await this.#store.commit(deletes, { signal });
      return fate;
    });
  }

  /** The entries of a user as JSON, by the time of their decisions. CORRUPT at the end if some are damaged. */
  async *exportOf(user: Identity, now: number, signal: Signal): AsyncGenerator<string> {
    if (!isReserved(user.session)) return;
    const tenant = tenantIdentity(user.tenant);
    for await (const entries of this.#pagesOf(user, signal))
      for (const entry of entries) {
        const position = positionOf(keyOfEntry(user.tenant, entry), entry.state.decision?.at ?? now);
        yield JSON.stringify(await this.#view(tenant, position, entry, now, signal));
      }
  }

  /** An entry with what was kept of its call. */
  async #view(
    tenant: Identity,
    position: string,
    entry: StoredEntry,
    now: number,
    signal: Signal,
  ): Promise<AuditEntry> {
    const read = (which: string) => this.#calls.get(tenant, `${position}/${which}`, { signal });
    const [asked, edited] = await Promise.all([
      read("asked"),
      entry.state.edited === undefined ? undefined : read("edited"),
    ]);
    return viewOfEntry(tenant.tenant, entry, { asked, edited }, now);
  }

  /** Removes the entries of a user. CORRUPT at the end if some are damaged: nobody can tell whose they are. */
  async forgetUser(user: UserIdentity, signal: Signal): Promise<void> {
    for await (const entries of this.#pagesOf(user, signal)) {
      const deletes = entries
        .flatMap((entry) => this.#cellsOf(keyOfEntry(user.tenant, entry), entry.state))
        .map(({ identity, kind }) => ({ op: "delete", identity, kind }) as const);
      await this.#store.commit(deletes, { signal });
    }
  }

  /** Moves what is kept of a decided approval to another user. What is there already is newer. */
  async moveIn(
    transaction: Transaction,
    from: LifecycleKey,
    to: LifecycleKey,
    state: StoredState,
  ): Promise<void> {
    const [entry] = this.#cellsOf(from, state);
    const places = this.#cellsOf(to, state);
    for (const [index, { identity, kind }] of this.#cellsOf(from, state).entries()) {
      const place = places[index] as Cell<unknown, never>;
      const record = await transaction.getRecord(rawCell(identity, kind));
      if (record === undefined) continue;
      if ((await transaction.getRecord(place)) === undefined) {
        const value = kind === entry?.kind ? await decodeRecord(ENTRY_CODEC, record) : undefined;
        const bytes = value ? await ENTRY_CODEC.encode({ ...value, ...pointerTo(to) }) : record.bytes;
        const cell = rawCell(place.identity, place.kind, record.version);
        await transaction.write(cell, bytes, undefined, undefined, record.updatedAt);
      }
      transaction.delete(rawCell(identity, kind));
    }
  }

  /** Moves the entries of sessions that were deleted. Returns how many. CORRUPT at the end if some are damaged. */
  async moveUser(move: UserMove, signal: Signal): Promise<number> {
    let moved = 0;
    for await (const entries of this.#pagesOf({ tenant: move.tenant, user: move.from }, signal))
      for (const entry of entries) {
        const from = keyOfEntry(move.tenant, entry);
        const to = { ...from, identity: { ...from.identity, user: move.to } };
        await transact(this.#store, (transaction) => this.moveIn(transaction, from, to, entry.state), {
          signal,
          repeatable: true,
        });
        moved++;
      }
    return moved;
  }

  /** The entries of a user, some at a time. CORRUPT at the end if some are damaged. */
  async *#pagesOf({ tenant, user }: UserIdentity, signal: Signal): AsyncGenerator<StoredEntry[]> {
    const owner = tenantIdentity(tenant);
    const damage = new DamageLog();
    for (let after: string | undefined; ; ) {
      const bounds = { ...(after === undefined ? {} : { after }), reverse: false, limit: CHUNK_SIZE };
      const items = await damage.page(itemPrefix(NAME), bounds, (range) =>
        this.#entries.list(owner, { ...range, signal }),
      );
      const ofUser = items.map(({ value }) => value).filter((entry) => entry.user === user);
      if (ofUser.length > 0) yield ofUser;
      if (items.length < CHUNK_SIZE) break;
      after = items.at(-1)?.id;
    }
    damage.throwFirst();
  }

  #remove(transaction: Transaction, key: LifecycleKey, before: StoredState | undefined): void {
    for (const cell of before === undefined ? [] : this.#cellsOf(key, before)) transaction.delete(cell);
  }

  /** All slots that hold something of a decided approval. */
  #cellsOf(key: LifecycleKey, { decision, edited, claim, audited }: StoredState): Cell<unknown, never>[] {
    if (decision === undefined || audited !== true) return [];
    const tenant = tenantIdentity(key.identity.tenant);
    const position = positionOf(key, decision.at);
    return [
      this.#entries.at(tenant, position),
      this.#calls.at(tenant, `${position}/asked`),
      ...(edited === undefined ? [] : [this.#calls.at(tenant, `${position}/edited`)]),
      ...(claim === undefined ? [] : [this.#runningCell(key)]),
    ];
  }

  #runningCell(key: LifecycleKey): Cell<Running> {
    return this.#running.at(tenantIdentity(key.identity.tenant), digestOfKey(key));
  }
}

function positionOf(key: LifecycleKey, decidedAt: number): string {
  return `${timeKey(decidedAt)}.${digestOfKey(key)}`;
}
