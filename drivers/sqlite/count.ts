import type { CountQuery } from "../../src/contract/driver.js";
import { kindRange } from "../../src/rules/order.js";
import type { Steps } from "../../src/timing/in-slices.js";
import type { Connection } from "./connection.js";
import { NOT_ERASED, notErasedOf } from "./fences.js";

/**
 * Counts a piece from the index alone. Kinds are compared as bytes: the text of a damaged one would lead somewhere else.
 * Erased records belong to the piece, so that its work is bounded.
 */
const COUNT_PIECE = `
SELECT count(*), ifnull(sum(alive), 0), CAST(max(kind) AS BLOB) FROM (
  SELECT kind, ${NOT_ERASED} AS alive FROM record
  WHERE tenant = ? AND user = ? AND session = ? AND run = ? AND kind >= CAST(? AS TEXT) AND kind < ?
  ORDER BY kind LIMIT ?)`;

/** Records per piece: so few that it hardly delays the event loop. */
const MAX_PER_PIECE = 10_000;
/** Where only a few are wanted, a piece still passes over some erased ones. */
const MIN_PER_PIECE = 100;

/** SQLite sorts every blob after every text. */
const AFTER_ALL_TEXT = Buffer.alloc(0);

export type CountStatement = ReturnType<typeof prepareCount>;

export function prepareCount(connection: Connection) {
  return connection.prepare(COUNT_PIECE).raw();
}

/** Counts in steps of one piece each. Without a transaction around it, only the first piece is of one snapshot. */
export function* countSteps(statement: CountStatement, query: CountQuery): Steps<number> {
  const { tenant, user, session, run } = query.identity;
  const { from, until } = kindRange(query);
  let count = 0;
  for (let first = Buffer.from(from); ; ) {
    const size = Math.max(MIN_PER_PIECE, Math.min(MAX_PER_PIECE, query.limit - count));
    const [examined, alive, last] = statement.get(
      ...[...notErasedOf(query.identity), tenant, user, session, run],
      ...[first, until ?? AFTER_ALL_TEXT, size],
    ) as [number, number, Buffer];
    count += alive;
    if (examined < size || count >= query.limit) return Math.min(count, query.limit);
    first = Buffer.concat([last, Buffer.alloc(1)]);
    yield;
  }
}
