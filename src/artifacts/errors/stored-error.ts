import { invalid } from "../../contract/errors.js";
import { mappedJson } from "../../typed/codec.js";
import type { InputReader } from "../../typed/input-reader.js";
import type { JsonValue } from "../../typed/json-value.js";
import { readScopedId } from "../../typed/names.js";
import { optional } from "../../validation/fields.js";
import { readNamed } from "../../validation/validate.js";
import { readKind } from "../../validation/validate-text.js";
import type { CutField, NewRecordedError, RecordedError } from "./recorded-error.js";

/** An error as it is stored; its number and time are those of its entry. */
export type StoredError = Omit<RecordedError, "ref" | "at">;

/** An error to record, as it was read. */
export interface ErrorInput {
  readonly error: StoredError;
  readonly id?: string;
}

const MAX_TEXT_BYTES = 16 * 1024;
const MAX_ARGUMENTS_BYTES = 32 * 1024;
const FIELDS = ["tool", "message", "arguments", "stack", "step", "id"];
const STORED = ["tool", "message", "arguments", "stack", "step", "cut"];
const CUT: readonly string[] = ["message", "arguments", "stack"];

export const ERROR_CODEC = mappedJson<StoredError>({
  write: (error) => error as unknown as JsonValue,
  read(value) {
    const given = readNamed(value, "error", STORED) as StoredError;
    if (!Array.isArray(given.cut) || !given.cut.every((field) => CUT.includes(field)))
      throw invalid("cut", "a list of fields");
    return {
      tool: readKind(given.tool, "tool"),
      message: readString(given.message, "message"),
      ...("arguments" in given && { arguments: given.arguments as JsonValue }),
      ...optional(given, "stack", readString),
      ...optional(given, "step", readKind),
      cut: given.cut,
    };
  },
});

/** Reads what `record` is given. What is too long is cut, because the error must not be lost for its size. INVALID_RECORD. */
export function readNewError(error: unknown, inputs: InputReader): ErrorInput {
  const given = readNamed(error, "error", FIELDS) as NewRecordedError;
  const cut: CutField[] = [];
  const text = (field: "message" | "stack") => {
    // Cut behind that: half a secret is not recognised.
    const whole = inputs.clean(readString(given[field], field).toWellFormed());
    return beginning(whole, MAX_TEXT_BYTES, () => cut.push(field));
  };
  const stored = {
    tool: readKind(given.tool, "tool"),
    message: text("message"),
    ...("arguments" in given && {
      arguments: argumentsOf(inputs.json(given.arguments, "arguments"), () => cut.push("arguments")),
    }),
    ...("stack" in given && { stack: text("stack") }),
    ...optional(given, "step", readKind),
  };
  return { error: { ...stored, cut }, ...("id" in given && { id: readScopedId(given.id, "id") }) };
}

function argumentsOf(given: JsonValue, onCut: () => void): JsonValue {
  const text = JSON.stringify(given);
  return Buffer.byteLength(text) <= MAX_ARGUMENTS_BYTES ? given : beginning(text, MAX_ARGUMENTS_BYTES, onCut);
}

/** The text up to so many bytes of UTF-8, cut between characters. */
function beginning(text: string, mostBytes: number, onCut: () => void): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= mostBytes) return text;
  onCut();
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, mostBytes), { stream: true });
}

function readString(value: unknown, field: string): string {
  if (typeof value === "string") return value;
  throw invalid(field, "a string");
}
