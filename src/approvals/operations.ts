import type { SessionIdentity } from "../contract/store.js";
import { type ExtendInput, type NewAct, readExtend } from "../lifecycle/acts.js";
import type { Lifecycle } from "../lifecycle/lifecycle.js";
import type { NextTransition } from "../lifecycle/next.js";
import type { Created } from "../lifecycle/records.js";
import type { Repeatable } from "../lifecycle/repeat.js";
import type { LifecycleKey, Transition, Whole } from "../lifecycle/stored.js";
import { newEventId } from "../process/event-id.js";
import { copySession } from "../typed/cell.js";
import type { InputReader } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import type { Operation } from "../typed/operation.js";
import {
  type CancelInput,
  type ClaimInput,
  type CompleteInput,
  type DecideInput,
  type FailInput,
  type ReassignInput,
  type RevokeInput,
  readCancel,
  readClaim,
  readComplete,
  readDecide,
  readFail,
  readReassign,
  readRevoke,
} from "./actions.js";
import type { Approval } from "./approval.js";
import { approve, type NewApprove } from "./approve.js";
import type { Audit } from "./audit.js";
import type { Deciders, WantedDecision } from "./deciders.js";
import { digestOfCall } from "./digest.js";
import { alreadyClaimed } from "./errors.js";
import { copyFingerprint, isSameRequest } from "./fingerprint.js";
import { Joining } from "./joining.js";
import { type ApprovalRequest, readRequest, type StoredRequest } from "./request.js";
import type { StoredState } from "./stored-approval.js";
import {
  claim,
  extend,
  finish,
  isFinishedRepeat,
  type NewOutcome,
  type NewRefusal,
  reassign,
  refuse,
  refuseUnlessPending,
  revoke,
} from "./transitions.js";

/** A request that was read. */
export interface NewApproval {
  readonly key: LifecycleKey;
  readonly content: StoredRequest;
  readonly initial: (now: number) => StoredState;
  /** The id is the caller's. */
  readonly repeatable: boolean;
  /** Which pending request it joins. */
  readonly join: string | undefined;
}

interface Parts {
  readonly lifecycle: Lifecycle<StoredState, StoredRequest, Approval>;
  readonly deciders: Deciders;
  readonly joining: Joining;
  readonly audit: Audit;
  readonly maxBytes: number;
  readonly inputs: InputReader;
}

/** An operation that the rules of this process have to allow first. `read` reads the approval that they are asked about. */
export type AskedOperation = (read: ReadApproval) => Promise<Operation<Approval>>;

type StoredApproval = Whole<StoredState, StoredRequest>;
type ReadApproval = (key: LifecycleKey) => Promise<StoredApproval | undefined>;

/** A change, and what somebody wants by it: the rules are asked about that. Nothing: they need not be asked. */
interface Wish {
  readonly transition: Transition<StoredState, StoredRequest>;
  readonly wanted?: WantedDecision;
}

/** What the mutating methods of approvals do, alone or in a unit. Each reads its input first. */
export class ApprovalOperations {
  readonly #lifecycle: Lifecycle<StoredState, StoredRequest, Approval>;
  readonly #deciders: Deciders;
  readonly #joining: Joining;
  readonly #audit: Audit;
  readonly #maxBytes: number;
  readonly #inputs: InputReader;

  constructor({ lifecycle, deciders, joining, audit, maxBytes, inputs }: Parts) {
    this.#lifecycle = lifecycle;
    this.#deciders = deciders;
    this.#joining = joining;
    this.#audit = audit;
    this.#maxBytes = maxBytes;
    this.#inputs = inputs;
  }

  async readNew(identity: SessionIdentity, request: ApprovalRequest): Promise<NewApproval> {
    const owner = copySession(identity);
    const { id, content, join: joins } = await readRequest(request, this.#maxBytes, this.#inputs);
    this.#deciders.checkRequest(content);
    const digest = await digestOfCall(content.tool, content.arguments);
    const join = joins ? Joining.keyOf(digest, content) : undefined;
    return {
      key: { identity: owner, id: id ?? newEventId() },
      content,
      initial: (now) => ({
        status: "pending",
        digest,
        createdAt: now,
        expiresAt: now + content.ttlMs,
        ...(join === undefined ? {} : { join }),
      }),
      repeatable: id !== undefined,
      join,
    };
  }

  /** A request as part of a transaction. */
  requesting({ key, content, initial, repeatable, join }: NewApproval): Operation<Created<Approval>> {
    const creating = this.#lifecycle.creating(key, content, initial, repeatable);
    if (join === undefined) return creating;
    const cell = this.#joining.cell(key, join);
    return {
      ...creating,
      // Requests of the same call wait for each other.
      turn: cell,
      apply: async (transaction) => {
        const isKnown = repeatable && (await this.#lifecycle.readIn(transaction, key)) !== undefined;
        const other = isKnown ? undefined : await transaction.get(cell);
        const joined = other && { identity: key.identity, id: other.id };
        const pending = joined && (await this.#lifecycle.readIn(transaction, joined));
        if (joined && pending && this.#lifecycle.momentOf(pending).status === "pending")
          return { record: this.#lifecycle.view(joined, pending), duplicate: true };
        const created = await creating.apply(transaction);
        if (!created.duplicate) await transaction.set(cell, { id: key.id });
        return created;
      },
    };
  }

  async decide(identity: SessionIdentity, id: string, input: DecideInput): Promise<AskedOperation> {
    const key = this.#lifecycle.readKey(identity, id);
    const { decision, made, edit } = await readDecide(input, this.#maxBytes, this.#inputs);
    return this.#asking(key, made, async ({ state, content }) => {
      const { by, group } = made;
      const wanted = { by, decision, ...(group === undefined ? {} : { group }) };
      if (decision === "deny") return { wanted, transition: this.#refusing(made) };
      const digest = edit === undefined ? state.digest : await digestOfCall(content.tool, edit);
      const given: NewApprove =
        edit === undefined || digest === state.digest ? { made } : { made: { ...made, digest }, edit };
      return {
        wanted: "edit" in given ? { ...wanted, arguments: given.edit as JsonValue } : wanted,
        transition: this.#audit.marking((state, moment) => approve(state, given, moment)),
      };
    });
  }

  extend(identity: SessionIdentity, id: string, input: ExtendInput): AskedOperation {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readExtend(input, this.#inputs);
    return this.#asking(key, made, async ({ state: { decision } }) => ({
      transition: (state, moment) => {
        // What was approved meanwhile lasts as long as the decider said, unless the rules allow more.
        if (decision === undefined) refuseUnlessPending(state, moment.status);
        return extend(state, made, moment);
      },
      ...(decision === undefined ? {} : { wanted: { by: made.by, decision: "extend" } }),
    }));
  }

  /** The same in a unit, where the rules are asked about what the unit sees. */
  async askedIn(
    identity: SessionIdentity,
    id: string,
    token: Repeatable,
    asking: AskedOperation | Promise<AskedOperation>,
  ): Promise<Operation<Approval>> {
    const { turn, repeatable } = this.#change(this.#lifecycle.readKey(identity, id), (state) => state, token);
    const asked = await asking;
    return {
      turn,
      repeatable,
      apply: async (transaction) => {
        const operation = await asked((key) => this.#lifecycle.readIn(transaction, key));
        return operation.apply(transaction);
      },
    };
  }

  cancel(identity: SessionIdentity, id: string, input: CancelInput): Operation<Approval> {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readCancel(input, this.#inputs);
    return this.#change(key, this.#refusing(made), made);
  }

  revoke(identity: SessionIdentity, id: string, input: RevokeInput): Operation<Approval> {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readRevoke(input, this.#inputs);
    return this.#change(key, (state, moment) => revoke(state, made, moment), made);
  }

  reassign(identity: SessionIdentity, id: string, input: ReassignInput): Operation<Approval> {
    const key = this.#lifecycle.readKey(identity, id);
    const made = readReassign(input, this.#inputs);
    return this.#change(key, (state, moment) => reassign(state, made, moment), made);
  }

  /** What `cancelAll` does to each approval: nothing to those that are neither pending nor approved. */
  ending(act: NewAct): NextTransition<StoredState, StoredRequest> {
    const cancel = this.#refusing({ status: "cancelled", ...act });
    return (state, moment) => {
      if (moment.status === "pending") return cancel(state, moment);
      return moment.status === "approved" ? revoke(state, act, moment) : undefined;
    };
  }

  async claim(identity: SessionIdentity, id: string, input: ClaimInput): Promise<Operation<Approval>> {
    const key = this.#lifecycle.readKey(identity, id);
    const { digest, newClaim } = await readClaim(input, this.#maxBytes, this.#inputs);
    const operation = this.#change(key, (state, moment) => claim(state, digest, newClaim, moment), newClaim);
    return {
      ...operation,
      recall: async (transaction) => {
        const before = await this.#lifecycle.readIn(transaction, key);
        if (before === undefined || !isFinishedRepeat(before.state, digest, newClaim)) return undefined;
        transaction.oweRepeat(operation.turn, alreadyClaimed(before.state.claim));
        return this.#lifecycle.view(key, before);
      },
    };
  }

  async complete(
    identity: SessionIdentity,
    id: string,
    input: CompleteInput = {},
  ): Promise<Operation<Approval>> {
    const key = this.#lifecycle.readKey(identity, id);
    return this.#finish(key, await readComplete(input, this.#maxBytes, this.#inputs));
  }

  fail(identity: SessionIdentity, id: string, input: FailInput): Operation<Approval> {
    return this.#finish(this.#lifecycle.readKey(identity, id), readFail(input, this.#inputs));
  }

  #finish(key: LifecycleKey, outcome: NewOutcome): Operation<Approval> {
    const operation = this.#change(key, (state, moment) => finish(state, outcome, moment), outcome);
    return {
      ...operation,
      apply: async (transaction) => {
        const isThere = (await this.#lifecycle.readIn(transaction, key)) !== undefined;
        const approval = isThere
          ? await operation.apply(transaction)
          : // Its session was deleted while the call was under way.
            await this.#audit.finishIn(transaction, key, outcome, this.#lifecycle.now());
        if (approval === undefined) throw this.#lifecycle.notFound();
        transaction.repeated(operation.turn);
        return approval;
      },
    };
  }

  #refusing(made: NewRefusal): Transition<StoredState, StoredRequest> {
    return this.#audit.marking((state, moment) => refuse(state, made, moment));
  }

  /** NOT_FOUND, FORBIDDEN, and the errors of the hook. */
  #asking(
    key: LifecycleKey,
    token: Repeatable,
    wish: (before: StoredApproval) => Promise<Wish>,
  ): AskedOperation {
    return async (read) => {
      const before = await read(key);
      if (before === undefined) throw this.#lifecycle.notFound();
      const checkedRequest = copyFingerprint(before);
      const { transition, wanted } = await wish(before);
      const { state } = before;
      // The hook gets an object of its own, because it may change it; `checkedRequest` is a copy for the same reason.
      if (transition(state, this.#lifecycle.momentOf(before)) !== state && wanted !== undefined)
        await this.#deciders.check(this.#lifecycle.view(key, before), wanted);
      return this.#change(
        key,
        (state, moment) => {
          // The hook checked this request. A later request under the same id, after an erase, was not checked.
          if (!isSameRequest({ state, content: moment.content }, checkedRequest))
            throw this.#lifecycle.notFound();
          return transition(state, moment);
        },
        token,
      );
    };
  }

  #change(
    key: LifecycleKey,
    transition: Transition<StoredState, StoredRequest>,
    { token }: Repeatable,
  ): Operation<Approval> {
    return this.#lifecycle.changing(key, transition, token !== undefined);
  }
}
