import type { EventId, Identity, StateStore } from "../contract/store.js";
import { DamageLog, type PageBounds } from "../typed/damage.js";
import { mapInSlices } from "../typed/slices.js";
import { DAMAGED, unlessCorrupt } from "../typed/unless-corrupt.js";
import { CHANGED, CONTENTS, idInEntry, MOVED } from "./stored-memory.js";

/** The entries whose digests begin with one character, as they were read. */
interface Bucket {
  /** What said that they had changed, before they were read. */
  readonly stamp: EventId | undefined;
  /** The events of the entries by the memories that they name. */
  readonly versions: ReadonlyMap<string, EventId>;
  readonly damaged: number;
  /** How many more there are than are read. */
  readonly beyond: number;
}

/** Of 64 buckets: some 130,000 memories of one user. */
const MOST_PER_BUCKET = 2_048;
const BUCKETS_AT_ONCE = 8;
const MOST_STAMPS = 1_000;
/** A user of whom some memory gets another content every few milliseconds is not waited for without end. */
const MOST_ROUNDS = 20;

/**
 * The entries of all contents of one user or tenant, in memory. Whoever changes an entry writes the stamp of its bucket in the
 * same commit, so one small read tells which buckets are to be read again.
 */
export class ContentEntries {
  readonly #store: StateStore;
  readonly #owner: Identity;
  readonly #buckets = new Map<string, Bucket>();

  constructor(store: StateStore, owner: Identity) {
    this.#store = store;
    this.#owner = owner;
  }

  /** Entries that cannot be read: nobody knows which memories they name. */
  get damaged(): number {
    return [...this.#buckets.values()].reduce((sum, { damaged }) => sum + damaged, 0);
  }

  /** Entries that were too many to be read. */
  get beyond(): number {
    return [...this.#buckets.values()].reduce((sum, { beyond }) => sum + beyond, 0);
  }

  /** The events of all entries by the memories that they name. */
  versions(): Map<string, EventId> {
    const all = new Map<string, EventId>();
    for (const { versions } of this.#buckets.values())
      for (const [id, version] of versions) all.set(id, version);
    return all;
  }

  /**
   * Reads the buckets that have changed. Returns whether there were any. A memory that gets another content meanwhile may leave a
   * bucket before that is read, for one that was read before: then those that have changed since are read too.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    let stamps = await this.#stamps(signal);
    for (let round = 0; ; round++) {
      const changed = this.#changed(stamps);
      if (changed.length === 0) return round > 0;
      for (let start = 0; start < changed.length; start += BUCKETS_AT_ONCE) {
        signal.throwIfAborted();
        const some = changed.slice(start, start + BUCKETS_AT_ONCE);
        await Promise.all(some.map((name) => this.#read(name, stamps.get(name), signal)));
      }
      const before = stamps;
      stamps = await this.#stamps(signal);
      if (stamps.get(MOVED) === before.get(MOVED) || round === MOST_ROUNDS) return true;
    }
  }

  async #stamps(signal: AbortSignal): Promise<ReadonlyMap<string, EventId>> {
    const options = { limit: MOST_STAMPS, bytes: false, signal } as const;
    const headers = await this.#store.list(this.#owner, CHANGED, options);
    return new Map(headers.map(({ kind, eventId }) => [kind.slice(CHANGED.length), eventId]));
  }

  #changed(stamps: ReadonlyMap<string, EventId>): string[] {
    const names = new Set([...stamps.keys(), ...this.#buckets.keys()]);
    names.delete(MOVED);
    return [...names].filter((name) => {
      const known = this.#buckets.get(name);
      const stamp = stamps.get(name);
      // Without a stamp they may be half erased, as when forgetting a user was interrupted.
      return stamp === undefined ? known !== undefined && known.versions.size > 0 : known?.stamp !== stamp;
    });
  }

  async #read(name: string, stamp: EventId | undefined, signal: AbortSignal): Promise<void> {
    const prefix = CONTENTS + name;
    let damaged = 0;
    const read = async ({ after, before, limit }: PageBounds) => {
      const range = {
        after: after === undefined ? undefined : prefix + after,
        before: before === undefined ? undefined : prefix + before,
      };
      try {
        return await this.#store.list(this.#owner, prefix, { ...range, limit, signal });
      } catch (error) {
        damaged++;
        throw error;
      }
    };
    const page = await new DamageLog().page(prefix, { limit: MOST_PER_BUCKET + 1, reverse: false }, read);
    const named = await mapInSlices(page.slice(0, MOST_PER_BUCKET), async (record) => ({
      id: await unlessCorrupt(() => idInEntry(record)),
      version: record.eventId,
    }));
    const versions = new Map<string, EventId>();
    for (const { id, version } of named)
      if (id === DAMAGED) damaged++;
      else versions.set(id, version);
    const isCut = page.length > MOST_PER_BUCKET;
    const beyond = isCut ? (await this.#store.count(this.#owner, prefix, { signal })) - MOST_PER_BUCKET : 0;
    this.#buckets.set(name, { stamp, versions, damaged, beyond });
  }
}
