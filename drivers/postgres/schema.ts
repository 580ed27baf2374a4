import type { Migration } from "../migrations.js";
import { applyFunction } from "./apply-function.js";
import { applyManyFunction } from "./apply-many-function.js";
import { eraseFunction } from "./erase-function.js";
import type { Names } from "./names.js";
import { scanFunction } from "./scan-function.js";

/** The tables and functions of a store. A released migration never changes: a new function gets a new number. */
export function migrationsOf(names: Names): readonly Migration[] {
  return [
    { version: 1, name: "tables", sql: tables(names) },
    {
      version: 2,
      name: "functions",
      sql: [applyFunction(names), applyManyFunction(names), eraseFunction(names), scanFunction(names)].join(
        "\n",
      ),
    },
  ];
}

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
