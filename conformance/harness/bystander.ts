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
import { begunAlike, closestInTenant, inTenantBefore, inTenantBehind } from "../inputs/closest-identities.js";
import { BystanderData, type Chain } from "./bystander-data.js";
import type { Scans } from "./case.js";

/** Slots of one case that another takes note of: a case of a thousand records is no better for a thousand neighbours. */
const MOST_SLOTS = 24;
/** What another calls its records where the case has yet to say what it calls its own. No case scans for it. */
const KIND = "§beside";
const UPDATED_AT = new Date("2001-01-01T00:00:00.000Z");

/** Where data lies: in a durable space, or in one store that alone shows it. */
type DataKey = string | StateStore;

/**
 * Another than the case, whose records come to lie as close to the case's own as they can without the case being
 * allowed to see them: in the tenants directly before and behind under the same user, session, run, kind and event
 * id, and in the case's own tenant under users and sessions that come directly before and behind or begin alike.
 */
export class Bystander {
  readonly #scans: Scans | undefined;
  readonly #chains: Chain[] = [];
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

  /** The case is about to use this identity, or to save there: the same is saved beside it, before the case goes on. */
  meets(identity: Identity, kind: string = KIND, eventId?: EventId): void {
    const owner = ownerOf(identity);
    if (owner === undefined || this.#slots === MOST_SLOTS) return;
    const chains = this.#beside(owner, kind, eventId);
    this.#slots++;
    this.#chains.push(...chains);
    for (const data of this.#data.values()) data.lay(chains);
  }

  /** A store was opened that shows the data of this key. Resolves when all that was saved before lies there too. */
  async joins(key: DataKey, store: StateStore, options: { forgetsSoon: boolean }): Promise<void> {
    const known = this.#data.get(key);
    if (known) return known.shownBy(store, options);
    const data = new BystanderData();
    data.shownBy(store, options);
    this.#data.set(key, data);
    data.lay(this.#chains);
    // What could not be saved is told when it is read back.
    await data.isLaid().catch(() => {});
  }

  #beside(owner: Omit<Slot, "kind">, kind: string, eventId: EventId | undefined): Chain[] {
    const near = [...closestInTenant(owner), ...(this.#slots === 0 ? begunAlike(owner) : [])];
    const kindNear = this.#scans === undefined ? kind : `${KIND}/${kind}`;
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

  /** In a slot of its own, for the one before stays what it is. An event id stands for one write of a tenant. */
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

  /** None where it cannot be. Small, so that it fits whatever `maxBytes` the case chose. */
  #record(identity: Identity, kind: string, eventId: EventId): NewRecord[] {
    const bytes = new TextEncoder().encode(`another ${this.#records++}`);
    const record = { eventId, identity, kind, bytes, version: 1, updatedAt: UPDATED_AT };
    return isValid(record) ? [record] : [];
  }
}

/** `undefined` for what is no identity at all, which is what some cases are about. */
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
