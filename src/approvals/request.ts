import { invalid } from "../contract/errors.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { optional, readFlag, readTtl } from "../validation/fields.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";

/** A request for approval of a tool call. Names are 1 to 512 UTF-8 bytes. */
export interface ApprovalRequest {
  /** The tool that is to be called. */
  readonly tool: string;
  /**
   * Any JSON. The whole request must fit into the store's `maxBytes`. Values larger than 32 KiB are copied in slices and
   * must not change until the promise settles.
   */
  readonly arguments: JsonValue | object;
  /** What the call does outside, in the caller's words, such as `write`. */
  readonly sideEffect?: string;
  /** The question to the decider; up to 16 KiB. */
  readonly question?: string;
  /** Who asks. Needed where `requireOtherDecider` is set. */
  readonly requester?: string;
  /** The run that asks. */
  readonly run?: string;
  /** The step that asks. */
  readonly step?: string;
  /** Where the request came from: any JSON. */
  readonly sender?: JsonValue | object;
  /**
   * How many people have to approve: 1 to 20. Each person gives one approval, and a denial of one ends the request. Default
   * 1, or with `groups` as many as there are groups.
   */
  readonly approvals?: number;
  /**
   * The groups whose people approve: 1 to 20 names. Each group gives one of the approvals. `decide` says for which group, and
   * `mayDecide` has to say whether they belong to it.
   */
  readonly groups?: readonly string[];
  /** Who should decide. It is shown and listed; `mayDecide` says who may. */
  readonly assignee?: string;
  /** For how long the approval can be decided and claimed, in milliseconds: 1 to ten years. Default 30 minutes. */
  readonly ttlMs?: number;
  /**
   * Gets the pending request of the same call in this session, if there is one that was made with `join`, too, by the same
   * requester, for as many approvals and the same groups: as a duplicate. Default false.
   */
  readonly join?: boolean;
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes. It becomes the approval's id. A repeated request is a duplicate. */
  readonly id?: string;
}

/** A request as it is stored: `approvals` where it is more than one, or where there are groups. */
export interface StoredRequest extends Omit<ApprovalRequest, "id" | "join"> {
  readonly arguments: JsonValue;
  readonly sender?: JsonValue;
  readonly ttlMs: number;
}

const DEFAULT_TTL_MS = 30 * 60_000;
const MAX_APPROVALS = 20;
const REQUEST_FIELDS = [
  "tool",
  "arguments",
  "sideEffect",
  "question",
  "requester",
  "run",
  "step",
  "sender",
  "approvals",
  "groups",
  "assignee",
  "ttlMs",
  "join",
  "id",
];

type ReadJson = (value: unknown, field: string) => JsonValue;

/** Accepts a value that is checked and copies later. */
const acceptUnread: ReadJson = (value) => value as JsonValue;

/** Checks and copies a request. INVALID_RECORD, also as soon as it must exceed `maxBytes`. */
export async function readRequest(
  request: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<{ readonly content: StoredRequest; readonly join: boolean; readonly id?: string }> {
  const given: Partial<ApprovalRequest> = {
    ttlMs: DEFAULT_TTL_MS,
    ...readNamed(request, "request", REQUEST_FIELDS),
  };
  const content = readContent(given, acceptUnread, inputs);
  const id = optional(given, "id", readScopedId);
  const join = readFlag(given, "join");
  // Both copies begin before the first await, so a small value is copied before the caller can change it.
  const [args, sender] = await Promise.all([
    inputs.jsonInSlices(content.arguments, "arguments", maxBytes),
    "sender" in content ? inputs.jsonInSlices(content.sender, "sender", maxBytes) : undefined,
  ]);
  const read = { ...content, arguments: args, ...(sender === undefined ? {} : { sender }) };
  return { content: read, join, ...id };
}

/** Reads the content of a request, from a caller or from a record. */
export function readContent(
  given: Partial<ApprovalRequest>,
  readValue: ReadJson,
  inputs: InputReader = PLAIN_READER,
): StoredRequest {
  return {
    tool: readKind(given.tool, "tool"),
    arguments: readValue(given.arguments, "arguments"),
    ...optional(given, "sideEffect", readKind),
    ...optional(given, "question", inputs.longText),
    ...optional(given, "requester", readKind),
    ...optional(given, "run", readKind),
    ...optional(given, "step", readKind),
    ...optional(given, "sender", readValue),
    ...readQuorum(given),
    ...optional(given, "assignee", readKind),
    ttlMs: readTtl(given.ttlMs, "ttlMs"),
  };
}

/** How many have to approve, and for which groups. */
function readQuorum(given: Partial<ApprovalRequest>): Pick<StoredRequest, "approvals" | "groups"> {
  const { groups } = optional(given, "groups", readGroups);
  const most = groups?.length ?? MAX_APPROVALS;
  const approvals =
    "approvals" in given ? readInteger(given.approvals, "approvals", 1, most) : groups?.length;
  if (groups !== undefined) return { approvals: approvals as number, groups };
  return approvals === undefined || approvals === 1 ? {} : { approvals };
}

function readGroups(value: unknown): readonly string[] {
  const rule = `1 to ${MAX_APPROVALS} different names`;
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_APPROVALS)
    throw invalid("groups", rule);
  const groups = value.map((group) => readKind(group, "groups"));
  if (new Set(groups).size < groups.length) throw invalid("groups", rule);
  return groups;
}
