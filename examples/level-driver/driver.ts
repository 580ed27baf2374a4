import { resolve } from "node:path";
import { deserialize, serialize } from "node:v8";
import { ClassicLevel } from "classic-level";
import type {
  ApplyOptions,
  Commit,
  Driver,
  EraseTarget,
  Outcome,
  ScanQuery,
  Session,
  SessionsQuery,
  Slot,
  StoredRecord,
  Write,
} from "groundstate";
import {
  compareText,
  decide,
  isInTarget,
  isSeen,
  kindRange,
  StateError,
  slotOf,
  targetOf,
} from "groundstate";
import { ageKey, eventKey, indexKey, recordKey, within } from "./keys.js";

/** A newer Node reads what an older one wrote: https://nodejs.org/api/v8.html#serialization-api */
const valueEncoding = { name: "v8", format: "buffer", encode: serialize, decode: deserialize } as const;

/** LevelDB opens a folder once at a time, so all stores of this process on one folder share a driver, now and later. */
const drivers = new Map<string, LevelDriver>();

export class LevelDriver implements Driver {
  readonly #db: ClassicLevel<string, ReturnType<typeof deserialize>>;
  /** The changes of the running call, written when it ends. Later reads of the same call see them. */
  readonly #changes = new Map<string, object | undefined>();
  /** Synchronous, because `decide` is. Reads are short and mostly from memory. */
  readonly #get = (key: string) => (this.#changes.has(key) ? this.#changes.get(key) : this.#db.getSync(key));
  #lastCall: Promise<unknown> = Promise.resolve();
  #stores = 0;

  private constructor(path: string) {
    this.#db = new ClassicLevel(path, { valueEncoding });
  }

  static async open(folder: string): Promise<Driver> {
    const path = resolve(folder);
    const driver = drivers.get(path) ?? new LevelDriver(path);
    drivers.set(path, driver);
    await driver.#exclusive(async () => driver.#stores++);
    return driver;
  }

  close(): Promise<void> {
    this.#stores--;
    return this.#exclusive(async () => {
      if (this.#stores === 0) await this.#db.close();
    });
  }

  apply(commits: readonly Commit[], { now, window }: ApplyOptions) {
    const current = (slot: Slot) => this.#get(indexKey(slot))?.eventId;
    const event = (tenant: string, eventId: string) => this.#get(eventKey(tenant, eventId));
    return this.#exclusive(async () => {
      const saves: Write[] = [];
      const outcomes: Outcome[] = [];
      for (const commit of commits) {
        const outcome = decide(commit, { current, event, now, window });
        outcomes.push(outcome);
        if (outcome.is !== "applied") continue;
        saves.push(...commit.writes.filter((write) => this.#write(write, now)));
        const erased: number[] = [];
        for (const write of commit.writes)
          if (write.op === "erase") erased.push(await this.#erase(targetOf(write)));
        if (erased.length > 0) outcomes[outcomes.length - 1] = { ...outcome, erased };
      }
      // The oldest are forgotten. What is still current is passed over: it is put back when it no longer is.
      const old = { gt: ageKey(0), lt: ageKey(now - window + 1), limit: saves.length * 2 };
      for (const [age, { event: key }] of await this.#db.iterator(old).all()) {
        const known = this.#get(key);
        this.#changes.set(age, undefined);
        if (known && !isSeen(known, now, window)) this.#changes.set(key, undefined);
      }
      return outcomes;
    });
  }

  /** Keeps only the ids of the erased records' events. */
  async #erase(target: EraseTarget): Promise<number> {
    const { tenant, user, session } = target;
    const range = within("record", tenant, user, session);
    const saved = [...this.#changes.keys()].filter((key) => key > range.gt && key < range.lt);
    const keys = new Set([...(await this.#db.keys(range).all()), ...saved]);
    const present = [...keys].filter((key) => !this.#changes.has(key) || this.#changes.get(key));
    const slots = present.map((key) => {
      const [run = "", kind = ""] = key.split("\0").slice(4);
      return { tenant, user, session, run, kind };
    });
    const erased = slots.filter((slot) => isInTarget(slot, target));
    for (const slot of erased) this.#empty(slot, { record: null, fingerprint: null });
    return erased.length;
  }

  /** An erase removes all there is at once. */
  readonly sweep = async () => ({ removed: 0, more: false });

  read(slots: readonly Slot[]): Promise<(StoredRecord | undefined)[]> {
    return this.#db.getMany(slots.map(recordKey)).catch(translate);
  }

  async readByEventId(
    { tenant, user, session }: Session,
    eventId: string,
  ): Promise<StoredRecord | undefined> {
    const event = await this.#db.get(eventKey(tenant, eventId)).catch(translate);
    const { gt, lt } = within("record", tenant, user, session);
    if (!event?.current || event.record <= gt || event.record >= lt) return undefined;
    const record = await this.#db.get(event.record).catch(translate);
    return record?.eventId === eventId ? record : undefined;
  }

  async scan(query: ScanQuery) {
    const records: StoredRecord[] = [];
    let bytes = 0;
    try {
      for await (const record of query.identity ? this.#list(query, query.identity) : this.#across(query)) {
        if (records.length === query.limit || bytes >= query.maxBytes) return { records, more: true };
        records.push(record);
        bytes += record.bytes.byteLength;
      }
      return { records, more: false };
    } catch (error) {
      return translate(error);
    }
  }

  /** Seeks past each session it has found. The store counts records with `scan`, since there is no `count`. */
  async scanSessions({ tenant, user, prefix, after, limit }: SessionsQuery) {
    const range = within("record", tenant, user);
    const [first, last] = [range.gt + prefix, after ? recordKey(after) : ""];
    const sessions: string[] = [];
    try {
      const keys = this.#db.keys({ gt: compareText(last, first) > 0 ? last : first, lt: range.lt });
      for await (const key of keys) {
        const [, , , session = ""] = key.split("\0");
        if (!session.startsWith(prefix)) break;
        if (sessions.length === limit) return { sessions, more: true };
        sessions.push(session);
        keys.seek(within("record", tenant, user, session).lt);
      }
      return { sessions, more: false };
    } catch (error) {
      return translate(error);
    }
  }

  readonly status = async () => ({ target: this.#db.location, schemaVersion: 1, pendingMigrations: [] });

  #list({ reverse, ...query }: ScanQuery, { tenant, user, session, run }: Omit<Slot, "kind">) {
    const { gt, lt } = within("record", tenant, user, session, run);
    const { from, until } = kindRange(query);
    return this.#db.values({ gte: gt + from, lt: until === undefined ? lt : gt + until, reverse });
  }

  /** Reads only what it returns, and an entry or two of each tenant without a match. */
  async *#across({ tenant, prefix, after }: ScanQuery) {
    await using snapshot = this.#db.snapshot();
    const range = tenant === undefined ? within("index") : within("index", tenant);
    const gt = after && compareText(indexKey(after), range.gt) > 0 ? indexKey(after) : range.gt;
    const index = this.#db.iterator({ ...range, gt, snapshot });
    for await (const [key, { record }] of index) {
      const [, owner = "", kind = ""] = key.split("\0");
      const all = within("index", owner);
      if (kind.startsWith(prefix)) yield await this.#db.get(record, { snapshot });
      else index.seek(compareText(kind, prefix) < 0 ? all.gt + prefix : all.lt);
    }
  }

  #write(write: Write, now: number): boolean {
    if (write.op === "save" || write.op === "delete") this.#empty(slotOf(write));
    if (write.op !== "save") return false;
    const { tenant, eventId, fingerprint } = write.record;
    const [record, event] = [recordKey(write.record), eventKey(tenant, eventId)];
    this.#changes.set(record, write.record).set(indexKey(write.record), { eventId, record });
    this.#changes.set(event, { record, fingerprint, savedAt: now, current: true });
    this.#changes.set(ageKey(now, event), { event });
    return true;
  }

  #empty(slot: Slot, erased?: object): void {
    const entry = this.#get(indexKey(slot));
    if (entry === undefined) return;
    const event = eventKey(slot.tenant, entry.eventId);
    const past = { ...this.#get(event), ...erased, current: false };
    this.#changes.set(event, past).set(ageKey(past.savedAt, event), { event });
    this.#changes.set(recordKey(slot), undefined).set(indexKey(slot), undefined);
  }

  /** Runs one call at a time, and writes its changes as one batch, which is on the disk when this resolves. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastCall.then(async () => {
      this.#changes.clear();
      const result = await this.#db.open().then(work).catch(translate);
      const operations = [...this.#changes].map(([key, value]) =>
        value ? ({ type: "put", key, value } as const) : ({ type: "del", key } as const),
      );
      if (operations.length > 0)
        await this.#db.batch(operations, { sync: true }).catch(async (error) => {
          await this.#db.close(); // or else LevelDB can lose what it acknowledges after a write that failed
          await this.#db.open();
          throw error;
        });
      return result;
    });
    this.#lastCall = done.catch(() => {});
    return done;
  }
}

/** Turns an error of a read into a StateError. A failed batch needs none: its outcome is unknown. */
function translate(cause: unknown): never {
  const { code } = cause as { code?: unknown };
  if (code === "LEVEL_CORRUPTION" || code === "LEVEL_DECODE_ERROR")
    throw new StateError("CORRUPT", "LevelDB holds what it cannot read", { details: {}, cause });
  const reason = code === "LEVEL_DATABASE_NOT_OPEN" ? "setup" : "refused";
  throw new StateError("UNAVAILABLE", "LevelDB cannot be read", { details: { reason }, cause });
}
