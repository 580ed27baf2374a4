import { isDeepStrictEqual } from "node:util";
import type { JsonValue } from "./json-value.js";

/** Whether metadata has each of these fields with exactly its value. */
export function hasFields(
  metadata: Readonly<Record<string, JsonValue>>,
  fields: Readonly<Record<string, JsonValue>>,
): boolean {
  return Object.entries(fields).every(
    ([name, value]) => Object.hasOwn(metadata, name) && isDeepStrictEqual(metadata[name], value),
  );
}
