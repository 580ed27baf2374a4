import { createHash } from "node:crypto";
import canonicalize from "canonicalize";
import { readKind } from "../../validate-text.js";
import { copyJson, type JsonValue } from "../json-value.js";

/** Whether two objects say the same in JSON. */
export function isSameJson(a: object, b: object): boolean {
  return canonicalize(a) === canonicalize(b);
}

/**
 * SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of `{ tool, arguments }`: the order of names and the forms
 * of numbers do not matter, everything else does. INVALID_RECORD for what has no form in JSON.
 */
export function callDigest(tool: string, args: JsonValue | object): string {
  return digestOfCall(readKind(tool, "tool"), copyJson(args, "arguments"));
}

/** The same of what was checked before. */
export function digestOfCall(tool: string, args: JsonValue): string {
  const text = canonicalize({ tool, arguments: args }) as string;
  return createHash("sha256").update(text).digest("hex");
}
