import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { type ExtendInput, readActOnAll } from "../lifecycle/acts.js";
import { withFields } from "../lifecycle/filters.js";
import { Lifecycle } from "../lifecycle/lifecycle.js";
import {
  type ExpireOptions,
  type ListedOf,
  type LocateOptions,
  readCallOptions,
  type WaitOptions,
} from "../lifecycle/options.js";
import { raceAbort } from "../timing/cancellation.js";
import { copySession } from "../typed/cell.js";
import { InputReader } from "../typed/input-reader.js";
import type { UserData } from "../typed/moving/user-data.js";
import { type Operation, perform } from "../typed/operation.js";
import { Unit } from "../typed/together/unit.js";
import { readNamed } from "../validation/validate.js";
import { AnswerRules } from "./answer-rules.js";
import { QuestionsInUnit } from "./in-unit.js";
import type { AnswerInput, CancelAllQuestionsInput, CancelQuestionInput, NewQuestion } from "./input.js";
import { type QuestionLifecycle, QuestionOperations } from "./operations.js";
import {
  type CountQuestionsOptions,
  FILTERS,
  type ListQuestionsOptions,
  type QuestionPage,
  type QuestionReceipt,
  type QuestionsOptions,
} from "./options.js";
import type { Question, QuestionStatus } from "./question.js";
import { QUESTION } from "./stored-question.js";

/**
 * Durable questions to people, other than for permission. A question is answered once, across all processes. It expires by
 * itself.
 *
 * The identity is that of a session; a run is a field of the question. The session need not exist or be open.
 *
 * Each process uses its own clock to find out whether a question has expired, so the clocks of all processes should agree
 * to within a few seconds.
 */
export class Questions {
  readonly #store: StateStore;
  readonly #lifecycle: QuestionLifecycle;
  readonly #operations: QuestionOperations;
  readonly #inputs: InputReader;

  /** @internal */
  constructor(store: StateStore, options: QuestionsOptions = {}) {
    readNamed(options, "options", ["schemas", "redact", "pollMs", "clock"]);
    const { schemas: _, redact: __, ...rest } = options;
    this.#store = store;
    this.#inputs = new InputReader(options, "questions");
    this.#lifecycle = new Lifecycle(store, QUESTION, rest);
    this.#operations = new QuestionOperations(store, this.#lifecycle, new AnswerRules(options), this.#inputs);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): QuestionsInUnit {
    return new QuestionsInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Asks. With an `id` the question is asked once: the same call again is a duplicate, and other content is
   * IDEMPOTENCY_CONFLICT. NOT_FOUND if the session was erased since, within the store's idempotency window.
   */
  async ask(
    identity: SessionIdentity,
    question: NewQuestion,
    options?: CallOptions,
  ): Promise<QuestionReceipt> {
    const call = readCallOptions(options);
    const { key, content, initial, repeatable } = await this.#operations.readNew(identity, question);
    const created = await this.#lifecycle.create(key, content, initial, { ...call, repeatable });
    return { question: created.record, duplicate: created.duplicate };
  }

  /**
   * Answers a pending question, once. An answer that is none of the choices, or that the schema refuses, is INVALID_RECORD.
   * ALREADY_ANSWERED names who was first; a repeated call with the same token and content gets the first answer, and is not
   * validated again. What the schema throws is passed on. NOT_FOUND, EXPIRED.
   */
  async answer(
    identity: SessionIdentity,
    id: string,
    input: AnswerInput,
    options?: CallOptions,
  ): Promise<Question> {
    const call = readCallOptions(options);
    const answering = await this.#operations.answer(identity, id, input);
    // Outside of the question's lock: a schema may take its time, and others must be able to answer, cancel and expire.
    const fitting = answering((key) => this.#lifecycle.read(key, call));
    return this.#perform(await raceAbort(fitting, call.signal), call);
  }

  /** Withdraws a pending question. NOT_FOUND, ALREADY_ANSWERED, EXPIRED. */
  async cancel(
    identity: SessionIdentity,
    id: string,
    input: CancelQuestionInput,
    options?: CallOptions,
  ): Promise<Question> {
    return this.#perform(this.#operations.cancel(identity, id, input), readCallOptions(options));
  }

  /**
   * Gives a pending question more time from now on, and never less. A repeated call with the same token and content gets the
   * first answer. NOT_FOUND, ALREADY_ANSWERED, EXPIRED.
   */
  async extend(
    identity: SessionIdentity,
    id: string,
    input: ExtendInput,
    options?: CallOptions,
  ): Promise<Question> {
    return this.#perform(this.#operations.extend(identity, id, input), readCallOptions(options));
  }

  /**
   * Cancels what is pending, of a session or of one of its runs, each in a commit of its own. Returns how many. What is asked
   * meanwhile stays. After an interruption, call it again. Damaged questions are skipped; after all others, the first damage
   * is thrown as CORRUPT.
   */
  async cancelAll(
    identity: SessionIdentity,
    input: CancelAllQuestionsInput,
    options?: CallOptions,
  ): Promise<number> {
    const call = readCallOptions(options);
    const owner = copySession(identity);
    const { run, act } = readActOnAll(input, this.#inputs);
    const by = run === undefined ? {} : { by: { run } };
    return this.#lifecycle.changeAll(owner, ["pending"], this.#operations.cancelling(act), {
      ...call,
      ...by,
    });
  }

  /** Lets a pending question expire now. Expired ones stay as they are. NOT_FOUND, ALREADY_ANSWERED. */
  async expire(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Question> {
    return this.#perform(this.#operations.expire(identity, id), readCallOptions(options));
  }

  /** The question as it is now. NOT_FOUND. */
  async get(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Question> {
    return this.#lifecycle.get(this.#lifecycle.readKey(identity, id), options);
  }

  /** The question as it is now, or `undefined`. */
  async find(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Question | undefined> {
    return this.#lifecycle.find(this.#lifecycle.readKey(identity, id), options);
  }

  /**
   * The questions of a session, with `{ tenant, user }` of a user, or with `{ tenant }` of a tenant, newest first unless `order`
   * says otherwise.
   */
  async list(where: ListedOf, options?: ListQuestionsOptions): Promise<QuestionPage> {
    const { records, ...rest } = await this.#lifecycle.list(where, withFields(options, FILTERS));
    return { questions: records, ...rest };
  }

  /**
   * How many questions have each status: of all statuses, or of those that are asked for. What is pending is looked at one by
   * one and counted as `list` shows it; the others are counted without being read, so in the count of a user or tenant those
   * of deleted sessions are among them until a list or `expireOverdue` with `erased` meets them.
   */
  async count<Status extends QuestionStatus = QuestionStatus>(
    where: ListedOf,
    options?: CountQuestionsOptions<Status>,
  ): Promise<{ readonly [Counted in Status]: number }> {
    return this.#lifecycle.count(where, withFields(options, FILTERS));
  }

  /**
   * The questions of a tenant that have this id, whatever their sessions are, the newest first: one, or none, unless callers
   * gave the same id in several sessions.
   */
  async locate(tenant: string, id: string, options?: LocateOptions): Promise<readonly Question[]> {
    return this.#lifecycle.locate(tenant, id, options);
  }

  /**
   * Waits until the question is answered, cancelled or expired, by this process or another, and returns it. All waiters
   * share one timer; no connection is held. Expiry is judged by this process's clock. NOT_FOUND, also when the question is
   * erased meanwhile; WAIT_TIMED_OUT.
   */
  async wait(identity: SessionIdentity, id: string, options?: WaitOptions): Promise<Question> {
    return this.#lifecycle.wait(this.#lifecycle.readKey(identity, id), options);
  }

  /**
   * Marks pending questions that have expired, and returns how many. They count as expired before that, too. Damaged
   * questions are skipped; after all others are marked, the first damage is thrown as CORRUPT. After an abort, call it
   * again: it goes on. MAINTENANCE_SCOPE_REQUIRED.
   */
  async expireOverdue(scope: MaintenanceScope, options?: ExpireOptions): Promise<number> {
    return this.#lifecycle.expireOverdue(scope, options);
  }

  /**
   * Returns the pending questions, for example after a restart: by tenant, the oldest first. Damaged questions are skipped;
   * after all others, the first damage is thrown as CORRUPT. MAINTENANCE_SCOPE_REQUIRED.
   */
  async *recover(scope: MaintenanceScope, options?: CallOptions): AsyncGenerator<Question, void, undefined> {
    yield* this.#lifecycle.recover(scope, readCallOptions(options));
  }

  /**
   * Removes the questions of all sessions of a user, with their index entries. Returns how many. After an interruption,
   * call it again. Questions that are asked meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    return this.#lifecycle.forgetUser(user, options);
  }

  /** The questions as they take part when a user is forgotten or moved. */
  get userData(): UserData {
    return this.#lifecycle.userData("questions");
  }

  async #perform(operation: Operation<Question>, call: CallOptions): Promise<Question> {
    return (await perform(this.#store, operation, call)).result;
  }
}
