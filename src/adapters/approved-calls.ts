import { type Approval, type ApprovalRequest, type Approvals, createApprovals } from "../approvals/index.js";
import { StateError } from "../contract/errors.js";
import type { SessionIdentity, StateStore } from "../contract/store.js";
import { cellAt } from "../typed/cell.js";
import { json } from "../typed/codec.js";
import type { JsonValue } from "../typed/json-value.js";
import { digestOf } from "../typed/names.js";
import { type Clock, timeKey } from "../typed/time.js";
import { transact } from "../typed/transact.js";

/** What a request for approval says beside the call. */
export type ApprovalOptions = Pick<
  ApprovalRequest,
  "question" | "requester" | "ttlMs" | "assignee" | "groups" | "approvals"
>;

/** A call of a tool that a framework holds until somebody approves it. */
export interface HeldCall {
  /** The framework's id of the call or of its request. */
  readonly id: string;
  /** The tool's name. */
  readonly tool: string;
  /** The arguments of the call. */
  readonly arguments: JsonValue;
}

/** What was decided on a call. */
export interface DecidedCall {
  /** It was claimed, and may be made. */
  readonly approved: boolean;
  /** What was said, or why it may not be made. */
  readonly reason?: string;
}

const TAKEN_UP = json<{ readonly run: string; readonly token: string; readonly at: string }>();

/**
 * Calls that a framework holds, as requests of `groundstate/approvals`. Once all are decided, one worker takes them up: approved
 * calls are claimed, so each is made once.
 */
export class ApprovedCalls {
  readonly #store: StateStore;
  readonly #approvals: Approvals;
  readonly #sdk: string;
  readonly #now: Clock;

  /** `sdk` names the framework in the requests' `sender`, and sets their ids apart from those of others. */
  constructor(store: StateStore, { sdk, clock }: { readonly sdk: string; readonly clock: Clock }) {
    this.#store = store;
    this.#approvals = createApprovals(store, { clock });
    this.#sdk = sdk;
    this.#now = clock;
  }

  /** Asks for each call. The same call again is the same request. */
  async request(
    session: SessionIdentity,
    calls: readonly HeldCall[],
    options: ApprovalOptions,
  ): Promise<Approval[]> {
    const requested = calls.map(({ id, ...call }) =>
      this.#approvals.request(session, {
        ...options,
        ...call,
        id: this.#idOf(id),
        sender: { sdk: this.#sdk },
      }),
    );
    return (await Promise.all(requested)).map(({ approval }) => approval);
  }

  /** The request for a call. NOT_FOUND. */
  async get(session: SessionIdentity, call: Pick<HeldCall, "id">): Promise<Approval> {
    return this.#approvals.get(session, this.#idOf(call.id));
  }

  /** Decides on a call, as `approvals.decide` does. */
  async decide(
    session: SessionIdentity,
    call: Pick<HeldCall, "id">,
    decision: Parameters<Approvals["decide"]>[2],
  ): Promise<Approval> {
    return this.#approvals.decide(session, this.#idOf(call.id), decision);
  }

  /**
   * The decisions on the calls, in their order, once there are all: the calls of `run` are then taken up for `token`, and approved
   * ones are claimed. Before, the requests that are pending. ALREADY_CLAIMED for another token.
   */
  async takeUp(
    session: SessionIdentity,
    calls: readonly HeldCall[],
    taken: { readonly run: string; readonly token: string },
  ): Promise<{ readonly pending: Approval[]; readonly decided: DecidedCall[] }> {
    const approvals = await Promise.all(calls.map((call) => this.get(session, call)));
    const pending = approvals.filter(({ status }) => status === "pending");
    if (pending.length > 0) return { pending, decided: [] };
    await this.#hold(session, taken);
    const decided: DecidedCall[] = [];
    for (const [at, { id: _, ...call }] of calls.entries())
      decided.push(await this.#claim(session, approvals[at] as Approval, { ...call, token: taken.token }));
    return { pending, decided };
  }

  /** Completes the calls that `token` has claimed. */
  async complete(session: SessionIdentity, token: string): Promise<void> {
    for (let after: string | undefined, done = false; !done; ) {
      const page = await this.#approvals.list(session, { status: "claimed", after });
      for (const { id, sender } of page.approvals)
        if (this.#isOwn(sender)) await this.#approvals.complete(session, id, { token });
      after = page.next;
      done = after === undefined;
    }
  }

  async #claim(
    session: SessionIdentity,
    { id, status, edited, decision }: Approval,
    claim: { readonly tool: string; readonly arguments: JsonValue; readonly token: string },
  ): Promise<DecidedCall> {
    if (edited !== undefined)
      return {
        approved: false,
        reason: `Approved with other arguments: ${JSON.stringify(edited.arguments)}`,
      };
    const reason = decision?.reason;
    if (status !== "approved" && status !== "claimed")
      return { approved: false, reason: reason ?? `The call was not approved: ${status}.` };
    await this.#approvals.claim(session, id, claim);
    return { approved: true, ...(reason !== undefined && { reason }) };
  }

  /** Also where every call was denied, and nothing is claimed. */
  async #hold(
    session: SessionIdentity,
    taken: { readonly run: string; readonly token: string },
  ): Promise<void> {
    const cell = cellAt(session, `${this.#sdk}.taken-up`, TAKEN_UP);
    await transact(this.#store, async (transaction) => {
      const before = await transaction.get(cell);
      if (before?.run !== taken.run) return transaction.set(cell, { ...taken, at: timeKey(this.#now()) });
      if (before.token === taken.token) return;
      throw new StateError("ALREADY_CLAIMED", "the calls were taken up before", {
        details: { at: new Date(before.at) },
      });
    });
  }

  #idOf(call: string): string {
    return digestOf(this.#sdk, call);
  }

  #isOwn(sender: JsonValue | undefined): boolean {
    return typeof sender === "object" && sender !== null && "sdk" in sender && sender.sdk === this.#sdk;
  }
}
