/**
 * No schema of the caller's can put a function of its own in the place of one of the server's. And nested loops over
 * indexes are right whatever the tables have grown to since a plan was made; and to plan anew for
 * each small batch, as the server would, costs more than the batch.
 */
export const SETTINGS = `
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off`.trim();

/** Lets no server put off what it says is done: a crash would take it back. */
export const DURABLE_COMMIT = `IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;`;

/** How every write begins. A pooler may have lost what was set at connect, so the function sets it for itself. */
export const DURABLY = `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the isolation level must be read committed' USING ERRCODE = '25001';
  END IF;
  ${DURABLE_COMMIT}
  PERFORM set_config('lock_timeout', p_lock_timeout, true);
`;

/**
 * Follows the lock of a write. Nobody waits any more for one that comes late, however long the server or the network
 * held it: written now, it would undo what was acknowledged since.
 */
export const IN_TIME = `IF extract(epoch FROM clock_timestamp()) * 1000 > p_deadline THEN
    RAISE EXCEPTION 'the deadline of the call has passed' USING ERRCODE = '57014';
  END IF;`;
