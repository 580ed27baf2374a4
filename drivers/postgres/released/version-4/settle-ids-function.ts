import type { Names } from "../../names.js";
import { SETTINGS } from "./function-settings.js";

/** Ids that concurrent saves may take from the sequence while it is being corrected. */
const MARGIN = 100_000;

/**
 * After a data-only restore, and with logical replication, the sequence of record ids lags behind the ids in the table.
 * Corrects it, one caller at a time, and returns whether it had to. Only then does the role need the right to set it.
 */
export function settleIdsFunction(n: Names): string {
  const isBehind = `(SELECT coalesce(max(r.id), 0) FROM ${n.record} AS r)
      > coalesce(pg_sequence_last_value('${n.sequence}'), 0)`;
  return `
CREATE FUNCTION ${n.settleIds2}()
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
