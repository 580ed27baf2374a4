import { invalid } from "../contract/errors.js";
import type { JsonValue } from "../typed/json-value.js";

/** Stands for a value that JSON has no form of. Keys that begin like this one get another `~` in front. */
const BYTES = "~bytes";

/**
 * A value of JSON and bytes as JSON: bytes in base64, and without fields that are undefined. INVALID_RECORD of the field for
 * what has no such form. With instances as "objects", an object of a class is what its `toJSON` says, or its own fields.
 */
export function toJsonWithBytes(
  value: unknown,
  field: string,
  instances: "refused" | "objects" = "refused",
): JsonValue {
  return toJson(value, { field, instances }, new Set());
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

interface Rules {
  readonly field: string;
  readonly instances: "refused" | "objects";
}

function toJson(value: unknown, rules: Rules, above: ReadonlySet<unknown>): JsonValue {
  const { field, instances } = rules;
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value !== "object" || above.has(value))
    throw invalid(field, "of JSON and bytes, without circles");
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString("base64") };
  const inside = new Set(above).add(value);
  if (Array.isArray(value)) return value.map((each) => toJson(each, rules, inside));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    const { toJSON } = value as { readonly toJSON?: unknown };
    if (instances === "objects" && typeof toJSON === "function")
      return toJson(toJSON.call(value), rules, inside);
    // A Map, an Error and the like have more than their fields say.
    const isFields = instances === "objects" && Object.prototype.toString.call(value) === "[object Object]";
    if (!isFields) throw invalid(field, "of JSON and bytes");
  }
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key.startsWith("~") ? `~${key}` : key, toJson(each, rules, inside)]),
  );
}
