import { SETTINGS } from "./function-settings.js";
import type { Names } from "./names.js";

/** Ids that concurrent savers may take from a sequence that is behind while it is being put right. */
const MARGIN = 100_000;

/**
 * A restore of the data alone, and logical replication, leave the sequence of record ids behind the ids. Puts it right,
 * one caller at a time, and says whether it had to. A role that may not set the sequence is refused only then.
 */
export function settleIdsFunction(n: Names): string {
  const isBehind = `(SELECT coalesce(max(r.id), 0) FROM ${n.record} AS r)
      > coalesce(pg_sequence_last_value('${n.sequence}'), 0)`;
  return `
CREATE FUNCTION ${n.settleIds}()
RETURNS boolean
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $settle$
BEGIN
  IF NOT (${isBehind}) THEN RETURN false; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('${n.sequence}', 20261129));
  IF ${isBehind} THEN
    PERFORM setval('${n.sequence}', (SELECT max(r.id) FROM ${n.record} AS r) + ${MARGIN});
  END IF;
  RETURN true;
END
$settle$;`;
}
