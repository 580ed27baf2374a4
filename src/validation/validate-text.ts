import { identityRequired, invalid, wrongType } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";

/** Reads a tenant, user, session or run given by a caller. IDENTITY_REQUIRED if it is missing or empty. */
export function readName(value: unknown, field: string, reserved: "refused" | "allowed" = "refused"): string {
  if (value === undefined || value === null || value === "") {
    throw identityRequired(field);
  }
  const name = readText(value, field, LIMITS.nameBytes);
  if (reserved === "refused" && name.startsWith("~")) {
    throw invalid(field, "a name that does not begin with ~, unless tenantIdentity or userIdentity made it");
  }
  return name;
}

export function readKind(value: unknown, field = "kind"): string {
  return readNonEmpty(value, field, LIMITS.kindBytes);
}

export function readPrefix(value: unknown, field = "kindPrefix"): string {
  return readText(value, field, LIMITS.kindBytes);
}

export function readEventId(value: unknown, field = "eventId"): string {
  return readNonEmpty(value, field, LIMITS.eventIdBytes);
}

/** Reads text that every database stores and compares in the same way. */
export function readText(value: unknown, field: string, maxBytes: number): string {
  if (typeof value !== "string") throw wrongType(field, "a string", value);
  if (value.length > maxBytes || (value.length * 3 > maxBytes && Buffer.byteLength(value) > maxBytes)) {
    throw invalid(field, `at most ${maxBytes} UTF-8 bytes`);
  }
  if (value.includes("\0")) throw invalid(field, "text without a NUL character");
  if (!value.isWellFormed()) throw invalid(field, "well-formed Unicode (it holds a lone surrogate)");
  return value;
}

function readNonEmpty(value: unknown, field: string, maxBytes: number): string {
  const text = readText(value, field, maxBytes);
  if (text === "") throw invalid(field, "a string that is not empty");
  return text;
}
