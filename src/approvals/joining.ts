import type { StateStore } from "../contract/store.js";
import type { Made } from "../lifecycle/declaration.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import type { Cell } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import { digestOf, readScopedId } from "../typed/names.js";
import type { Transaction } from "../typed/transaction.js";
import { readObject } from "../validation/validate.js";
import type { StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";

interface Joinable {
  readonly id: string;
}

const CODEC = mappedJson<Joinable>({
  write: ({ id }) => ({ id }),
  read: (value) => ({ id: readScopedId((readObject(value, "pointer") as Partial<Joinable>).id, "id") }),
});

/** Which pending approval the next request of the same call joins, for each call of a session. */
export class Joining {
  readonly #pending: Collection<Joinable>;

  constructor(store: StateStore) {
    this.#pending = new Collection(store, "approval.join", { codec: CODEC });
  }

  /**
   * What two requests must have in common. Another requester must not join: he could decide about his own request. Nor may a
   * request that more people, or others, have to approve.
   */
  static keyOf(digest: string, { requester, approvals, groups }: StoredRequest): string {
    return digestOf(digest, JSON.stringify([requester, approvals, groups]));
  }

  cell({ identity }: LifecycleKey, join: string): Cell<Joinable> {
    return this.#pending.at(identity, join);
  }

  /** A request that is no longer pending is joined no more. */
  async release(
    transaction: Transaction,
    key: LifecycleKey,
    { before, now }: Made<StoredState, StoredRequest>,
  ): Promise<void> {
    if (before?.join === undefined || now?.state.status === "pending") return;
    const cell = this.cell(key, before.join);
    // A later request may have taken the place of one that had expired.
    if ((await transaction.get(cell))?.id === key.id) transaction.delete(cell);
  }
}
