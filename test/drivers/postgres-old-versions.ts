import { namesOf } from "../../drivers/postgres/names.js";
import { migrationsOf } from "../../drivers/postgres/schema.js";
import { freshDatabase, plainClient, type Sql } from "./postgres-rig.js";

/** What a process of an earlier schema version sends: frozen here, as the migrations are in the driver. */
export interface OldVersion {
  readonly version: number;
  /** Takes the lock of the session of `save`. */
  readonly lock: string;
  /** A save of three bytes into the slot acme, ann, s1 and no run. */
  readonly save: (eventId: string, kind: string) => string;
  /** Other statements, which read or remove. */
  readonly others: readonly string[];
}

const FINGERPRINT = "f".repeat(43);

export const VERSION_2: OldVersion = {
  version: 2,
  lock: "SELECT pg_advisory_lock(hashtextextended('acme' || chr(1) || 'ann' || chr(1) || 's1', 20261120))",
  save: (eventId, kind) => `
    SELECT * FROM groundstate.apply_1(86400000, '5000', 9999999999999, '{1}', '{save}', '{acme}', '{ann}', '{s1}', '{""}',
      '{${kind}}', '{0}', '{NULL}', '{${eventId}}', '{${FINGERPRINT}}', '{0}', '{1}', '{3}', 'old')`,
  others: [],
};

export const VERSION_3: OldVersion = {
  version: 3,
  lock: "SELECT pg_advisory_lock(hashtextextended('\"groundstate\".\"record\"' || '4:3:' || 'acme' || 'ann' || 's1', 20261129))",
  save: (eventId, kind) => `
    SELECT * FROM groundstate.apply_2(86400000, 10000, '5000', 9999999999999, -9223372036854775808, 0, 1, '{1}', '{save}',
      '{acme}', '{ann}', '{s1}', '{""}', '{${kind}}', '{0}', '{NULL}', '{${eventId}}', '{${FINGERPRINT}}', '{0}', '{1}',
      '{3}', 'old')`,
  others: [
    `SELECT * FROM groundstate.apply_many_2(86400000, 10000, '5000', 9999999999999, -9223372036854775808, 1, '{1}', '{0}',
      '{save}', '{acme}', '{ann}', '{s2}', '{""}', '{other}', '{0}', '{NULL}', '{other}', '{${FINGERPRINT}}', '{0}', '{1}',
      '{1}', '{3}', 'old')`,
    "SELECT * FROM groundstate.sweep_1('5000', 9999999999999, 'acme', 'ann', 's2', 10, 1)",
    `SELECT * FROM groundstate.scan_2('acme', 'ann', 's2', '', '', 'z', false, NULL, NULL, NULL, NULL, NULL, 10, 1000, 10)`,
    `SELECT r.tenant FROM groundstate.record AS r WHERE r.tenant = 'acme' AND ((SELECT true FROM groundstate.erasure
      ORDER BY tenant, user_id, session LIMIT 1) IS TRUE) IS NOT NULL`,
  ],
};

const NOTHING_BEFORE = "-9223372036854775808";

export const VERSION_4: OldVersion = {
  version: 4,
  lock: VERSION_3.lock,
  save: (eventId, kind) => `
    SELECT * FROM groundstate.apply_3(86400000, 10000, '5000', 9999999999999, ${NOTHING_BEFORE}, 0, 1, '{1}', '{save}',
      '{acme}', '{ann}', '{s1}', '{""}', '{${kind}}', '{0}', '{NULL}', '{${eventId}}', '{${FINGERPRINT}}', '{0}', '{1}',
      '{3}', 'old')`,
  others: [
    `SELECT * FROM groundstate.apply_many_3(86400000, 10000, '5000', 9999999999999, ${NOTHING_BEFORE}, '{}', '{}', '{1}',
      '{0}', '{save}', '{acme}', '{ann}', '{s2}', '{""}', '{other}', '{0}', '{NULL}', '{other}', '{${FINGERPRINT}}', '{0}',
      '{1}', '{1}', '{3}', 'old')`,
    `SELECT * FROM groundstate.apply_one_1(86400000, '5000', 9999999999999, ${NOTHING_BEFORE}, 'acme', 'ann', 's2', '',
      'third', 0, NULL, 'third', '${FINGERPRINT}', 0, 1, 3, 'old')`,
    "SELECT * FROM groundstate.sweep_2('5000', 9999999999999, 'acme', 'ann', 's2', '', '', 'z', '', 10, 1)",
    "SELECT * FROM groundstate.scan_3('acme', 'ann', 's2', '', '', 'z', false, NULL, NULL, NULL, NULL, NULL, 10, 1000, 10)",
    "SELECT groundstate.count_1('acme', 'ann', 's2', '', '', 'z', 10)",
    "SELECT * FROM groundstate.scan_sessions_1('acme', 'ann', 'z', '', '', '', 10, 10)",
    `SELECT r.tenant FROM groundstate.record AS r WHERE r.tenant = 'acme' AND ((SELECT true FROM groundstate.fence
      ORDER BY tenant, user_id, session LIMIT 1) IS TRUE) IS NOT NULL`,
  ],
};

/** A database of an earlier schema version. */
export async function oldDatabase({ version: last }: OldVersion): Promise<{ url: string; sql: Sql }> {
  const url = await freshDatabase();
  const sql = plainClient(url);
  await sql.unsafe(`CREATE SCHEMA groundstate;
    CREATE TABLE groundstate.migration (version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL)`);
  const migrations = migrationsOf(namesOf("groundstate", "")).slice(0, last);
  for (const { version, name, sql: statements } of migrations) {
    await sql.unsafe(statements);
    await sql`INSERT INTO groundstate.migration VALUES (${version}, ${name}, now())`;
  }
  return { url, sql };
}
