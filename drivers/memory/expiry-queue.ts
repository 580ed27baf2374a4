import type { StoredRecord } from "../../src/contract/driver.js";
import { isSeen, type SeenEvent } from "../../src/rules/decide.js";

/** A remembered event id. */
export interface RememberedEvent extends SeenEvent {
  readonly key: string;
  /** The key of the slot that it was saved in. */
  readonly slot: string;
  fingerprint: string | null;
  current: boolean;
  /** When it was put into the queue. */
  linedUpAt: number;
}

/** Remembered event ids, and the queue in which they wait to be forgotten. */
export class ExpiryQueue {
  readonly #events = new Map<string, RememberedEvent>();
  /** Oldest first, from `#head` on. An entry that the map does not hold any more was replaced. */
  #queue: RememberedEvent[] = [];
  #head = 0;

  get(tenant: string, eventId: string): RememberedEvent | undefined {
    return this.#events.get(keyOf(tenant, eventId));
  }

  remember(record: StoredRecord, slot: string, now: number): RememberedEvent {
    const key = keyOf(record.tenant, record.eventId);
    const { fingerprint } = record;
    const event = { key, slot, fingerprint, savedAt: now, current: true, linedUpAt: now };
    this.#events.set(key, event);
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
      if (this.#events.get(event.key) !== event) continue;
      if (isSeen(event, now, window)) this.#queue.push(Object.assign(event, { linedUpAt: now }));
      else this.#events.delete(event.key);
    }
    if (this.#head * 2 > this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}

function keyOf(tenant: string, eventId: string): string {
  return `${tenant}\0${eventId}`;
}
