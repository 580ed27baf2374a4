import type { Approvals } from "../approvals/approvals.js";
import { digestOfCall } from "../approvals/digest.js";
import { StateError } from "../contract/errors.js";
import type { CallOptions, SessionIdentity } from "../contract/store.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import { isRepeat, withDate } from "../lifecycle/repeat.js";
import type { LifecycleKey, Transition } from "../lifecycle/stored.js";
import { raceAbort } from "../timing/cancellation.js";
import { copySession } from "../typed/cell.js";
import type { Operation } from "../typed/operation.js";
import type { Transaction } from "../typed/transaction.js";
import { alreadyBegun, approvalRequired, callForbidden } from "./errors.js";
import {
  type AbandonInput,
  type BeginInput,
  type FailCallInput,
  type NewOutcome,
  readAbandon,
  readBegin,
  readFailCall,
  readSucceed,
  type StoredIntent,
  type SucceedInput,
} from "./input.js";
import type { CallPolicy, Verdict } from "./options.js";
import { type StoredCall, statusAfter } from "./stored-call.js";
import type { ToolCall } from "./tool-call.js";

export type CallLifecycle = Lifecycle<StoredCall, StoredIntent, ToolCall>;

interface Parts {
  readonly lifecycle: CallLifecycle;
  readonly approvals: Approvals;
  readonly policy: CallPolicy | undefined;
  readonly maxBytes: number;
}

/** A call that was read. */
export interface ReadCall {
  readonly key: LifecycleKey;
  readonly intent: StoredIntent;
  readonly digest: string;
  readonly token: string | undefined;
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
    const { id, intent, token } = await readBegin(input, this.#parts.maxBytes);
    const digest = await digestOfCall(intent.tool, intent.arguments);
    return { key: { identity: owner, id }, intent, digest, token };
  }

  /** The same in a unit, whose signal is that of all its calls. */
  async beginIn(identity: SessionIdentity, input: BeginInput): Promise<Operation<ToolCall>> {
    return this.begin(await this.read(identity, input), {});
  }

  /** Asks the policy, which may take its time: the signal ends the wait for it. */
  async begin(call: ReadCall, { signal }: CallOptions): Promise<Operation<ToolCall>> {
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
    const initial = (now: number): StoredCall => ({
      status: "begun",
      createdAt: now,
      digest,
      ...(token === undefined ? {} : { token }),
    });
    const isSameCall = (before: StoredCall) => token !== undefined && before.token === token;
    const creating = lifecycle.creating(key, intent, initial, token !== undefined);
    return {
      turn: creating.turn,
      repeatable: creating.repeatable,
      findsItsIds: true,
      recall: async (transaction) => {
        const before = await lifecycle.readIn(transaction, key);
        if (before?.state.outcome === undefined || !isSameCall(before.state)) return undefined;
        const { record } = await creating.apply(transaction);
        transaction.oweRepeat(creating.turn, alreadyBegun(lifecycle.view(key, before)));
        return record;
      },
      apply: async (transaction) => {
        const before = await lifecycle.readIn(transaction, key);
        if (before !== undefined) {
          // A call that has ended would be made a second time.
          if (!isSameCall(before.state) || before.state.outcome !== undefined)
            throw alreadyBegun(lifecycle.view(key, before));
          // Nothing is written: the approval was claimed then.
          return (await creating.apply(transaction)).record;
        }
        if (verdict === "approve" && claiming === undefined) throw approvalRequired(digest);
        if (verdict !== "approve" && verdict !== "allow") throw callForbidden();
        await claiming?.apply(transaction);
        return (await creating.apply(transaction)).record;
      },
    };
  }

  async succeed(
    identity: SessionIdentity,
    id: string,
    input: SucceedInput = {},
  ): Promise<Operation<ToolCall>> {
    const key = this.#parts.lifecycle.readKey(identity, id);
    return this.#finish(key, await readSucceed(input, this.#parts.maxBytes));
  }

  fail(identity: SessionIdentity, id: string, input: FailCallInput): Operation<ToolCall> {
    return this.#finish(this.#parts.lifecycle.readKey(identity, id), readFailCall(input));
  }

  abandon(identity: SessionIdentity, id: string, input: AbandonInput): Operation<ToolCall> {
    return this.#finish(this.#parts.lifecycle.readKey(identity, id), readAbandon(input));
  }

  /** The approval of the call ends in the same commit. */
  #finish(key: LifecycleKey, made: NewOutcome): Operation<ToolCall> {
    const { lifecycle, approvals } = this.#parts;
    const { turn, repeatable } = lifecycle.changing(key, (state) => state, made.token !== undefined);
    return {
      turn,
      repeatable,
      apply: async (transaction: Transaction) => {
        const call = await lifecycle.changeIn(transaction, key, finished(made));
        if (call.approval !== undefined)
          await approvals.endIn(
            transaction,
            { identity: key.identity, id: call.approval },
            { token: claimTokenOf(key), digest: call.digest, error: made.error ?? made.reason },
          );
        transaction.repeated(turn);
        return call;
      },
    };
  }

  /** A policy that says nothing it may say forbids. */
  async #judge({ key, intent }: ReadCall, signal: AbortSignal | undefined): Promise<Verdict> {
    const { policy } = this.#parts;
    if (policy === undefined) return "allow";
    // The policy gets copies: it may change them.
    return policy(structuredClone({ id: key.id, ...intent }), { ...key.identity }, signal ? { signal } : {});
  }
}

/** By which the approval says which call has claimed it. */
function claimTokenOf({ id }: LifecycleKey): string {
  return `tool-call/${id}`;
}

/** ALREADY_FINISHED. */
function finished(made: NewOutcome): Transition<StoredCall, StoredIntent> {
  return (state, { now }) => {
    if (state.outcome === undefined)
      return { ...state, status: statusAfter(made), outcome: { ...made, at: now } };
    if (isRepeat(state.outcome, made)) return state;
    throw new StateError("ALREADY_FINISHED", `the call has ${state.status} before`, {
      details: { outcome: withDate(state.outcome) },
    });
  };
}
