import assert from "node:assert/strict";
import { type Identity, isStateError, type NewRecord, type StateStore } from "../../src/index.js";
import { assertRecord, broken, refused } from "../assertions/expect.js";

/** Commits of the bystander, made one after the other. */
export interface CommitChain {
  /** Each commit saves records of one tenant. */
  readonly commits: readonly (readonly NewRecord[])[];
  /** Whether the case uses the same event ids. */
  readonly sharesIds: boolean;
}

const CHANGED = "another's data, which lay beside this case, changed";
const MAX_CHANGES = 256;
/** How many records are checked in the slower ways. */
const SAMPLE_SIZE = 6;

/** The bystander's records in one set of data, which one or several stores share. */
export class BystanderData {
  readonly #stores: StateStore[] = [];
  readonly #saving: Promise<void>[] = [];
  readonly #current = new Map<string, NewRecord>();
  readonly #sharing: NewRecord[] = [];
  readonly #overwritten: NewRecord[] = [];
  #forgetsSoon = false;

  /** How many records are current. */
  get size(): number {
    return this.#current.size;
  }

  addStore(store: StateStore, { forgetsSoon }: { forgetsSoon: boolean }): void {
    this.#stores.unshift(store);
    this.#forgetsSoon ||= forgetsSoon;
  }

  /** Starts to save the chains before the next call of the case. Saves nothing where all stores are closed. */
  beginSaving(chains: readonly CommitChain[]): void {
    for (const chain of chains) {
      const saving = this.#saveChain(chain);
      saving.catch(() => {});
      this.#saving.push(saving);
    }
  }

  /** Resolves when every chain that was started is saved. Rejects when one could not be saved. */
  async saved(): Promise<void> {
    await Promise.all(this.#saving);
  }

  /** A store of this data that is still open. */
  async openStore(): Promise<StateStore | undefined> {
    const [any] = this.#current.values();
    if (any === undefined) return undefined;
    for (const store of this.#stores) {
      const asked = () => unlessClosed(store.find(any.identity, any.kind).then(() => true));
      if (await blamingBystander(asked)) return store;
    }
    return undefined;
  }

  /** Rejects unless every record is as it was saved and every event id is still known. */
  async assertUnchanged(store: StateStore): Promise<void> {
    await blamingBystander(async () => {
      await this.#assertThere(store);
      const owned = grouped(this.#records(), ({ identity }) => ownerOf(identity)).slice(0, SAMPLE_SIZE);
      await Promise.all(owned.map((records) => assertListed(store, records)));
      const sharing = this.#sharing.slice(0, SAMPLE_SIZE);
      await Promise.all(sharing.map((record) => assertFoundByEvent(store, record)));
      const known = [...sharing, ...this.#remembered().slice(0, SAMPLE_SIZE)];
      await Promise.all(known.map((record) => assertConflicts(store, record)));
      await Promise.all(this.#retries().map((records) => assertReplayed(store, records)));
    });
  }

  /** Rejects unless every record is as it was saved. */
  async assertThere(store: StateStore): Promise<void> {
    await blamingBystander(() => this.#assertThere(store));
  }

  async #saveChain(chain: CommitChain): Promise<void> {
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
    let mayBeWritten = false;
    for (const store of this.#stores) {
      const receipt = await blamingBystander(() => unlessClosed(commitUnlessCutOff(store, records)));
      if (receipt === "cut off") {
        mayBeWritten = true;
        continue;
      }
      if (receipt?.duplicate && !mayBeWritten)
        throw broken(`${CHANGED}: a new write of theirs was taken for a duplicate`);
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

  /** Overwritten records whose event ids are still known. A short window forgets all but the current ones. */
  #remembered(): readonly NewRecord[] {
    return this.#forgetsSoon ? [] : this.#overwritten;
  }

  /** Records to save again, in groups that fit a commit. */
  #retries(): NewRecord[][] {
    return [this.#records(), this.#remembered()]
      .flatMap((records) => grouped(records, ({ identity }) => identity.tenant))
      .flatMap((records) =>
        Array.from({ length: Math.ceil(records.length / MAX_CHANGES) }, (_, index) =>
          records.slice(index * MAX_CHANGES, (index + 1) * MAX_CHANGES),
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

/** Makes an error say that it is about the bystander's data. */
async function blamingBystander<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
    const code = isStateError(error) ? `StateError ${error.code}` : String(error);
    throw broken(`${CHANGED}: a call about it was refused with ${code}`, error);
  }
}

/** `undefined` where the store is closed. */
/** A case may close the store before this is done: then nobody knows whether it was. */
async function commitUnlessCutOff(store: StateStore, records: readonly NewRecord[]) {
  try {
    return await store.commit(saving(records));
  } catch (error) {
    const [{ identity, kind }] = records as readonly [NewRecord];
    const isOpen = async () => (await unlessClosed(store.find(identity, kind).then(() => true))) === true;
    if (!isStateError(error, "OUTCOME_UNKNOWN") || (await isOpen())) throw error;
    return "cut off";
  }
}

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
