import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";

/** Accepts a value that came from parsed JSON. */
export function acceptParsed(value: unknown, field: string): JsonValue {
  if (value === undefined) throw invalid(field, "JSON");
  return value as JsonValue;
}
