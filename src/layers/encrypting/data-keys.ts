import { randomBytes } from "node:crypto";
import { changedMeanwhile } from "../../contract/changed-meanwhile.js";
import type { CallLimit, Driver, Slot, StoredRecord } from "../../contract/driver.js";
import { isStateError, type StateError } from "../../contract/errors.js";
import type { EventId } from "../../contract/store.js";
import type { KeyEncryptionKeys, Wrapped } from "./key-encryption-keys.js";
import { keyMissing } from "./key-error.js";
import type { ExportedRing } from "./key-file.js";
import {
  commitOwn,
  type OwnValue,
  ownSave,
  readOwn,
  ringSlot,
  type Scope,
  scopeSlot,
  sessionScope,
  tenantScope,
} from "./own-records.js";

/** A data key (DEK). */
export interface DataKey {
  /** 12 bytes, which are stored with what it seals. */
  readonly id: Buffer;
  /** 32 bytes that seal payloads. */
  readonly sealing: Buffer;
  /** 32 bytes for fingerprints; the same for all keys of a tenant, so that a retry is recognized after a rotation. */
  readonly marking: Buffer;
  /** Keys of sessions that were derived from it. */
  readonly ofSessions: Map<string, Buffer>;
}

/** The data keys of a scope. */
export interface Ring {
  /** Names it, also where its keys are in another store. */
  readonly id: string;
  /** The event of the record that names it. It changes with each rotation, and goes when the keys are destroyed. */
  readonly eventId: EventId;
  /** Seals what is written. */
  readonly current: DataKey;
  /** All, by their ids in base64url. */
  readonly keys: ReadonlyMap<string, DataKey>;
}

/** A ring as it is stored. */
export interface StoredRing {
  readonly current: string;
  readonly keys: Readonly<Record<string, Wrapped>>;
}

/** What a scope stores: the id of its ring, and the ring itself unless that is in another store. */
export interface StoredScope {
  readonly ring: string;
  readonly content?: StoredRing;
}

export const KEY_ID_BYTES = 12;
const SEALING_BYTES = 32;
const MARKING_BYTES = 32;
const MAX_RINGS = 10_000;
/** How many scopes are read at once. */
const AT_ONCE = 500;
const ATTEMPTS = 10;

/** Where data keys are, and for what. */
export interface DataKeysOptions {
  readonly keks: KeyEncryptionKeys;
  readonly per: "tenant" | "session";
  /** Where the wrapped keys are; the store itself if absent. */
  readonly keyStore?: Driver | undefined;
}

/** The data keys of a store: those that were used last are held in memory, up to 10,000 rings. */
export class DataKeys {
  readonly #driver: Driver;
  readonly #keks: KeyEncryptionKeys;
  readonly #keyStore: Driver | undefined;
  readonly #rings = new Map<string, Ring>();
  readonly #loading = new Map<string, Promise<Ring | undefined>>();
  /** What has a data key of its own. */
  readonly per: "tenant" | "session";

  constructor(driver: Driver, { keks, per, keyStore }: DataKeysOptions) {
    this.#driver = driver;
    this.#keks = keks;
    this.per = per;
    this.#keyStore = keyStore;
  }

  scopeOf(slot: Omit<Slot, "run" | "kind">): Scope {
    return this.per === "tenant" ? tenantScope(slot.tenant) : sessionScope(slot);
  }

  /** The ring, if it is held in memory. */
  held(scope: Scope): Ring | undefined {
    const key = nameOf(scope);
    const ring = this.#rings.get(key);
    if (ring !== undefined) {
      this.#rings.delete(key);
      this.#rings.set(key, ring);
    }
    return ring;
  }

  /** What is held of the scope is not true any more. */
  forget(scope: Scope): void {
    this.#rings.delete(nameOf(scope));
  }

  /** The rings of the scopes, each or why it cannot be had; absent where a scope has none. */
  async find(scopes: readonly Scope[], limit?: CallLimit): Promise<Map<string, Ring | StateError>> {
    const found = new Map<string, Ring | StateError>();
    const wanted = new Map(scopes.map((scope) => [nameOf(scope), scope]));
    const missing: Scope[] = [];
    for (const [name, scope] of wanted) {
      const ring = this.held(scope);
      if (ring === undefined) missing.push(scope);
      else found.set(name, ring);
    }
    for (const group of inGroups(missing)) {
      const records = await this.#driver.read(group.map(scopeSlot), limit);
      await Promise.all(
        group.map(async (scope, at) => {
          const ring = await this.#open(scope, records[at], limit).catch(asStateError);
          if (ring !== undefined) found.set(nameOf(scope), ring);
        }),
      );
    }
    return found;
  }

  /** The ring of a scope, which is made if there is none. */
  async obtain(scope: Scope, limit?: CallLimit): Promise<Ring> {
    for (let left = ATTEMPTS; left > 0; left--) {
      const ring = this.held(scope) ?? (await this.#load(scope, limit)) ?? (await this.#make(scope, limit));
      if (ring !== undefined) return ring;
    }
    throw changedMeanwhile();
  }

  /** A new data key for what is written from now on. Earlier ones still open what they sealed. */
  async rotate(scope: Scope): Promise<void> {
    for (let left = ATTEMPTS; left > 0; left--) {
      const stored = readOwn<StoredScope>((await this.#driver.read([scopeSlot(scope)]))[0]);
      if (stored === undefined) return;
      const ring = await this.#content(scope, stored);
      const id = newKeyId();
      const { marking } = await this.#unwrapped(scope, ring, ring.current);
      const wrapped = await this.#wrapped(scope, id, marking);
      const content = { current: id, keys: { ...ring.keys, [id]: wrapped } };
      this.forget(scope);
      if (await this.#store(scope, { ring: stored.value.ring, content, expect: stored.eventId })) return;
    }
    throw changedMeanwhile();
  }

  /** Wraps the keys of a stored record with the current key-encryption key. Returns whether anything was changed. */
  async rewrap(record: StoredRecord): Promise<boolean> {
    const { tenant, session, kind } = record;
    const scope = { tenant, session };
    const stored = readOwn<StoredScope & StoredRing>(record);
    const content = stored?.value.content ?? (stored?.value.keys && stored.value);
    if (stored === undefined || content === undefined) return false;
    const stale = Object.entries(content.keys).filter(([, { kek }]) => kek !== this.#keks.current);
    if (stale.length === 0) return false;
    const keys: Record<string, Wrapped> = { ...content.keys };
    for (const [id, wrapped] of stale) {
      const context = { tenant, keyId: id };
      keys[id] = await this.#keks.wrap(await this.#keks.unwrap(wrapped, context), context);
    }
    const after = { current: content.current, keys };
    const value = stored.value.content === undefined ? after : { ring: stored.value.ring, content: after };
    const slot = { ...scopeSlot(scope), kind };
    const driver = this.#keyStore ?? this.#driver;
    const outcome = await commitOwn(driver, [ownSave(slot, value, stored.eventId)]);
    // Somebody else rotated it meanwhile: the next look finds it as it is then.
    if (outcome.is === "applied") return true;
    const [later] = await driver.read([slot]);
    return later !== undefined && this.rewrap(later);
  }

  /** The ring of a scope, with its keys unwrapped. */
  async export(scope: Scope): Promise<ExportedRing | undefined> {
    const [record] = await this.#driver.read([scopeSlot(scope)]);
    const stored = readOwn<StoredScope>(record);
    const ring = await this.#open(scope, record, undefined);
    if (stored === undefined || ring === undefined) return undefined;
    const keys = [...ring.keys].map(([id, { sealing, marking }]) => [
      id,
      Buffer.concat([sealing, marking]).toString("base64"),
    ]);
    const current = ring.current.id.toString("base64url");
    return { ...scope, ring: stored.value.ring, current, keys: Object.fromEntries(keys) };
  }

  /**
   * Wraps an exported ring with the current key-encryption key, and puts it in the place of the stored one. Keys that were made since
   * stay, if they can be unwrapped. Returns `false` for a ring that its scope does not have any more.
   */
  async import({ ring, current, keys, ...scope }: ExportedRing): Promise<boolean> {
    for (let left = ATTEMPTS; left > 0; left--) {
      const stored = readOwn<StoredScope>((await this.#driver.read([scopeSlot(scope)]))[0]);
      if (stored === undefined || stored.value.ring !== ring) return false;
      const before = await this.#content(scope, stored).catch(() => undefined);
      const wrapped: Record<string, Wrapped> = { ...before?.keys };
      for (const [id, key] of Object.entries(keys)) {
        const context = { tenant: scope.tenant, keyId: id };
        wrapped[id] = await this.#keks.wrap(Buffer.from(key, "base64"), context);
      }
      const content = { current: before?.current ?? current, keys: wrapped };
      this.forget(scope);
      if (await this.#store(scope, { ring, content, expect: stored.eventId })) return true;
    }
    throw changedMeanwhile();
  }

  /** The id of the ring that a scope has. */
  async ringOf(scope: Scope, limit?: CallLimit): Promise<string | undefined> {
    return readOwn<StoredScope>((await this.#driver.read([scopeSlot(scope)], limit))[0])?.value.ring;
  }

  /** Whether the keys are in another store. */
  get areElsewhere(): boolean {
    return this.#keyStore !== undefined;
  }

  /** Destroys the keys of a ring that is no scope's any more. */
  async destroy(scope: Scope, ring: string): Promise<void> {
    this.forget(scope);
    if (this.#keyStore === undefined) return;
    await commitOwn(this.#keyStore, [{ op: "delete", slot: ringSlot(scope, ring) }]);
  }

  /** Waits for another caller's load of the same scope. */
  async #load(scope: Scope, limit: CallLimit | undefined): Promise<Ring | undefined> {
    const name = nameOf(scope);
    const loading = this.#loading.get(name);
    if (loading !== undefined) return loading;
    const started = (async () => {
      const [record] = await this.#driver.read([scopeSlot(scope)], limit);
      return this.#open(scope, record, limit);
    })();
    this.#loading.set(name, started);
    try {
      return await started;
    } finally {
      this.#loading.delete(name);
    }
  }

  /** `undefined` where somebody else was faster. */
  async #make(scope: Scope, limit: CallLimit | undefined): Promise<Ring | undefined> {
    const id = newKeyId();
    const content = {
      current: id,
      keys: { [id]: await this.#wrapped(scope, id, await this.#marking(scope, limit)) },
    };
    const made = await this.#store(scope, { ring: newKeyId(), content, expect: null }, limit);
    return made ? this.#load(scope, limit) : undefined;
  }

  /** The keys first: a scope that names a ring has it. */
  async #store(
    scope: Scope,
    {
      ring,
      content,
      expect,
    }: { readonly ring: string; readonly content: StoredRing; readonly expect: EventId | null },
    limit?: CallLimit,
  ): Promise<boolean> {
    if (this.#keyStore !== undefined) {
      const slot = ringSlot(scope, ring);
      const [before] = await this.#keyStore.read([slot], limit);
      const kept = await commitOwn(this.#keyStore, [ownSave(slot, content, before?.eventId ?? null)], limit);
      if (kept.is !== "applied") return false;
    }
    const value: StoredScope = this.#keyStore === undefined ? { ring, content } : { ring };
    const outcome = await commitOwn(this.#driver, [ownSave(scopeSlot(scope), value, expect)], limit);
    if (outcome.is !== "applied" && expect === null) await this.destroy(scope, ring);
    return outcome.is === "applied";
  }

  async #open(
    scope: Scope,
    record: StoredRecord | undefined,
    limit: CallLimit | undefined,
  ): Promise<Ring | undefined> {
    const stored = readOwn<StoredScope>(record);
    if (stored === undefined) return undefined;
    const content = await this.#content(scope, stored, limit);
    const keys = new Map<string, DataKey>();
    await Promise.all(
      Object.keys(content.keys).map(async (id) => keys.set(id, await this.#unwrapped(scope, content, id))),
    );
    const ring = {
      id: stored.value.ring,
      eventId: stored.eventId,
      current: keys.get(content.current) as DataKey,
      keys,
    };
    this.#rings.set(nameOf(scope), ring);
    const [oldest] = this.#rings.keys();
    if (this.#rings.size > MAX_RINGS && oldest !== undefined) this.#rings.delete(oldest);
    return ring;
  }

  async #content(scope: Scope, { value }: OwnValue<StoredScope>, limit?: CallLimit): Promise<StoredRing> {
    if (value.content !== undefined) return value.content;
    const kept = await this.#keyStore?.read([ringSlot(scope, value.ring)], limit);
    const content = readOwn<StoredRing>(kept?.[0]);
    if (content === undefined) throw keyMissing(value.ring);
    return content.value;
  }

  async #unwrapped({ tenant }: Scope, { keys }: StoredRing, id: string): Promise<DataKey> {
    const secret = await this.#keks.unwrap(keys[id] as Wrapped, { tenant, keyId: id });
    return {
      id: Buffer.from(id, "base64url"),
      sealing: secret.subarray(0, SEALING_BYTES),
      marking: secret.subarray(SEALING_BYTES, SEALING_BYTES + MARKING_BYTES),
      ofSessions: new Map(),
    };
  }

  /** All of a tenant's fingerprints are under one key: a retry is recognized also after the erase of its session. */
  async #marking(scope: Scope, limit: CallLimit | undefined): Promise<Buffer> {
    const tenant = tenantScope(scope.tenant);
    if (nameOf(tenant) === nameOf(scope)) return randomBytes(MARKING_BYTES);
    return (await this.obtain(tenant, limit)).current.marking;
  }

  #wrapped({ tenant }: Scope, id: string, marking: Buffer): Promise<Wrapped> {
    const secret = Buffer.concat([randomBytes(SEALING_BYTES), marking]);
    return this.#keks.wrap(secret, { tenant, keyId: id });
  }
}

/** Names a scope. */
export function nameOf({ tenant, session }: Scope): string {
  return `${tenant}\0${session}`;
}

function newKeyId(): string {
  return randomBytes(KEY_ID_BYTES).toString("base64url");
}

/** A driver may want slots of one tenant at a time. */
function inGroups(scopes: readonly Scope[]): Scope[][] {
  const tenants = new Map<string, Scope[]>();
  for (const scope of scopes) {
    const own = tenants.get(scope.tenant);
    if (own === undefined) tenants.set(scope.tenant, [scope]);
    else own.push(scope);
  }
  return [...tenants.values()].flatMap((own) =>
    Array.from({ length: Math.ceil(own.length / AT_ONCE) }, (_, at) =>
      own.slice(at * AT_ONCE, (at + 1) * AT_ONCE),
    ),
  );
}

function asStateError(error: unknown): StateError {
  if (isStateError(error)) return error;
  throw error;
}
