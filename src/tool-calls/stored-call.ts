import { isDeepStrictEqual } from "node:util";
import { type ContentRef, readContentRef } from "../content/content-ref.js";
import { bareOutcome } from "../lifecycle/bare-outcome.js";
import { contentCodec } from "../lifecycle/content-codec.js";
import type { LifecycleDeclaration } from "../lifecycle/declaration.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { withDate } from "../lifecycle/repeat.js";
import type { LifecycleState } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readLongText, readTime } from "../validation/fields.js";
import { readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { type NewOutcome, readStoredIntent, type StoredIntent, type StoredOutcome } from "./input.js";
import { type LargeParts, NAME, type ShownCall } from "./large-parts.js";
import { type ToolCallStatus, TRANSITIONS } from "./tool-call.js";

/** The part of a call that changes. */
export interface StoredCall extends LifecycleState<ToolCallStatus> {
  readonly digest: string;
  /** By which the same `begin` is recognised. */
  readonly token?: string;
  /** Where the arguments are that the record of the intent has no room for. */
  readonly argumentsAt?: ContentRef;
  readonly outcome?: StoredOutcome;
}

const STATUSES = Object.keys(TRANSITIONS) as ToolCallStatus[];

/**
 * Reading refuses a status that does not fit the outcome. An outcome whose result lies elsewhere has a field of its own: version
 * 0.4, which would take it for one without a result, finds none, and refuses the call.
 */
const STATE_CODEC = mappedJson<StoredCall>({
  write({ outcome, ...state }) {
    const field = outcome?.resultAt === undefined ? "outcome" : "largeOutcome";
    return { ...state, ...(outcome && { [field]: outcome }) } as unknown as JsonValue;
  },
  mayBeLarge: ({ outcome }) => outcome?.result !== undefined,
  read(value) {
    const { largeOutcome, ...given } = readObject(value, "call") as Partial<StoredCall> & {
      readonly largeOutcome?: unknown;
    };
    const state = {
      status: readOneOf(given.status, "status", STATUSES),
      createdAt: readTime(given.createdAt, "createdAt"),
      digest: readKind(given.digest, "digest"),
      ...optional(given, "token", readEventId),
      ...optional(given, "argumentsAt", readContentRef),
      ...optional(
        largeOutcome === undefined ? given : { outcome: largeOutcome },
        "outcome",
        readStoredOutcome,
      ),
      ...optional(given, "payloadRemovedAt", readTime),
    };
    if (state.status !== (state.outcome === undefined ? "begun" : statusAfter(state.outcome)))
      throw new Error("the status is not what the outcome says");
    return state;
  },
});

const CONTENT_CODEC = contentCodec((content) => readStoredIntent(content));

/** Tool calls as a lifecycle. */
export const toolCallLifecycle = (
  parts: LargeParts,
): LifecycleDeclaration<StoredCall, StoredIntent, ShownCall> => ({
  name: NAME,
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
  endedAt: ({ outcome }) => outcome?.at,
  withoutPayload: ({ state: { argumentsAt: _, ...state }, content }) => ({
    state: state.outcome ? { ...state, outcome: bareOutcome(state.outcome) } : state,
    content: { ...content, arguments: null },
  }),
  payloadRemoved: (transaction, key, state) => parts.hide(key, transaction, state),
  view: ({ identity, id }, { state, content }, status) => ({
    id,
    identity,
    status,
    ...content,
    digest: state.digest,
    ...(state.argumentsAt && { argumentsAt: state.argumentsAt }),
    begunAt: new Date(state.createdAt),
    ...(state.outcome && { outcome: withDate(state.outcome) }),
    ...(state.payloadRemovedAt !== undefined && { payloadRemovedAt: new Date(state.payloadRemovedAt) }),
  }),
  // The digest is that of the arguments, wherever they are.
  isSame: (before, created) =>
    before.state.digest === created.state.digest &&
    isDeepStrictEqual({ ...before.content, arguments: 0 }, { ...created.content, arguments: 0 }),
  alongside: async (transaction, key, { before, now }) => {
    if (before !== undefined && now === undefined) await parts.hide(key, transaction, before);
  },
  largeContent: (id) => parts.prefixesOf(id),
});

/** The status that an outcome leads to. */
export function statusAfter({ error, reason }: NewOutcome): ToolCallStatus {
  if (reason !== undefined) return "abandoned";
  return error === undefined ? "succeeded" : "failed";
}

function readStoredOutcome(value: unknown, field: string): StoredOutcome {
  const given = readObject(value, field) as Partial<StoredOutcome>;
  const outcome = {
    ...optional(given, "result", acceptParsed),
    ...optional(given, "resultAt", readContentRef),
    ...optional(given, "error", readLongText),
    ...optional(given, "reason", readLongText),
    ...optional(given, "by", readKind),
    ...optional(given, "token", readEventId),
    at: readTime(given.at, "at"),
  };
  const told = [outcome.result, outcome.resultAt, outcome.error, outcome.reason].filter(
    (part) => part !== undefined,
  );
  if (told.length > 1) throw new Error("an outcome contradicts itself");
  return outcome;
}
