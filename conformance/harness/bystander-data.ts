import assert from "node:assert/strict";
import { type Identity, isStateError, type NewRecord, type StateStore } from "../../src/index.js";
import { assertRecord, broken, refused } from "../assertions/expect.js";

/** Commits of another that are made one after the other. */
export interface Chain {
  /** Each a list of records of one tenant. */
  readonly commits: readonly (readonly NewRecord[])[];
  /** Under event ids that the case uses too. */
  readonly sharesIds: boolean;
}

const CHANGED = "another's data, which lay beside this case, changed";
const MOST_CHANGES = 256;
/** How many are asked for in ways that would take too long for all of them. */
const SOME = 6;

/** What another has in one set of data, which one store or several show. */
export class BystanderData {
  readonly #stores: StateStore[] = [];
  readonly #laying: Promise<void>[] = [];
  readonly #current = new Map<string, NewRecord>();
  readonly #sharing: NewRecord[] = [];
  readonly #overwritten: NewRecord[] = [];
  #forgetsSoon = false;

  /** How many records lie there. */
  get size(): number {
    return this.#current.size;
  }

  shownBy(store: StateStore, { forgetsSoon }: { forgetsSoon: boolean }): void {
    this.#stores.unshift(store);
    this.#forgetsSoon ||= forgetsSoon;
  }

  /** Begins to save, before whatever the case asks of its stores next. Where all of them are closed, nothing is saved. */
  lay(chains: readonly Chain[]): void {
    for (const chain of chains) {
      const laying = this.#lay(chain);
      laying.catch(() => {});
      this.#laying.push(laying);
    }
  }

  /** Resolves when all lies there that was begun. Rejects when some of it could not be saved. */
  async isLaid(): Promise<void> {
    await Promise.all(this.#laying);
  }

  /** One of its stores that is open. */
  async openStore(): Promise<StateStore | undefined> {
    const [any] = this.#current.values();
    if (any === undefined) return undefined;
    for (const store of this.#stores) {
      const asked = () => unlessClosed(store.find(any.identity, any.kind).then(() => true));
      if (await asAnothers(asked)) return store;
    }
    return undefined;
  }

  /** Rejects unless everything is as it was saved, and every event id still known. */
  async assertUnchanged(store: StateStore): Promise<void> {
    await asAnothers(async () => {
      await this.#assertThere(store);
      const owned = grouped(this.#records(), ({ identity }) => ownerOf(identity)).slice(0, SOME);
      await Promise.all(owned.map((records) => assertListed(store, records)));
      const sharing = this.#sharing.slice(0, SOME);
      await Promise.all(sharing.map((record) => assertFoundByEvent(store, record)));
      const known = [...sharing, ...this.#remembered().slice(0, SOME)];
      await Promise.all(known.map((record) => assertConflicts(store, record)));
      await Promise.all(this.#retries().map((records) => assertReplayed(store, records)));
    });
  }

  /** Rejects unless every record is as it was saved. */
  async assertThere(store: StateStore): Promise<void> {
    await asAnothers(() => this.#assertThere(store));
  }

  async #lay(chain: Chain): Promise<void> {
    for (const records of chain.commits) {
      if (!(await this.#save(records))) return;
      for (const record of records) this.#note(record);
      if (chain.sharesIds) this.#sharing.push(...records);
    }
  }

  #note(record: NewRecord): void {
    const before = this.#current.get(slotOf(record));
    if (before) this.#overwritten.push(before);
    this.#current.set(slotOf(record), record);
  }

  async #save(records: readonly NewRecord[]): Promise<boolean> {
    for (const store of this.#stores) {
      const receipt = await asAnothers(() => unlessClosed(store.commit(saving(records))));
      if (receipt?.duplicate) throw broken(`${CHANGED}: a new write of theirs was taken for a duplicate`);
      if (receipt) return true;
    }
    return false;
  }

  async #assertThere(store: StateStore): Promise<void> {
    await Promise.all(
      this.#records().map(async (record) => {
        const found = await store.find(record.identity, record.kind);
        assertRecord(found, record, `${CHANGED}: ${placeOf(record)}`);
      }),
    );
  }

  #records(): NewRecord[] {
    return [...this.#current.values()];
  }

  /** Overwritten records whose event ids are still known: a short window forgets what is not current. */
  #remembered(): readonly NewRecord[] {
    return this.#forgetsSoon ? [] : this.#overwritten;
  }

  /** Records to be saved again, as many together as a commit may hold. */
  #retries(): NewRecord[][] {
    return [this.#records(), this.#remembered()]
      .flatMap((records) => grouped(records, ({ identity }) => identity.tenant))
      .flatMap((records) =>
        Array.from({ length: Math.ceil(records.length / MOST_CHANGES) }, (_, index) =>
          records.slice(index * MOST_CHANGES, (index + 1) * MOST_CHANGES),
        ),
      );
  }
}

async function assertListed(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  const { identity } = records[0] as NewRecord;
  const listed = (await store.list(identity, "")).map(({ eventId }) => eventId);
  const expected = records.map(({ eventId }) => eventId);
  assert.deepEqual(
    listed.sort(),
    expected.sort(),
    `${CHANGED}: the list of ${JSON.stringify(identity)} holds other records`,
  );
}

async function assertFoundByEvent(store: StateStore, record: NewRecord): Promise<void> {
  const found = await store.loadByEventId(record.identity, record.eventId);
  assertRecord(found, record, `${CHANGED}: by its event id, ${placeOf(record)}`);
}

async function assertConflicts(store: StateStore, record: NewRecord): Promise<void> {
  await refused("IDEMPOTENCY_CONFLICT", `${CHANGED}: other content under an event id of theirs`, () =>
    store.save({ ...record, version: 2 }),
  );
}

async function assertReplayed(store: StateStore, records: readonly NewRecord[]): Promise<void> {
  const { duplicate } = await store.commit(saving(records));
  assert.ok(duplicate, `${CHANGED}: event ids of theirs were forgotten, and a retry was written again`);
}

/** What is thrown says whose data it is about. */
async function asAnothers<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    const code = isStateError(error) ? `StateError ${error.code}` : String(error);
    throw broken(`${CHANGED}: a call about it was refused with ${code}`, error);
  }
}

/** `undefined` where the store is closed. */
async function unlessClosed<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isStateError(error, "STORE_CLOSED")) return undefined;
    throw error;
  }
}

function saving(records: readonly NewRecord[]) {
  return records.map((record) => ({ op: "save" as const, record }));
}

function grouped<T>(all: readonly T[], key: (each: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const group = groups.get(key(each));
    if (group) group.push(each);
    else groups.set(key(each), [each]);
  }
  return [...groups.values()];
}

function ownerOf({ tenant, user, session, run = "" }: Identity): string {
  return JSON.stringify([tenant, user, session, run]);
}

function slotOf({ identity, kind }: NewRecord): string {
  return `${ownerOf(identity)} ${kind}`;
}

function placeOf({ identity, kind }: NewRecord): string {
  return `${JSON.stringify(identity)} ${JSON.stringify(kind)}`;
}
