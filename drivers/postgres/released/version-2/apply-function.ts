import type { Names } from "../../names.js";
import {
  CLOCK,
  forgetOldest,
  isSeen,
  LOCK_SESSIONS,
  OVERWRITING,
  replacingForgotten,
  SAVED_MEANWHILE,
} from "./apply-parts.js";
import { DURABLY, IN_TIME, SETTINGS } from "./function-settings.js";

/**
 * Applies a batch by the rules of `decide`, beside the data, commit by commit.
 *
 * `p_writes` says how many writes each commit has. Of a write: `cond` 0 none, 1 must be empty, 2 must be `want`; the
 * payload of a save is the next `size` bytes of the body. It answers with every write of an applied commit, one of a
 * duplicate, and the failing one of another.
 */
export function applyFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.apply1}(
  p_window bigint, p_lock_timeout text, p_deadline bigint, p_writes int[], p_op text[],
  p_tenant text[], p_usr text[], p_session text[], p_run text[], p_kind text[],
  p_cond int[], p_want text[], p_event text[], p_fingerprint text[], p_version bigint[], p_updated_at bigint[],
  p_size int[], p_body bytea)
RETURNS TABLE (commit_no int, write_no int, verdict text, current_event text)
LANGUAGE plpgsql VOLATILE
${SETTINGS}
AS $apply$
#variable_conflict use_column
DECLARE
  -- Of a variable the server keeps an array unpacked; a parameter it unpacks for every element.
  a_op text[] := p_op;
  a_tenant text[] := p_tenant;
  a_usr text[] := p_usr;
  a_session text[] := p_session;
  a_run text[] := p_run;
  a_kind text[] := p_kind;
  a_event text[] := p_event;
  a_fingerprint text[] := p_fingerprint;
  a_record_id bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_op)]);
  a_before text[] := array_fill(NULL::text, ARRAY[cardinality(p_op)]);
  v_now bigint;
  v_cut bigint;
  v_count int;
  v_first int;
  v_last int := 0;
  v_place int := 1;
  v_saves int;
  v_seen int;
  v_same boolean;
  v_record_id bigint;
  v_before text;
  v_written bigint := 0;
BEGIN
  ${DURABLY}
  ${LOCK_SESSIONS}
  ${IN_TIME}
  ${CLOCK}
  commit_no := -1;

  FOREACH v_count IN ARRAY p_writes LOOP
    commit_no := commit_no + 1;
    v_first := v_last + 1;
    v_last := v_last + v_count;
    verdict := 'applied';

    v_saves := 0;
    v_seen := 0;
    FOR i IN v_first .. v_last LOOP
      CONTINUE WHEN a_op[i] <> 'save';
      v_saves := v_saves + 1;
      SELECT coalesce(e.fingerprint = a_fingerprint[i], true) INTO v_same FROM ${n.event} AS e
        WHERE e.tenant = a_tenant[i] AND e.event_id = a_event[i] AND ${isSeen(n)};
      CONTINUE WHEN NOT FOUND;
      v_seen := v_seen + 1;
      IF v_seen = 1 OR NOT v_same THEN write_no := i - v_first; END IF;
      IF NOT v_same THEN verdict := 'conflict'; EXIT; END IF;
    END LOOP;
    IF verdict = 'applied' AND v_seen > 0 THEN
      verdict := CASE WHEN v_seen = v_saves THEN 'duplicate' ELSE 'conflict' END;
    END IF;

    IF verdict = 'applied' THEN
      FOR i IN v_first .. v_last LOOP
        SELECT r.id, r.event_id INTO v_record_id, v_before FROM ${n.record} AS r
          WHERE r.tenant = a_tenant[i] AND r.usr = a_usr[i] AND r.session = a_session[i] AND r.run = a_run[i]
            AND r.kind = a_kind[i];
        IF p_cond[i] <> 0 AND v_before IS DISTINCT FROM p_want[i] THEN
          verdict := 'condition';
          write_no := i - v_first;
          current_event := v_before;
          EXIT;
        END IF;
        a_record_id[i] := v_record_id;
        a_before[i] := v_before;
      END LOOP;
    END IF;

    FOR i IN v_first .. v_last LOOP
      IF verdict = 'applied' AND a_op[i] = 'save' THEN
        a_record_id[i] := coalesce(a_record_id[i], nextval('${n.sequence}'));
        -- Before the record, for what it takes the place of must not be current, as it will be then.
        INSERT INTO ${n.event} AS e (tenant, event_id, record_id, saved_at, lined_up_at, fingerprint)
        VALUES (a_tenant[i], a_event[i], a_record_id[i], v_now, v_now, a_fingerprint[i])
        ${replacingForgotten(n)};
        IF NOT FOUND THEN
          ${SAVED_MEANWHILE}
        END IF;
        INSERT INTO ${n.record}
          (tenant, usr, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes)
        VALUES (a_tenant[i], a_usr[i], a_session[i], a_run[i], a_kind[i], a_record_id[i], a_event[i], p_version[i],
          p_updated_at[i], a_fingerprint[i], substring(p_body FROM v_place FOR p_size[i]))
        ${OVERWRITING};
        v_written := v_written + 1;
      ELSIF verdict = 'applied' AND a_op[i] = 'delete' THEN
        DELETE FROM ${n.record} AS r
          WHERE r.tenant = a_tenant[i] AND r.usr = a_usr[i] AND r.session = a_session[i] AND r.run = a_run[i]
            AND r.kind = a_kind[i];
      END IF;
      v_place := v_place + coalesce(p_size[i], 0);
      IF verdict = 'applied' THEN
        write_no := i - v_first;
        current_event := a_before[i];
        RETURN NEXT;
      END IF;
    END LOOP;
    IF verdict <> 'applied' THEN RETURN NEXT; END IF;
  END LOOP;

  ${forgetOldest(n)}
END
$apply$;`;
}
