import { askDriver } from "./ask-driver.js";
import { CommitQueue } from "./commit-queue.js";
import type {
  CallOptions,
  Change,
  CloseOptions,
  CommitReceipt,
  DeleteOptions,
  EventId,
  Identity,
  ListOptions,
  MaintenanceScope,
  NewRecord,
  SaveOptions,
  SaveReceipt,
  ScanOptions,
  SessionIdentity,
  StateRecord,
  StateStore,
} from "./contract.js";
import { slotOf } from "./decide.js";
import type { Commit, Driver, Outcome, Slot, Write } from "./driver.js";
import { DriverReads, PAGE, type Range, storeClosed, UNBOUNDED } from "./driver-reads.js";
import { invalid, StateError } from "./errors.js";
import { identityOf } from "./identity.js";
import { openRecord } from "./open-record.js";
import { settlesWithin } from "./patience.js";
import { validateScope } from "./scope.js";
import { type StoreOptions, validateStoreOptions } from "./store-options.js";
import {
  readInteger,
  readLimit,
  readOptions,
  readPlace,
  readSignal,
  validateIdentity,
  validateSessionIdentity,
  validateSlot,
} from "./validate.js";
import { deleteCommit, saveCommit, validateCommit } from "./validate-commit.js";
import { readEventId, readKind, readPrefix } from "./validate-text.js";

/** What a store takes from the process; tests bring their own. */
export interface StoreRuntime {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Runs the function soon, after the callers that are about to ask for more have done so. */
  readonly schedule: (pump: () => void) => void;
}

/** The options of each kind of call. */
const CALL = ["signal"];
const WRITE = ["signal", "expect"];
const LIST = ["signal", "after", "before", "limit", "reverse"];
const SCAN = ["signal", "after", "limit"];
const CLOSE = ["signal", "timeoutMs"];

const RUNTIME: StoreRuntime = { now: Date.now, schedule: setImmediate };
const CLOSE_MS = 10_000;
const MOST_MS = 2 ** 31 - 1;

/** Makes a StateStore of a driver. */
export function createStore(
  driver: Driver,
  options: StoreOptions = {},
  runtime: StoreRuntime = RUNTIME,
): StateStore {
  return new DriverStore(driver, options, runtime);
}

class DriverStore implements StateStore {
  readonly #driver: Driver;
  readonly #queue: CommitQueue;
  readonly #runtime: StoreRuntime;
  readonly #maxBytes: number;
  readonly #reads: DriverReads;
  #closing: Promise<void> | undefined;

  constructor(driver: Driver, options: StoreOptions, runtime: StoreRuntime) {
    const { maxBytes, window, inFlight, layers } = validateStoreOptions(options, driver.inFlight);
    this.#driver = layers.reduceRight<Driver>((inner, layer) => layer(inner), driver);
    this.#queue = new CommitQueue(this.#driver, {
      inFlight,
      window,
      ...runtime,
    });
    this.#reads = new DriverReads(this.#driver);
    this.#runtime = runtime;
    this.#maxBytes = maxBytes;
  }

  async save(record: NewRecord, options?: SaveOptions): Promise<SaveReceipt> {
    const given = this.#enter(options, WRITE);
    const commit = saveCommit(record, given.options, this.#limits());
    const outcome = accepted(commit, await this.#submit(commit, given.signal));
    return { eventId: commit.writes[0].record.eventId, duplicate: outcome.is === "duplicate" };
  }

  async load(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord> {
    const { signal } = this.#enter(options, CALL);
    const slot = validateSlot(identity, kind);
    const record = await this.#reads.slot(slot, signal);
    return record
      ? openRecord(record, slot, this.#driver.handsOver)
      : notFound("nothing is stored under this identity and kind");
  }

  async find(identity: Identity, kind: string, options?: CallOptions): Promise<StateRecord | undefined> {
    const { signal } = this.#enter(options, CALL);
    const slot = validateSlot(identity, kind);
    const record = await this.#reads.slot(slot, signal);
    return record ? openRecord(record, slot, this.#driver.handsOver) : undefined;
  }

  async loadByEventId(identity: Identity, eventId: EventId, options?: CallOptions): Promise<StateRecord> {
    const { signal } = this.#enter(options, CALL);
    const { tenant, user, session } = validateIdentity(identity);
    const id = readEventId(eventId);
    const record = await this.#reads.event(tenant, id, signal);
    // Read as another's, a record must look as if it did not exist: not even its damage may show.
    if (!record || record.user !== user || record.session !== session) {
      return notFound("no current record of this session has this event id");
    }
    return openRecord(record, { tenant, eventId: id }, this.#driver.handsOver);
  }

  async delete(identity: Identity, kind: string, options?: DeleteOptions): Promise<boolean> {
    const given = this.#enter(options, WRITE);
    const commit = deleteCommit(identity, kind, given.options);
    const outcome = accepted(commit, await this.#submit(commit, given.signal));
    return outcome.is === "applied" && outcome.existed[0] === true;
  }

  async commit(changes: readonly Change[], options?: CallOptions): Promise<CommitReceipt> {
    const { signal } = this.#enter(options, CALL);
    const commit = validateCommit(changes, this.#limits());
    const duplicate = accepted(commit, await this.#submit(commit, signal)).is === "duplicate";
    const saves = commit.writes.filter((write) => write.op === "save");
    return { duplicate, receipts: saves.map(({ record }) => ({ eventId: record.eventId, duplicate })) };
  }

  async list(identity: Identity, kindPrefix: string, options?: ListOptions): Promise<StateRecord[]> {
    const given = this.#enter(options, LIST);
    const owner = validateIdentity(identity);
    const prefix = readPrefix(kindPrefix);
    const query = { tenant: owner.tenant, identity: owner, prefix, ...listRange(owner, given.options) };
    return this.#reads.scan(query, UNBOUNDED, given.signal);
  }

  async listKind(scope: MaintenanceScope, kindPrefix: string, options?: ScanOptions): Promise<StateRecord[]> {
    const given = this.#enter(options, SCAN);
    const { tenant } = validateScope(scope);
    const prefix = readKind(kindPrefix, "kindPrefix");
    const query = { ...(tenant === undefined ? {} : { tenant }), prefix, ...scanRange(given.options) };
    return this.#reads.scan(query, PAGE, given.signal);
  }

  async erase(identity: SessionIdentity, options?: CallOptions): Promise<number> {
    const { signal } = this.#enter(options, CALL);
    const { tenant, user, session } = validateSessionIdentity(identity);
    this.#refuseWhenClosed();
    signal?.throwIfAborted();
    return this.#queue.erase(tenant, user, session, signal);
  }

  async close(options?: CloseOptions): Promise<void> {
    const given = readOptions(options, CLOSE);
    const signal = readSignal(given);
    const timeoutMs = "timeoutMs" in given ? readInteger(given.timeoutMs, "timeoutMs", 0, MOST_MS) : CLOSE_MS;
    this.#closing ??= this.#shutdown(timeoutMs, signal);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** What every operation does first. */
  #enter(
    options: object | undefined,
    known: readonly string[],
  ): { options: object; signal: AbortSignal | undefined } {
    this.#refuseWhenClosed();
    const given = readOptions(options, known);
    return { options: given, signal: readSignal(given) };
  }

  /** Asked again once all arguments were read: a getter among them may have closed the store. */
  #refuseWhenClosed(): void {
    if (this.#closing !== undefined) throw storeClosed();
  }

  #limits(): { maxBytes: number; now: number } {
    return { maxBytes: this.#maxBytes, now: this.#runtime.now() };
  }

  #submit(commit: Commit, signal: AbortSignal | undefined): Promise<Outcome> {
    this.#refuseWhenClosed();
    signal?.throwIfAborted();
    return this.#queue.commit(commit, signal);
  }

  async #shutdown(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const finished = Promise.all([this.#queue.idle(), this.#reads.finished()]);
    if (!(await settlesWithin(finished, timeoutMs, signal))) this.#queue.abandon();
    this.#reads.stop();
    const released = askDriver(() => this.#driver.close(), "the driver failed to close");
    if (await settlesWithin(released, CLOSE_MS, undefined)) return released;
    throw new StateError("UNAVAILABLE", "the driver did not release its resources in time", {
      details: { reason: "unreachable" },
    });
  }
}

function listRange(
  owner: Omit<Slot, "kind">,
  options: ListOptions,
): Pick<Range, "reverse" | "limit" | "after" | "before"> {
  const { reverse = false } = options;
  if (typeof reverse !== "boolean" || ("reverse" in options && options.reverse === undefined)) {
    throw invalid("reverse", "true or false");
  }
  return {
    reverse,
    ...("limit" in options ? { limit: readLimit(options.limit) } : {}),
    ...("after" in options ? { after: { ...owner, kind: readKind(options.after, "after") } } : {}),
    ...("before" in options ? { before: { ...owner, kind: readKind(options.before, "before") } } : {}),
  };
}

function scanRange(options: ScanOptions): Pick<Range, "reverse" | "limit" | "after"> {
  return {
    reverse: false,
    ...("limit" in options ? { limit: readLimit(options.limit) } : {}),
    ...("after" in options ? { after: readPlace(options.after, "after") } : {}),
  };
}

/** The outcome of a commit that took effect, now or when it was made before. */
function accepted(
  commit: Commit,
  outcome: Outcome,
): Extract<Outcome, { readonly is: "applied" | "duplicate" }> {
  if (outcome.is === "applied" || outcome.is === "duplicate") return outcome;
  throw refusal(commit, outcome);
}

function refusal(
  commit: Commit,
  outcome: Extract<Outcome, { is: "conflict" | "condition" | "failed" }>,
): StateError {
  if (outcome.is === "failed") return outcome.error;
  const change = outcome.write;
  if (outcome.is === "conflict") {
    return new StateError(
      "IDEMPOTENCY_CONFLICT",
      `change ${change}: its event id already stands for another write; a new write needs a new event id`,
      { details: { change } },
    );
  }
  const slot = slotOf(commit.writes[change] as Write);
  const { current } = outcome;
  const found = current === null ? "the slot is empty" : "the slot holds another event";
  return new StateError("CONDITION_FAILED", `change ${change}: ${found}`, {
    details: { change, identity: identityOf(slot), kind: slot.kind, current },
  });
}

function notFound(message: string): never {
  throw new StateError("NOT_FOUND", message, { details: {} });
}
