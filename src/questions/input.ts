import { invalid } from "../contract/errors.js";
import { ACT_FIELDS, type ActInput, type NewAct, readAct } from "../lifecycle/acts.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readScopedId } from "../typed/names.js";
import { optional, readTtl } from "../validation/fields.js";
import { readNamed } from "../validation/validate.js";
import { readEventId, readKind } from "../validation/validate-text.js";

/** A question to a person. Names are 1 to 512 UTF-8 bytes. */
export interface NewQuestion {
  /** The question itself; up to 16 KiB. */
  readonly text: string;
  /**
   * What a person needs to know to answer it: any JSON. The whole question must fit into the store's `maxBytes`. Values
   * larger than 32 KiB are copied in slices and must not change until the promise settles.
   */
  readonly context?: JsonValue | object;
  /** Where the question came from: any JSON. */
  readonly sender?: JsonValue | object;
  /** The answers to choose from: 1 to 100 different ones, each 1 to 512 UTF-8 bytes. Absent: any JSON is an answer. */
  readonly choices?: readonly string[];
  /** The name of one of the `schemas` of `createQuestions`, instead of choices. Whoever answers needs it too. */
  readonly schema?: string;
  /** The run that asks. */
  readonly run?: string;
  /** The step that asks. */
  readonly step?: string;
  /** For how long it can be answered, in milliseconds: 1 to ten years. Default 24 hours. */
  readonly ttlMs?: number;
  /** The caller's idempotency key, 1 to 105 UTF-8 bytes. It becomes the question's id. A repeated question is a duplicate. */
  readonly id?: string;
}

/** An answer to a pending question. */
export interface AnswerInput extends Repeatable {
  /** One of the choices, what the schema accepts, or any JSON. Values larger than 32 KiB must not change meanwhile. */
  readonly value: JsonValue | object;
  /** Who answers: 1 to 512 UTF-8 bytes. */
  readonly by: string;
}

/** The withdrawal of a pending question. */
export interface CancelQuestionInput extends ActInput {}

/** The withdrawal of all pending questions of a session, or of one of its runs. */
export interface CancelAllQuestionsInput extends Omit<ActInput, "token"> {
  /** Only what this run asked. */
  readonly run?: string;
}

/** A question as it is stored. */
export interface StoredQuestion extends Omit<NewQuestion, "id"> {
  readonly context?: JsonValue;
  readonly sender?: JsonValue;
  readonly ttlMs: number;
}

const DEFAULT_TTL_MS = 86_400_000;
const MAX_CHOICES = 100;
const FIELDS = ["text", "context", "sender", "choices", "schema", "run", "step", "ttlMs", "id"];

/** Checks and copies a question. INVALID_RECORD, also as soon as it must exceed `maxBytes`. */
export async function readQuestion(
  question: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<{ readonly content: StoredQuestion; readonly id?: string }> {
  const given: Partial<NewQuestion> = { ttlMs: DEFAULT_TTL_MS, ...readNamed(question, "question", FIELDS) };
  const content = readContent(given, (value) => value as JsonValue, inputs);
  const id = optional(given, "id", readScopedId);
  // Both copies begin before the first await, so a small value is copied before the caller can change it.
  const copies = (["context", "sender"] as const)
    .filter((field) => field in content)
    .map(async (field) => [field, await inputs.jsonInSlices(content[field], field, maxBytes)] as const);
  return { content: { ...content, ...Object.fromEntries(await Promise.all(copies)) }, ...id };
}

/** Reads the content of a question, from a caller or from a record. */
export function readContent(
  given: Partial<NewQuestion>,
  readJson: (value: unknown, field: string) => JsonValue,
  inputs: InputReader = PLAIN_READER,
): StoredQuestion {
  if ("choices" in given && "schema" in given) throw invalid("schema", "left out where there are choices");
  return {
    text: inputs.longText(given.text, "text"),
    ...optional(given, "context", readJson),
    ...optional(given, "sender", readJson),
    ...optional(given, "choices", (value, field) => readChoices(value, field, inputs)),
    ...optional(given, "schema", readKind),
    ...optional(given, "run", readKind),
    ...optional(given, "step", readKind),
    ttlMs: readTtl(given.ttlMs, "ttlMs"),
  };
}

/** An answer whose value was copied and is still to be compared with the question. */
export interface GivenAnswer extends Repeatable {
  readonly value: JsonValue;
  readonly by: string;
}

export async function readAnswer(
  input: unknown,
  maxBytes: number,
  inputs: InputReader,
): Promise<GivenAnswer> {
  const given: Partial<AnswerInput> = { ...readNamed(input, "input", ["value", "by", "token"]) };
  const rest = { by: readKind(given.by, "by"), ...optional(given, "token", readEventId) };
  return { value: await inputs.jsonInSlices(given.value, "value", maxBytes), ...rest };
}

export function readCancellation(input: unknown, inputs: InputReader): NewAct {
  return readAct(readNamed(input, "input", ACT_FIELDS), inputs);
}

function readChoices(value: unknown, field: string, inputs: InputReader): readonly string[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_CHOICES)
    throw invalid(field, `an array of 1 to ${MAX_CHOICES} strings`);
  const choices = Array.from(value, (choice) => inputs.text(readKind)(choice, field));
  if (new Set(choices).size < choices.length) throw invalid(field, "different strings");
  return choices;
}
