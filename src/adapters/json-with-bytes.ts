import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";

/** Stands for a value that JSON has no form of. Keys that begin like this one get another `~` in front. */
const BYTES = "~bytes";

/**
 * A value of JSON and bytes as JSON: bytes in base64, and without fields that are undefined. INVALID_RECORD of the field for
 * what has no such form.
 */
export function toJsonWithBytes(value: unknown, field: string): JsonValue {
  return toJson(value, field, new Set());
}

/** The value again, with its bytes as `bytesOf` makes them of a buffer. */
export function fromJsonWithBytes(
  value: JsonValue,
  bytesOf: (buffer: Buffer) => Uint8Array = (buffer) => new Uint8Array(buffer),
): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => fromJsonWithBytes(each, bytesOf));
  const fields = Object.entries(value);
  const [first] = fields;
  if (fields.length === 1 && first?.[0] === BYTES) return bytesOf(Buffer.from(first[1] as string, "base64"));
  return Object.fromEntries(
    fields.map(([key, each]) => [key.startsWith("~") ? key.slice(1) : key, fromJsonWithBytes(each, bytesOf)]),
  );
}

function toJson(value: unknown, field: string, above: ReadonlySet<unknown>): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value !== "object" || above.has(value))
    throw invalid(field, "of JSON and bytes, without circles");
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString("base64") };
  const inside = new Set(above).add(value);
  if (Array.isArray(value)) return value.map((each) => toJson(each, field, inside));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw invalid(field, "of JSON and bytes");
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key.startsWith("~") ? `~${key}` : key, toJson(each, field, inside)]),
  );
}
