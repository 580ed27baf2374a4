import { setTimeout as sleep } from "node:timers/promises";
import type {
  ApplyOptions,
  Commit,
  CountQuery,
  Driver,
  Outcome,
  ScanPage,
  ScanQuery,
  Session,
  SessionsQuery,
  Slot,
  StoredRecord,
} from "groundstate";
import { compareByIdentity, compareByKind, compareText, StateError } from "groundstate";
import { type Entry, Manifest } from "./manifest.js";
import { ABSENT, Objects, PAGE } from "./objects.js";

const TIMEOUT_MS = 30_000;
/** Manifests that are kept, and compared with the server's by their ETags. */
const KEPT = 32;
const REQUESTS = 16;

type Found = Entry | undefined;

export class ObjectDriver implements Driver {
  readonly name = "objects";
  readonly timeoutMs = TIMEOUT_MS;
  readonly batchesOneTenant = true;
  readonly inFlight = 4;
  readonly #objects: Objects;
  readonly #bucket: string;
  readonly #space: string;
  readonly #kept = new Map<string, Manifest>();

  private constructor(bucket: string, space: string, send: typeof fetch) {
    this.#objects = new Objects(bucket, send);
    this.#bucket = bucket;
    this.#space = space;
  }

  /** `send` may sign requests. UNAVAILABLE (`setup`) where the server writes though the condition of a put does not hold. */
  static async open(bucket: string, space = "groundstate", send = fetch): Promise<ObjectDriver> {
    const driver = new ObjectDriver(bucket, space, send);
    const probe = `${space}/probe`;
    await driver.#objects.put(probe, "probe", ABSENT).catch(unreachable);
    const isSafe = !(await driver.#objects.put(probe, "again", ABSENT).catch(unreachable));
    if (isSafe && !(await driver.#objects.put(probe, "again", '"another"').catch(unreachable))) return driver;
    throw unavailable("setup", "the object store does not obey If-Match and If-None-Match");
  }

  /** Removes everything of the space. */
  async drop(): Promise<void> {
    for (let keys = [""]; keys.length > 0; ) {
      keys = await this.#objects.list(`${this.#space}/`);
      for (const key of keys) await this.#objects.remove(key);
    }
  }

  /** Judges and writes by a copy of the manifest, and begins anew where another has replaced it meanwhile. */
  async apply(commits: readonly Commit[], options: ApplyOptions): Promise<Outcome[]> {
    const [{ tenant }] = commits as [Commit];
    const begun = process.uptime() * 1000;
    do {
      const old = await this.#manifest(tenant).catch(unreachable);
      const made = new Manifest(old.etag, String(old));
      const waited = Math.floor(process.uptime() * 1000 - begun);
      const outcomes = made.apply(commits, { ...options, now: options.now + waited });
      if (!made.isChanged) return outcomes;
      const blob = this.#blobKey(tenant, made.blob);
      const payloads = Buffer.concat(made.payloads);
      if (payloads.length > 0) await this.#objects.put(blob, payloads, ABSENT).catch(unreachable);
      const isWritten = await this.#objects.put(this.#manifestKey(tenant), String(made), old.etag);
      const now = isWritten ? made : await this.#manifest(tenant);
      // A proxy may have sent a put twice: the second one lost against the first.
      const isDone = isWritten || now.blobs.has(made.blob);
      const before = isDone ? old.blobs : new Set(payloads.length > 0 ? [made.blob] : []);
      const unused = [...before].filter((each) => !now.blobs.has(each));
      for (const each of unused) await this.#objects.remove(this.#blobKey(tenant, each)).catch(() => {});
      if (isDone) return outcomes;
      await sleep(Math.random() * 20);
    } while (process.uptime() * 1000 < (options.deadline ?? Infinity));
    throw unavailable("busy", "other stores were faster all the time");
  }

  async read(slots: readonly Slot[]): Promise<(StoredRecord | undefined)[]> {
    const [{ tenant }] = slots as [Slot];
    const read = await this.#read(tenant, (manifest) => ({ found: slots.map((slot) => manifest.at(slot)) }));
    return read.records;
  }

  async readByEventId({ tenant, user, session }: Session, eventId: string) {
    const { records } = await this.#read(tenant, (manifest) => {
      const found = manifest.byEventId(eventId);
      return { found: [found?.user === user && found.session === session ? found : undefined] };
    });
    return records[0];
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    if (query.tenant !== undefined) return this.#scan(query, query.tenant);
    const from = query.after?.tenant ?? "";
    const prefix = this.#manifestKey("");
    const keys = await this.#objects.list(prefix, this.#manifestKey(from)).catch(unreachable);
    const tenants = keys.map((key) => Buffer.from(key.slice(prefix.length), "hex").toString());
    // What is passed over is said to the store, so a page is of one tenant, and of one moment.
    for (const tenant of from === "" ? tenants : [from, ...tenants]) {
      const page = await this.#scan(query, tenant);
      if (page.more) return page;
      if (page.records.length > 0) return { ...page, more: true, next: behind(tenant) };
    }
    if (keys.length < PAGE) return { records: [], more: false };
    return { records: [], more: true, next: behind(tenants.at(-1)) };
  }

  async count(query: CountQuery): Promise<number> {
    const manifest = await this.#manifest(query.identity.tenant).catch(unreachable);
    return Math.min(query.limit, manifest.records.filter((record) => matches(record, query)).length);
  }

  async scanSessions({ tenant, user, prefix, after, limit }: SessionsQuery) {
    const { records } = await this.#manifest(tenant).catch(unreachable);
    const own = records.filter((record) => record.user === user && record.session.startsWith(prefix));
    const later = own.filter((record) => after === undefined || compareByIdentity(record, after) > 0);
    const sessions = [...new Set(later.map(({ session }) => session))].sort(compareText);
    return { sessions: sessions.slice(0, limit), more: sessions.length > limit };
  }

  /** An erase removes all there is at once. */
  readonly sweep = async () => ({ removed: 0, more: false });
  readonly close = async () => {};

  async status() {
    await this.#objects.list(this.#space, "", 1).catch(unreachable);
    return { target: this.#bucket, schemaVersion: 1, pendingMigrations: [] };
  }

  async #scan(query: ScanQuery, tenant: string): Promise<ScanPage> {
    const { records, more = false } = await this.#read(
      tenant,
      (manifest) => {
        const order = query.identity ? compareByIdentity : compareByKind;
        const all = manifest.records.filter((record) => matches(record, query)).sort(order);
        if (query.reverse) all.reverse();
        let [count, bytes] = [0, 0];
        while (count < all.length && count < query.limit && bytes < query.maxBytes)
          bytes += all[count++]?.size ?? 0;
        return { found: all.slice(0, count), more: count < all.length };
      },
      query.bytes === false,
    );
    return { records: records as StoredRecord[], more };
  }

  /** Records of one manifest. What was overwritten since may have lost its payload: then it reads what is there now. */
  async #read<A extends { found: Found[] }>(tenant: string, choose: (_: Manifest) => A, isBare = false) {
    for (let manifest = await this.#manifest(tenant).catch(unreachable); ; ) {
      const chosen = choose(manifest);
      const payloads = isBare ? undefined : await this.#payloads(tenant, chosen.found).catch(unreachable);
      const lost = payloads && chosen.found.find((entry) => entry && !payloads.has(entry));
      if (lost === undefined)
        return { ...chosen, records: chosen.found.map((one) => recordOf(one, payloads)) };
      const { etag } = manifest;
      manifest = await this.#manifest(tenant).catch(unreachable);
      if (manifest.etag === etag) throw corrupt("the payload of a record is not there", lost);
    }
  }

  /** By entry, without those whose object is gone: one request for each object, of the part that is needed. */
  async #payloads(tenant: string, found: readonly Found[]): Promise<Map<Found, Uint8Array>> {
    const payloads = new Map<Found, Uint8Array>();
    const byBlob = new Map<string, Entry[]>();
    for (const entry of found) {
      if (entry?.size === 0) payloads.set(entry, new Uint8Array());
      else if (entry) byBlob.set(entry.blob, [...(byBlob.get(entry.blob) ?? []), entry]);
    }
    const waiting = [...byBlob];
    const work = async () => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const [blob, entries] = next;
        const from = entries.reduce((least, { offset }) => Math.min(least, offset), Infinity);
        const to = entries.reduce((most, { offset, size }) => Math.max(most, offset + size), 0) - 1;
        const answer = await this.#objects.get(this.#blobKey(tenant, blob), ABSENT, { from, to });
        for (const entry of answer && answer.etag !== ABSENT ? entries : [])
          payloads.set(
            entry,
            answer?.bytes.slice(entry.offset - from, entry.offset - from + entry.size) as Uint8Array,
          );
      }
    };
    await Promise.all(Array.from({ length: REQUESTS }, work));
    return payloads;
  }

  async #manifest(tenant: string): Promise<Manifest> {
    const kept = this.#kept.get(tenant);
    const found = await this.#objects.get(this.#manifestKey(tenant), kept?.etag);
    if (found === undefined) return kept as Manifest;
    const manifest = parsed(found.etag, Buffer.from(found.bytes).toString());
    this.#kept.delete(tenant);
    this.#kept.set(tenant, manifest);
    for (const oldest of this.#kept.keys()) if (this.#kept.size > KEPT) this.#kept.delete(oldest);
    return manifest;
  }

  /** Of the digits of its UTF-8 bytes, so that keys are in the order of tenants. */
  #manifestKey(tenant: string): string {
    return `${this.#space}/manifest/${Buffer.from(tenant).toString("hex")}`;
  }

  #blobKey(tenant: string, blob: string): string {
    return `${this.#space}/blob/${Buffer.from(tenant).toString("hex")}/${blob}`;
  }
}

const behind = (tenant = "") => ({ tenant: `${tenant}\x01`, user: "", session: "", run: "", kind: "" });

function matches(
  record: Slot,
  { identity, prefix, from, after, before }: Omit<ScanQuery, "maxBytes" | "reverse">,
) {
  const compare = identity ? compareByIdentity : compareByKind;
  return (
    (identity === undefined || compare(record, { ...identity, kind: record.kind }) === 0) &&
    record.kind.startsWith(prefix) &&
    (from === undefined || compare(record, from) >= 0) &&
    (after === undefined || compare(record, after) > 0) &&
    (before === undefined || compare(record, before) < 0)
  );
}

function recordOf(entry: Found, payloads?: Map<Found, Uint8Array>): StoredRecord | undefined {
  if (entry === undefined) return undefined;
  const { blob: _, offset: __, size: ___, ...record } = entry;
  return { ...record, bytes: payloads?.get(entry) ?? new Uint8Array() };
}

function parsed(etag: string, text: string): Manifest {
  try {
    return new Manifest(etag, text);
  } catch (cause) {
    throw corrupt("a manifest is not what this driver wrote", undefined, cause);
  }
}

function corrupt(message: string, slot?: Slot, cause?: unknown): StateError {
  const { tenant = "", user = "", session = "", run = "", kind = "" } = slot ?? {};
  const details = slot ? { at: { identity: { tenant, user, session, run }, kind } } : {};
  return new StateError("CORRUPT", message, { details, cause });
}

function unavailable(reason: "setup" | "busy" | "unreachable", message: string, cause?: unknown): StateError {
  return new StateError("UNAVAILABLE", message, { details: { reason }, cause });
}

function unreachable(error: unknown): never {
  throw error instanceof StateError
    ? error
    : unavailable("unreachable", "the object store does not answer", error);
}
