import type { Names } from "../../names.js";
import { endOfErase, isErase } from "./erase-range.js";

/** Records that one batch erases at once. A larger erase puts up a fence. */
export const MAX_ERASED_AT_ONCE = 1000;

/**
 * The key of a session's advisory lock. The lengths keep different names from giving the same text, and the table's name
 * keeps the stores of one database apart.
 */
export function sessionKey(n: Names, tenant: string, usr: string, session: string): string {
  const lengths = `length(${tenant})::text || ':' || length(${usr})::text || ':'`;
  return `hashtextextended('${n.record}' || ${lengths} || ${tenant} || ${usr} || ${session}, 20261129)`;
}

export const DECLARE_LOCKS = `v_key bigint;
  v_asked timestamptz := clock_timestamp();
  v_patience bigint;
  a_locked bigint[] := '{}';`;

/**
 * Locks the sessions of a batch, which also covers empty slots. All batches lock in the same order, which prevents
 * deadlocks, and wait for all locks together at most \`p_patience\` milliseconds. Sessions that could not be locked are in
 * \`a_locked\` afterwards. Later statements see a snapshot taken after the locks.
 */
export function lockSessions(n: Names): string {
  return `FOR v_key IN
    SELECT DISTINCT ${sessionKey(n, "x.tenant", "x.usr", "x.session")} AS key
    FROM unnest(p_tenant, p_usr, p_session) AS x (tenant, usr, session)
    ORDER BY 1
  LOOP
    CONTINUE WHEN pg_try_advisory_xact_lock(v_key);
    v_patience := p_patience - floor(extract(epoch FROM clock_timestamp() - v_asked) * 1000);
    IF v_patience > 0 THEN
      BEGIN
        PERFORM set_config('lock_timeout', v_patience::text, true);
        PERFORM pg_advisory_xact_lock(v_key);
        CONTINUE;
      EXCEPTION WHEN lock_not_available THEN
        NULL;
      END;
    END IF;
    a_locked := a_locked || v_key;
  END LOOP;
  PERFORM set_config('lock_timeout', p_lock_timeout, true);`;
}

/**
 * For a careful batch: treats a session as locked when another program holds a lock on one of its rows. Such a row would
 * block the whole batch.
 */
export function findLockedRows(n: Names): string {
  const inSession = `SELECT FROM ${n.record} AS r
          WHERE r.tenant = x.tenant AND r.user_id = x.usr AND r.session = x.session`;
  const inSlot = `${inSession} AND r.run = x.run AND r.kind = x.kind`;
  const end = endOfErase("x.op", "x.run", "x.kind");
  const first = (lock: string) => `(SELECT count(*) FROM (${inSession}
            AND (r.run, r.kind) >= (x.run, x.kind) AND (r.run, r.kind) < (${end.run}, ${end.kind})
          ORDER BY r.run, r.kind LIMIT ${MAX_ERASED_AT_ONCE} ${lock}) AS counted)`;
  return `IF p_careful <> 0 THEN
    a_locked := a_locked || ARRAY(
      SELECT DISTINCT ${sessionKey(n, "x.tenant", "x.usr", "x.session")}
      FROM unnest(p_op, p_tenant, p_usr, p_session, p_run, p_kind) AS x (op, tenant, usr, session, run, kind)
      WHERE CASE WHEN ${isErase("x.op")} THEN ${first("")} > ${first("FOR UPDATE SKIP LOCKED")}
        ELSE EXISTS (${inSlot}) AND NOT EXISTS (SELECT FROM (${inSlot} FOR UPDATE SKIP LOCKED) AS free) END);
  END IF;`;
}
