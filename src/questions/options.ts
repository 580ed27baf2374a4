import type { LifecycleOptions } from "../lifecycle/lifecycle.js";
import type { ListRecordsOptions } from "../lifecycle/options.js";
import type { AnswerSchemas } from "./answer-rules.js";
import type { Question, QuestionStatus } from "./question.js";

/** The options of `createQuestions`. */
export interface QuestionsOptions extends LifecycleOptions {
  /**
   * Standard Schemas that answers have to fit, by the name that a question gives. They are not stored: every process that
   * asks or answers needs them.
   */
  readonly schemas?: AnswerSchemas;
}

/** The result of `ask`. */
export interface QuestionReceipt {
  /** The question. */
  readonly question: Question;
  /** It was asked before: this call wrote nothing, and `question` is its current state. */
  readonly duplicate: boolean;
}

/** Which questions `list` returns. */
export interface ListQuestionsOptions extends Omit<ListRecordsOptions<QuestionStatus>, "by"> {}

/** A page of questions. */
export interface QuestionPage {
  /** Newest first. */
  readonly questions: readonly Question[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}
