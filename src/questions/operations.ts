import type { SessionIdentity, StateStore } from "../contract/store.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import type { Created } from "../lifecycle/records.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import type { Operation } from "../typed/operation.js";
import type { AnswerRules } from "./answer-rules.js";
import {
  type AnswerInput,
  type CancelQuestionInput,
  type NewQuestion,
  readAnswer,
  readCancellation,
  readQuestion,
  type StoredQuestion,
} from "./input.js";
import type { Question } from "./question.js";
import type { StoredState } from "./stored-question.js";
import { answer, cancel, expire, refuseUnlessPending } from "./transitions.js";

export type QuestionLifecycle = Lifecycle<StoredState, StoredQuestion, Question>;

/** A question that was read and can be created. */
export interface ReadQuestion {
  readonly key: ReturnType<QuestionLifecycle["readKey"]>;
  readonly content: StoredQuestion;
  readonly initial: (now: number) => StoredState;
  /** The id is the caller's. */
  readonly repeatable: boolean;
}

/** What the mutating methods of questions do, alone or in a unit. Each reads its input first. */
export class QuestionOperations {
  readonly #lifecycle: QuestionLifecycle;
  readonly #rules: AnswerRules;
  readonly #maxBytes: number;

  constructor(store: StateStore, lifecycle: QuestionLifecycle, rules: AnswerRules) {
    this.#lifecycle = lifecycle;
    this.#rules = rules;
    this.#maxBytes = store.limits.maxBytes;
  }

  async readNew(identity: SessionIdentity, question: NewQuestion): Promise<ReadQuestion> {
    const owner = copySession(identity);
    const { id, content } = await readQuestion(question, this.#maxBytes);
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

  async answer(identity: SessionIdentity, id: string, input: AnswerInput): Promise<Operation<Question>> {
    const key = this.#lifecycle.readKey(identity, id);
    const { value, ...given } = await readAnswer(input, this.#maxBytes);
    const operation = this.#lifecycle.changing(key, (state) => state, given.token !== undefined);
    return {
      ...operation,
      apply: async (transaction) => {
        const before = await this.#lifecycle.readIn(transaction, key);
        if (before === undefined) throw this.#lifecycle.notFound();
        const { status } = this.#lifecycle.momentOf(before);
        // A late answer is late, whatever it is. One with a token may be the winner's, sent again.
        if (given.token === undefined || before.state.answer?.token !== given.token)
          refuseUnlessPending(before.state, status);
        const fitting = await this.#rules.fit(before.content, value);
        return this.#lifecycle.changeIn(transaction, key, (state, moment) =>
          answer(state, { value: fitting, ...given }, moment),
        );
      },
    };
  }

  cancel(identity: SessionIdentity, id: string, input: CancelQuestionInput): Operation<Question> {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readCancellation(input);
    return this.#lifecycle.changing(
      key,
      (state, moment) => cancel(state, made, moment),
      made.token !== undefined,
    );
  }

  expire(identity: SessionIdentity, id: string): Operation<Question> {
    // The same call again finds it expired.
    return this.#lifecycle.changing(this.#lifecycle.readKey(identity, id), expire, true);
  }
}
