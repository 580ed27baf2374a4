import type { AgentInputItem } from "@openai/agents-core";
import { invalid } from "../../contract/errors.js";
import type { JsonValue } from "../../typed/json-value.js";

/** Stands for a value that JSON has no form of. Keys that begin like this one get another `~` in front. */
const BYTES = "~bytes";

/** An item as JSON: bytes in base64, and without fields that are undefined. INVALID_RECORD for what has no such form. */
export function itemToJson(item: AgentInputItem): JsonValue {
  return toJson(item, new Set());
}

export function itemFromJson(value: JsonValue): AgentInputItem {
  return fromJson(value) as AgentInputItem;
}

function toJson(value: unknown, above: ReadonlySet<unknown>): JsonValue {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (typeof value !== "object" || above.has(value))
    throw invalid("items", "of JSON and bytes, without circles");
  if (value instanceof Uint8Array) return { [BYTES]: Buffer.from(value).toString("base64") };
  const inside = new Set(above).add(value);
  if (Array.isArray(value)) return value.map((each) => toJson(each, inside));
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw invalid("items", "of JSON and bytes");
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([key, each]) => [key.startsWith("~") ? `~${key}` : key, toJson(each, inside)]),
  );
}

function fromJson(value: JsonValue): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(fromJson);
  const fields = Object.entries(value);
  const [first] = fields;
  if (fields.length === 1 && first?.[0] === BYTES)
    return new Uint8Array(Buffer.from(first[1] as string, "base64"));
  return Object.fromEntries(
    fields.map(([key, each]) => [key.startsWith("~") ? key.slice(1) : key, fromJson(each)]),
  );
}
