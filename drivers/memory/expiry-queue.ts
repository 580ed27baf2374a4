import type { StoredRecord } from "../../src/contract/driver.js";
import { isSeen, type SeenEvent } from "../../src/rules/decide.js";

/** A remembered event id. */
export interface RememberedEvent extends SeenEvent {
  readonly tenant: string;
  readonly eventId: string;
  /** The key of the slot that it was saved in. */
  readonly slot: string;
  fingerprint: string | null;
  current: boolean;
  /** When it was put into the queue. */
  linedUpAt: number;
}

/** Remembered event ids, and the queue in which they wait to be forgotten. */
export class ExpiryQueue {
  /** By tenant and event id: to look up a joined key would cost several times as much. */
  readonly #events = new Map<string, Map<string, RememberedEvent>>();
  /** Oldest first, from `#head` on. An entry that the map does not hold any more was replaced. */
  #queue: RememberedEvent[] = [];
  #head = 0;

  get(tenant: string, eventId: string): RememberedEvent | undefined {
    return this.#events.get(tenant)?.get(eventId);
  }

  remember(record: StoredRecord, slot: string, now: number): RememberedEvent {
    const { tenant, eventId, fingerprint } = record;
    const event = { tenant, eventId, fingerprint, slot, savedAt: now, current: true, linedUpAt: now };
    const events = this.#events.get(tenant);
    if (events === undefined) this.#events.set(tenant, new Map([[eventId, event]]));
    else events.set(eventId, event);
    this.#queue.push(event);
    return event;
  }

  /** Examines up to `limit` of the oldest entries whose time in the queue is up. */
  forget(limit: number, now: number, window: number): void {
    // A time in the future means that the clock was set back. Such an entry would block the queue until then.
    const isDue = ({ linedUpAt }: RememberedEvent) => linedUpAt <= now - window || linedUpAt > now;
    for (let examined = 0; examined < limit; examined++) {
      const event = this.#queue[this.#head];
      if (event === undefined || !isDue(event)) break;
      this.#head++;
      if (this.get(event.tenant, event.eventId) !== event) continue;
      if (isSeen(event, now, window)) this.#queue.push(Object.assign(event, { linedUpAt: now }));
      else this.#delete(event);
    }
    if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  #delete({ tenant, eventId }: RememberedEvent): void {
    const events = this.#events.get(tenant);
    events?.delete(eventId);
    if (events?.size === 0) this.#events.delete(tenant);
  }
}
