import type { RunState, RunToolApprovalItem } from "@openai/agents-core";
import {
  type Approval,
  type ApprovalRequest,
  type Approvals,
  createApprovals,
} from "../../approvals/index.js";
import { type Checkpoints, createCheckpoints } from "../../checkpoints/index.js";
import { invalid, StateError } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { safeName } from "../../identity/safe-name.js";
import { cellAt } from "../../typed/cell.js";
import { json } from "../../typed/codec.js";
import { copyJson } from "../../typed/json-copy.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf } from "../../typed/names.js";
import { type Clock, readClock, timeKey } from "../../typed/time.js";
import { transact } from "../../typed/transact.js";
import { readNamed } from "../../validation/validate.js";
import { type Owner, readOwner } from "../owner.js";

/** A run of any agent. */
// biome-ignore lint/suspicious/noExplicitAny: the SDK's own bound of its contexts and agents.
type AnyRunState = RunState<any, any>;

/** The options of `PausedRuns`. */
export interface PausedRunsOptions {
  /** Whose runs they are. */
  readonly owner: Owner;
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** What a request for approval says beside the call. */
export type PauseOptions = Pick<
  ApprovalRequest,
  "question" | "requester" | "ttlMs" | "assignee" | "groups" | "approvals"
>;

/** How a run is taken up again. */
export interface ResumeOptions<S> {
  /** Makes the run of its text: `(text) => RunState.fromString(agent, text)`. */
  readonly revive: (text: string) => S | Promise<S>;
  /** Who goes on with the run: 1 to 128 UTF-8 bytes. The same one may ask again; another is refused with ALREADY_CLAIMED. */
  readonly token: string;
}

/** A run that was taken up, or what it still waits for. */
export interface ResumedRun<S> {
  /** The run, with what was decided. Absent while something is pending, and where no run is paused. */
  readonly state?: S;
  /** The requests that nobody has decided yet. */
  readonly pending: readonly Approval[];
}

/** Runs that wait for approval are one lineage of their session. */
const LINEAGE = "openai-agents";
const TAKEN_UP = json<{ readonly run: string; readonly token: string; readonly at: string }>();

/**
 * Runs of the OpenAI Agents SDK that wait for people. The run is stored as text, up to 64 MiB, and each call that it waits for is
 * a request of `groundstate/approvals`, which people decide wherever they are shown. Any process takes the run up again.
 */
export class PausedRuns {
  readonly #store: StateStore;
  readonly #approvals: Approvals;
  readonly #checkpoints: Checkpoints;
  readonly #now: Clock;
  readonly #sessionOf: (sessionId: string) => SessionIdentity;

  constructor(store: StateStore, options: PausedRunsOptions) {
    readNamed(options, "options", ["owner", "clock"]);
    const ownerOf = readOwner<void>(options.owner);
    this.#now = readClock(options);
    this.#store = store;
    this.#approvals = createApprovals(store, { clock: this.#now });
    this.#checkpoints = createCheckpoints(store);
    this.#sessionOf = (sessionId) => ({ ...ownerOf(undefined), session: safeName(sessionId) });
  }

  /**
   * Stores a run that was interrupted, and asks for each call that it waits for. Call it with `result.state`. The same run again
   * changes nothing. A run that the session has paused before is replaced.
   */
  async pause(sessionId: string, state: AnyRunState, options: PauseOptions = {}): Promise<Approval[]> {
    const session = this.#sessionOf(sessionId);
    const calls = state.getInterruptions();
    if (calls.length === 0) throw invalid("state", "a run that waits for approvals");
    const text = state.toString();
    // The run first: a decision is worth nothing without it.
    await this.#checkpoints.put(session, { lineage: LINEAGE, id: digestOf(text), values: { run: text } });
    await this.#checkpoints.prune(session, { lineage: LINEAGE }, { keep: 1 });
    const requested = calls.map((call) =>
      this.#approvals.request(session, { ...options, ...requestOf(call) }),
    );
    return (await Promise.all(requested)).map(({ approval }) => approval);
  }

  /**
   * Takes the paused run of a session up, once everything is decided: approved calls are claimed and approved in the run, others
   * rejected with the reason. Then give the run to the SDK's runner. ALREADY_CLAIMED if it is another's who has taken it up.
   */
  async resume<S extends AnyRunState>(sessionId: string, options: ResumeOptions<S>): Promise<ResumedRun<S>> {
    const session = this.#sessionOf(sessionId);
    const found = await this.#checkpoints.latest(session, { lineage: LINEAGE });
    if (found === undefined) return { pending: [] };
    const state = await options.revive(found.values.run as string);
    const calls = await Promise.all(
      state.getInterruptions().map(async (call) => {
        const { id, tool, arguments: given } = requestOf(call);
        return { call, claim: { tool, arguments: given }, approval: await this.#approvals.get(session, id) };
      }),
    );
    const pending = calls.map(({ approval }) => approval).filter(({ status }) => status === "pending");
    if (pending.length > 0) return { pending };
    await this.#takeUp(session, { run: found.id, token: options.token });
    for (const { call, claim, approval } of calls) {
      const { status, edited, decision } = approval;
      if (edited !== undefined)
        state.reject(call, { message: `Approved with other arguments: ${JSON.stringify(edited.arguments)}` });
      else if (status === "approved" || status === "claimed") {
        await this.#approvals.claim(session, approval.id, { ...claim, token: options.token });
        state.approve(call);
      } else state.reject(call, { message: decision?.reason ?? `The call was not approved: ${status}.` });
    }
    return { state, pending: [] };
  }

  /** Removes the paused run of a session once it has ended or is given up, and completes the calls that it has claimed. */
  async finish(sessionId: string, { token }: { readonly token: string }): Promise<void> {
    const session = this.#sessionOf(sessionId);
    for (let after: string | undefined, done = false; !done; ) {
      const page = await this.#approvals.list(session, { status: "claimed", after });
      for (const { id, sender } of page.approvals)
        if (isOwn(sender)) await this.#approvals.complete(session, id, { token });
      after = page.next;
      done = after === undefined;
    }
    await this.#checkpoints.deleteLineage(session, LINEAGE);
  }

  /** Also where every call was denied, and nothing is claimed. */
  async #takeUp(
    session: SessionIdentity,
    taken: { readonly run: string; readonly token: string },
  ): Promise<void> {
    const cell = cellAt(session, "openai-agents.taken-up", TAKEN_UP);
    await transact(this.#store, async (transaction) => {
      const before = await transaction.get(cell);
      if (before?.run !== taken.run) return transaction.set(cell, { ...taken, at: timeKey(this.#now()) });
      if (before.token === taken.token) return;
      throw new StateError("ALREADY_CLAIMED", "the run was taken up before", {
        details: { at: new Date(before.at) },
      });
    });
  }
}

/** What is asked of people for a call. The SDK's id of the call makes it one request. */
function requestOf(call: RunToolApprovalItem): ApprovalRequest & { readonly id: string } {
  const raw = call.rawItem as { readonly callId?: string; readonly id?: string };
  const id = digestOf(LINEAGE, raw.callId ?? raw.id ?? JSON.stringify(raw));
  return { id, tool: call.name ?? call.rawItem.type, arguments: argumentsOf(call), sender: { sdk: LINEAGE } };
}

/** The arguments as JSON; text that is none stays text. */
function argumentsOf({ arguments: text, rawItem }: RunToolApprovalItem): JsonValue {
  if (text === undefined) return copyJson(JSON.parse(JSON.stringify(rawItem)), "arguments");
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function isOwn(sender: JsonValue | undefined): boolean {
  return typeof sender === "object" && sender !== null && "sdk" in sender && sender.sdk === LINEAGE;
}
