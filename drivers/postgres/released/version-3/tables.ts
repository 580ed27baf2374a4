import type { Names } from "../../names.js";

/**
 * `erasure` holds a fence for each session with a large erase that is not finished.
 *
 * The functions of the previous version lock other keys and show erased records, so they are dropped. A call of one that is
 * under way and has not read the tables yet would still go on: it fails because a column is renamed.
 *
 * The id comes first in its index, so that the highest id is found at once. The sequence caches no numbers per connection:
 * cached numbers would still be used after the sequence was corrected.
 */
export function tables(n: Names): string {
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
