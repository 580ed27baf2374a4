/**
 * The search path keeps functions in other schemas from replacing the server's own. The planner settings force nested loops
 * over indexes, which stay right however much the tables grow, and one plan for all batches: planning each small batch
 * costs more than the batch.
 */
export const SETTINGS = `
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off`.trim();

/** Makes the commit durable before it is reported. Otherwise a crash could undo it. */
export const DURABLE_COMMIT = `IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;`;

/** The beginning of every write. A pooler may have dropped the settings made at connect, so the function sets them. */
export const BEGIN_WRITE = `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the isolation level must be read committed' USING ERRCODE = '25001';
  END IF;
  ${DURABLE_COMMIT}
  PERFORM set_config('lock_timeout', p_lock_timeout, true);
`;

/**
 * Comes after the locks of a write. Refuses a statement that the server or the network delayed past its deadline: its
 * caller does not wait any more, and it could overwrite what was acknowledged since.
 */
export const CHECK_DEADLINE = `IF extract(epoch FROM clock_timestamp()) * 1000 > p_deadline THEN
    RAISE EXCEPTION 'the deadline of the call has passed' USING ERRCODE = '57014';
  END IF;`;
