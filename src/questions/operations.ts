import { isDeepStrictEqual } from "node:util";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { type ExtendInput, type NewAct, readExtend } from "../lifecycle/acts.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import type { NextTransition } from "../lifecycle/next.js";
import type { Created } from "../lifecycle/records.js";
import type { LifecycleKey, Transition, Whole } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import { digestOf } from "../typed/names.js";
import type { Operation } from "../typed/operation.js";
import type { AnswerRules } from "./answer-rules.js";
import {
  type AnswerInput,
  type CancelQuestionInput,
  type GivenAnswer,
  type NewQuestion,
  readAnswer,
  readCancellation,
  readQuestion,
  type StoredQuestion,
} from "./input.js";
import type { Question } from "./question.js";
import type { StoredState } from "./stored-question.js";
import {
  answer,
  cancel,
  expire,
  extend,
  isRepeatedAnswer,
  type NewAnswer,
  refuseUnlessPending,
} from "./transitions.js";

export type QuestionLifecycle = Lifecycle<StoredState, StoredQuestion, Question>;

/** A question that was read and can be created. */
export interface ReadQuestion {
  readonly key: LifecycleKey;
  readonly content: StoredQuestion;
  readonly initial: (now: number) => StoredState;
  /** The id is the caller's. */
  readonly repeatable: boolean;
}

/** An answer whose input was read. `read` reads the question that it has to fit. */
export type Answering = (
  read: (key: LifecycleKey) => Promise<Whole<StoredState, StoredQuestion> | undefined>,
) => Promise<Operation<Question>>;

/** What the mutating methods of questions do, alone or in a unit. Each reads its input first. */
export class QuestionOperations {
  readonly #lifecycle: QuestionLifecycle;
  readonly #rules: AnswerRules;
  readonly #maxBytes: number;
  readonly #inputs: InputReader;

  constructor(store: StateStore, lifecycle: QuestionLifecycle, rules: AnswerRules, inputs: InputReader) {
    this.#inputs = inputs;
    this.#lifecycle = lifecycle;
    this.#rules = rules;
    this.#maxBytes = store.limits.maxBytes;
  }

  async readNew(identity: SessionIdentity, question: NewQuestion): Promise<ReadQuestion> {
    const owner = copySession(identity);
    const { id, content } = await readQuestion(question, this.#maxBytes, this.#inputs);
    this.#rules.checkQuestion(content);
    return {
      key: { identity: owner, id: id ?? newEventId() },
      content,
      initial: (now) => ({ status: "pending", createdAt: now, expiresAt: now + content.ttlMs }),
      repeatable: id !== undefined,
    };
  }

  async ask(identity: SessionIdentity, question: NewQuestion): Promise<Operation<Created<Question>>> {
    const { key, content, initial, repeatable } = await this.readNew(identity, question);
    return this.#lifecycle.creating(key, content, initial, repeatable);
  }

  async answer(identity: SessionIdentity, id: string, input: AnswerInput): Promise<Answering> {
    const key = this.#lifecycle.readKey(identity, id);
    const given = await readAnswer(input, this.#maxBytes, this.#inputs);
    return (read) => this.#answering(key, given, read);
  }

  /** The same in a unit, where the answer has to fit the question that the unit sees. */
  async answerIn(identity: SessionIdentity, id: string, input: AnswerInput): Promise<Operation<Question>> {
    const key = this.#lifecycle.readKey(identity, id);
    const given = await readAnswer(input, this.#maxBytes, this.#inputs);
    return {
      ...this.#lifecycle.changing(key, (state) => state, given.token !== undefined),
      apply: async (transaction) => {
        const operation = await this.#answering(key, given, () => this.#lifecycle.readIn(transaction, key));
        return operation.apply(transaction);
      },
    };
  }

  cancel(identity: SessionIdentity, id: string, input: CancelQuestionInput): Operation<Question> {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readCancellation(input, this.#inputs);
    return this.#lifecycle.changing(
      key,
      (state, moment) => cancel(state, made, moment),
      made.token !== undefined,
    );
  }

  extend(identity: SessionIdentity, id: string, input: ExtendInput): Operation<Question> {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readExtend(input, this.#inputs);
    return this.#lifecycle.changing(
      key,
      (state, moment) => extend(state, made, moment),
      made.token !== undefined,
    );
  }

  /** What `cancelAll` does to each question: nothing to those that are not pending. */
  cancelling(act: NewAct): NextTransition<StoredState, StoredQuestion> {
    return (state, moment) => (moment.status === "pending" ? cancel(state, act, moment) : undefined);
  }

  expire(identity: SessionIdentity, id: string): Operation<Question> {
    // The same call again finds it expired.
    return this.#lifecycle.changing(this.#lifecycle.readKey(identity, id), expire, true);
  }

  /** NOT_FOUND, ALREADY_ANSWERED, EXPIRED, INVALID_RECORD, and the errors of the schema. */
  async #answering(
    key: LifecycleKey,
    given: GivenAnswer,
    read: Parameters<Answering>[0],
  ): Promise<Operation<Question>> {
    const before = await read(key);
    if (before === undefined) throw this.#lifecycle.notFound();
    const made = await this.#fitting(before, given);
    const transition: Transition<StoredState, StoredQuestion> = (state, moment) => {
      // The answer fits this question. A later one under the same id, after an erase, may ask for something else.
      if (!isSameQuestion({ state, content: moment.content }, before)) throw this.#lifecycle.notFound();
      return answer(state, made, moment);
    };
    return this.#lifecycle.changing(key, transition, given.token !== undefined);
  }

  /** The answer as it is to be stored. A repeated one is not judged again: the schema may say something else by now. */
  async #fitting(before: Whole<StoredState, StoredQuestion>, given: GivenAnswer): Promise<NewAnswer> {
    const { state, content } = before;
    const { value, ...who } = given;
    const asked = content.schema === undefined ? {} : { given: digestOf(JSON.stringify(value)) };
    const first = state.answer;
    const isAsItWas = content.schema === undefined || first?.given === asked.given;
    if (first !== undefined && isAsItWas && isRepeatedAnswer(first, { ...who, ...asked, value })) {
      const { at: _, ...made } = first;
      return made;
    }
    // A late answer is late, whatever it is. One with a token may be the winner's, sent again.
    if (given.token === undefined || first?.token !== given.token)
      refuseUnlessPending(state, this.#lifecycle.momentOf(before).status);
    return { ...who, ...asked, value: await this.#rules.fit(content, value, this.#inputs) };
  }
}

/** Whether answers to both have to fit the same. */
function isSameQuestion(
  a: Whole<StoredState, StoredQuestion>,
  b: Whole<StoredState, StoredQuestion>,
): boolean {
  const rulesOf = ({ state: { createdAt }, content: { choices, schema } }: typeof a) => ({
    createdAt,
    choices,
    schema,
  });
  return isDeepStrictEqual(rulesOf(a), rulesOf(b));
}
