import { AFTER_ALL } from "../../src/rules/erase-range.js";
import { REFUSE_EARLIER_VERSION } from "./compact-events.js";

/**
 * One row for each large erase that is under way. Records of its slots with an id up to `last` are erased; a record that is
 * saved later has a higher id. The slots are a range in the order of run and kind: those of a whole session, or of the
 * kinds of one identity that begin with a prefix. Two ranges never have the same start and `until_run`. Sweeps remove the
 * records in that order; `next_run` and `next_kind` say where they go on, and `touched_at` when the last one was.
 *
 * A process of an earlier version that still reads takes each of these rows for an erase of the whole session. The view
 * shows it only the rows of which that is true; a look at any other is an error.
 */
export const FENCED_RANGES = `
ALTER TABLE erasure RENAME TO old_erasure;

CREATE VIEW erasure (tenant, user, session, last, run, kind, touched_at) AS
SELECT tenant, user, session, last, next_run, next_kind, touched_at FROM fence
WHERE CASE WHEN until_run = '${AFTER_ALL}' THEN 1 ELSE ${REFUSE_EARLIER_VERSION} END;

CREATE TABLE fence (
  tenant TEXT NOT NULL,
  user TEXT NOT NULL,
  session TEXT NOT NULL,
  from_run TEXT NOT NULL,
  from_kind TEXT NOT NULL,
  until_run TEXT NOT NULL,
  until_kind TEXT NOT NULL,
  last INTEGER NOT NULL,
  next_run TEXT NOT NULL,
  next_kind TEXT NOT NULL,
  touched_at INTEGER NOT NULL,
  PRIMARY KEY (tenant, user, session, from_run, from_kind, until_run)
) STRICT, WITHOUT ROWID;

INSERT INTO fence
  (tenant, user, session, from_run, from_kind, until_run, until_kind, last, next_run, next_kind, touched_at)
SELECT tenant, user, session, '', '', '${AFTER_ALL}', '', last, run, kind, touched_at FROM old_erasure;

DROP TABLE old_erasure;
`;
