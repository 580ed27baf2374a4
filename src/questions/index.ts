import type { StateStore } from "../contract/store.js";
import type { QuestionsOptions } from "./options.js";
import { Questions } from "./questions.js";

/**
 * Durable questions to people.
 *
 * @example
 * ```ts
 * import { createQuestions } from "groundstate/questions";
 *
 * const questions = createQuestions(store);
 * const { question } = await questions.ask(session, { text: "Which branch?", choices: ["main", "next"] });
 * await questions.answer(session, question.id, { value: "next", by: "grace" }); // in any process
 * const { answer } = await questions.wait(session, question.id, { timeoutMs: 60_000 });
 * console.log(answer?.value, answer?.by);
 * ```
 */
export function createQuestions(store: StateStore, options?: QuestionsOptions): Questions {
  return new Questions(store, options);
}

export type { Act, ActInput, ExtendInput, Extension } from "../lifecycle/acts.js";
export type { ExpireOptions, ListedOf, LocateOptions, WaitOptions } from "../lifecycle/options.js";
export type { Repeatable } from "../lifecycle/repeat.js";
export type { AnswerSchemas } from "./answer-rules.js";
export type { Settled } from "./errors.js";
export type { QuestionsInUnit } from "./in-unit.js";
export type { AnswerInput, CancelAllQuestionsInput, CancelQuestionInput, NewQuestion } from "./input.js";
export type {
  CountQuestionsOptions,
  ListQuestionsOptions,
  QuestionFilter,
  QuestionPage,
  QuestionReceipt,
  QuestionsOptions,
} from "./options.js";
export type { Answer, Cancellation, Question, QuestionStatus } from "./question.js";
export type { Questions } from "./questions.js";
