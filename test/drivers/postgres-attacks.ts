/** A try to reach another tenant's data by SQL. */
export interface Attack {
  readonly name: string;
  readonly statements: readonly string[];
  /** While the victim has no erase under way, which would have the function do nothing. */
  readonly unfenced?: true;
}

const R = "groundstate.record";
const ALL = "repeat(chr(1114111), 129)";
const SHOW = `SELECT tenant, user_id, convert_from(bytes, 'UTF8') AS bytes FROM ${R}`;
const ROW = (tenant: string, kind: string) =>
  `('${tenant}', 'u', 's', '', '${kind}', 999999, 'e-${kind}', 0, 0, 'f', '', 0)`;
const save = (tenant: string, kind: string) => `SELECT * FROM groundstate.apply_one_2(
  86400000, '100', 9000000000000, 0, '${tenant}', 'victim-user', 's', '', '${kind}', 0, NULL, 'forged-${kind}',
  'f', 0, 0, 1, '\\x00')`;

const attack = (name: string, ...statements: string[]): Attack => ({ name, statements });

/** Each shows a text with `victim` in it, in rows, messages or errors, if it gets through. */
export const READS: readonly Attack[] = [
  attack("a query without a condition", SHOW),
  attack("the other tenant by name", `${SHOW} WHERE tenant = 'victim'`),
  attack("a condition that is always true", `${SHOW} WHERE tenant = 'mine' OR true`),
  attack("a union", `${SHOW} WHERE tenant = 'mine' UNION ALL ${SHOW} WHERE tenant <> 'mine'`),
  attack(
    "set_config to the other's name",
    "SELECT length(set_config('groundstate.tenant', 'victim', true))",
    SHOW,
  ),
  attack(
    "set_config with the own signature",
    "SELECT length(set_config('groundstate.tenant', left(current_setting('groundstate.tenant'), 64) || 'victim', true))",
    SHOW,
  ),
  attack(
    "set_config with a made-up signature",
    "SELECT length(set_config('groundstate.tenant', repeat('0', 64) || 'victim', true))",
    SHOW,
  ),
  attack("a setting of the session", `SET groundstate.tenant = '${"0".repeat(64)}victim'`, SHOW),
  attack("no proof at all", "SELECT length(set_config('groundstate.tenant', '', true))", SHOW),
  attack("row_security = off", "SET LOCAL row_security = off", SHOW),
  attack("SET ROLE to the owner", "SET LOCAL ROLE %owner", SHOW),
  attack("SET ROLE to the admin", "SET LOCAL ROLE %admin", SHOW),
  attack(
    "the scan of all tenants",
    `SELECT * FROM groundstate.scan_4(NULL, NULL, NULL, NULL, '', ${ALL}, false,
       NULL, NULL, NULL, NULL, NULL, 100, 100000, 100)`,
  ),
  attack(
    "the scan of the other tenant",
    `SELECT * FROM groundstate.scan_4('victim', NULL, NULL, NULL, '', ${ALL}, false,
       NULL, NULL, NULL, NULL, NULL, 100, 100000, 100)`,
  ),
  attack(
    "the count",
    `SELECT 'victim has some' WHERE groundstate.count_2('victim', 'victim-user', 's', '', '', ${ALL}, 9) > 0`,
  ),
  attack(
    "the scan of sessions",
    `SELECT 'victim has', * FROM groundstate.scan_sessions_2('victim', 'victim-user', ${ALL}, '', '', '', 9, 9)`,
  ),
  attack("COPY of the table", `COPY ${R} TO STDOUT`),
  attack("COPY of a query", `COPY (${SHOW}) TO STDOUT`),
  attack(
    "a cheap function in the condition",
    `CREATE FUNCTION pg_temp.leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
       AS $$BEGIN RAISE NOTICE '%', $1; RETURN true; END$$`,
    `SELECT 1 FROM ${R} WHERE pg_temp.leak(user_id)`,
  ),
  attack(
    "an operator of one's own",
    `CREATE FUNCTION pg_temp.leak2(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001
       AS $$BEGIN RAISE NOTICE '%', $1; RETURN true; END$$`,
    "CREATE OPERATOR pg_temp.<<< (FUNCTION = pg_temp.leak2, LEFTARG = text, RIGHTARG = text)",
    `SELECT 1 FROM ${R} WHERE user_id OPERATOR(pg_temp.<<<) 'x'`,
  ),
  attack("an error that quotes the value", `SELECT 1 FROM ${R} WHERE user_id <> 'u' AND user_id::int > 0`),
  attack("an error in an aggregate", `SELECT string_agg(user_id, ',')::int FROM ${R}`),
  attack(
    "statistics of the columns",
    `SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats
       WHERE schemaname = 'groundstate' AND tablename = 'record'`,
  ),
  attack("a row by its place", `${SHOW} WHERE ctid >= '(0,0)'::tid`),
  attack("a sample", SHOW.replace(R, `${R} TABLESAMPLE SYSTEM (100)`)),
  attack("a lock on rows", `${SHOW} FOR UPDATE`),
  attack("a temporary view", `CREATE TEMP VIEW v AS ${SHOW}`, "SELECT * FROM v"),
  attack("a temporary table", `CREATE TEMP TABLE t AS ${SHOW}`, "SELECT * FROM t"),
  attack("a cursor", `DECLARE c CURSOR FOR ${SHOW}`, "FETCH ALL FROM c"),
  attack("a prepared statement", `PREPARE p AS ${SHOW}`, "EXECUTE p", "DEALLOCATE p"),
  attack(
    "a block that raises",
    `DO $$DECLARE r record; BEGIN FOR r IN ${SHOW} LOOP RAISE NOTICE '%', r; END LOOP; END$$`,
  ),
  attack("a query inside a function", `SELECT query_to_xml('SELECT * FROM ${R}', true, true, '')::text`),
  attack(
    "an upsert that returns",
    `INSERT INTO ${R} VALUES ('victim', 'victim-user', 's', '', 'note', 999999, 'e', 0, 0, 'f', '', 0)
       ON CONFLICT (tenant, user_id, session, run, kind) DO UPDATE SET version = 7
       RETURNING tenant, convert_from(bytes, 'UTF8')`,
  ),
  attack("a delete that returns", `DELETE FROM ${R} RETURNING tenant, user_id`),
  attack("the other's event ids", "SELECT tenant, event_key FROM groundstate.event"),
  attack("the other's sessions under erase", "SELECT tenant, user_id FROM groundstate.fenced_range"),
  attack("the key", "SELECT 'victim key', inner_block, outer_block FROM groundstate.tenant_key"),
  attack(
    "the key by a function of the server",
    "SELECT 'victim key', query_to_xml('SELECT * FROM groundstate.tenant_key', true, true, '')::text",
  ),
];

/** Each changes what the other tenant has, if it gets through. */
export const WRITES: readonly Attack[] = [
  attack("an update of all", `UPDATE ${R} SET bytes = 'x'`),
  attack("an update by name", `UPDATE ${R} SET bytes = 'x' WHERE tenant = 'victim'`),
  attack("a delete of all", `DELETE FROM ${R}`),
  attack("a delete of all event ids", "DELETE FROM groundstate.event"),
  attack("a new row", `INSERT INTO ${R} VALUES ${ROW("victim", "new")}`),
  attack("own rows that become the other's", `UPDATE ${R} SET tenant = 'victim' WHERE tenant = 'mine'`),
  attack(
    "an upsert",
    `INSERT INTO ${R} VALUES ('victim', 'victim-user', 's', '', 'note', 999999, 'e', 0, 0, 'f', '', 0)
       ON CONFLICT (tenant, user_id, session, run, kind) DO UPDATE SET bytes = 'x'`,
  ),
  attack(
    "a merge",
    `MERGE INTO ${R} AS r USING (SELECT 1) AS s ON r.tenant = 'victim' WHEN MATCHED THEN UPDATE SET bytes = 'x'`,
  ),
  attack("a change inside a query", `WITH gone AS (DELETE FROM ${R} RETURNING 1) SELECT count(*) FROM gone`),
  { ...attack("the function that saves", save("victim", "note")), unfenced: true },
  {
    ...attack(
      "the function that saves, after set_config",
      "SELECT length(set_config('groundstate.tenant', 'victim', true))",
      save("victim", "note"),
    ),
    unfenced: true,
  },
  attack(
    "the sweep of an erase",
    `SELECT * FROM groundstate.sweep_3('100', 9000000000000, 'victim', 'victim-user', 's', '', '', ${ALL}, '', 10, 1)`,
  ),
  attack(
    "a fence that hides records",
    `INSERT INTO groundstate.fenced_range VALUES ('victim', 'victim-user', 's', 9, 0, '', '', 0, '', '', ${ALL}, '')`,
  ),
  attack(
    "an event id that was never saved",
    "INSERT INTO groundstate.event VALUES (1, 1, 1, 'forged', 'victim', NULL)",
  ),
  attack("TRUNCATE", "TRUNCATE groundstate.record"),
  attack(
    "row-level security off",
    "ALTER TABLE groundstate.record DISABLE ROW LEVEL SECURITY",
    `DELETE FROM ${R}`,
  ),
  attack("the policy altered", `ALTER POLICY proven_tenant_1 ON ${R} USING (true)`, `DELETE FROM ${R}`),
  attack("the policy removed", `DROP POLICY proven_tenant_1 ON ${R}`, `DELETE FROM ${R}`),
  attack("a policy added", `CREATE POLICY mine ON ${R} USING (true)`, `DELETE FROM ${R}`),
  attack(
    "the policies' function replaced",
    `CREATE OR REPLACE FUNCTION groundstate.proven_tenant_1() RETURNS text LANGUAGE sql STABLE AS $$SELECT 'victim'$$`,
    `UPDATE ${R} SET bytes = 'x' WHERE tenant = 'victim'`,
  ),
  attack(
    "a trigger",
    `CREATE FUNCTION pg_temp.hit() RETURNS trigger LANGUAGE plpgsql
       AS $$BEGIN NEW.bytes := 'x'; NEW.tenant := 'victim'; RETURN NEW; END$$`,
    `CREATE TRIGGER hit BEFORE INSERT ON ${R} FOR EACH ROW EXECUTE FUNCTION pg_temp.hit()`,
    `INSERT INTO ${R} VALUES ${ROW("mine", "triggered")}`,
  ),
  attack(
    "a rule",
    `CREATE RULE hit AS ON INSERT TO ${R} DO ALSO DELETE FROM ${R} WHERE tenant = 'victim'`,
    `INSERT INTO ${R} VALUES ${ROW("mine", "ruled")}`,
  ),
];
