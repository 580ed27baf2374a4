import { type Extension, readStoredAct, readStoredExtension } from "../lifecycle/acts.js";
import { REMOVED_TEXT } from "../lifecycle/bare-outcome.js";
import { contentCodec } from "../lifecycle/content-codec.js";
import type { LifecycleDeclaration } from "../lifecycle/declaration.js";
import { acceptParsed } from "../lifecycle/parsed-json.js";
import { type StoredAct, withDate } from "../lifecycle/repeat.js";
import type { LifecycleState } from "../lifecycle/stored.js";
import { mappedJson } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { optional, readTime } from "../validation/fields.js";
import { readObject, readOneOf } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";
import { readContent, type StoredQuestion } from "./input.js";
import {
  type Answer,
  type Cancellation,
  type Question,
  type QuestionStatus,
  TRANSITIONS,
} from "./question.js";

/** An answer as it is stored. */
export type StoredAnswer = StoredAct<Answer> & {
  /** Where a schema made the value: a digest of what was given, by which the same answer is known again. Newer than 0.4.0. */
  readonly given?: string;
};

/** The part of a question that changes. */
export interface StoredState extends LifecycleState<QuestionStatus> {
  readonly expiresAt: number;
  readonly extension?: StoredAct<Extension>;
  readonly answer?: StoredAnswer;
  readonly cancellation?: StoredAct<Cancellation>;
}

const STATUSES = Object.keys(TRANSITIONS) as QuestionStatus[];

/** Reading refuses a status that does not fit the answer and the cancellation. */
const STATE_CODEC = mappedJson<StoredState>({
  write: (state) => ({ ...state }) as unknown as JsonValue,
  mayBeLarge: ({ answer }) => answer !== undefined,
  read(value) {
    const given = readObject(value, "question") as Partial<StoredState>;
    const state = {
      status: readOneOf(given.status, "status", STATUSES),
      createdAt: readTime(given.createdAt, "createdAt"),
      expiresAt: readTime(given.expiresAt, "expiresAt"),
      ...optional(given, "extension", readStoredExtension),
      ...optional(given, "answer", readStoredAnswer),
      ...optional(given, "cancellation", readStoredAct),
      ...optional(given, "payloadRemovedAt", readTime),
    };
    const agrees =
      (state.answer !== undefined) === (state.status === "answered") &&
      (state.cancellation !== undefined) === (state.status === "cancelled");
    if (!agrees) throw new Error("the status is not what the rest leads to");
    return state;
  },
});

const CONTENT_CODEC = contentCodec((content) => readContent(content, acceptParsed));

/** Questions as a lifecycle. */
export const QUESTION: LifecycleDeclaration<StoredState, StoredQuestion, Question> = {
  name: "question",
  transitions: TRANSITIONS,
  expired: "expired",
  listedBy: [
    { under: "session" },
    { under: "user" },
    { under: "tenant" },
    // No list of each run is kept: every change of a status would write three more entries.
    ...(["session", "user", "tenant"] as const).map((under) => ({
      under,
      field: "run",
      value: ({ run }: StoredQuestion) => run,
      filtered: true,
    })),
  ],
  fieldsAdded: true,
  located: true,
  stateCodec: STATE_CODEC,
  contentCodec: CONTENT_CODEC,
  largeFields: ["context", "sender"],
  endedAt: ({ answer, cancellation, expiresAt }) => answer?.at ?? cancellation?.at ?? expiresAt,
  withoutPayload({ state, content: { context: _, sender: __, choices: ___, ...content } }) {
    const bare = state.answer ? { ...state, answer: { ...state.answer, value: null } } : state;
    return { state: bare, content: { ...content, text: REMOVED_TEXT } };
  },
  view({ identity, id }, { state, content }, status) {
    const { ttlMs: _, ...asked } = content;
    return {
      id,
      identity,
      status,
      ...asked,
      askedAt: new Date(state.createdAt),
      expiresAt: new Date(state.expiresAt),
      ...(state.extension && { extension: withDate(state.extension) }),
      ...(state.answer && { answer: answerOf(state.answer) }),
      ...(state.cancellation && { cancellation: withDate(state.cancellation) }),
      ...(state.payloadRemovedAt !== undefined && { payloadRemovedAt: new Date(state.payloadRemovedAt) }),
    } as Question;
  },
};

function answerOf({ given: _, ...answer }: StoredAnswer): Answer {
  return withDate(answer);
}

function readStoredAnswer(value: unknown, field: string): StoredAnswer {
  const given = readObject(value, field) as Partial<StoredAnswer>;
  return {
    value: acceptParsed(given.value, "value"),
    ...optional(given, "given", readKind),
    by: readKind(given.by, "by"),
    ...optional(given, "token", readEventId),
    at: readTime(given.at, "at"),
  };
}
