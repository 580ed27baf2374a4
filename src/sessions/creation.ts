import { isStateError } from "../contract/errors.js";
import type { EventId, SessionIdentity, StateStore } from "../contract/store.js";
import { jitteredPause } from "../timing/backoff.js";
import { sleep } from "../timing/real-timers.js";
import { digestOf } from "../typed/names.js";
import { type Operation, perform } from "../typed/operation.js";
import type { Deletions } from "./deletions.js";
import { beingDeleted, noSession, otherCreation, sessionExists } from "./errors.js";
import type { Fillings } from "./fillings.js";
import { headCell } from "./session-head.js";
import type { Creation, SessionRecord, StoredMetadata } from "./session-record.js";
import { creationEventId, sessionCell } from "./session-record.js";
import type { SessionRecords, StoredSession } from "./session-records.js";

/** A session to create. */
export interface NewSession {
  readonly owner: SessionIdentity;
  readonly metadata: StoredMetadata;
  /** Makes the creation idempotent. */
  readonly eventId?: EventId;
  readonly signal: AbortSignal | undefined;
}

export interface Created {
  readonly session: StoredSession;
  readonly duplicate: boolean;
}

/** What is left of another session of this name, or of one that was to become it. */
type InTheWay = "being deleted" | "abandoned";

/** About 2 seconds in all. */
const BACKOFF = { baseMs: 10, mostMs: 200, random: Math.random };
const MAX_ATTEMPTS = 24;

/** Creates sessions. Waits while a session of the same name is being deleted. */
export class Creations {
  readonly #store: StateStore;
  readonly #records: SessionRecords;
  readonly #deletions: Deletions;
  readonly #fillings: Fillings;

  constructor(store: StateStore, records: SessionRecords, deletions: Deletions, fillings: Fillings) {
    this.#store = store;
    this.#records = records;
    this.#deletions = deletions;
    this.#fillings = fillings;
  }

  /** ALREADY_EXISTS, IDEMPOTENCY_CONFLICT, NOT_FOUND. */
  async create(requested: NewSession): Promise<Created> {
    for (let attempt = 1; ; attempt++) {
      const created = await this.#createUnlessDeleting(requested);
      if (typeof created === "object") return created;
      if (attempt === MAX_ATTEMPTS) throw created === "abandoned" ? sessionExists() : beingDeleted();
      if (created === "abandoned") await this.#fillings.drop(requested.owner, { signal: requested.signal });
      await this.#deletions.finishIfPossible(requested.owner);
      await sleep(jitteredPause(attempt, BACKOFF), requested.signal);
    }
  }

  async #createUnlessDeleting(requested: NewSession): Promise<Created | InTheWay> {
    try {
      return await this.#tryOnce(requested);
    } catch (error) {
      if (requested.eventId === undefined || !isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
      // The store knows this event id: another attempt created the session, or it was deleted since.
      const session = await this.#records.find(requested.owner);
      if (session === undefined) throw noSession();
      requireSameCreation(session.record, creationOf(requested));
      return { session, duplicate: true };
    }
  }

  async #tryOnce(requested: NewSession): Promise<Created | InTheWay> {
    const { signal } = requested;
    return (await perform(this.#store, this.#attempt(requested), { signal })).result;
  }

  /** A creation as part of a unit. UNAVAILABLE (`busy`) at once while a session of the same name is being deleted. */
  operation(requested: Omit<NewSession, "signal">): Operation<Created> {
    const { owner, eventId } = requested;
    const creating = this.#attempt(requested);
    return {
      turn: creating.turn,
      repeatable: creating.repeatable,
      apply: async (transaction) => {
        transaction.explain(sessionCell(owner), (error) =>
          // The store knows the id, and there is no session: it was deleted since.
          eventId !== undefined && isStateError(error, "IDEMPOTENCY_CONFLICT") ? noSession() : error,
        );
        const created = await creating.apply(transaction);
        if (created === "being deleted") throw beingDeleted();
        if (created === "abandoned") throw sessionExists();
        return created;
      },
    };
  }

  #attempt(requested: Omit<NewSession, "signal">): Operation<Created | InTheWay> {
    const { owner, metadata, eventId } = requested;
    const creation = creationOf(requested);
    return {
      turn: headCell(owner),
      repeatable: eventId !== undefined,
      apply: async (transaction) => {
        const existing = await transaction.get(sessionCell(owner));
        if (existing !== undefined) {
          requireSameCreation(existing, creation);
          const { activity } = await this.#records.get(transaction, owner);
          return { session: { record: existing, activity }, duplicate: true };
        }
        const [isDeleted, isFilled] = await Promise.all([
          this.#deletions.isUnderWay(transaction, owner),
          this.#fillings.isUnderWay(transaction, owner),
        ]);
        if (isDeleted) return "being deleted";
        if (isFilled === "abandoned") return "abandoned";
        if (isFilled) throw sessionExists();
        const record = { createdAt: this.#records.now(), metadata, ...(creation && { creation }) };
        const eventId = creation && creationEventId(owner, creation);
        return {
          session: await this.#records.create(transaction, owner, record, eventId),
          duplicate: false,
        };
      },
    };
  }
}

function creationOf({ eventId, metadata }: Omit<NewSession, "signal">): Creation | undefined {
  return eventId === undefined ? undefined : { eventId, content: digestOf(JSON.stringify(metadata.value)) };
}

/** ALREADY_EXISTS, IDEMPOTENCY_CONFLICT where another call created the session. */
function requireSameCreation(record: SessionRecord, creation: Creation | undefined): void {
  if (creation === undefined || record.creation?.eventId !== creation.eventId) throw sessionExists();
  if (record.creation.content !== creation.content) throw otherCreation();
}
