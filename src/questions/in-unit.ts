import type { SessionIdentity } from "../contract/store.js";
import type { ExtendInput } from "../lifecycle/acts.js";
import type { Unit } from "../typed/together/unit.js";
import type { AnswerInput, CancelQuestionInput, NewQuestion } from "./input.js";
import type { QuestionOperations } from "./operations.js";
import type { QuestionReceipt } from "./options.js";
import type { Question } from "./question.js";

/**
 * The mutating methods of questions as part of a unit of `together`. They take, answer and refuse what the methods of
 * `Questions` of the same names do, without a signal.
 */
export class QuestionsInUnit {
  readonly #unit: Unit;
  readonly #operations: QuestionOperations;

  /** @internal */
  constructor(unit: Unit, operations: QuestionOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `Questions.ask`. */
  async ask(identity: SessionIdentity, question: NewQuestion): Promise<QuestionReceipt> {
    const { record, duplicate } = await this.#unit.run(this.#operations.ask(identity, question));
    return { question: record, duplicate };
  }

  /** Like `Questions.answer`. */
  async answer(identity: SessionIdentity, id: string, input: AnswerInput): Promise<Question> {
    return this.#unit.run(this.#operations.answerIn(identity, id, input));
  }

  /** Like `Questions.cancel`. */
  async cancel(identity: SessionIdentity, id: string, input: CancelQuestionInput): Promise<Question> {
    return this.#unit.run(this.#operations.cancel(identity, id, input));
  }

  /** Like `Questions.extend`. */
  async extend(identity: SessionIdentity, id: string, input: ExtendInput): Promise<Question> {
    return this.#unit.run(this.#operations.extend(identity, id, input));
  }

  /** Like `Questions.expire`. */
  async expire(identity: SessionIdentity, id: string): Promise<Question> {
    return this.#unit.run(this.#operations.expire(identity, id));
  }
}
