import type { Approvals } from "../approvals/approvals.js";
import { digestOfCall } from "../approvals/digest.js";
import { refOf, type TakenContent } from "../content/chunked-content.js";
import { StateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import { isRepeat, withDate } from "../lifecycle/repeat.js";
import type { LifecycleKey, Transition } from "../lifecycle/stored.js";
import { raceAbort } from "../timing/cancellation.js";
import { copySession } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import type { Operation } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { alreadyBegun, approvalRequired, callForbidden } from "./errors.js";
import {
  type AbandonInput,
  type BeginInput,
  type FailCallInput,
  type Intent,
  type JsonLimits,
  type NewOutcome,
  readAbandon,
  readBegin,
  readFailCall,
  readSucceed,
  type StoredIntent,
  type SucceedInput,
} from "./input.js";
import type { LargeParts, ShownCall, ShownOutcome } from "./large-parts.js";
import type { CallPolicy, Verdict } from "./options.js";
import { type StoredCall, statusAfter } from "./stored-call.js";
import type { ToolCall } from "./tool-call.js";

export type CallLifecycle = Lifecycle<StoredCall, StoredIntent, ShownCall>;

interface Parts {
  readonly lifecycle: CallLifecycle;
  readonly large: LargeParts;
  readonly approvals: Approvals;
  readonly policy: CallPolicy | undefined;
  readonly limits: JsonLimits;
  readonly inputs: InputReader;
}

/** A call that was read. */
export interface ReadCall {
  readonly key: LifecycleKey;
  readonly intent: Intent;
  /** Arguments that the record of the intent has no room for. */
  readonly json: Uint8Array | undefined;
  readonly digest: string;
  readonly token: string | undefined;
}

/** What a mutating method does. */
export interface CallOperation extends Operation<ToolCall> {
  /** Removes what was stored for it, unless it is in use: whatever came of the call. */
  clear(): Promise<void>;
}

/** What the mutating methods of tool calls do, alone or in a unit. Each reads its input first. */
export class CallOperations {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Reads a call that is about to be made, once: the caller may change it afterwards. */
  async read(identity: SessionIdentity, input: BeginInput): Promise<ReadCall> {
    const owner = copySession(identity);
    const { id, intent, json, token } = await readBegin(input, this.#parts.limits, this.#parts.inputs);
    const digest = await digestOfCall(intent.tool, intent.arguments);
    return { key: { identity: owner, id }, intent, json, digest, token };
  }

  /** The same in a unit, whose signal is that of all its calls. */
  async beginIn(identity: SessionIdentity, input: BeginInput): Promise<CallOperation> {
    return this.begin(await this.read(identity, input), {});
  }

  /** Asks the policy, which may take its time: the signal ends the wait for it. */
  async begin(call: ReadCall, { signal }: CallOptions): Promise<CallOperation> {
    const { lifecycle, approvals } = this.#parts;
    const { key, intent, digest, token } = call;
    const { identity: owner } = key;
    const { tool, arguments: args, approval } = intent;
    signal?.throwIfAborted();
    const verdict = await raceAbort(this.#judge(call, signal), signal);
    const claiming =
      approval === undefined
        ? undefined
        : await approvals.claiming(owner, approval, { tool, arguments: args, token: claimTokenOf(key) });
    const isAllowed = verdict === "allow" || (verdict === "approve" && claiming !== undefined);
    const kept = await this.#keepArguments(call, isAllowed, signal);
    const initial = (now: number): StoredCall => ({
      status: "begun",
      createdAt: now,
      digest,
      ...(token === undefined ? {} : { token }),
      ...(kept && { argumentsAt: refOf(kept) }),
    });
    const isSameCall = (before: StoredCall) => token !== undefined && before.token === token;
    const creating = lifecycle.creating(key, storedIntent(call), initial, token !== undefined);
    const create = async (transaction: Transaction) =>
      this.#withArguments((await creating.apply(transaction)).record, intent);
    return {
      turn: creating.turn,
      repeatable: creating.repeatable,
      findsItsIds: true,
      clear: () => this.#clear(key, kept),
      recall: async (transaction) => {
        const before = await lifecycle.readIn(transaction, key);
        if (before?.state.outcome === undefined || !isSameCall(before.state)) return undefined;
        const record = await create(transaction);
        transaction.oweRepeat(creating.turn, alreadyBegun(await this.#whole(lifecycle.view(key, before))));
        return record;
      },
      apply: async (transaction) => {
        const before = await lifecycle.readIn(transaction, key);
        if (before !== undefined) {
          // A call that has ended would be made a second time.
          if (!isSameCall(before.state) || before.state.outcome !== undefined)
            throw alreadyBegun(await this.#whole(lifecycle.view(key, before)));
          // Nothing is written: the approval was claimed then.
          return create(transaction);
        }
        if (verdict === "approve" && claiming === undefined) throw approvalRequired(digest);
        if (!isAllowed) throw callForbidden();
        await claiming?.apply(transaction);
        const record = await create(transaction);
        // It was there when its arguments were to be stored, and was erased since.
        if (call.json !== undefined && kept === undefined) throw lifecycle.notFound();
        if (kept !== undefined) await this.#parts.large.show(key, transaction, kept);
        return record;
      },
    };
  }

  async succeed(
    identity: SessionIdentity,
    id: string,
    input: SucceedInput = {},
    options: CallOptions = {},
  ): Promise<CallOperation> {
    const key = this.#parts.lifecycle.readKey(identity, id);
    const { made, json } = await readSucceed(input, this.#parts.limits, this.#parts.inputs);
    if (json === undefined) return this.#finish(key, made);
    const { result, ...rest } = made;
    const kept = await this.#parts.large.keep(key, json, options);
    return this.#finish(key, { ...rest, resultAt: refOf(kept) }, { kept, result: result as JsonValue });
  }

  fail(identity: SessionIdentity, id: string, input: FailCallInput): CallOperation {
    return this.#finish(this.#parts.lifecycle.readKey(identity, id), readFailCall(input, this.#parts.inputs));
  }

  abandon(identity: SessionIdentity, id: string, input: AbandonInput): CallOperation {
    return this.#finish(this.#parts.lifecycle.readKey(identity, id), readAbandon(input, this.#parts.inputs));
  }

  /** The approval of the call ends in the same commit. */
  #finish(key: LifecycleKey, made: NewOutcome, large?: LargeResult): CallOperation {
    const { lifecycle, approvals } = this.#parts;
    const { turn, repeatable } = lifecycle.changing(key, (state) => state, made.token !== undefined);
    return {
      turn,
      repeatable,
      clear: () => this.#clear(key, large?.kept),
      apply: async (transaction: Transaction) => {
        const call = await lifecycle
          .changeIn(transaction, key, finished(made))
          .catch(async (error) => Promise.reject(await this.#wholeRefusal(key, error)));
        // Otherwise the result of an earlier call is there.
        if (large !== undefined && call.outcome?.resultAt?.chunks === large.kept.chunks)
          await this.#parts.large.show(key, transaction, large.kept);
        else if (large !== undefined) transaction.afterCommit(() => this.#clear(key, large.kept));
        if (call.approval !== undefined)
          await approvals.endIn(
            transaction,
            { identity: key.identity, id: call.approval },
            { token: claimTokenOf(key), digest: call.digest, error: made.error ?? made.reason },
          );
        transaction.repeated(turn);
        return this.#whole(large === undefined ? call : withResult(call, large.result));
      },
    };
  }

  /** The arguments in chunks, before the call is written; nothing where none will be. */
  async #keepArguments(
    { key, json }: ReadCall,
    isAllowed: boolean,
    signal: AbortSignal | undefined,
  ): Promise<TakenContent | undefined> {
    if (json === undefined || !isAllowed) return undefined;
    const { lifecycle, large } = this.#parts;
    if ((await lifecycle.read(key, signal ? { signal } : {})) !== undefined) return undefined;
    return large.keep(key, json, { signal });
  }

  async #clear(key: LifecycleKey, kept: TakenContent | undefined): Promise<void> {
    if (kept !== undefined) await this.#parts.large.drop(key, kept);
  }

  /** The call with the arguments that the same call has given. */
  #withArguments({ argumentsAt: _, ...call }: ShownCall, intent: Intent): Promise<ToolCall> {
    return this.#whole({ ...call, arguments: intent.arguments });
  }

  #whole(call: ShownCall): Promise<ToolCall> {
    return this.#parts.large.whole(call, () => this.#parts.lifecycle.notFound(), {});
  }

  async #wholeRefusal(key: LifecycleKey, error: unknown): Promise<unknown> {
    if (!(error instanceof FinishedBefore)) return error;
    const { status, outcome } = error;
    const gone = () => this.#parts.lifecycle.notFound();
    return new StateError("ALREADY_FINISHED", `the call has ${status} before`, {
      details: { outcome: await this.#parts.large.wholeOutcome(key, outcome, gone, {}) },
    });
  }

  /** A policy that says nothing it may say forbids. */
  async #judge({ key, intent }: ReadCall, signal: AbortSignal | undefined): Promise<Verdict> {
    const { policy } = this.#parts;
    if (policy === undefined) return "allow";
    // The policy gets copies: it may change them.
    return policy(structuredClone({ id: key.id, ...intent }), { ...key.identity }, signal ? { signal } : {});
  }
}

/** A result that lies in chunks. */
interface LargeResult {
  readonly kept: TakenContent;
  readonly result: JsonValue;
}

/** A call that has another outcome already. */
class FinishedBefore extends Error {
  readonly status: string;
  readonly outcome: ShownOutcome;

  constructor({ status }: StoredCall, outcome: ShownOutcome) {
    super();
    this.status = status;
    this.outcome = outcome;
  }
}

/** The intent as its record has it. */
function storedIntent({ intent, json }: ReadCall): StoredIntent {
  if (json === undefined) return intent;
  const { arguments: _, ...rest } = intent;
  return rest;
}

/** The call with the result that the same report has given. */
function withResult(call: ShownCall, result: JsonValue): ShownCall {
  if (call.outcome?.resultAt === undefined) return call;
  const { resultAt: _, ...outcome } = call.outcome;
  return { ...call, outcome: { result, ...outcome } };
}

/** By which the approval says which call has claimed it. */
function claimTokenOf({ id }: LifecycleKey): string {
  return `tool-call/${id}`;
}

/** Throws `FinishedBefore`. */
function finished(made: NewOutcome): Transition<StoredCall, StoredIntent> {
  return (state, { now }) => {
    if (state.outcome === undefined)
      return { ...state, status: statusAfter(made), outcome: { ...made, at: now } };
    if (isRepeat(comparable(state.outcome), comparable(made))) return state;
    throw new FinishedBefore(state, withDate(state.outcome));
  };
}

/** Large results are the same where their bytes are, wherever they lie. */
function comparable<O extends NewOutcome>({ resultAt, ...outcome }: O) {
  return resultAt === undefined ? outcome : { ...outcome, sha256: resultAt.sha256 };
}
