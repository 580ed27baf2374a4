import { invalid } from "../../contract/errors.js";
import type { JsonValue } from "../../typed/json-value.js";

const ROLES: ReadonlySet<unknown> = new Set(["system", "user", "assistant"]);

/** A message as it is stored. */
export type StoredMessage = JsonValue & { readonly id: string; readonly parts: readonly JsonValue[] };

/** A `UIMessage` as `JSON.stringify` writes it, which is what a client receives. INVALID_RECORD for what is no message. */
export function messageToJson(message: unknown): StoredMessage {
  const read = readJson(message) as Readonly<Record<string, unknown>>;
  const { id, role, parts } = read;
  if (typeof id !== "string" || id === "") throw invalid("message.id", "a text that is not empty");
  if (!ROLES.has(role)) throw invalid("message.role", "system, user or assistant");
  if (!Array.isArray(parts)) throw invalid("message.parts", "an array");
  return read as unknown as StoredMessage;
}

function readJson(message: unknown): object {
  const json = textOf(message);
  const read = json === undefined ? undefined : (JSON.parse(json) as unknown);
  if (typeof read !== "object" || read === null) throw invalid("message", "a UIMessage");
  return read;
}

function textOf(message: unknown): string | undefined {
  try {
    return JSON.stringify(message, wellFormed);
  } catch {
    throw invalid("message", "of values that JSON has");
  }
}

/** A store takes no half of a character. */
function wellFormed(_: string, value: unknown): unknown {
  return typeof value === "string" ? value.toWellFormed() : value;
}
