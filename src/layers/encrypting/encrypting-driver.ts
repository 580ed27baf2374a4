import type {
  ApplyOptions,
  CallLimit,
  Commit,
  Driver,
  Outcome,
  ScanPage,
  ScanQuery,
  Slot,
  StoredRecord,
  Write,
} from "../../contract/driver.js";
import { isStateError, StateError } from "../../contract/errors.js";
import { recordKeyOf } from "../../identity/identity.js";
import { newEventId } from "../../process/event-id.js";
import { CommitSealer, isStale, runSteps, type Sealed } from "./commit-sealer.js";
import { type DataKey, type DataKeys, nameOf, type Ring } from "./data-keys.js";
import type { KeyEncryptionKeys } from "./key-encryption-keys.js";
import { keyMissing } from "./key-error.js";
import { isOwn, type Scope, scopeSlot, tenantScope } from "./own-records.js";
import { keyIdOf, unsealRecordSteps } from "./sealed-payload.js";
import { checkKeys } from "./store-keys.js";

type ScanLimit = Parameters<Driver["scan"]>[1];

/** How often a commit is sealed again whose key was rotated or destroyed meanwhile. */
const ATTEMPTS = 10;
/** How often records are read again whose keys are gone. */
const READS = 3;
const DUPLICATE: Outcome = { is: "duplicate" };

interface EncryptingParts {
  readonly keks: KeyEncryptionKeys;
  readonly keys: DataKeys;
  readonly readsUnsealed: boolean;
}

/** Seals what goes to a driver, and opens what comes from it. */
export class EncryptingDriver {
  readonly inner: Driver;
  readonly keys: DataKeys;
  readonly #keks: KeyEncryptionKeys;
  readonly #sealer: CommitSealer;
  /** Payloads that are not sealed are read as they are. */
  readonly #readsUnsealed: boolean;
  #checked: Promise<void> | undefined;

  constructor(inner: Driver, { keks, keys, readsUnsealed }: EncryptingParts) {
    this.inner = inner;
    this.keys = keys;
    this.#keks = keks;
    this.#readsUnsealed = readsUnsealed;
    this.#sealer = new CommitSealer(keys);
  }

  /** Rejects with KEY_UNAVAILABLE where a key is missing or wrong. */
  ready(): Promise<void> {
    this.#checked ??= checkKeys(this.inner, this.#keks).catch((error) => {
      // A key service may answer the next time.
      this.#checked = undefined;
      throw error;
    });
    return this.#checked;
  }

  /** The driver that the store gets. What has nothing to do with payloads is the inner driver's. */
  asDriver(): Driver {
    const { inner } = this;
    const { name, timeoutMs, batchesOneTenant, changes } = inner;
    return {
      ...(name !== undefined && { name }),
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(batchesOneTenant !== undefined && { batchesOneTenant }),
      ...(changes !== undefined && { changes }),
      ...(inner.readEventIds && { readEventIds: inner.readEventIds.bind(inner) }),
      ...(inner.changeCounter && { changeCounter: inner.changeCounter.bind(inner) }),
      ...(inner.count && { count: inner.count.bind(inner) }),
      returnsUnsharedBytes: true,
      ready: async () => {
        await inner.ready?.();
        await this.ready();
      },
      apply: (commits, options) => this.#apply(commits, options),
      read: (slots, limit) => this.#read(() => inner.read(slots, limit), limit),
      readByEventId: async (session, eventId, limit) =>
        (await this.#read(async () => [await inner.readByEventId(session, eventId, limit)], limit))[0],
      scan: (query, limit) => this.#scan(query, limit),
      scanSessions: inner.scanSessions.bind(inner),
      sweep: inner.sweep.bind(inner),
      status: inner.status.bind(inner),
      close: inner.close.bind(inner),
    };
  }

  async #apply(commits: readonly Commit[], options: ApplyOptions): Promise<readonly Outcome[]> {
    await this.ready();
    const outcomes: Outcome[] = new Array(commits.length);
    let left = [...commits.keys()];
    for (let attempt = 1; left.length > 0; attempt++) {
      const sealed = await this.#sealAll(commits, left, options);
      const places: number[] = [];
      for (const [at, one] of sealed) {
        if (isStateError(one)) outcomes[at] = { is: "failed", error: one };
        else places.push(at);
      }
      const batch = places.map((at) => sealed.get(at) as Sealed);
      left = [];
      const answers = await this.#applySealed(batch, places, options);
      for (const [index, answer] of answers.entries()) {
        const [at, one] = [places[index] as number, batch[index] as Sealed];
        if (isStale(one, answer) && attempt < ATTEMPTS) left.push(at);
        const isRetry =
          answer.is === "conflict" && (await this.#isRetryOfUnsealed(commits[at] as Commit, options));
        const settled = isRetry ? DUPLICATE : this.#sealer.settle(one, answer);
        outcomes[at] = settled instanceof Promise ? await settled : settled;
      }
    }
    return outcomes;
  }

  /**
   * Whether a commit was made before the store was sealed: its event ids are then remembered with fingerprints of another kind. A
   * condition that is never met keeps it from being made now.
   */
  async #isRetryOfUnsealed({ tenant, writes }: Commit, options: ApplyOptions): Promise<boolean> {
    if (!this.#readsUnsealed) return false;
    const never: Write = { op: "check", slot: scopeSlot(tenantScope(tenant)), expect: newEventId() };
    const { setAside: _, ...rest } = options;
    const [answer] = await this.inner.apply([{ tenant, writes: [...writes, never] }], rest);
    return answer?.is === "duplicate";
  }

  async #applySealed(
    batch: readonly Sealed[],
    places: readonly number[],
    options: ApplyOptions,
  ): Promise<readonly Outcome[]> {
    if (batch.length === 0) return [];
    const { setAside } = options;
    const keepAside = (index: number, outcome: Promise<Outcome>) => {
      const answer = outcome.then((later) => this.#sealer.settle(batch[index] as Sealed, later));
      setAside?.(places[index] as number, answer);
    };
    return this.inner.apply(
      batch.map(({ commit }) => commit),
      setAside === undefined ? options : { ...options, setAside: keepAside },
    );
  }

  /** The commits with their payloads sealed, or why that could not be done. */
  async #sealAll(
    commits: readonly Commit[],
    places: readonly number[],
    { deadline }: ApplyOptions,
  ): Promise<Map<number, Sealed | StateError>> {
    const limit = deadline === undefined ? {} : { deadline };
    const sealed = new Map<number, Sealed | StateError>();
    for (const at of places) {
      try {
        const one = this.#sealer.seal(commits[at] as Commit, limit);
        sealed.set(at, one instanceof Promise ? await one : one);
      } catch (error) {
        if (!isStateError(error)) throw error;
        sealed.set(at, error);
      }
    }
    return sealed;
  }

  async #scan(query: ScanQuery, limit: ScanLimit | undefined): Promise<ScanPage> {
    let page: ScanPage = { records: [], more: false };
    const read = async () => {
      page = await this.inner.scan(query, limit);
      return query.identity === undefined ? page.records.filter((record) => !isOwn(record)) : page.records;
    };
    const records = query.bytes === false ? await read() : await this.#read(read, limit);
    const last = page.records.at(-1);
    // The store would go on after the last record that it has seen.
    const next = page.next ?? (page.more && last && isOwn(last) ? slotOfRecord(last) : undefined);
    return { records, more: page.more, ...(next && { next }) };
  }

  /** Reads records and opens them. Where a key is gone it reads again, for a session may have been erased in between. */
  async #read<R extends StoredRecord | undefined>(
    read: () => Promise<readonly R[]>,
    limit: CallLimit | undefined,
  ): Promise<R[]> {
    for (let attempt = 1; ; attempt++) {
      const opened = await this.#open(await read(), limit);
      const lacksKey = opened.some((record) => isStateError(record?.unreadable, "KEY_UNAVAILABLE"));
      if (!lacksKey || attempt === READS) return opened;
    }
  }

  /** The records with their payloads opened, or with the reason why one cannot be. */
  async #open<R extends StoredRecord | undefined>(
    records: readonly R[],
    limit: CallLimit | undefined,
  ): Promise<R[]> {
    await this.ready();
    const scopes = records.flatMap((record) =>
      record !== undefined && keyIdOf(record) !== undefined ? [this.keys.scopeOf(record)] : [],
    );
    const rings = await this.keys.find(scopes, limit);
    const opened: R[] = [];
    for (const record of records)
      opened.push(record === undefined ? record : ((await this.#openOne(record, rings)) as R));
    return opened;
  }

  async #openOne(record: StoredRecord, rings: ReadonlyMap<string, Ring | StateError>): Promise<StoredRecord> {
    const id = keyIdOf(record);
    if (id === undefined) return this.#readsUnsealed ? record : { ...record, unreadable: notSealed(record) };
    const scope = this.keys.scopeOf(record);
    const ring = rings.get(nameOf(scope));
    if (ring !== undefined && !isRing(ring)) return { ...record, unreadable: ring };
    const key = ring?.keys.get(id) ?? (await this.#newerKey(scope, id));
    const opened = isKey(key) ? await runSteps(unsealRecordSteps(record, key), record) : undefined;
    if (opened !== undefined) return opened;
    // It may be a payload of the caller's that begins like a sealed one: then its fingerprint fits.
    if (this.#readsUnsealed) return record;
    return { ...record, unreadable: isKey(key) ? damaged(record) : (key ?? keyMissing(id)) };
  }

  /** A key that another process has made since the ring was read. */
  async #newerKey(scope: Scope, id: string): Promise<DataKey | StateError | undefined> {
    this.keys.forget(scope);
    const ring = (await this.keys.find([scope])).get(nameOf(scope));
    return ring === undefined || isRing(ring) ? ring?.keys.get(id) : ring;
  }
}

function isKey(found: DataKey | StateError | undefined): found is DataKey {
  return found !== undefined && !isStateError(found);
}

function isRing(found: Ring | StateError): found is Ring {
  return !isStateError(found);
}

function slotOfRecord({ tenant, user, session, run: of, kind }: StoredRecord): Slot {
  return { tenant, user, session, run: of, kind };
}

function notSealed(record: StoredRecord): StateError<"CORRUPT"> {
  return corrupt(record, "its payload is not sealed (`unsealed` of encrypting() says whether such are read)");
}

function damaged(record: StoredRecord): StateError<"CORRUPT"> {
  return corrupt(record, "its payload was sealed for another record, or is damaged");
}

function corrupt(record: StoredRecord, damage: string): StateError<"CORRUPT"> {
  const message = `a stored record does not pass its checks: ${damage}`;
  return new StateError("CORRUPT", message, { details: { at: recordKeyOf(record) } });
}
