/**
 * Names are VARBINARY: equal only if every byte is, and in the order of their bytes. Text of the server's default collation is equal
 * without case, and VARCHAR without spaces at its end.
 */
const SLOT = `tenant VARBINARY(255) NOT NULL, user VARBINARY(255) NOT NULL, session VARBINARY(255) NOT NULL,
  run VARBINARY(255) NOT NULL, kind VARBINARY(512) NOT NULL`;

export const LANES = 256;

/** Each may run several times, and at the same time in several processes. */
export const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS record (${SLOT}, event_id VARBINARY(128) NOT NULL, fingerprint VARBINARY(64) NOT NULL,
    version BIGINT NOT NULL, updated_at BIGINT NOT NULL, bytes LONGBLOB NOT NULL,
    PRIMARY KEY (tenant, user, session, run, kind), KEY by_kind (tenant, kind, user, session, run),
    KEY by_event (tenant, event_id)) ENGINE = InnoDB`,
  `CREATE TABLE IF NOT EXISTS event (tenant VARBINARY(255) NOT NULL, event_id VARBINARY(128) NOT NULL,
    fingerprint VARBINARY(64), saved_at BIGINT NOT NULL, queued_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, event_id), KEY by_age (queued_at)) ENGINE = InnoDB`,
  "CREATE TABLE IF NOT EXISTS lane (id SMALLINT NOT NULL PRIMARY KEY) ENGINE = InnoDB",
  `INSERT IGNORE INTO lane VALUES ${Array.from({ length: LANES }, (_, id) => `(${id})`).join()}`,
];

/** What the driver relies on: a commit is on the disk, and a payload of 16 MiB fits into a packet. */
export const SETTINGS = `SELECT @@innodb_flush_log_at_trx_commit = 1 AND @@innodb_doublewrite = 1 AS isDurable,
  @@max_allowed_packet >= 20 * 1024 * 1024 AS takesPayloads`;

/** Of a connection: a transaction sees what others have committed, and nothing waits without a bound. */
export const SESSION = [
  "SET SESSION sql_mode = 'STRICT_ALL_TABLES', innodb_lock_wait_timeout = 5, max_statement_time = 10",
  "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
];

export const LOCK = (lanes: readonly number[]) =>
  `SELECT id FROM lane WHERE id IN (${lanes}) ORDER BY id FOR UPDATE`;
export const NOW = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(3)) * 1000 AS INTEGER) AS now";

const AT = "tenant = ? AND user = ? AND session = ? AND run = ? AND kind = ?";
export const RECORD = `SELECT * FROM record WHERE ${AT}`;
export const CURRENT = `SELECT event_id FROM record WHERE ${AT}`;
export const BY_EVENT = "SELECT * FROM record WHERE tenant = ? AND event_id = ? AND user = ? AND session = ?";
export const EVENT = `SELECT fingerprint, saved_at, EXISTS (SELECT 1 FROM record WHERE record.tenant = event.tenant
  AND record.event_id = event.event_id) AS current FROM event WHERE tenant = ? AND event_id = ?`;
export const SAVE = "REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
export const REMEMBER = `INSERT INTO event VALUES (?, ?, ?, ?, ?) ON DUPLICATE KEY UPDATE
  fingerprint = VALUE(fingerprint), saved_at = VALUE(saved_at), queued_at = VALUE(queued_at)`;
export const DELETE = `DELETE FROM record WHERE ${AT}`;
/** Of the event of an erased record only the id stays. */
export const ERASE_EVENTS = `UPDATE event JOIN record USING (tenant, event_id) SET event.fingerprint = NULL WHERE `;
export const ERASE = "DELETE FROM record WHERE ";
export const OLD = `SELECT tenant, event_id, EXISTS (SELECT 1 FROM record WHERE record.tenant = event.tenant
  AND record.event_id = event.event_id) AS current FROM event WHERE queued_at <= ? ORDER BY queued_at LIMIT ? FOR UPDATE SKIP LOCKED`;
export const REQUEUE = "UPDATE event SET queued_at = ? WHERE tenant = ? AND event_id = ?";
export const FORGET = "DELETE FROM event WHERE tenant = ? AND event_id = ?";
export const TENANTS = "SELECT tenant FROM record WHERE tenant >= ? GROUP BY tenant ORDER BY tenant LIMIT ?";
