import type { ApplyOptions } from "../../src/contract/driver.js";
import { isSeen } from "../../src/rules/decide.js";
import type { Connection } from "./connection.js";

const HEAD = "SELECT lined_up_at FROM event ORDER BY id LIMIT 1";

/** When the newest row was added or moved to the end. */
const TAIL = "SELECT lined_up_at FROM event ORDER BY id DESC LIMIT 1";

export const OLDEST = `
SELECT event.id, event.lined_up_at, event.saved_at, record.id IS NOT NULL
FROM event LEFT JOIN record
  ON record.id = event.record AND record.tenant = event.tenant AND record.event_id = event.event_id
ORDER BY event.id LIMIT ?`;

/** REPLACE gives the row a new id. SQLite finds a free id even where damage has put the highest possible one in use. */
const MOVE_TO_END = `
REPLACE INTO event (tenant, event_id, record, fingerprint, saved_at, lined_up_at)
SELECT tenant, event_id, record, fingerprint, saved_at, ? FROM event WHERE id = ?`;
const FORGET = "DELETE FROM event WHERE id = ?";

export type QueueStatements = ReturnType<typeof prepareQueue>;

export function prepareQueue(connection: Connection) {
  return {
    head: connection.prepare(HEAD).raw(),
    tail: connection.prepare(TAIL).raw(),
    oldest: connection.prepare(OLDEST).raw(),
    moveToEnd: connection.prepare(MOVE_TO_END),
    forget: connection.prepare(FORGET),
  };
}

/**
 * Replaces `now` by the time of the last write to this database, by any process, if that is later. Otherwise the other
 * processes would forget too early what a process with a slow clock saves. A last write that is ahead by more than the
 * window is ignored; its only effect is that ids are kept longer.
 */
export function withWriteTime(sql: QueueStatements, { now, window, ...rest }: ApplyOptions): ApplyOptions {
  const [last] = (sql.tail.get() ?? []) as [number?];
  const isAhead = Number.isSafeInteger(last) && (last as number) > now && (last as number) <= now + window;
  return { ...rest, now: isAhead ? (last as number) : now, window };
}

/**
 * Examines up to `limit` of the oldest ids whose time in the queue is up, and forgets those that no longer count. It moves
 * the others to the end, so that each is examined once per window and none blocks the queue.
 */
export function forgetOldest(sql: QueueStatements, limit: number, { now, window }: ApplyOptions): void {
  // A time in the future means that the clock was set back. Such a row would block the queue until then.
  const isDue = (linedUpAt: number) => linedUpAt <= now - window || linedUpAt > now;
  const head = sql.head.get() as [number] | undefined;
  if (limit === 0 || head === undefined || !isDue(head[0])) return;
  for (const row of sql.oldest.all(limit)) {
    const [id, linedUpAt, savedAt, current] = row as [number, number, number, number];
    if (!isDue(linedUpAt)) break;
    if (isSeen({ fingerprint: null, savedAt, current: current === 1 }, now, window))
      sql.moveToEnd.run(now, id);
    else sql.forget.run(id);
  }
}
