import type { StateRecord } from "./contract.js";
import type { StoredRecord } from "./driver.js";
import { StateError } from "./errors.js";
import { fingerprint } from "./fingerprint.js";
import { identityOf } from "./identity.js";
import { LIMITS } from "./limits.js";
import { copyBytes } from "./validate-bytes.js";

/** What was asked for, and so must be in what came back. */
export type Expected = {
  readonly [K in "tenant" | "user" | "session" | "run" | "kind" | "eventId"]?: string | undefined;
};

/** The caller's own copy of a stored record. CORRUPT when it is damaged, or is not the record that was asked for. */
export function openRecord(record: StoredRecord, expected: Expected): StateRecord {
  if (!isAsked(record, expected) || !isIntact(record)) {
    throw new StateError("CORRUPT", "a stored record does not pass its checks", {
      details: { at: { identity: identityOf(record), kind: record.kind } },
    });
  }
  return {
    eventId: record.eventId,
    identity: identityOf(record),
    kind: record.kind,
    bytes: copyBytes(record.bytes),
    version: record.version,
    updatedAt: new Date(record.updatedAt),
  };
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
    Buffer.compare(fingerprint(record), record.fingerprint) === 0
  );
}
