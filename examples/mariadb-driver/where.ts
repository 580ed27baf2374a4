import {
  type EraseTarget,
  kindRange,
  prefixEnd,
  type ScanQuery,
  type SessionsQuery,
  type Slot,
} from "groundstate";

/** A condition, and its values. */
export type Where = readonly [sql: string, values: readonly Buffer[]];

export function inTarget(target: EraseTarget): Where {
  const { tenant, user, session } = target;
  if (!("run" in target)) return equal({ tenant, user, session });
  return all(equal({ tenant, user, session, run: target.run }), ...beginning("kind", target.prefix));
}

/** What a scan of one identity or one tenant finds. */
export function inScan(query: ScanQuery, tenant: string): Where {
  const { identity, prefix, after } = query;
  if (identity) {
    const { user, session, run } = identity;
    const { from, until } = kindRange(query);
    return all(equal({ tenant, user, session, run }), ...between("kind", from, until));
  }
  const place = after?.tenant === tenant ? [behind(after, ["kind", "user", "session", "run"])] : [];
  return all(equal({ tenant }), ...beginning("kind", prefix), ...place);
}

export function inSessions({ tenant, user, prefix, after }: SessionsQuery): Where {
  const place = after ? [behind(after, ["session", "run", "kind"])] : [];
  return all(equal({ tenant, user }), ...beginning("session", prefix), ...place);
}

function all(...parts: readonly Where[]): Where {
  return [parts.map(([sql]) => `(${sql})`).join(" AND "), parts.flatMap(([, values]) => values)];
}

function equal(names: Readonly<Record<string, string>>): Where {
  return all(...Object.entries(names).map(([column, name]): Where => [`${column} = ?`, [Buffer.from(name)]]));
}

function beginning(column: string, prefix: string): Where[] {
  return between(column, prefix, prefixEnd(prefix));
}

function between(column: string, from: string, until: string | undefined): Where[] {
  const end: Where[] = until === undefined ? [] : [[`${column} < ?`, [Buffer.from(until)]]];
  return [[`${column} >= ?`, [Buffer.from(from)]], ...end];
}

/** Behind a position in the order of these columns, in a form for which the server reads ranges of an index. */
function behind(slot: Slot, columns: readonly (keyof Slot)[]): Where {
  const ways = columns.map((column, index) =>
    columns.slice(0, index + 1).map((each) => `${each} ${each === column ? ">" : "="} ?`),
  );
  const values = columns.flatMap((_, index) =>
    columns.slice(0, index + 1).map((each) => Buffer.from(slot[each])),
  );
  return [ways.map((way) => `(${way.join(" AND ")})`).join(" OR "), values];
}
