import type { ApplyOptions } from "../../src/contract/driver.js";
import { isSeen } from "../../src/rules/decide.js";
import type { Connection } from "./connection.js";

const HEAD = "SELECT lined_up_at FROM event ORDER BY id LIMIT 1";

/** When the last was saved, or moved to the end. */
const TAIL = "SELECT lined_up_at FROM event ORDER BY id DESC LIMIT 1";

export const OLDEST = `
SELECT event.id, event.lined_up_at, event.saved_at, record.id IS NOT NULL
FROM event LEFT JOIN record
  ON record.id = event.record AND record.tenant = event.tenant AND record.event_id = event.event_id
ORDER BY event.id LIMIT ?`;

/** In its own place, for an id: SQLite finds one even where damage has taken the last that there can be. */
const TO_THE_END = `
REPLACE INTO event (tenant, event_id, record, fingerprint, saved_at, lined_up_at)
SELECT tenant, event_id, record, fingerprint, saved_at, ? FROM event WHERE id = ?`;
const FORGET = "DELETE FROM event WHERE id = ?";

export type LineStatements = ReturnType<typeof prepareLine>;

export function prepareLine(connection: Connection) {
  return {
    head: connection.prepare(HEAD).raw(),
    tail: connection.prepare(TAIL).raw(),
    oldest: connection.prepare(OLDEST).raw(),
    toTheEnd: connection.prepare(TO_THE_END),
    forget: connection.prepare(FORGET),
  };
}

/**
 * The time to write by: not before that of the last write to this database, by whatever process. What one saves whose
 * clock is behind would otherwise be forgotten early by the others. A time that is ahead by more than the window is not
 * believed, and only keeps ids for longer.
 */
export function timeAmong(sql: LineStatements, { now, window, ...rest }: ApplyOptions): ApplyOptions {
  const [last] = (sql.tail.get() ?? []) as [number?];
  const isAhead = Number.isSafeInteger(last) && (last as number) > now && (last as number) <= now + window;
  return { ...rest, now: isAhead ? (last as number) : now, window };
}

/**
 * Looks at the oldest ids whose time in the line is up, `most` of them, and forgets those that are no longer seen. The
 * others go to the end, so that each is looked at once per window and none stands in the way.
 */
export function forgetOldest(sql: LineStatements, most: number, { now, window }: ApplyOptions): void {
  // A time in the future means that the clock was set back, and would hold up the line until then.
  const isDue = (linedUpAt: number) => linedUpAt <= now - window || linedUpAt > now;
  const head = sql.head.get() as [number] | undefined;
  if (most === 0 || head === undefined || !isDue(head[0])) return;
  for (const row of sql.oldest.all(most)) {
    const [id, linedUpAt, savedAt, current] = row as [number, number, number, number];
    if (!isDue(linedUpAt)) break;
    if (isSeen({ fingerprint: null, savedAt, current: current === 1 }, now, window))
      sql.toTheEnd.run(now, id);
    else sql.forget.run(id);
  }
}
