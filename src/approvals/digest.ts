import { createHash } from "node:crypto";
import { copyJson } from "../typed/json-copy.js";
import type { JsonValue } from "../typed/json-value.js";
import { atOnce, firstStepThenSlices, type Steps } from "../typed/slices.js";
import { readKind } from "../validation/validate-text.js";
import { canonicalPieces } from "./canonical-pieces.js";

/**
 * SHA-256, in hexadecimal, of the canonical JSON (RFC 8785) of `{ tool, arguments }`. The order of property names and the
 * notation of numbers do not matter; everything else does. INVALID_RECORD for values that JSON cannot carry.
 */
export function callDigest(tool: string, args: JsonValue | object): string {
  return atOnce(digestSteps(readKind(tool, "tool"), copyJson(args, "arguments")));
}

/** The same for arguments that were checked before, in slices if they are large. */
export function digestOfCall(tool: string, args: JsonValue): Promise<string> {
  return firstStepThenSlices(digestSteps(tool, args));
}

function* digestSteps(tool: string, args: JsonValue): Steps<string> {
  const hash = createHash("sha256");
  let isFirst = true;
  for (const piece of canonicalPieces({ tool, arguments: args })) {
    if (!isFirst) yield;
    isFirst = false;
    hash.update(piece);
  }
  return hash.digest("hex");
}
