import type { Names } from "../../names.js";
import { AFTER_ALL } from "./erase-range.js";
import { eventFingerprint, eventKey } from "./event-key.js";

/**
 * The memory of events in fewer bytes: `lined_up_at` is since when an id is in the expiry queue. The key comes first in its
 * index, so that ids that rise with time fill one page after another. Everything waits while the new table is filled: a
 * weaker lock until then would deadlock with every writer.
 *
 * The functions of the previous version are dropped, and every statement of it reads the table of fences: under its new name
 * none finds it, not even a call that is under way and has not read it yet. So a process of the previous version writes
 * nothing more and is told that the schema is too new.
 */
export function tables(n: Names): string {
  return `
LOCK TABLE ${n.event}, ${n.record}, ${n.erasure} IN ACCESS EXCLUSIVE MODE;
CREATE TABLE ${n.compactEvent} (
  saved_at bigint NOT NULL,
  lined_up_at bigint NOT NULL,
  record_id bigint NOT NULL,
  event_key bytea NOT NULL,
  tenant text COLLATE "C" NOT NULL,
  fingerprint bytea
);
INSERT INTO ${n.compactEvent} (saved_at, lined_up_at, record_id, event_key, tenant, fingerprint)
SELECT e.saved_at, e.lined_up_at, e.record_id, ${eventKey("e.event_id")}, e.tenant,
  ${eventFingerprint("e.fingerprint")}
FROM ${n.event} AS e ORDER BY e.lined_up_at;
ALTER TABLE ${n.compactEvent} ADD CONSTRAINT ${n.eventKey} PRIMARY KEY (event_key, tenant) WITH (fillfactor = 100);
DROP TABLE ${n.event};
ALTER TABLE ${n.compactEvent} RENAME TO ${unqualified(n.event)};
CREATE INDEX ${n.eventLine} ON ${n.event} (lined_up_at);
${[n.apply2, n.applyMany2, n.sweep1, n.scan2, n.settleIds1].map((name) => `DROP FUNCTION ${name};`).join("\n")}
ALTER TABLE ${n.erasure} RENAME TO ${unqualified(n.fence1)};
ALTER INDEX ${n.schema}.${n.erasureTouched} RENAME TO ${n.fenceTouched};
${fencesOfRanges(n)}`;
}

/**
 * A fence is of a range of slots, in the order of run and kind: those of a whole session, or of the kinds of one identity
 * that begin with a prefix. `next_run` and `next_kind` say where sweeps go on. The ranges of two fences never have the
 * same start and `until_run`.
 */
function fencesOfRanges(n: Names): string {
  return `
ALTER TABLE ${n.fence1} RENAME COLUMN swept_run TO next_run;
ALTER TABLE ${n.fence1} RENAME COLUMN swept_kind TO next_kind;
ALTER TABLE ${n.fence1} ADD COLUMN from_run text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN from_kind text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN until_run text COLLATE "C" NOT NULL DEFAULT ${AFTER_ALL},
  ADD COLUMN until_kind text COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE ${n.fence1} ALTER from_run DROP DEFAULT, ALTER from_kind DROP DEFAULT, ALTER until_run DROP DEFAULT,
  ALTER until_kind DROP DEFAULT, DROP CONSTRAINT ${n.erasureKey},
  ADD PRIMARY KEY (tenant, user_id, session, from_run, from_kind, until_run);`;
}

/** The last part of a quoted name; such names hold no dots. */
function unqualified(name: string): string {
  return name.slice(name.indexOf(".") + 1);
}
