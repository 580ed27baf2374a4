import type { StoredRecord } from "../../src/contract/driver.js";
import { isSeen, type SeenEvent } from "../../src/rules/decide.js";

/** An event id as it is remembered. */
export interface RememberedEvent extends SeenEvent {
  readonly key: string;
  /** Where it was saved. */
  readonly slot: string;
  fingerprint: string | null;
  current: boolean;
  /** When it was put in the line. */
  linedUpAt: number;
}

/** The memory of event ids, and the line in which they wait to be forgotten. */
export class EventLine {
  readonly #events = new Map<string, RememberedEvent>();
  /** Oldest first from `#head` on; one that is no longer in the map has been replaced. */
  #line: RememberedEvent[] = [];
  #head = 0;

  get(tenant: string, eventId: string): RememberedEvent | undefined {
    return this.#events.get(keyOf(tenant, eventId));
  }

  remember(record: StoredRecord, slot: string, now: number): RememberedEvent {
    const key = keyOf(record.tenant, record.eventId);
    const { fingerprint } = record;
    const event = { key, slot, fingerprint, savedAt: now, current: true, linedUpAt: now };
    this.#events.set(key, event);
    this.#line.push(event);
    return event;
  }

  /** Looks at no more than `most` of the oldest whose time in the line is up. */
  forget(most: number, now: number, window: number): void {
    // A time in the future means that the clock was set back, and would hold up the line until then.
    const isDue = ({ linedUpAt }: RememberedEvent) => linedUpAt <= now - window || linedUpAt > now;
    for (let looked = 0; looked < most; looked++) {
      const event = this.#line[this.#head];
      if (event === undefined || !isDue(event)) break;
      this.#head++;
      if (this.#events.get(event.key) !== event) continue;
      if (isSeen(event, now, window)) this.#line.push(Object.assign(event, { linedUpAt: now }));
      else this.#events.delete(event.key);
    }
    if (this.#head * 2 > this.#line.length) {
      this.#line = this.#line.slice(this.#head);
      this.#head = 0;
    }
  }
}

function keyOf(tenant: string, eventId: string): string {
  return `${tenant}\0${eventId}`;
}
