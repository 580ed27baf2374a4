import { createHash } from "node:crypto";
import { invalid } from "../../src/contract/errors.js";

/** The objects of one store in a database, quoted and qualified by their schema. */
export interface Names {
  readonly schema: string;
  /** Of notifications; quoted, unqualified: channels belong to the database. */
  readonly channel: string;
  readonly record: string;
  readonly event: string;
  readonly migration: string;
  readonly sequence: string;
  readonly fence: string;
  readonly apply: string;
  readonly applyMany: string;
  readonly applyOne: string;
  readonly sweep: string;
  readonly scan: string;
  readonly count: string;
  readonly scanSessions: string;
  readonly settleIds: string;
  /** Functions of schema version 2, which migration 3 removes. */
  readonly apply1: string;
  readonly applyMany1: string;
  readonly erase1: string;
  readonly scan1: string;
  /** Functions of schema version 3 and the name of a table in it, which migration 4 removes. */
  readonly apply2: string;
  readonly applyMany2: string;
  readonly sweep1: string;
  readonly scan2: string;
  readonly settleIds1: string;
  readonly erasure: string;
  readonly erasureKey: string;
  /** The same of schema version 4, which migration 5 removes. */
  readonly apply3: string;
  readonly applyMany3: string;
  readonly applyOne1: string;
  readonly sweep2: string;
  readonly scan3: string;
  readonly count1: string;
  readonly scanSessions1: string;
  readonly settleIds2: string;
  readonly fence1: string;
  /** What migration 4 names the table of events while it fills it. */
  readonly compactEvent: string;
  /** Quoted, unqualified: an index takes its table's schema. */
  readonly recordByKind: string;
  readonly recordById: string;
  readonly recordByGeneration: string;
  readonly eventLine: string;
  readonly erasureTouched: string;
  readonly fenceTouched: string;
  readonly eventKey: string;
}

/** Plain lower-case names, which need no quotes in psql; short, so that Postgres cuts off no suffix. */
const NAME = /^[a-z_][a-z0-9_]{0,39}$/;

export function namesOf(schema: string, prefix: string): Names {
  if (typeof schema !== "string" || !NAME.test(schema) || schema.startsWith("pg_")) {
    throw invalid("schema", "a lower-case name of at most 40 letters, digits and _, not beginning with pg_");
  }
  if (typeof prefix !== "string" || (prefix !== "" && !NAME.test(prefix))) {
    throw invalid("tablePrefix", "empty or a lower-case name of at most 40 letters, digits and _");
  }
  const own = (name: string) => `"${prefix}${name}"`;
  const qualified = (name: string) => `"${schema}".${own(name)}`;
  return {
    schema: `"${schema}"`,
    // A hash, because both names together may be longer than a channel's name.
    channel: `"groundstate_${createHash("sha256").update(`${schema}.${prefix}`).digest("hex").slice(0, 16)}"`,
    record: qualified("record"),
    event: qualified("event"),
    migration: qualified("migration"),
    sequence: qualified("record_id"),
    fence: qualified("fenced_range"),
    apply: qualified("apply_4"),
    applyMany: qualified("apply_many_4"),
    applyOne: qualified("apply_one_2"),
    sweep: qualified("sweep_3"),
    scan: qualified("scan_4"),
    count: qualified("count_2"),
    scanSessions: qualified("scan_sessions_2"),
    settleIds: qualified("settle_ids_3"),
    apply1: qualified("apply_1"),
    applyMany1: qualified("apply_many_1"),
    erase1: qualified("erase_1"),
    scan1: qualified("scan_1"),
    apply2: qualified("apply_2"),
    applyMany2: qualified("apply_many_2"),
    sweep1: qualified("sweep_1"),
    scan2: qualified("scan_2"),
    settleIds1: qualified("settle_ids_1"),
    erasure: qualified("erasure"),
    erasureKey: own("erasure_pkey"),
    apply3: qualified("apply_3"),
    applyMany3: qualified("apply_many_3"),
    applyOne1: qualified("apply_one_1"),
    sweep2: qualified("sweep_2"),
    scan3: qualified("scan_3"),
    count1: qualified("count_1"),
    scanSessions1: qualified("scan_sessions_1"),
    settleIds2: qualified("settle_ids_2"),
    fence1: qualified("fence"),
    compactEvent: qualified("compact_event"),
    recordByKind: own("record_kind"),
    recordById: own("record_by_id"),
    recordByGeneration: own("record_generation"),
    eventLine: own("event_line"),
    erasureTouched: own("erasure_touched"),
    fenceTouched: own("fence_touched"),
    eventKey: own("event_key"),
  };
}
