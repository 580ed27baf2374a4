import type { Identity, NewRecord, SaveOptions, SaveReceipt, StateStore } from "../../src/index.js";
import { altered, brokenStore, type Mutant } from "./mutant.js";

/** What one store has acknowledged, by event id or by slot: faults that show in one corner only need to know it. */
export class Past {
  /** What was saved under an event id first. */
  readonly saved = new Map<string, NewRecord>();
  /** The event that is current in a slot. */
  readonly current = new Map<string, string>();
  /** The events that were saved with `expect: null`. */
  readonly intoEmpty = new Set<string>();
  /** The events that a later save replaced, and those that a conditional one did. */
  readonly replaced = new Set<string>();
  readonly replacedOnCondition = new Set<string>();
  /** The event that was current before a slot was deleted. */
  readonly deleted = new Map<string, string>();
  /** The events that erases of sessions took, and how many records that was. */
  readonly erased = new Map<string, number>();

  save(record: NewRecord, { expect }: SaveOptions): void {
    const slot = slotOf(record);
    const before = this.current.get(slot);
    if (before !== undefined) this.replaced.add(before);
    if (before !== undefined && typeof expect === "string") this.replacedOnCondition.add(before);
    if (expect === null) this.intoEmpty.add(record.eventId);
    this.saved.set(record.eventId, record);
    this.current.set(slot, record.eventId);
  }

  delete(identity: Identity, kind: string): void {
    const slot = slotOf({ identity, kind });
    const before = this.current.get(slot);
    if (before !== undefined) this.deleted.set(slot, before);
    this.current.delete(slot);
  }

  erase({ tenant, user, session }: Identity, count: number): void {
    for (const [slot, eventId] of this.current) {
      const of = this.saved.get(eventId)?.identity;
      if (of?.tenant !== tenant || of.user !== user || of.session !== session) continue;
      this.current.delete(slot);
      this.erased.set(eventId, count);
    }
  }
}

/** A store that knows its past, and is wrong in some operations because of it. */
export function withPast(
  id: string,
  breaks: string,
  mutate: (store: StateStore, past: Past) => Partial<StateStore>,
): Mutant {
  return brokenStore(id, breaks, (store) => {
    const past = new Past();
    const told = telling(store, past);
    return { ...told, ...mutate(altered(store, told), past) };
  });
}

/** A save that is wrong because of the past. `save` does it right; what calls it at once keeps the order of calls. */
export function savingWithPast(
  id: string,
  breaks: string,
  act: (
    call: { readonly record: NewRecord; readonly options: SaveOptions; readonly past: Past },
    save: (record?: NewRecord, options?: SaveOptions) => Promise<SaveReceipt>,
  ) => Promise<SaveReceipt>,
): Mutant {
  return withPast(id, breaks, (store, past) => ({
    save: async (record, options = {}) => {
      const save = (other = record, given = options) => store.save(other, given);
      return isWhole(record) ? act({ record, options, past }, save) : save();
    },
  }));
}

function telling(store: StateStore, past: Past): Pick<StateStore, "save" | "delete" | "erase"> {
  return {
    async save(record, options = {}) {
      const given = isWhole(record) ? copyOf(record) : undefined;
      const receipt = await store.save(record, options);
      if (given && !receipt.duplicate) past.save(given, options);
      return receipt;
    },
    async delete(identity, kind, options) {
      const existed = await store.delete(identity, kind, options);
      past.delete(identity, kind);
      return existed;
    },
    async erase(identity, options) {
      const count = await store.erase(identity, options);
      if (options?.prefix === undefined) past.erase(identity, count);
      return count;
    },
  };
}

/** As it is at the call. */
function copyOf(record: NewRecord): NewRecord {
  const bytes = record.bytes.byteLength === 0 ? new Uint8Array() : Uint8Array.from(record.bytes);
  return { ...record, identity: { ...record.identity }, bytes };
}

/** Whether it may be looked into: what is refused is left to the store. */
function isWhole(record: unknown): record is NewRecord {
  const { identity, bytes } = (record ?? {}) as Partial<NewRecord>;
  return typeof identity === "object" && identity !== null && bytes instanceof Uint8Array;
}

export function slotOf({ identity, kind }: Pick<NewRecord, "identity" | "kind">): string {
  const { tenant, user, session, run = "" } = identity;
  return JSON.stringify([tenant, user, session, run, kind]);
}
