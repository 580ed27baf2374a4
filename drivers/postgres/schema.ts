import type { Migration } from "../migrations.js";
import type { Names } from "./names.js";

/** The tables and functions of a store. A released migration never changes: a new function gets a new number. */
export function migrationsOf(names: Names): readonly Migration[] {
  return [
    { version: 1, name: "tables", sql: tables(names) },
    { version: 2, name: "functions", sql: [apply(names), erase(names), scan(names)].join("\n") },
  ];
}

/**
 * No schema of the caller's can put a function of its own in the place of one of the server's. And nested loops over
 * indexes are right whatever the tables have grown to since a plan was made; and to plan anew for
 * each small batch, as the server would, costs more than the batch.
 */
const SETTINGS = `
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET jit = off
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off SET enable_mergejoin = off`.trim();

/** How every write begins. A pooler may have lost what was set at connect, so the function sets it for itself. */
const DURABLY = `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the isolation level must be read committed' USING ERRCODE = '25001';
  END IF;
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  PERFORM set_config('lock_timeout', p_lock_timeout, true);
`;

/**
 * The tenant leads every key, so that the tables can be spread by tenant. `event` is the memory of seen ids: which
 * record an id was saved in, when, and since when it stands in the line to be forgotten.
 */
function tables(n: Names): string {
  return `
CREATE SEQUENCE ${n.sequence} AS bigint CACHE 32;
CREATE TABLE ${n.record} (
  tenant text COLLATE "C" NOT NULL,
  usr text COLLATE "C" NOT NULL,
  session text COLLATE "C" NOT NULL,
  run text COLLATE "C" NOT NULL,
  kind text COLLATE "C" NOT NULL,
  id bigint NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  updated_at bigint NOT NULL,
  fingerprint bytea NOT NULL,
  bytes bytea NOT NULL,
  PRIMARY KEY (tenant, usr, session, run, kind)
) WITH (fillfactor = 80);
ALTER TABLE ${n.record} ALTER bytes SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX ${n.recordById} ON ${n.record} (tenant, id);
CREATE INDEX ${n.recordByKind} ON ${n.record} (tenant, kind, usr, session, run);
CREATE TABLE ${n.event} (
  tenant text COLLATE "C" NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  record_id bigint NOT NULL,
  saved_at bigint NOT NULL,
  lined_up_at bigint NOT NULL,
  fingerprint bytea,
  PRIMARY KEY (tenant, event_id)
);
CREATE INDEX ${n.eventLine} ON ${n.event} (lined_up_at);`;
}

/**
 * Applies a batch by the rules of \`decide\`, beside the data.
 *
 * It first locks the sessions concerned, in one order everywhere, which also covers slots that hold nothing yet and
 * holds off an erase. Each round is a statement of its own and so sees a snapshot taken after those locks; commits
 * that share a slot or an event id are in different rounds. One event id saved by two sessions at once is met at the
 * unique key: whoever comes second is sent back to look again (40001).
 *
 * Of a write: \`cond\` 0 none, 1 must be empty, 2 must be \`want\`; the fingerprint of a save stands at \`place\` of the
 * body, its payload of \`size\` bytes behind it. Writes stand in the order of their rounds, \`p_until\` saying where each
 * round ends. It answers with every write of an applied commit, one of a duplicate, and the failing one of another.
 */
function apply(n: Names): string {
  return `
CREATE FUNCTION ${n.apply}(
  p_window bigint, p_lock_timeout text, p_until int[],
  p_commit int[], p_write int[], p_op text[],
  p_tenant text[], p_usr text[], p_session text[], p_run text[], p_kind text[],
  p_cond int[], p_want text[], p_event text[], p_version bigint[], p_updated_at bigint[],
  p_place int[], p_size int[], p_body bytea)
RETURNS TABLE (commit_no int, write_no int, verdict text, current_event text)
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $apply$
#variable_conflict use_column
DECLARE
  v_now bigint;
  v_cut bigint;
  v_from int := 1;
  v_until int;
  v_row record;
  v_expected bigint;
  v_inserted bigint;
  v_written bigint := 0;
BEGIN
  ${DURABLY}
  PERFORM pg_advisory_xact_lock(held.key) FROM (
    SELECT DISTINCT hashtextextended(x.tenant || chr(1) || x.usr || chr(1) || x.session, 20261120) AS key
    FROM unnest(p_tenant, p_usr, p_session) AS x (tenant, usr, session)
    ORDER BY 1
  ) AS held;

  v_now := floor(extract(epoch FROM clock_timestamp()) * 1000);
  v_cut := v_now - p_window;

  FOREACH v_until IN ARRAY p_until LOOP
    v_expected := 0;
    v_inserted := 0;
    FOR v_row IN
      WITH met AS MATERIALIZED (
        SELECT g.*, substring(p_body FROM g.place FOR 32) AS fingerprint,
          cur.event_id AS cur_event, cur.id AS cur_id,
          seen.same IS NOT NULL AS seen, seen.same,
          (g.cond = 1 AND cur.event_id IS NOT NULL) OR (g.cond = 2 AND cur.event_id IS DISTINCT FROM g.want) AS bad
        FROM unnest(
          p_commit[v_from:v_until], p_write[v_from:v_until], p_op[v_from:v_until],
          p_tenant[v_from:v_until], p_usr[v_from:v_until], p_session[v_from:v_until], p_run[v_from:v_until],
          p_kind[v_from:v_until], p_cond[v_from:v_until], p_want[v_from:v_until], p_event[v_from:v_until],
          p_version[v_from:v_until], p_updated_at[v_from:v_until], p_place[v_from:v_until], p_size[v_from:v_until])
          AS g (commit_no, write_no, op, tenant, usr, session, run, kind, cond, want, event_id,
                version, updated_at, place, size)
        LEFT JOIN LATERAL (
          SELECT r.event_id, r.id FROM ${n.record} AS r
          WHERE r.tenant = g.tenant AND r.usr = g.usr AND r.session = g.session AND r.run = g.run AND r.kind = g.kind
          OFFSET 0
        ) AS cur ON true
        LEFT JOIN LATERAL (
          SELECT coalesce(e.fingerprint = substring(p_body FROM g.place FOR 32), true) AS same
          FROM ${n.event} AS e
          WHERE e.tenant = g.tenant AND e.event_id = g.event_id
            AND (e.saved_at > v_cut OR ${isCurrent(n)})
          OFFSET 0
        ) AS seen ON true
      ),
      judged AS MATERIALIZED (
        SELECT m.*,
          CASE
            WHEN bool_or(NOT m.same) OVER own THEN 'conflict'
            WHEN bool_or(m.seen) OVER own THEN
              CASE WHEN bool_and(m.seen) FILTER (WHERE m.op = 'save') OVER own THEN 'duplicate' ELSE 'conflict' END
            WHEN bool_or(m.bad) OVER own THEN 'condition'
            ELSE 'applied'
          END AS verdict,
          coalesce(
            min(m.write_no) FILTER (WHERE NOT m.same) OVER own,
            min(m.write_no) FILTER (WHERE m.seen) OVER own,
            min(m.write_no) FILTER (WHERE m.bad) OVER own) AS fault
        FROM met AS m WINDOW own AS (PARTITION BY m.commit_no)
      ),
      todo AS MATERIALIZED (
        SELECT j.*, coalesce(j.cur_id, nextval('${n.sequence}')) AS record_id
        FROM judged AS j WHERE j.verdict = 'applied' AND j.op <> 'check'
      ),
      saved AS (
        INSERT INTO ${n.record} AS r
          (tenant, usr, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes)
        SELECT t.tenant, t.usr, t.session, t.run, t.kind, t.record_id, t.event_id, t.version, t.updated_at,
          t.fingerprint, substring(p_body FROM t.place + 32 FOR t.size)
        FROM todo AS t WHERE t.op = 'save'
        ON CONFLICT (tenant, usr, session, run, kind) DO UPDATE SET
          event_id = excluded.event_id, version = excluded.version, updated_at = excluded.updated_at,
          fingerprint = excluded.fingerprint, bytes = excluded.bytes
      ),
      deleted AS (
        DELETE FROM ${n.record} AS r USING todo AS t
        WHERE t.op = 'delete' AND r.tenant = t.tenant AND r.id = t.cur_id
      ),
      remembered AS (
        INSERT INTO ${n.event} AS e (tenant, event_id, record_id, saved_at, lined_up_at, fingerprint)
        SELECT t.tenant, t.event_id, t.record_id, v_now, v_now, t.fingerprint FROM todo AS t
        WHERE t.op = 'save' ORDER BY t.tenant, t.event_id
        ON CONFLICT (tenant, event_id) DO UPDATE SET
          record_id = excluded.record_id, saved_at = excluded.saved_at, lined_up_at = excluded.lined_up_at,
          fingerprint = excluded.fingerprint
          WHERE e.saved_at <= v_cut AND NOT ${isCurrent(n)}
        RETURNING 1
      )
      SELECT j.commit_no, j.write_no, j.verdict, j.cur_event, j.op,
        (SELECT count(*) FROM remembered) AS inserted
      FROM judged AS j
      WHERE j.verdict = 'applied' OR j.write_no = CASE j.verdict WHEN 'duplicate' THEN 0 ELSE j.fault END
    LOOP
      commit_no := v_row.commit_no;
      write_no := v_row.write_no;
      verdict := v_row.verdict;
      current_event := v_row.cur_event;
      v_inserted := v_row.inserted;
      IF verdict = 'applied' AND v_row.op = 'save' THEN v_expected := v_expected + 1; END IF;
      RETURN NEXT;
    END LOOP;
    IF v_inserted <> v_expected THEN
      RAISE EXCEPTION 'another session saved one of these event ids' USING ERRCODE = '40001';
    END IF;
    v_written := v_written + v_inserted;
    v_from := v_until + 1;
  END LOOP;

  IF v_written > 0 THEN
    WITH old AS MATERIALIZED (
      SELECT e.tenant, e.event_id, ${isCurrent(n)} AS current
      FROM ${n.event} AS e
      WHERE e.lined_up_at <= v_cut
      ORDER BY e.lined_up_at LIMIT v_written * 2
      FOR UPDATE SKIP LOCKED
    ),
    moved AS (
      UPDATE ${n.event} AS e SET lined_up_at = v_now FROM old
      WHERE old.current AND e.tenant = old.tenant AND e.event_id = old.event_id
    )
    DELETE FROM ${n.event} AS e USING old
    WHERE NOT old.current AND e.tenant = old.tenant AND e.event_id = old.event_id;
  END IF;
END
$apply$;`;
}

/**
 * Whether event e is the current one of the record it was saved in. Without OFFSET 0 the server may read all records
 * into a hash for it, when it believes that it will ask often.
 */
function isCurrent(n: Names): string {
  return `EXISTS (
    SELECT FROM ${n.record} AS r
    WHERE r.tenant = e.tenant AND r.id = e.record_id AND r.event_id = e.event_id OFFSET 0)`;
}

/** Removes a session's records under the lock its writers take; of their events the ids stay, and nothing else. */
function erase(n: Names): string {
  return `
CREATE FUNCTION ${n.erase}(p_lock_timeout text, p_tenant text, p_usr text, p_session text) RETURNS bigint
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $erase$
DECLARE
  v_count bigint;
BEGIN
  ${DURABLY}  PERFORM pg_advisory_xact_lock(hashtextextended(p_tenant || chr(1) || p_usr || chr(1) || p_session, 20261120));
  WITH gone AS (
    DELETE FROM ${n.record} AS r WHERE r.tenant = p_tenant AND r.usr = p_usr AND r.session = p_session
    RETURNING r.event_id
  ),
  emptied AS (
    UPDATE ${n.event} AS e SET fingerprint = NULL FROM gone
    WHERE e.tenant = p_tenant AND e.event_id = gone.event_id
  )
  SELECT count(*) INTO v_count FROM gone;
  RETURN v_count;
END
$erase$;`;
}

/**
 * One page, under the snapshot of the statement that calls it (STABLE). Kinds lie in [p_from, p_until); places after
 * (p_from_kind, p_from_usr, p_from_session, p_from_run) in the order of kinds. Without an identity and a tenant it
 * seeks one tenant after another.
 */
function scan(n: Names): string {
  const columns =
    "r.tenant, r.usr, r.session, r.run, r.kind, r.event_id, r.version, r.updated_at, r.fingerprint, r.bytes";
  const take = `
      place := place + 1;
      v_bytes := v_bytes + length(bytes);
      RETURN NEXT;
      IF place >= p_limit OR v_bytes >= p_max_bytes THEN RETURN; END IF;`;
  const listed = (direction: string) => `
    FOR tenant, usr, session, run, kind, event_id, version, updated_at, fingerprint, bytes IN
      SELECT ${columns} FROM ${n.record} AS r
      WHERE r.tenant = p_tenant AND r.usr = p_usr AND r.session = p_session AND r.run = p_run
        AND r.kind >= p_from AND r.kind < p_until
      ORDER BY r.kind ${direction} LIMIT p_limit
    LOOP${take}
    END LOOP;`;
  return `
CREATE FUNCTION ${n.scan}(
  p_tenant text, p_usr text, p_session text, p_run text, p_from text, p_until text, p_reverse boolean,
  p_after_tenant text, p_after_kind text, p_after_usr text, p_after_session text, p_after_run text,
  p_limit bigint, p_max_bytes bigint)
RETURNS TABLE (place bigint, tenant text, usr text, session text, run text, kind text, event_id text,
  version bigint, updated_at bigint, fingerprint bytea, bytes bytea)
LANGUAGE plpgsql STABLE
${SETTINGS}
AS $scan$
#variable_conflict use_column
DECLARE
  v_bytes bigint := 0;
  v_tenant text;
  v_kind text := p_from;
  v_usr text := '';
  v_session text := '';
  v_run text := '';
BEGIN
  place := 0;
  IF p_usr IS NOT NULL AND NOT p_reverse THEN${listed("ASC")}
    RETURN;
  ELSIF p_usr IS NOT NULL THEN${listed("DESC")}
    RETURN;
  END IF;

  -- Parameters have the database's collation, not that of the columns.
  v_tenant := p_tenant;
  IF p_after_tenant COLLATE "C" > p_tenant THEN
    RETURN;
  ELSIF v_tenant IS NULL THEN
    SELECT r.tenant INTO v_tenant FROM ${n.record} AS r
    WHERE r.tenant >= coalesce(p_after_tenant, '') ORDER BY r.tenant LIMIT 1;
  END IF;
  IF v_tenant = p_after_tenant AND p_after_kind COLLATE "C" >= p_from THEN
    v_kind := p_after_kind;
    v_usr := p_after_usr;
    v_session := p_after_session;
    v_run := p_after_run;
  END IF;
  WHILE v_tenant IS NOT NULL LOOP
    FOR tenant, usr, session, run, kind, event_id, version, updated_at, fingerprint, bytes IN
      SELECT ${columns} FROM ${n.record} AS r
      WHERE r.tenant = v_tenant AND r.kind < p_until
        AND (r.kind, r.usr, r.session, r.run) > (v_kind, v_usr, v_session, v_run)
      ORDER BY r.kind, r.usr, r.session, r.run LIMIT p_limit - place
    LOOP${take}
    END LOOP;
    EXIT WHEN p_tenant IS NOT NULL;
    SELECT min(r.tenant) INTO v_tenant FROM ${n.record} AS r WHERE r.tenant > v_tenant;
    v_kind := p_from;
    v_usr := '';
    v_session := '';
    v_run := '';
  END LOOP;
END
$scan$;`;
}
