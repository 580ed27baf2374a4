import type { Names } from "../../names.js";

/**
 * The tenant leads every key, so that the tables can be partitioned by tenant. `event` remembers event ids: which record an
 * id was saved in, when, and since when it is in the expiry queue (`lined_up_at`).
 */
export function tables(n: Names): string {
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
