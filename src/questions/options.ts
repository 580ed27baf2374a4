import type { RedactOption } from "../contract/redact.js";
import type { LifecycleOptions } from "../lifecycle/lifecycle.js";
import type { CountOptions, ListRecordsOptions } from "../lifecycle/options.js";
import type { AnswerSchemas } from "./answer-rules.js";
import type { Question, QuestionStatus } from "./question.js";

/** The options of `createQuestions`. */
export interface QuestionsOptions extends LifecycleOptions, RedactOption {
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

/** Only questions with all of these. */
export interface QuestionFilter {
  /** The run that asks. */
  readonly run?: string;
}

/** Which questions `list` returns. */
export interface ListQuestionsOptions
  extends Omit<ListRecordsOptions<QuestionStatus>, "by">,
    QuestionFilter {}

/** Which questions `count` counts. */
export interface CountQuestionsOptions<Status extends QuestionStatus = QuestionStatus>
  extends Omit<CountOptions<Status>, "by">,
    QuestionFilter {}

export const FILTERS = ["run"] as const;

/** A page of questions. */
export interface QuestionPage {
  /**
   * In the order that was asked for. They can be fewer than `limit` though there are more: one call reads past 10,000 questions
   * that do not match a filter, and about 16 MiB of questions at most.
   */
  readonly questions: readonly Question[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}
