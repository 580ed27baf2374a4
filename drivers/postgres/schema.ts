import type { Migration } from "../migrations.js";
import { applyFunction } from "./apply-function.js";
import { applyManyFunction } from "./apply-many-function.js";
import type { Names } from "./names.js";
import { applyFunction as applyFunction1 } from "./released/apply-function.js";
import { applyManyFunction as applyManyFunction1 } from "./released/apply-many-function.js";
import { eraseFunction as eraseFunction1 } from "./released/erase-function.js";
import { scanFunction as scanFunction1 } from "./released/scan-function.js";
import { scanFunction } from "./scan-function.js";
import { settleIdsFunction } from "./settle-ids-function.js";
import { sweepFunction } from "./sweep-function.js";

/**
 * The tables and functions of a store. A released migration never changes: a new version of a function gets a new number,
 * and the old version stays unchanged in `released/`.
 */
export function migrationsOf(names: Names): readonly Migration[] {
  const functions1 = [applyFunction1, applyManyFunction1, eraseFunction1, scanFunction1];
  const functions2 = [sweepFunction, applyFunction, applyManyFunction, scanFunction, settleIdsFunction];
  const sqlOf = (functions: readonly ((names: Names) => string)[]) =>
    functions.map((sql) => sql(names)).join("\n");
  return [
    { version: 1, name: "tables", sql: tables(names) },
    { version: 2, name: "functions", sql: sqlOf(functions1) },
    { version: 3, name: "fences", sql: `${fences(names)}\n${sqlOf(functions2)}\n${settleIds(names)}` },
  ];
}

/** Data may have been restored without its sequence before the migration. */
function settleIds(n: Names): string {
  return `SELECT ${n.settleIds}();`;
}

/**
 * The tenant leads every key, so that the tables can be partitioned by tenant. `event` remembers event ids: which record an
 * id was saved in, when, and since when it is in the expiry queue (`lined_up_at`).
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
  fingerprint text COLLATE "C" NOT NULL,
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
  fingerprint text COLLATE "C",
  PRIMARY KEY (tenant, event_id)
);
CREATE INDEX ${n.eventLine} ON ${n.event} (lined_up_at);`;
}

/**
 * `erasure` holds a fence for each session with a large erase that is not finished.
 *
 * The functions of the previous version lock other keys and show erased records, so they are dropped. A call of one that is
 * under way and has not read the tables yet would still go on: it fails because a column is renamed.
 *
 * The id comes first in its index, so that the highest id is found at once. The sequence caches no numbers per connection:
 * cached numbers would still be used after the sequence was corrected.
 */
function fences(n: Names): string {
  return `
LOCK TABLE ${n.event}, ${n.record} IN ACCESS EXCLUSIVE MODE;
${[n.apply1, n.applyMany1, n.erase1, n.scan1].map((name) => `DROP FUNCTION ${name};`).join("\n")}
ALTER TABLE ${n.record} RENAME COLUMN usr TO user_id;
ALTER TABLE ${n.record} ADD COLUMN generation bigint NOT NULL DEFAULT 0;
CREATE INDEX ${n.recordByGeneration} ON ${n.record} (tenant, user_id, session, generation) WHERE generation > 0;
DROP INDEX ${n.schema}.${n.recordById};
CREATE UNIQUE INDEX ${n.recordById} ON ${n.record} (id, tenant);
ALTER SEQUENCE ${n.sequence} CACHE 1;
CREATE TABLE ${n.erasure} (
  tenant text COLLATE "C" NOT NULL,
  user_id text COLLATE "C" NOT NULL,
  session text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  touched_at bigint NOT NULL,
  swept_run text COLLATE "C" NOT NULL,
  swept_kind text COLLATE "C" NOT NULL,
  uncounted bigint NOT NULL,
  PRIMARY KEY (tenant, user_id, session)
);
CREATE INDEX ${n.erasureTouched} ON ${n.erasure} (touched_at);`;
}
