import { withCallerStack } from "../contract/caller-stack.js";
import { describeType } from "../contract/describe-type.js";
import type { Commit, Driver, Outcome, Slot, StoredRecord } from "../contract/driver.js";
import type {
  CallOptions,
  Change,
  CloseOptions,
  CommitReceipt,
  CountOptions,
  DeleteOptions,
  EraseOptions,
  EventId,
  Identity,
  ListOptions,
  MaintenanceScope,
  NewRecord,
  RecordHeader,
  RecordKey,
  SaveOptions,
  SaveReceipt,
  ScanOptions,
  SessionIdentity,
  SessionsOptions,
  StateRecord,
  StateStore,
  StoreLimits,
  StoreStatus,
  UserIdentity,
  Watch,
  WatchOptions,
  WithoutBytes,
} from "../contract/store.js";
import {
  emitOperation,
  isObserved,
  type OperationEvent,
  type OperationFields,
} from "../diagnostics/diagnostics.js";
import { validateScope } from "../identity/scope.js";
import { processState } from "../process/process-state.js";
import { CallersPayloads } from "../queue/callers-payloads.js";
import { CommitQueue } from "../queue/commit-queue.js";
import { payloadBytes } from "../rules/payload-bytes.js";
import { CallTimes } from "../timing/call-time.js";
import { inSlices } from "../timing/in-slices.js";
import { EventLoopYield } from "../timing/yield-to-event-loop.js";
import { countRange, listRange, type Range, scanRange, sessionsRange } from "../validation/ranges.js";
import { type StoreOptions, validateStoreOptions } from "../validation/store-options.js";
import { readOptions, readSignal, validateIdentity, validateSlot } from "../validation/validate.js";
import { deleteCommit, eraseCommit, saveCommit, validateCommit } from "../validation/validate-commit.js";
import { readEventId, readKind, readPrefix } from "../validation/validate-text.js";
import { readWatchedSlots, readWatchOptions } from "../validation/validate-watch.js";
import { Watches } from "../watch/watches.js";
import { type Accepted, accepted, deletedOf, notFound } from "./accepted.js";
import { DriverReads, storeClosed } from "./driver-reads.js";
import { type Erased, Erases } from "./erases.js";
import { isLarge, openRecord, openSteps } from "./open-record.js";
import { PAGE, type PageSize, RecordScans, UNBOUNDED } from "./record-scans.js";
import { readSessions } from "./session-pages.js";
import { StoreClosing } from "./store-closing.js";
import { type StoreRuntime, steadyRuntime } from "./store-runtime.js";

/** The names of the options of each kind of call. */
const CALL_OPTIONS = ["signal"];
const WRITE_OPTIONS = ["signal", "expect"];
const COUNT_OPTIONS = ["signal", "from", "after", "before", "limit"];
const LIST_OPTIONS = [...COUNT_OPTIONS, "reverse", "bytes"];
const SCAN_OPTIONS = ["signal", "after", "limit", "bytes"];
const SESSIONS_OPTIONS = ["signal", "prefix", "after", "limit"];
const ERASE_OPTIONS = ["signal", "prefix", "ownState"];

/** Makes a StateStore of a driver. TypeError if `driver` is not one, for example a promise of one. */
export function createStore(driver: Driver, options: StoreOptions = {}, runtime?: StoreRuntime): StateStore {
  if (typeof driver?.apply !== "function")
    throw new TypeError(`createStore needs a driver, not ${describeType(driver)}`);
  const store = new DriverStore(driver, options, runtime);
  processState.bareDrivers.set(store, driver);
  return store;
}

/** Resolves when the layers and the driver of a store that `createStore` made have found that they can work. */
export const readyStore = (store: StateStore): Promise<void> => DriverStore.ready(store);

class DriverStore implements StateStore {
  readonly limits: StoreLimits;
  readonly #driver: Driver;
  readonly #queue: CommitQueue;
  readonly #now: () => number;
  readonly #reads: DriverReads;
  readonly #scans: RecordScans;
  readonly #erases: Erases;
  readonly #watches: Watches;
  readonly #closing: StoreClosing;

  /** Resolves when the layers and the driver of the store have found that they can work. */
  static async ready(store: StateStore): Promise<void> {
    if (store instanceof DriverStore) await store.#driver.ready?.();
  }

  constructor(driver: Driver, options: StoreOptions, runtime: StoreRuntime | undefined) {
    const { limits, inFlight, layers, room, waitMs } = validateStoreOptions(options, driver.inFlight);
    this.#driver = layers.reduceRight<Driver>((inner, layer) => layer(inner), driver);
    const times = new CallTimes(waitMs, this.#driver.timeoutMs ?? driver.timeoutMs);
    const eventLoop = new EventLoopYield(runtime?.elapsed);
    const steady = steadyRuntime(runtime, eventLoop);
    this.#now = steady.now;
    const oneTenant = this.#driver.batchesOneTenant ?? driver.batchesOneTenant ?? false;
    this.#queue = new CommitQueue(this.#driver, {
      inFlight,
      oneTenant,
      window: limits.idempotencyWindowMs,
      room,
      times,
      // Watches see a commit before its caller goes on. Whatever its outcome: an unknown one may have written.
      onSettled: (commit) => this.#watches.committed(commit),
      ...steady,
    });
    this.#reads = new DriverReads(this.#driver, times, eventLoop, {
      inFlight: driver.readsInFlight,
      oneTenant,
    });
    this.#scans = new RecordScans(this.#driver, this.#reads);
    this.#erases = new Erases(this.#driver, this.#queue, times);
    this.#watches = new Watches({
      read: async (slot) => {
        const record = await this.#reads.readSlot(slot, undefined);
        return record && this.#open(record, slot, undefined);
      },
      readEventIds: (slots) => this.#reads.readEventIds(slots),
      oneTenant,
      changeCounter: this.#reads.changeCounter,
      changes: this.#driver.changes,
    });
    const parts = [this.#watches, this.#queue, this.#reads, this.#erases];
    this.#closing = new StoreClosing(this.#driver, parts);
    this.limits = limits;
  }

  save(record: NewRecord, options?: SaveOptions): Promise<SaveReceipt> {
    let commit: ReturnType<typeof saveCommit>;
    return this.#inTwoSteps(
      "save",
      (fields) => {
        const given = this.#beginCall(options, WRITE_OPTIONS);
        commit = saveCommit(record, given.options, this.#limits());
        return this.#write(commit, given.signal, fields);
      },
      (outcome, fields) => {
        const { is } = acceptedWrite(commit, outcome, fields);
        return { eventId: commit.writes[0].record.eventId, duplicate: is === "duplicate" };
      },
    );
  }

  load(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord> {
    return this.#find("load", identity, kind, options, noRecord);
  }

  find(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord | undefined> {
    return this.#find("find", identity, kind, options, noValue);
  }

  loadByEventId(identity: Identity, eventId: EventId, options?: CallOptions): Promise<StateRecord> {
    return this.#observed("loadByEventId", async (fields) => {
      const { signal } = this.#beginCall(options, CALL_OPTIONS);
      const { tenant, user, session } = validateIdentity(identity);
      const id = readEventId(eventId);
      const record = await this.#reads.readByEventId({ tenant, user, session }, id, signal);
      // To any other user or session the record does not exist, so not even its damage may show.
      if (!record || record.user !== user || record.session !== session) {
        return notFound("no current record of this session has this event id");
      }
      return this.#open(record, { tenant, eventId: id }, fields);
    });
  }

  delete(identity: Identity, kind: string, options?: DeleteOptions): Promise<boolean> {
    return this.#observed("delete", async (fields) => {
      const given = this.#beginCall(options, WRITE_OPTIONS);
      const commit = deleteCommit(identity, kind, given.options);
      const outcome = acceptedWrite(commit, await this.#write(commit, given.signal, fields), fields);
      return outcome.is === "applied" && outcome.existed[0] === true;
    });
  }

  commit(changes: readonly Change[], options?: CallOptions): Promise<CommitReceipt> {
    return this.#observed("commit", async (fields) => {
      const { signal } = this.#beginCall(options, CALL_OPTIONS);
      const commit = validateCommit(changes, this.#limits());
      const { duplicate, ...counts } = await this.#commit(commit, signal, fields);
      const saves = commit.writes.filter((write) => write.op === "save");
      return {
        duplicate,
        receipts: saves.map(({ record }) => ({ eventId: record.eventId, duplicate })),
        ...counts,
      };
    });
  }

  list(identity: Identity, kindPrefix: string, options: WithoutBytes<ListOptions>): Promise<RecordHeader[]>;
  list(identity: Identity, kindPrefix: string, options?: ListOptions): Promise<StateRecord[]>;
  list(
    identity: Identity,
    kindPrefix: string,
    options?: ListOptions | WithoutBytes<ListOptions>,
  ): Promise<RecordHeader[]> {
    return this.#observed("list", async (fields) => {
      const given = this.#beginCall(options, LIST_OPTIONS);
      const owner = validateIdentity(identity);
      const prefix = readPrefix(kindPrefix);
      const query = { tenant: owner.tenant, identity: owner, prefix, ...listRange(owner, given.options) };
      return this.#scan(query, UNBOUNDED, given.signal, fields);
    });
  }

  count(identity: Identity, kindPrefix: string, options?: CountOptions): Promise<number> {
    return this.#observed("count", async (fields) => {
      const given = this.#beginCall(options, COUNT_OPTIONS);
      const owner = validateIdentity(identity);
      const prefix = readPrefix(kindPrefix);
      const records = await this.#scans.count(
        { identity: owner, prefix, ...countRange(owner, given.options) },
        given.signal,
      );
      if (fields) fields.records = records;
      return records;
    });
  }

  listKind(
    scope: MaintenanceScope,
    kindPrefix: string,
    options: WithoutBytes<ScanOptions>,
  ): Promise<RecordHeader[]>;
  listKind(scope: MaintenanceScope, kindPrefix: string, options?: ScanOptions): Promise<StateRecord[]>;
  listKind(
    scope: MaintenanceScope,
    kindPrefix: string,
    options?: ScanOptions | WithoutBytes<ScanOptions>,
  ): Promise<RecordHeader[]> {
    return this.#observed("listKind", async (fields) => {
      const given = this.#beginCall(options, SCAN_OPTIONS);
      const { tenant } = validateScope(scope);
      const prefix = readKind(kindPrefix, "kindPrefix");
      const query = { ...(tenant === undefined ? {} : { tenant }), prefix, ...scanRange(given.options) };
      return this.#scan(query, PAGE, given.signal, fields);
    });
  }

  listSessions(user: UserIdentity, options?: SessionsOptions): Promise<SessionIdentity[]> {
    return this.#observed("listSessions", async () => {
      const given = this.#beginCall(options, SESSIONS_OPTIONS);
      const range = sessionsRange(user, given.options);
      return this.#reads.track(readSessions(this.#driver, this.#reads, range, given.signal));
    });
  }

  erase(identity: Identity, options?: EraseOptions): Promise<number> {
    return this.#observed("erase", async (fields) => {
      const { options: given, signal } = this.#beginCall(options, ERASE_OPTIONS);
      const commit = eraseCommit(identity, given);
      this.#throwIfClosed();
      signal?.throwIfAborted();
      const { erased } = await this.#commitErases(commit, signal);
      const [records = 0] = erased;
      if (fields) fields.records = records;
      return records;
    });
  }

  watch(places: readonly RecordKey[], options?: WatchOptions): Watch {
    this.#throwIfClosed();
    const settings = readWatchOptions(options);
    const slots = readWatchedSlots(places);
    // A getter among the arguments may have closed the store.
    this.#throwIfClosed();
    return this.#watches.open(slots, settings);
  }

  status(): StoreStatus {
    return { writes: this.#queue.depth, reads: this.#reads.depth };
  }

  close(options?: CloseOptions): Promise<void> {
    return this.#observed("close", async () => this.#closing.close(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #observed<T>(
    operation: OperationEvent["operation"],
    work: (fields?: OperationFields) => Promise<T>,
  ): Promise<T> {
    return this.#inTwoSteps(operation, work, same);
  }

  /** `#observed` for work in two steps, with one promise for both: small calls spend much of their time on promises. */
  async #inTwoSteps<A, T>(
    operation: OperationEvent["operation"],
    ask: (fields?: OperationFields) => Promise<A>,
    answer: (given: A, fields?: OperationFields) => T | Promise<T>,
  ): Promise<T> {
    try {
      if (isObserved())
        return await emitOperation(operation, this.#driver.name, async (fields) =>
          answer(await ask(fields), fields),
        );
      const result = answer(await ask());
      return result instanceof Promise ? await result : result;
    } catch (error) {
      throw withCallerStack(error);
    }
  }

  /** Every operation starts with this. */
  #beginCall(
    options: object | undefined,
    known: readonly string[],
  ): { options: object; signal: AbortSignal | undefined } {
    this.#throwIfClosed();
    const given = readOptions(options, known);
    return { options: given, signal: readSignal(given) };
  }

  /** Called again after all arguments were read: a getter among them may have closed the store. */
  #throwIfClosed(): void {
    if (this.#closing.hasBegun) throw storeClosed();
  }

  #limits(): { maxBytes: number; now: number } {
    return { maxBytes: this.limits.maxBytes, now: this.#now() };
  }

  async #commit(
    commit: Commit,
    signal: AbortSignal | undefined,
    fields: OperationFields | undefined,
  ): Promise<Omit<CommitReceipt, "receipts">> {
    if (!commit.writes.some(({ op }) => op === "erase")) {
      const outcome = acceptedWrite(commit, await this.#write(commit, signal, fields), fields);
      return { duplicate: outcome.is === "duplicate", ...deletedOf(commit, outcome) };
    }
    this.#beginWrite(commit, signal, fields);
    const made = await this.#commitErases(commit, signal, new CallersPayloads(commit));
    const records = made.erased.reduce((sum, count) => sum + count, 0);
    if (fields) Object.assign(fields, { duplicate: made.duplicate, records });
    return made;
  }

  /** Watches see it as they see every write. */
  #commitErases(
    commit: Commit,
    signal: AbortSignal | undefined,
    payloads?: CallersPayloads,
  ): Promise<Erased> {
    return this.#erases.commit(commit, signal, payloads).finally(() => this.#watches.committed(commit));
  }

  #write(
    commit: Commit,
    signal: AbortSignal | undefined,
    fields: OperationFields | undefined,
  ): Promise<Outcome> {
    this.#beginWrite(commit, signal, fields);
    return this.#queue.commit(commit, signal, new CallersPayloads(commit));
  }

  /** Every validated write starts with this. */
  #beginWrite(commit: Commit, signal: AbortSignal | undefined, fields: OperationFields | undefined): void {
    this.#throwIfClosed();
    signal?.throwIfAborted();
    if (fields) Object.assign(fields, { changes: commit.writes.length, bytes: payloadBytes(commit) });
  }

  #find<T>(
    operation: "load" | "find",
    identity: Identity,
    kind: string,
    options: CallOptions | undefined,
    otherwise: () => T,
  ): Promise<StateRecord | T> {
    let slot: Slot;
    return this.#inTwoSteps(
      operation,
      () => {
        const { signal } = this.#beginCall(options, CALL_OPTIONS);
        slot = validateSlot(identity, kind);
        return this.#reads.readSlot(slot, signal);
      },
      (record, fields) => {
        if (record) return this.#open(record, slot, fields);
        if (fields) fields.records = 0;
        return otherwise();
      },
    );
  }

  /** A promise only if the record is large, since every load waits for this. */
  #open(
    record: StoredRecord,
    expected: Partial<StoredRecord>,
    fields: OperationFields | undefined,
  ): StateRecord | Promise<StateRecord> {
    const isUnshared = this.#driver.returnsUnsharedBytes;
    return isLarge(record)
      ? inSlices(openSteps(record, expected, isUnshared)).then((opened) => counted(opened, fields))
      : counted(openRecord(record, expected, isUnshared), fields);
  }

  async #scan(
    range: Range,
    page: PageSize,
    signal: AbortSignal | undefined,
    fields: OperationFields | undefined,
  ): Promise<RecordHeader[]> {
    if (range.bytes === false) {
      const headers = await this.#scans.headers(range, page, signal);
      if (fields) fields.records = headers.length;
      return headers;
    }
    const records = await this.#scans.records(range, page, signal);
    if (fields) countRecords(fields, records);
    return records;
  }
}

function same<T>(value: T): T {
  return value;
}

function acceptedWrite(commit: Commit, outcome: Outcome, fields: OperationFields | undefined): Accepted {
  const made = accepted(commit, outcome);
  if (fields) fields.duplicate = made.is === "duplicate";
  return made;
}

function noValue(): undefined {}

function noRecord(): never {
  return notFound("nothing is stored under this identity and kind");
}

function counted(opened: StateRecord, fields: OperationFields | undefined): StateRecord {
  if (fields) countRecords(fields, [opened]);
  return opened;
}

function countRecords(fields: OperationFields, records: readonly StateRecord[]): void {
  const bytes = records.reduce((sum, record) => sum + record.bytes.byteLength, 0);
  Object.assign(fields, { records: records.length, bytes });
}
