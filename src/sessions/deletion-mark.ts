import { LIMITS } from "../contract/limits.js";
import type { EventId, Identity, SessionIdentity, StateStore } from "../contract/store.js";
import type { Cell } from "../typed/cell.js";
import { mappedJson } from "../typed/codec.js";
import { Collection } from "../typed/collection.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readEventId } from "../validation/validate-text.js";
import { userOf } from "./owners.js";

/**
 * A tombstone with a lease: a process of version 0.2 is deleting the session, or died while it did. While it exists, no
 * session of this name can be created. Times in milliseconds.
 */
export interface DeletionMark {
  readonly since: number;
  /** The end of the lease: until then other processes leave the deletion to its holder. */
  readonly until: number;
  /** The fencing token: the event id of the mark, which the final commit expects. */
  readonly holder: EventId;
}

const MAX_LEASE_MS = 60_000;
const MAX_MARKS_PER_READ = 100;

const MARK_CODEC = mappedJson<DeletionMark>({
  write: (mark) => ({ ...mark }),
  read(value) {
    const { since, until, holder } = readObject(value, "mark") as DeletionMark;
    return {
      since: readInteger(since, "since", LIMITS.earliest, LIMITS.latest),
      until: readInteger(until, "until", LIMITS.earliest, LIMITS.latest + MAX_LEASE_MS),
      holder: readEventId(holder, "holder"),
    };
  },
});

export function isOverdue({ until }: DeletionMark, now: number): boolean {
  return now >= until;
}

/** The marks of a user's sessions, under the user's own identity. */
export class DeletionMarks {
  readonly #marks: Collection<DeletionMark>;

  constructor(store: StateStore) {
    this.#marks = new Collection(store, "session.deleting", { codec: MARK_CODEC });
  }

  at(owner: SessionIdentity): Cell<DeletionMark> {
    return this.#marks.at(userOf(owner), owner.session);
  }

  async find(owner: SessionIdentity): Promise<DeletionMark | undefined> {
    return this.#marks.get(userOf(owner), owner.session);
  }

  async hasAny(user: Identity, signal: AbortSignal | undefined): Promise<boolean> {
    return (await this.#marks.keys(user, { limit: 1, signal })).length > 0;
  }

  /** The names of sessions whose deletion has an expired lease. At most 100 marks are read. */
  async listOverdue(user: Identity, now: number, signal: AbortSignal | undefined): Promise<string[]> {
    const marks = await this.#marks.list(user, { limit: MAX_MARKS_PER_READ, signal });
    return marks.filter(({ value }) => isOverdue(value, now)).map(({ id }) => id);
  }
}
