import type { Names } from "../../names.js";
import {
  CHECK_BODY_SIZE,
  CLOCK,
  isSame,
  isSeen,
  OVERWRITING,
  replacingForgotten,
  SAVED_MEANWHILE,
} from "./apply-parts.js";
import { isErase } from "./erase-range.js";
import { eventFingerprint, eventKey } from "./event-key.js";
import { holdEvents, releaseEvents } from "./event-order.js";
import { forgetOldest, QUEUE_HEAD } from "./expiry-queue.js";
import { detectFences, erase, removeErased, sweepAbandoned } from "./fences.js";
import { BEGIN_WRITE, CHECK_DEADLINE, SETTINGS } from "./function-settings.js";
import {
  DECLARE_LOCKS,
  findLockedRows,
  lockSessions,
  MAX_ERASED_AT_ONCE,
  sessionKey,
} from "./session-locks.js";

/**
 * Applies a batch inside the database by the rules of `decide`, commit by commit.
 *
 * `p_writes` holds the number of writes per commit. A write's `cond` is 0 for none, 1 for "must be empty", 2 for "must be
 * `want`". The payload of a save is the next `size` bytes of the body. The answer has one row per write of an applied
 * commit, one row for a duplicate, and the failing write of any other commit. A commit whose session is locked by another
 * connection has the verdict `locked`: neither it nor a later commit with its sessions or event ids was examined.
 */
export function applyFunction(n: Names): string {
  return `
CREATE FUNCTION ${n.apply3}(
  p_window bigint, p_patience bigint, p_lock_timeout text, p_deadline bigint, p_low bigint, p_careful int,
  p_ascending int, p_writes int[], p_op text[],
  p_tenant text[], p_usr text[], p_session text[], p_run text[], p_kind text[],
  p_cond int[], p_want text[], p_event text[], p_fingerprint text[], p_version bigint[], p_updated_at bigint[],
  p_size int[], p_body bytea)
RETURNS TABLE (commit_no int, write_no int, verdict text, current_event text, erased bigint, remains boolean)
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
  a_key bigint[];
  a_passed text[] := '{}';
  v_now bigint;
  v_cut bigint;
  v_low bigint;
  v_head bigint;
  v_count bigint;
  v_first int;
  v_last int := 0;
  v_place int := 1;
  v_writes int;
  v_saves int;
  v_seen int;
  v_same boolean;
  v_record_id bigint;
  v_before text;
  v_fenced boolean;
  v_generation bigint;
  v_newest bigint;
  v_until_run text;
  v_until_kind text;
  v_room bigint := ${MAX_ERASED_AT_ONCE};
  v_row record;
  v_written bigint := 0;
  ${DECLARE_LOCKS}
BEGIN
  ${CHECK_BODY_SIZE}
  ${BEGIN_WRITE}
  ${lockSessions(n)}
  ${CHECK_DEADLINE}
  ${CLOCK}
  ${findLockedRows(n)}
  IF cardinality(a_locked) > 0 THEN
    a_key := ARRAY(
      SELECT ${sessionKey(n, "x.tenant", "x.usr", "x.session")}
      FROM unnest(p_tenant, p_usr, p_session) WITH ORDINALITY AS x (tenant, usr, session, place) ORDER BY x.place);
  END IF;
  ${holdEvents(n)}
  ${detectFences(n)}
  IF v_fenced THEN
    ${removeErased(n)}
  END IF;
  commit_no := -1;

  FOREACH v_writes IN ARRAY p_writes LOOP
    commit_no := commit_no + 1;
    v_first := v_last + 1;
    v_last := v_last + v_writes;
    verdict := 'applied';

    IF a_key IS NOT NULL AND (a_key[v_first:v_last] && a_locked OR a_event[v_first:v_last] && a_passed) THEN
      verdict := 'locked';
      a_locked := a_locked || a_key[v_first:v_last];
      a_passed := a_passed || array_remove(a_event[v_first:v_last], NULL);
    END IF;

    v_saves := 0;
    v_seen := 0;
    FOR i IN v_first .. v_last LOOP
      CONTINUE WHEN a_op[i] <> 'save' OR verdict = 'locked';
      v_saves := v_saves + 1;
      SELECT ${isSame(n, "a_fingerprint[i]")} INTO v_same FROM ${n.event} AS e
        WHERE e.tenant = a_tenant[i] AND e.event_key = ${eventKey("a_event[i]")} AND ${isSeen(n)};
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
        CONTINUE WHEN ${isErase("a_op[i]")};
        SELECT r.id, r.event_id INTO v_record_id, v_before FROM ${n.record} AS r
          WHERE r.tenant = a_tenant[i] AND r.user_id = a_usr[i] AND r.session = a_session[i] AND r.run = a_run[i]
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
      erased := NULL;
      remains := NULL;
      IF verdict = 'applied' AND a_op[i] = 'save' THEN
        a_record_id[i] := coalesce(a_record_id[i], nextval('${n.sequence}'));
        v_generation := 0;
        IF v_fenced THEN
          SELECT max(f.generation) INTO v_generation FROM ${n.fence1} AS f
            WHERE f.tenant = a_tenant[i] AND f.user_id = a_usr[i] AND f.session = a_session[i];
        END IF;
        -- Before the record, for what it takes the place of must not be current, as it will be then.
        INSERT INTO ${n.event} AS e (saved_at, lined_up_at, record_id, event_key, tenant, fingerprint)
        VALUES (v_now, v_now, a_record_id[i], ${eventKey("a_event[i]")}, a_tenant[i], ${eventFingerprint("a_fingerprint[i]")})
        ${replacingForgotten(n)};
        IF NOT FOUND THEN
          ${SAVED_MEANWHILE}
        END IF;
        INSERT INTO ${n.record}
          (tenant, user_id, session, run, kind, id, event_id, version, updated_at, fingerprint, bytes, generation)
        VALUES (a_tenant[i], a_usr[i], a_session[i], a_run[i], a_kind[i], a_record_id[i], a_event[i], p_version[i],
          p_updated_at[i], a_fingerprint[i], substring(p_body FROM v_place FOR p_size[i]), coalesce(v_generation, 0))
        ${OVERWRITING};
        v_written := v_written + 1;
      ELSIF verdict = 'applied' AND a_op[i] = 'delete' THEN
        DELETE FROM ${n.record} AS r
          WHERE r.tenant = a_tenant[i] AND r.user_id = a_usr[i] AND r.session = a_session[i] AND r.run = a_run[i]
            AND r.kind = a_kind[i];
      ELSIF verdict = 'applied' AND ${isErase("a_op[i]")} THEN
        ${erase(n)}
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

  IF p_ascending = 0 THEN
    ${releaseEvents(n, "p_tenant", "p_event")}
  END IF;
  ${sweepAbandoned(n)}
  ${forgetOldest(n)}
  IF v_head IS NOT NULL THEN
    commit_no := -1;
    verdict := '${QUEUE_HEAD}';
    current_event := v_head::text;
    erased := NULL;
    remains := NULL;
    RETURN NEXT;
  END IF;
END
$apply$;`;
}
