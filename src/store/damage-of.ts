import { types } from "node:util";
import { describeType } from "../contract/describe-type.js";
import type { StoredRecord } from "../contract/driver.js";
import { LIMITS } from "../contract/limits.js";

const NAMES = ["tenant", "user", "session", "run", "kind"] as const;

/** The fields that the request fixed, and that the record must have. */
export type Expected = Partial<Readonly<Record<(typeof NAMES)[number] | "eventId", string | undefined>>>;

/** What is wrong with the record's slot, in words without a value of it; `undefined` if it is the one that was asked for. */
export function slotDamage(record: StoredRecord, expected: Expected): string | undefined {
  if (typeof record !== "object" || record === null) return `it is ${describeType(record)}`;
  const fields = record as unknown as Readonly<Record<string, unknown>>;
  const wrong = NAMES.find((name) => !isName(fields[name]));
  if (wrong !== undefined) return `its ${wrong} is ${describeType(fields[wrong])}, and not a name`;
  for (const name of [...NAMES, "eventId"] as const) {
    if (expected[name] !== undefined && expected[name] !== fields[name])
      return `its ${name} is not the one that was asked for`;
  }
  return undefined;
}

/** The same for what it holds, without its payload. */
export function headerDamage({ eventId, version, updatedAt }: StoredRecord): string | undefined {
  if (!isName(eventId)) return `its eventId is ${describeType(eventId)}, and not an event id`;
  if (!Number.isSafeInteger(version) || version < 0)
    return `its version is ${describeType(version)}, and not a safe integer of 0 or more`;
  if (!Number.isInteger(updatedAt) || updatedAt < LIMITS.earliest || updatedAt > LIMITS.latest)
    return `its updatedAt is ${describeType(updatedAt)}, and not whole milliseconds of a time since 1970`;
  return undefined;
}

/** The same with its payload. */
export function contentDamage(record: StoredRecord): string | undefined {
  if (types.isUint8Array(record.bytes)) return headerDamage(record);
  return headerDamage(record) ?? `its bytes are ${describeType(record.bytes)}, and not a Uint8Array`;
}

/** No name of a slot is longer than a kind may be. */
function isName(value: unknown): boolean {
  return typeof value === "string" && value.length <= LIMITS.kindBytes;
}
