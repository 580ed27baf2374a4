import { contentCodec } from "../lifecycle/content-codec.js";
import type { LifecycleDeclaration } from "../lifecycle/declaration.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { type StoredAct, withDate } from "../lifecycle/repeat.js";
import type { LifecycleState } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime } from "../validation/fields.js";
import { readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { type NewOutcome, readIntent, type StoredIntent } from "./input.js";
import { type CallOutcome, type ToolCall, type ToolCallStatus, TRANSITIONS } from "./tool-call.js";

/** The part of a call that changes. */
export interface StoredCall extends LifecycleState<ToolCallStatus> {
  readonly digest: string;
  /** By which the same `begin` is recognised. */
  readonly token?: string;
  readonly outcome?: StoredAct<CallOutcome>;
}

const STATUSES = Object.keys(TRANSITIONS) as ToolCallStatus[];

/** Reading refuses a status that does not fit the outcome. */
const STATE_CODEC = mappedJson<StoredCall>({
  write: (state) => ({ ...state }) as unknown as JsonValue,
  mayBeLarge: ({ outcome }) => outcome?.result !== undefined,
  read(value) {
    const given = readObject(value, "call") as Partial<StoredCall>;
    const state = {
      status: readOneOf(given.status, "status", STATUSES),
      createdAt: readTime(given.createdAt, "createdAt"),
      digest: readKind(given.digest, "digest"),
      ...optional(given, "token", readEventId),
      ...optional(given, "outcome", readStoredOutcome),
    };
    if (state.status !== (state.outcome === undefined ? "begun" : statusAfter(state.outcome)))
      throw new Error("the status is not what the outcome says");
    return state;
  },
});

const CONTENT_CODEC = contentCodec((content) => readIntent(content));

/** Tool calls as a lifecycle. */
export const TOOL_CALL: LifecycleDeclaration<StoredCall, StoredIntent, ToolCall> = {
  name: "tool-call",
  noun: "tool call",
  contentName: "intent",
  transitions: TRANSITIONS,
  listedBy: [
    { under: "session" },
    { under: "session", field: "run", value: ({ run }) => run },
    { under: "tenant" },
  ],
  listedFirst: "oldest",
  stateCodec: STATE_CODEC,
  contentCodec: CONTENT_CODEC,
  largeFields: ["arguments"],
  view: ({ identity, id }, { state, content }, status) => ({
    id,
    identity,
    status,
    ...content,
    digest: state.digest,
    begunAt: new Date(state.createdAt),
    ...(state.outcome && { outcome: withDate(state.outcome) }),
  }),
};

/** The status that an outcome leads to. */
export function statusAfter({ error, reason }: NewOutcome): ToolCallStatus {
  if (reason !== undefined) return "abandoned";
  return error === undefined ? "succeeded" : "failed";
}

function readStoredOutcome(value: unknown, field: string): StoredAct<CallOutcome> {
  const given = readObject(value, field) as Partial<StoredAct<CallOutcome>>;
  const outcome = {
    ...optional(given, "result", acceptParsed),
    ...optional(given, "error", readLongText),
    ...optional(given, "reason", readLongText),
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
    at: readTime(given.at, "at"),
  };
  const told = [outcome.result, outcome.error, outcome.reason].filter((part) => part !== undefined);
  if (told.length > 1) throw new Error("an outcome contradicts itself");
  return outcome;
}
