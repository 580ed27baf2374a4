import { invalid, isStateError } from "../contract/errors.js";
import { copyJsonInSlices } from "../typed/json-copy.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";

/** What is asked for. Names are 1 to 512 UTF-8 bytes. */
export interface ApprovalRequest {
  /** The tool that is to be called. */
  readonly tool: string;
  /**
   * Any JSON. With the rest of the request, it has to fit into the store's `maxBytes`. What is larger than 32 KiB is read
   * a slice at a time, and must not change until the call is answered.
   */
  readonly arguments: JsonValue | object;
  /** What the call does outside, in the caller's words, such as `write`. */
  readonly sideEffect?: string;
  /** What the one who decides is asked; up to 16 KiB. */
  readonly question?: string;
  /** Who asks. Needed where `requireOtherDecider` is set. */
  readonly requester?: string;
  /** The run that asks. */
  readonly run?: string;
  /** The step that asks. */
  readonly step?: string;
  /** Where the request came from: any JSON. */
  readonly sender?: JsonValue | object;
  /** How long it may be decided and claimed, in milliseconds: 1 to ten years. Default 30 minutes. */
  readonly ttlMs?: number;
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes, which becomes the approval's id: asked for once, however often it is sent. */
  readonly id?: string;
}

/** A request as it is kept. */
export interface StoredRequest extends Omit<ApprovalRequest, "id"> {
  readonly arguments: JsonValue;
  readonly sender?: JsonValue;
  readonly ttlMs: number;
}

const DEFAULT_TTL_MS = 30 * 60_000;
const MAX_TTL_MS = 10 * 365 * 86_400_000;
const MAX_TEXT_BYTES = 16_384;
const REQUEST_FIELDS = [
  "tool",
  "arguments",
  "sideEffect",
  "question",
  "requester",
  "run",
  "step",
  "sender",
  "ttlMs",
  "id",
];

type ReadJson = (value: unknown, field: string) => JsonValue;

/** What was parsed: it was JSON. */
export const acceptParsed: ReadJson = (value, field) => {
  if (value === undefined) throw invalid(field, "JSON");
  return value as JsonValue;
};

/** What is copied after the rest was checked. */
const acceptUnread: ReadJson = (value) => value as JsonValue;

/** A request checked and copied; INVALID_RECORD, also of more than `mostBytes`, before all of it was copied. */
export async function readRequest(
  request: unknown,
  maxBytes: number,
): Promise<{ readonly content: StoredRequest; readonly id?: string }> {
  const given: Partial<ApprovalRequest> = {
    ttlMs: DEFAULT_TTL_MS,
    ...readNamed(request, "request", REQUEST_FIELDS),
  };
  const content = readContent(given, acceptUnread);
  const id = optional(given, "id", readScopedId);
  // Both begin before anything is waited for.
  const [args, sender] = await Promise.all([
    readJson(content.arguments, "arguments", maxBytes),
    "sender" in content ? readJson(content.sender, "sender", maxBytes) : undefined,
  ]);
  return { content: { ...content, arguments: args, ...(sender === undefined ? {} : { sender }) }, ...id };
}

/** JSON of a caller's, copied. */
export async function readJson(value: unknown, field: string, maxBytes: number): Promise<JsonValue> {
  return copyJsonInSlices(value, field, maxBytes);
}

/** The content of a request, at the door or from where it was kept. */
export function readContent(given: Partial<ApprovalRequest>, readValue: ReadJson): StoredRequest {
  return {
    tool: readKind(given.tool, "tool"),
    arguments: readValue(given.arguments, "arguments"),
    ...optional(given, "sideEffect", readKind),
    ...optional(given, "question", readLongText),
    ...optional(given, "requester", readKind),
    ...optional(given, "run", readKind),
    ...optional(given, "step", readKind),
    ...optional(given, "sender", readValue),
    ttlMs: readTtl(given.ttlMs, "ttlMs"),
  };
}

/** What the store refused as too large, as INVALID_RECORD of the field that makes it so; any other error as it is. */
export function nameLargeField(error: unknown, request: StoredRequest): unknown {
  if (!isStateError(error, "INVALID_RECORD")) return error;
  const { field, rule } = error.details;
  if (field !== "bytes" && field !== "value") return error;
  const largeField = (["arguments", "sender"] as const).find(
    (name) => name in request && 2 * sizeOf(request[name]) > sizeOf(request),
  );
  return largeField === undefined
    ? error
    : invalid(largeField, `smaller: with the rest of the request, ${rule}`);
}

function sizeOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** A field that may be left out. Present and `undefined` it was forgotten, which its reader refuses. */
export function optional<N extends string, V>(
  given: { readonly [K in N]?: unknown },
  name: N,
  read: (value: unknown, field: string) => V,
): { readonly [K in N]?: V } {
  return (name in given ? { [name]: read(given[name], name) } : {}) as { [K in N]?: V };
}

/** An option that is true or false, and false when it is left out. */
export function readFlag<N extends string>(given: { readonly [K in N]?: unknown }, name: N): boolean {
  if (!(name in given)) return false;
  const value = given[name];
  if (typeof value !== "boolean") throw invalid(name, "true or false");
  return value;
}

/** Words for a person: up to 16 KiB. */
export function readLongText(value: unknown, field: string): string {
  return readText(value, field, MAX_TEXT_BYTES);
}

export function readTtl(value: unknown, field: string): number {
  return readInteger(value, field, 1, MAX_TTL_MS);
}
