import {
  type EventId,
  type Identity,
  type NewRecord,
  newEventId,
  type Slot,
  type StateStore,
  validateIdentity,
  validateRecord,
} from "../../src/index.js";
import {
  closestInTenant,
  identitiesWithSamePrefix,
  inTenantBefore,
  inTenantBehind,
} from "../inputs/closest-identities.js";
import { BystanderData, type CommitChain } from "./bystander-data.js";
import type { Scans } from "./case.js";

/** How many slots of one case are mirrored. More would make a case slower and not stricter. */
const MAX_SLOTS = 24;
/** The kind of mirrored records while the case has not yet used a kind of its own. No case scans for it. */
const KIND = "§beside";
const UPDATED_AT = new Date("2001-01-01T00:00:00.000Z");

/** Identifies a set of data: a durable space by its name, or a store that shares its data with no other store. */
type DataKey = string | StateStore;

/**
 * Saves records of other owners beside each case, as close to the records of the case as possible: in the tenants
 * directly before and behind, under the same user, session, run, kind and event id; and in the tenant of the case, under
 * users and sessions that sort directly before and behind or share a prefix. The case must neither see nor change them.
 */
export class Bystander {
  readonly #scans: Scans | undefined;
  readonly #chains: CommitChain[] = [];
  readonly #data = new Map<DataKey, BystanderData>();
  readonly #taken = new Set<string>();
  #slots = 0;
  #records = 0;

  constructor(scans: Scans | undefined) {
    this.#scans = scans;
  }

  get data(): ReadonlyMap<DataKey, BystanderData> {
    return this.#data;
  }

  /** Saves the same beside an identity that the case is about to use, before the case goes on. */
  mirror(identity: Identity, kind: string = KIND, eventId?: EventId): void {
    const owner = ownerOf(identity);
    if (owner === undefined || this.#slots === MAX_SLOTS) return;
    const chains = this.#chainsBeside(owner, kind, eventId);
    this.#slots++;
    this.#chains.push(...chains);
    for (const data of this.#data.values()) data.beginSaving(chains);
  }

  /** Adds a store that was opened on the data of this key. Resolves when all chains so far are saved there too. */
  async addStore(key: DataKey, store: StateStore, options: { forgetsSoon: boolean }): Promise<void> {
    const known = this.#data.get(key);
    if (known) return known.addStore(store, options);
    const data = new BystanderData();
    data.addStore(store, options);
    this.#data.set(key, data);
    data.beginSaving(this.#chains);
    // The check at the end of the case reports what could not be saved.
    await data.saved().catch(() => {});
  }

  #chainsBeside(owner: Omit<Slot, "kind">, kind: string, eventId: EventId | undefined): CommitChain[] {
    const near = [
      ...closestInTenant(owner),
      ...(this.#slots === 0 ? identitiesWithSamePrefix(owner) : []),
    ].filter(({ user }) => this.#scans !== "user" || user !== owner.user);
    const kindNear = this.#scans === undefined || this.#scans === "user" ? kind : `${KIND}/${kind}`;
    const kindFar = this.#scans === "store" ? `${KIND}/${kind}` : kind;
    const [behind, before] = [inTenantBehind(owner), inTenantBefore(owner)].map((identities) =>
      identities.flatMap((identity) => this.#mirrored(identity, kindFar, eventId ?? newEventId())),
    ) as [NewRecord[], NewRecord[]];
    const newer = before.flatMap(({ identity, kind }) => this.#record(identity, kind, newEventId()));
    const chains = [
      { commits: [behind], sharesIds: eventId !== undefined },
      { commits: [before, newer], sharesIds: false },
      { commits: [near.flatMap((identity) => this.#unlessTaken(identity, kindNear))], sharesIds: false },
    ];
    return chains.filter(({ commits: [first] }) => first !== undefined && first.length > 0);
  }

  /** Each record gets a free slot, since an earlier one must not change; an event id stands for one write of a tenant. */
  #mirrored(identity: Identity, kind: string, eventId: EventId): NewRecord[] {
    if (!this.#take(`${identity.tenant} ${eventId}`)) return [];
    let free = kind;
    for (let next = 1; !this.#take(slotOf(identity, free)); next++) free = `${kind}~${next}`;
    return this.#record(identity, free, eventId);
  }

  #unlessTaken(identity: Identity, kind: string): NewRecord[] {
    return this.#take(slotOf(identity, kind)) ? this.#record(identity, kind, newEventId()) : [];
  }

  #take(place: string): boolean {
    return this.#taken.size < this.#taken.add(place).size;
  }

  /** No record where its names would be invalid. Its payload is small, so that it fits any `maxBytes` of a case. */
  #record(identity: Identity, kind: string, eventId: EventId): NewRecord[] {
    const bytes = new TextEncoder().encode(`another ${this.#records++}`);
    const record = { eventId, identity, kind, bytes, version: 1, updatedAt: UPDATED_AT };
    return isValid(record) ? [record] : [];
  }
}

/** `undefined` for a value that is no identity: some cases pass such values on purpose. */
function ownerOf(identity: Identity): Omit<Slot, "kind"> | undefined {
  try {
    return validateIdentity(identity);
  } catch {
    return undefined;
  }
}

function isValid(record: NewRecord): boolean {
  try {
    validateRecord(record, { now: 0 });
    return true;
  } catch {
    return false;
  }
}

function slotOf(identity: Identity, kind: string): string {
  return JSON.stringify([identity, kind]);
}
