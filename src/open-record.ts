import { types } from "node:util";
import type { RecordPlace, StateRecord } from "./contract.js";
import type { StoredRecord } from "./driver.js";
import { StateError } from "./errors.js";
import { fingerprint } from "./fingerprint.js";
import { identityOf } from "./identity.js";
import { LIMITS } from "./limits.js";
import { copyBytes } from "./validate-bytes.js";

const TEXTS = ["tenant", "user", "session", "run", "kind", "eventId"] as const;

/** What was asked for, and so must be in what came back. */
export type Expected = { readonly [K in (typeof TEXTS)[number]]?: string | undefined };

/**
 * The caller's own copy of a stored record. CORRUPT when it is damaged, or is not the record that was asked for; in
 * that case without its place, which may be another tenant's.
 */
export function openRecord(record: StoredRecord, expected: Expected): StateRecord {
  if (!isText(record) || !isAsked(record, expected)) throw corrupt({});
  if (!isIntact(record)) throw corrupt({ at: { identity: identityOf(record), kind: record.kind } });
  return {
    eventId: record.eventId,
    identity: identityOf(record),
    kind: record.kind,
    bytes: copyBytes(record.bytes),
    version: record.version,
    updatedAt: new Date(record.updatedAt),
  };
}

function corrupt(details: { at?: RecordPlace }): StateError<"CORRUPT"> {
  return new StateError("CORRUPT", "a stored record does not pass its checks", { details });
}

/** Whether it has a place and an event id at all. None that was ever stored is longer than a kind may be. */
function isText(record: StoredRecord): boolean {
  return (
    typeof record === "object" &&
    record !== null &&
    TEXTS.every((field) => typeof record[field] === "string" && record[field].length <= LIMITS.kindBytes)
  );
}

function isAsked(record: StoredRecord, expected: Expected): boolean {
  for (const field of Object.keys(expected) as (keyof Expected)[]) {
    if (expected[field] !== undefined && expected[field] !== record[field]) return false;
  }
  return true;
}

function isIntact(record: StoredRecord): boolean {
  return (
    Number.isSafeInteger(record.version) &&
    record.version >= 0 &&
    Number.isInteger(record.updatedAt) &&
    record.updatedAt >= LIMITS.earliest &&
    record.updatedAt <= LIMITS.latest &&
    types.isUint8Array(record.bytes) &&
    fingerprint(record) === record.fingerprint
  );
}
