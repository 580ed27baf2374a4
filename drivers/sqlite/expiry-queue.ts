import type { ApplyOptions } from "../../src/contract/driver.js";
import { isSeen } from "../../src/rules/decide.js";
import type { Connection } from "./connection.js";
import { eventIdOf } from "./event-key.js";
import { PackedEvents, type QueuedEvent, QueuedEvents } from "./queued-events.js";

const HEAD = "SELECT id, lined_up_at FROM expiry ORDER BY id LIMIT 1";
const EVENTS = "SELECT events FROM expiry WHERE id = ?";

/** `lined_up_at` says when an event was last added. */
const TAIL = "SELECT lined_up_at, id, length(events) FROM expiry ORDER BY id DESC LIMIT 1";
const ADD = "INSERT INTO expiry (lined_up_at, events) VALUES (?, ?)";
const EXTEND = "UPDATE expiry SET lined_up_at = ?, events = CAST(events || ? AS BLOB) WHERE id = ?";
const SHORTEN = "UPDATE expiry SET events = ? WHERE id = ?";
const REMOVE = "DELETE FROM expiry WHERE id = ?";

export const EXPIRING = `
SELECT seen.saved_at, record.id IS NOT NULL
FROM seen LEFT JOIN record
  ON record.id = seen.record AND record.event_id = ? AND record.tenant = (SELECT name FROM tenant WHERE id = seen.tenant)
WHERE seen.event_id = ? AND seen.tenant = ?`;
const FORGET = "DELETE FROM seen WHERE event_id = ? AND tenant = ?";

/** Nine full rows fill a page of 4 KiB. */
const ROW_BYTES = 440;
/** A row is not added to after this time, or after this part of the window: its events are examined together. */
const MAX_PAUSE_MS = 1000;
const MAX_PAUSE_SHARE = 1 / 1000;

export type QueueStatements = ReturnType<typeof prepareQueue>;

export function prepareQueue(connection: Connection) {
  return {
    head: connection.prepare(HEAD).raw(),
    events: connection.prepare(EVENTS).raw(),
    tail: connection.prepare(TAIL).raw(),
    add: connection.prepare(ADD),
    extend: connection.prepare(EXTEND),
    shorten: connection.prepare(SHORTEN),
    remove: connection.prepare(REMOVE),
    expiring: connection.prepare(EXPIRING).raw(),
    forget: connection.prepare(FORGET),
  };
}

type Tail = readonly [linedUpAt: number, id: number, bytes: number];

/** The expiry queue, in one transaction. */
export class ExpiryQueue {
  /** With the time of the write; see `timeOfWrite`. */
  readonly options: ApplyOptions;
  readonly #sql: QueueStatements;
  readonly #tail: Tail | undefined;
  readonly #added = new PackedEvents();

  constructor(sql: QueueStatements, given: ApplyOptions) {
    this.#sql = sql;
    this.#tail = sql.tail.get() as Tail | undefined;
    this.options = { ...given, now: timeOfWrite(given, this.#tail?.[0]) };
  }

  /** Adds an event that is not in the queue. It is stored by `flush`. */
  add(event: QueuedEvent): void {
    this.#added.add(event);
  }

  /**
   * Examines up to `limit` of the oldest events whose time in the queue is up, and forgets those that no longer count. It
   * adds the others again, so that each is examined once per window and none blocks the queue.
   */
  forgetOldest(limit: number): void {
    const { now, window } = this.options;
    for (let left = limit; left > 0; ) {
      const row = this.#sql.head.get() as [number, number] | undefined;
      // A time in the future means that the clock was set back. Such a row would block the queue until then.
      if (row === undefined || (row[1] > now - window && row[1] <= now)) return;
      const [id] = row;
      const events = new QueuedEvents((this.#sql.events.get(id) as [unknown])[0]);
      let event: QueuedEvent | undefined;
      while (left > 0) {
        event = events.take();
        if (event === undefined) break;
        this.#examine(event);
        left--;
      }
      if (event === undefined || events.rest.length === 0) this.#sql.remove.run(id);
      else this.#sql.shorten.run(events.rest, id);
    }
  }

  /** Stores what was added. */
  flush(): void {
    const { now } = this.options;
    let at = this.#extendTail();
    while (at < this.#added.count) {
      const count = Math.max(1, this.#added.fitting(at, ROW_BYTES));
      this.#sql.add.run(now, this.#added.slice(at, count));
      at += count;
    }
  }

  /** Adds to the last row, if it has room. Returns how many of the added events it has taken. */
  #extendTail(): number {
    if (this.#tail === undefined || this.#added.count === 0) return 0;
    const { now, window } = this.options;
    const [linedUpAt, id, bytes] = this.#tail;
    const pause = now - linedUpAt;
    if (pause < 0 || pause > Math.min(MAX_PAUSE_MS, window * MAX_PAUSE_SHARE)) return 0;
    const count = this.#added.fitting(0, ROW_BYTES - bytes);
    if (count === 0) return 0;
    // The row is not there any more if it was the first one, too, and all its events were examined.
    const { changes } = this.#sql.extend.run(now, this.#added.slice(0, count), id);
    return changes === 1 ? count : 0;
  }

  #examine(event: QueuedEvent): void {
    const { key, tenant } = event;
    const row = this.#sql.expiring.get(eventIdOf(key), key, tenant) as [number, number] | undefined;
    if (row === undefined) return;
    const [savedAt, current] = row;
    const { now, window } = this.options;
    if (isSeen({ fingerprint: null, savedAt, current: current === 1 }, now, window)) this.add(event);
    else this.#sql.forget.run(key, tenant);
  }
}

/**
 * `now`, or the time of the last write to this database, by any process, if that is later. Otherwise the other processes
 * would forget too early what a process with a slow clock saves. A last write that is ahead by more than the window is
 * ignored; its only effect is that ids are kept longer.
 */
function timeOfWrite({ now, window }: ApplyOptions, last: number | undefined): number {
  const isAhead = Number.isSafeInteger(last) && (last as number) > now && (last as number) <= now + window;
  return isAhead ? (last as number) : now;
}
