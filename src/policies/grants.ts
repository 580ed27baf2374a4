import { isStateError } from "../contract/errors.js";
import type { Identity, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { userIdentity } from "../identity/identity.js";
import { type Cell, decodeRecord } from "../typed/cell.js";
import { findCell } from "../typed/cell-operations.js";
import { DamageLog } from "../typed/damage.js";
import { itemPrefix } from "../typed/names.js";
import type { Clock } from "../typed/time.js";
import { unlessDamaged } from "./damaged.js";
import {
  GRANT_CODEC,
  GRANTS,
  type Grant,
  type GrantRule,
  grantAt,
  grantCell,
  type StoredGrant,
} from "./grant.js";

type Signal = AbortSignal | undefined;

const PAGE = 500;
/** Grants that are removed at once. */
const AT_ONCE = 50;

/** What was allowed for good, as it is stored under a session or a user. */
export class Grants {
  readonly #store: StateStore;
  readonly #now: Clock;

  constructor(store: StateStore, now: Clock) {
    this.#store = store;
    this.#now = now;
  }

  /** What holds in a session and for its user, or for a user alone. CORRUPT. */
  async list(owner: Identity, signal: Signal): Promise<Grant[]> {
    const user = userIdentity(owner.tenant, owner.user);
    const owners = owner.session === user.session ? [user] : [owner, user];
    return (await Promise.all(owners.map((each) => this.#listOf(each, signal)))).flat();
  }

  /** Whether a tool is allowed for good, under a policy or each. Point reads alone, however many grants there are. */
  async holds(
    owner: SessionIdentity,
    { tool, policy }: Required<GrantRule>,
    signal: Signal,
  ): Promise<boolean> {
    const owners = [owner, userIdentity(owner.tenant, owner.user)];
    const cells = owners.flatMap((each) => [grantCell(each, { tool }), grantCell(each, { tool, policy })]);
    return (await Promise.all(cells.map((cell) => this.#isGranted(cell, signal)))).includes(true);
  }

  /** Removes those that have expired. Returns how many. CORRUPT at the end if some are damaged. */
  async removeExpired(owner: Identity, signal: Signal): Promise<number> {
    let removed = 0;
    const damage = new DamageLog();
    for await (const page of this.#pages(owner, signal))
      for (let start = 0; start < page.length; start += AT_ONCE) {
        const some = page.slice(start, start + AT_ONCE);
        const done = await Promise.all(
          some.map((record) => damage.skipIfDamaged(this.#removeIfExpired(record, signal))),
        );
        removed += done.filter(Boolean).length;
      }
    damage.throwFirst();
    return removed;
  }

  async #removeIfExpired(record: StateRecord, signal: Signal): Promise<boolean> {
    if ((await this.#grantOf(record)) !== undefined) return false;
    const { identity, kind, eventId } = record;
    try {
      return await this.#store.delete(identity, kind, { expect: eventId, ...(signal && { signal }) });
    } catch (error) {
      // It was granted again.
      if (isStateError(error, "CONDITION_FAILED")) return false;
      throw error;
    }
  }

  async #listOf(owner: Identity, signal: Signal): Promise<Grant[]> {
    const grants: Grant[] = [];
    for await (const page of this.#pages(owner, signal))
      for (const record of page) {
        const grant = await this.#grantOf(record);
        if (grant !== undefined) grants.push(grant);
      }
    return grants;
  }

  async *#pages(owner: Identity, signal: Signal): AsyncGenerator<StateRecord[], void, undefined> {
    for (let from: { readonly after?: string } = {}; ; ) {
      const page = await this.#store.list(owner, itemPrefix(GRANTS), { ...from, limit: PAGE, signal });
      yield page;
      if (page.length < PAGE) return;
      from = { after: page.at(-1)?.kind as string };
    }
  }

  /** A grant that is damaged grants nothing. */
  async #isGranted(cell: Cell<StoredGrant>, signal: Signal): Promise<boolean> {
    const found = await unlessDamaged(async () => {
      const stored = await findCell(this.#store, cell, { signal });
      return stored && grantAt(cell, stored.value, stored.updatedAt, this.#now());
    });
    return found !== undefined && found !== "damaged";
  }

  async #grantOf(record: StateRecord): Promise<Grant | undefined> {
    return grantAt(record, await decodeRecord(GRANT_CODEC, record), record.updatedAt, this.#now());
  }
}
