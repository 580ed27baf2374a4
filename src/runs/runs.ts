import { invalid, isStateError } from "../contract/errors.js";
import type { CallOptions, MaintenanceScope, SessionIdentity, StateStore } from "../contract/store.js";
import { tenantIdentity } from "../identity/identity.js";
import type { ListedOf } from "../lifecycle/options.js";
import { readCallOptions, type WaitOptions } from "../lifecycle/options.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import { cellKey, readStore } from "../typed/cell.js";
import { type Codec, readCodec } from "../typed/codec.js";
import { AS_STORED } from "../typed/exporting/exported-value.js";
import { InputReader } from "../typed/input-reader.js";
import type { UserData } from "../typed/moving/user-data.js";
import { runExclusive } from "../typed/mutex.js";
import { digestOf, itemKind, itemPrefix } from "../typed/names.js";
import { type Operation, perform } from "../typed/operation.js";
import { Unit } from "../typed/together/unit.js";
import { readInteger, readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import {
  type BeginStepInput,
  type ClaimInput,
  type ClaimNextInput,
  type CompleteInput,
  type FailInput,
  type FinishStepInput,
  type HaltInput,
  type RenewInput,
  type ResumeInput,
  readBeginStep,
  readClaimNext,
  readStart,
  readStepKey,
  type StartInput,
  type StopInput,
} from "./actions.js";
import { claimInTurn, nextInTurn } from "./claim-in-turn.js";
import { RunsInUnit } from "./in-unit.js";
import { keepStep } from "./keep-step.js";
import { type Lease, leftOf, readLease } from "./lease.js";
import { refuseHeld } from "./moving.js";
import { RunOperations } from "./operations.js";
import {
  type AllStepsOptions,
  type ClaimedRun,
  type ClaimOptions,
  type ListRunsOptions,
  type ListStepsOptions,
  type RunPage,
  type RunReceipt,
  type RunsOptions,
  readClaimWait,
} from "./options.js";
import { RunQueue } from "./queue.js";
import { type LeasedWork, renewWhile } from "./renew-while.js";
import type { Run } from "./run.js";
import { RunRecords } from "./run-records.js";
import type { RunStep } from "./step.js";
import { STEP_KINDS } from "./step-kinds.js";
import type { KeptStep, StepOptions, StepWork } from "./step-work.js";
import { type FinishedStep, noSuchStep, RunSteps, type StepPage } from "./steps.js";
import { newRun } from "./stored-run.js";

const DEFAULT_STEPS = 100;
const MAX_STEPS = 1000;

/**
 * Runs of agents and their steps. A worker claims a run, which gives it a lease, and does the run's work through that lease;
 * when it is killed, the lease passes and another worker goes on. Of all processes one works on a run at a time: a worker
 * whose run was taken over is FENCED, whatever its clock says.
 *
 * The identity is that of a session, which need not exist or be open.
 *
 * Whether a lease has passed is judged by the clock of the process that claims, so the clocks of all processes should agree
 * to within a small part of the shortest lease. A clock that is wrong makes workers take runs over too early or too late,
 * and never lets two of them write.
 */
export class Runs {
  readonly #store: StateStore;
  readonly #records: RunRecords;
  readonly #steps: RunSteps;
  readonly #operations: RunOperations;
  readonly #queue: RunQueue;

  /** @internal */
  constructor(store: StateStore, options: RunsOptions = {}) {
    readNamed(options, "options", ["redact", "pollMs", "clock"]);
    const { redact: _, ...rest } = options;
    this.#store = readStore(store);
    this.#records = new RunRecords(store, rest);
    this.#steps = new RunSteps(store, this.#records);
    this.#operations = new RunOperations(
      this.#records,
      this.#steps,
      store.limits.maxBytes,
      new InputReader(options, "runs"),
    );
    this.#queue = new RunQueue(this.#records);
  }

  /** The methods of a unit of `together`: they take effect with its other calls, or not at all. INVALID_RECORD. */
  in(unit: Unit): RunsInUnit {
    return new RunsInUnit(Unit.check(unit, this.#store), this.#operations);
  }

  /**
   * Starts a run: from now on a worker can claim it. With an `id` it is started once: the same call again is a duplicate, and
   * other content is IDEMPOTENCY_CONFLICT. NOT_FOUND if the session was erased since, within the store's idempotency window.
   */
  async start(identity: SessionIdentity, run: StartInput = {}, options?: CallOptions): Promise<RunReceipt> {
    const { lifecycle } = this.#records;
    const call = readCallOptions(options);
    const reading = readStart(run, this.#store.limits.maxBytes, this.#operations.inputs);
    const owner = lifecycle.readKey(identity, "new").identity;
    const { id, content } = await reading;
    const key = { identity: owner, id: id ?? newEventId() };
    const { record, duplicate } = await lifecycle.create(key, content, newRun, {
      ...call,
      repeatable: id !== undefined,
    });
    return { run: record, duplicate };
  }

  /** The run as it is now. NOT_FOUND. */
  async get(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Run> {
    const { lifecycle } = this.#records;
    return lifecycle.get(lifecycle.readKey(identity, id), options);
  }

  /** The run as it is now, or `undefined`. */
  async find(identity: SessionIdentity, id: string, options?: CallOptions): Promise<Run | undefined> {
    const { lifecycle } = this.#records;
    return lifecycle.find(lifecycle.readKey(identity, id), options);
  }

  /** The runs of a session, with `{ tenant, user }` of a user, or with `{ tenant }` of a tenant, newest first. */
  async list(where: ListedOf, options?: ListRunsOptions): Promise<RunPage> {
    const names = ["status", "name", "limit", "after", "signal"];
    const { name, ...given } = readOptions(options, names) as ListRunsOptions;
    const by = options && "name" in options ? { by: { name: name as string } } : {};
    const { records, ...page } = await this.#records.lifecycle.list(where, { ...given, ...by });
    return { runs: records, ...page };
  }

  /** Waits until the run has ended, by this process or another, and returns it. NOT_FOUND, WAIT_TIMED_OUT. */
  async wait(identity: SessionIdentity, id: string, options?: WaitOptions): Promise<Run> {
    const { lifecycle } = this.#records;
    return lifecycle.wait(lifecycle.readKey(identity, id), options);
  }

  /**
   * Claims a run that is pending, or whose lease has passed. The same call with its token gets the same lease, while that
   * holds. A run whose budget of seconds is used up is halted instead: WRONG_STATUS. NOT_FOUND, LEASE_HELD.
   *
   * With `waitMs` it waits while another worker holds the run or the run is paused, and is refused only if that is still so
   * when the time is up.
   */
  async claim(
    identity: SessionIdentity,
    id: string,
    input: ClaimInput,
    options?: ClaimOptions,
  ): Promise<ClaimedRun> {
    const { operation, answer } = this.#operations.claim(identity, id, input);
    const wait = readClaimWait(options);
    const { lifecycle } = this.#records;
    const awaited = {
      watch: () => lifecycle.watch(lifecycle.readKey(identity, id)),
      now: () => lifecycle.now(),
      pollMs: lifecycle.pollMs,
    };
    const call = { signal: wait.signal };
    return claimInTurn(awaited, async () => answer(await this.#run(operation, call)), wait);
  }

  /**
   * Claims one of the oldest runs of a tenant that are pending or whose lease has passed; `undefined` if there is none. Of
   * workers that call together each gets another run. Which of the oldest runs one gets is left to chance. Damaged runs are
   * passed over, and CORRUPT if nothing else is left.
   *
   * If the answer is lost, the run is claimed: the same call with its `token` gets it, with the same lease, while that lease
   * holds. Without a token it can be claimed again when its lease has passed. Calls of one process with the same token take
   * turns; make the call again in another process only when the first one has ended there.
   *
   * With `waitMs` it waits for a run, looking about every `pollMs`, and answers `undefined` when the time is up.
   */
  async claimNext(
    where: { readonly tenant: string },
    input: ClaimNextInput,
    options?: ClaimOptions,
  ): Promise<ClaimedRun | undefined> {
    const { tenant } = readNamed(where, "where", ["tenant"]) as typeof where;
    const wanted = readClaimNext(input);
    const owner = tenantIdentity(tenant).tenant;
    const wait = readClaimWait(options);
    const { signal } = wait;
    const { token } = wanted.claim;
    const claimNext = () => this.#queue.claimNext(owner, wanted, { signal });
    const claim = () => nextInTurn(claimNext, this.#records.lifecycle.pollMs, wait);
    if (token === undefined) return claim();
    const turn = { identity: tenantIdentity(owner), kind: itemKind("run.claim", digestOf(token)) };
    return runExclusive(
      this.#store,
      cellKey(turn),
      signal,
      async () => (await this.#queue.claimedBefore(owner, wanted.claim, { signal })) ?? claim(),
    );
  }

  /**
   * The runs whose lease has passed: by tenant, those whose lease passed first before the others. A run that is claimed
   * meanwhile may be among them. Damaged runs are skipped; after all others, the first damage is thrown as CORRUPT.
   * MAINTENANCE_SCOPE_REQUIRED.
   */
  async *recover(scope: MaintenanceScope, options?: CallOptions): AsyncGenerator<Run, void, undefined> {
    yield* this.#records.lifecycle.recoverDue(scope, options);
  }

  /**
   * Removes what points at erased sessions. Otherwise that goes when a list, `claimNext` or `recover` meets it. Damaged runs
   * are skipped; after all others, the first damage is thrown as CORRUPT. MAINTENANCE_SCOPE_REQUIRED.
   */
  async dropErased(scope: MaintenanceScope, options?: CallOptions): Promise<void> {
    await this.#records.lifecycle.expireOverdue(scope, { erased: true, ...readCallOptions(options) });
  }

  /** Prolongs a lease. A run whose budget of seconds is used up is halted instead: FENCED. NOT_FOUND. */
  async renew(lease: Lease, input: RenewInput, options?: CallOptions): Promise<Lease> {
    const { operation, answer } = this.#operations.renew(lease, input);
    return answer(await this.#run(operation, options));
  }

  /**
   * Runs `work` and renews the lease whenever a third of `leaseMs` is over, until the work has ended; returns what that
   * returned. `work` gets a signal that aborts when the lease is lost, because the run was taken over, cancelled, halted or
   * paused; its reason is the error, mostly FENCED. It also aborts with the signal of the call. Whether the work stops then
   * is left to it: its writes through the lease are FENCED. While the store is UNAVAILABLE the renewals go on trying. No
   * timer is left behind, and none keeps the process alive.
   */
  async renewWhile<R>(
    lease: Lease,
    input: RenewInput,
    work: LeasedWork<R>,
    options?: CallOptions,
  ): Promise<R> {
    const { fence } = readLease(lease);
    const { operation, answer } = this.#operations.renew(lease, input);
    const { leaseMs } = input;
    if (typeof work !== "function") throw invalid("work", "a function");
    const { lifecycle } = this.#records;
    const kept = {
      renew: async (signal: AbortSignal) => answer(await this.#run(operation, { signal })),
      leaseMs,
      leftMs: leftOf(lease, lifecycle.now()),
      isOwnEnd: (error: unknown) => hasEndedBy(fence, error),
    };
    return renewWhile(kept, work, readCallOptions(options).signal);
  }

  /** Gives a run back: it is pending, and another worker can claim it at once. NOT_FOUND, FENCED. */
  async release(lease: Lease, options?: CallOptions): Promise<Run> {
    return (await this.#run(this.#operations.release(lease), options)).run;
  }

  /** Ends a run that has done its work. The same call again gets the same answer. NOT_FOUND, FENCED. */
  async complete(lease: Lease, input: CompleteInput = {}, options?: CallOptions): Promise<Run> {
    return (await this.#run(this.#operations.complete(lease, input), options).catch(nameResult)).run;
  }

  /** Ends a run that failed. The same call again gets the same answer. NOT_FOUND, FENCED. */
  async fail(lease: Lease, input: FailInput, options?: CallOptions): Promise<Run> {
    return (await this.#run(this.#operations.fail(lease, input), options)).run;
  }

  /** Ends a run that nobody wants any more. Its worker, if it has one, is FENCED from then on. NOT_FOUND, WRONG_STATUS. */
  async cancel(
    identity: SessionIdentity,
    id: string,
    input: StopInput = {},
    options?: CallOptions,
  ): Promise<Run> {
    return (await this.#run(this.#operations.cancel(identity, id, input), options)).run;
  }

  /** Ends a run that must not go on, and says why. Its worker is FENCED from then on. NOT_FOUND, WRONG_STATUS. */
  async halt(identity: SessionIdentity, id: string, input: HaltInput, options?: CallOptions): Promise<Run> {
    return (await this.#run(this.#operations.halt(identity, id, input), options)).run;
  }

  /**
   * Pauses a run: nobody can claim it until it is resumed. Its worker, if it has one, is FENCED from then on. NOT_FOUND,
   * WRONG_STATUS.
   */
  async pause(
    identity: SessionIdentity,
    id: string,
    input: StopInput = {},
    options?: CallOptions,
  ): Promise<Run> {
    return (await this.#run(this.#operations.pause(identity, id, input), options)).run;
  }

  /** Makes a paused run pending, so that a worker can claim it. NOT_FOUND, WRONG_STATUS. */
  async resume(
    identity: SessionIdentity,
    id: string,
    input: ResumeInput = {},
    options?: CallOptions,
  ): Promise<Run> {
    return (await this.#run(this.#operations.resume(identity, id, input), options)).run;
  }

  /**
   * Begins a step of a run, or begins it again where it failed or its worker was killed. A step that is `finished` is
   * returned as it is: its work is done. NOT_FOUND, FENCED.
   */
  async beginStep(
    lease: Lease,
    key: string,
    input: BeginStepInput = {},
    options?: CallOptions,
  ): Promise<RunStep> {
    return this.#run(this.#operations.beginStep(lease, key, input), options);
  }

  /**
   * Ends a step that was begun, and adds what it used to the run, which is halted if that used up its budget. The same call
   * again gets the same answer; IDEMPOTENCY_CONFLICT where the step has ended in another way. NOT_FOUND, FENCED.
   */
  async finishStep(
    lease: Lease,
    key: string,
    input: FinishStepInput = {},
    options?: CallOptions,
  ): Promise<FinishedStep> {
    return this.#run(this.#operations.finishStep(lease, key, input), options).catch(nameResult);
  }

  /**
   * Runs `work` and keeps its result; where a result is kept under this key, by this worker or one before it, returns that
   * without running `work`. A step under way when its worker was killed is run again by the next one, so `work` should do
   * outside the store only what may happen twice. The result, what the step used and what `work` adds by `together` are one
   * commit. What `work` throws is passed on, and nothing is kept. NOT_FOUND, FENCED; INVALID_RECORD for a result that is too
   * large.
   */
  async step<T, Input = T>(
    lease: Lease,
    key: string,
    work: StepWork<Input>,
    options?: StepOptions<T, Input>,
  ): Promise<T> {
    return (await this.keepStep(lease, key, work, options)).result;
  }

  /** Like `step`, and says whether the work ran. */
  async keepStep<T, Input = T>(
    lease: Lease,
    key: string,
    work: StepWork<Input>,
    options: StepOptions<T, Input> = {},
  ): Promise<KeptStep<T>> {
    const held = readLease(lease);
    readNamed(options, "options", ["codec", "name", "metadata", "signal"]);
    if (typeof work !== "function") throw invalid("work", "a function");
    const { codec, signal, ...notes } = options;
    const { inputs } = this.#operations;
    const call = {
      held,
      key: readStepKey(key),
      work,
      codec: inputs.codec(readCodec<T, Input>("codec" in options ? { codec: codec as Codec<T, Input> } : {})),
      signal: readSignal({ signal }),
      notes: await readBeginStep(notes, this.#store.limits.maxBytes, inputs),
    };
    return keepStep({ store: this.#store, runs: this.#records, steps: this.#steps, inputs }, call);
  }

  /** The steps of a run, in the order in which they were begun first. NOT_FOUND. */
  async steps(identity: SessionIdentity, id: string, options?: ListStepsOptions): Promise<StepPage> {
    const { lifecycle } = this.#records;
    const key = lifecycle.readKey(identity, id);
    const given = readOptions(options, ["limit", "after", "signal"]) as ListStepsOptions;
    const { after = 0 } = given;
    const page = await this.#steps.page(key, {
      after: readInteger(after, "after", 0, Number.MAX_SAFE_INTEGER),
      limit: "limit" in given ? readLimit(given.limit, MAX_STEPS) : DEFAULT_STEPS,
      signal: readSignal(given),
    });
    if (page.steps.length === 0) await lifecycle.get(key, { signal: given.signal });
    return page;
  }

  /** All steps of a run in that order, read in pages; those that are begun meanwhile are among them. NOT_FOUND. */
  async *allSteps(
    identity: SessionIdentity,
    id: string,
    options?: AllStepsOptions,
  ): AsyncGenerator<RunStep, void, undefined> {
    const { after, signal } = readOptions(options, ["after", "signal"]) as AllStepsOptions;
    for (let from = after; ; ) {
      const { steps, next } = await this.steps(identity, id, { after: from, limit: MAX_STEPS, signal });
      yield* steps;
      if (next === undefined) return;
      from = next;
    }
  }

  /** The result that a step was finished with; `undefined` if it has none. NOT_FOUND where there is no such step. */
  async stepResult<T>(
    identity: SessionIdentity,
    id: string,
    key: string,
    options: CallOptions & { readonly codec?: Codec<T, never> } = {},
  ): Promise<T | undefined> {
    const run = this.#records.lifecycle.readKey(identity, id);
    const name = readStepKey(key);
    readNamed(options, "options", ["codec", "signal"]);
    const signal = readSignal(options);
    const codec = readCodec<T, never>("codec" in options ? { codec: options.codec as Codec<T, never> } : {});
    const [step, result] = await Promise.all([
      this.#steps.find(run, name, signal),
      this.#steps.result(run, name, codec, signal),
    ]);
    if (step === undefined) throw noSuchStep();
    return result;
  }

  /**
   * Removes the runs of all sessions of a user with their steps and index entries. Returns how many. After an interruption,
   * call it again. Runs that are started meanwhile may stay.
   */
  async forgetUser(user: Pick<SessionIdentity, "tenant" | "user">, options?: CallOptions): Promise<number> {
    return this.#records.lifecycle.forgetUser(user, readCallOptions(options));
  }

  /** The runs as they take part when a user is forgotten, moved or exported, and in retention. LEASE_HELD while a worker holds one. */
  get userData(): UserData {
    const { records = [], ...data } = this.#records.lifecycle.userData("runs", (...given) =>
      this.#shown(...given),
    );
    const steps = Object.values(STEP_KINDS).map((name) => ({ kind: itemPrefix(name), isAttached: true }));
    return {
      ...data,
      records: [...records, ...steps],
      checkMove: ({ tenant, from }, options) => refuseHeld(this.#records, { tenant, user: from }, options),
    };
  }

  /** A run, and its steps with their results. */
  async *#shown(key: LifecycleKey, options: CallOptions): AsyncGenerator<object> {
    const { identity, id } = key;
    const run = await this.find(identity, id, options);
    if (run === undefined) return;
    yield run;
    for await (const step of this.allSteps(identity, id, options)) {
      const result = await this.#steps.result(key, step.key, AS_STORED, options.signal);
      yield { run: id, step, ...(result && { result }) };
    }
  }

  async #run<R>(
    operation: Operation<R> | Promise<Operation<R>>,
    options: CallOptions | undefined,
  ): Promise<R> {
    const call = readCallOptions(options);
    return (await perform(this.#store, await operation, call)).result;
  }
}

/** Whether the worker that held this lease ended the run itself. */
function hasEndedBy(fence: number, error: unknown): boolean {
  if (!isStateError(error, "FENCED") || error.details.current !== fence) return false;
  return error.details.status === "completed" || error.details.status === "failed";
}

/** What makes such a record too large is the result. */
function nameResult(error: unknown): never {
  if (isStateError(error, "INVALID_RECORD") && error.details.field === "value")
    throw invalid("result", `smaller: ${error.details.rule}. Store it elsewhere, and give a reference to it`);
  throw error;
}
