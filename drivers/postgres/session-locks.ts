import type { Names } from "./names.js";

/** At most so many records are erased at once; what is more is fenced off. */
export const MAX_ERASED_AT_ONCE = 1000;

/**
 * What is locked for a session of this store. The lengths keep names apart whatever is in them, and the table's name the
 * stores of one database.
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
 * Locks the sessions of a batch, which also covers slots that hold nothing yet. Waiting is done in one order everywhere,
 * so that nobody waits for each other, and in all no longer than the batch has patience: those that are not to be had
 * are in \`a_locked\` then. Statements after it see a snapshot that was taken after it.
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
 * Of a careful batch: a session of which somebody outside holds a row counts as locked. Such a row would hold up the
 * statement that comes to it, and all that is in the batch.
 */
export function findLockedRows(n: Names): string {
  const inSession = `SELECT FROM ${n.record} AS r
          WHERE r.tenant = x.tenant AND r.user_id = x.usr AND r.session = x.session`;
  const inSlot = `${inSession} AND r.run = x.run AND r.kind = x.kind`;
  const first = (lock: string) => `(SELECT count(*) FROM (${inSession}
          ORDER BY r.run, r.kind LIMIT ${MAX_ERASED_AT_ONCE} ${lock}) AS counted)`;
  return `IF p_careful <> 0 THEN
    a_locked := a_locked || ARRAY(
      SELECT DISTINCT ${sessionKey(n, "x.tenant", "x.usr", "x.session")}
      FROM unnest(p_op, p_tenant, p_usr, p_session, p_run, p_kind) AS x (op, tenant, usr, session, run, kind)
      WHERE CASE WHEN x.op = 'erase' THEN ${first("")} > ${first("FOR UPDATE SKIP LOCKED")}
        ELSE EXISTS (${inSlot}) AND NOT EXISTS (SELECT FROM (${inSlot} FOR UPDATE SKIP LOCKED) AS free) END);
  END IF;`;
}
