import type { RunState, RunToolApprovalItem } from "@openai/agents-core";
import type { Approval } from "../../approvals/index.js";
import { type Checkpoints, createCheckpoints } from "../../checkpoints/index.js";
import { invalid } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import { copyJson } from "../../typed/json-copy.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf } from "../../typed/names.js";
import { type Clock, readClock } from "../../typed/time.js";
import { readNamed } from "../../validation/validate.js";
import { type ApprovalOptions, ApprovedCalls, type DecidedCall, type HeldCall } from "../approved-calls.js";
import { type Owner, readSessionOf } from "../owner.js";

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

/**
 * Runs of the OpenAI Agents SDK that wait for people. The run is stored as text, up to 64 MiB, and each call that it waits for is
 * a request of `groundstate/approvals`, which people decide wherever they are shown. Any process takes the run up again.
 */
export class PausedRuns {
  readonly #calls: ApprovedCalls;
  readonly #checkpoints: Checkpoints;
  readonly #sessionOf: (sessionId: string) => SessionIdentity;

  constructor(store: StateStore, options: PausedRunsOptions) {
    readNamed(options, "options", ["owner", "clock"]);
    this.#calls = new ApprovedCalls(store, { sdk: LINEAGE, clock: readClock(options) });
    this.#checkpoints = createCheckpoints(store);
    this.#sessionOf = readSessionOf(options.owner);
  }

  /**
   * Stores a run that was interrupted, and asks for each call that it waits for. Call it with `result.state`. The same run again
   * changes nothing. A run that the session has paused before is replaced.
   */
  async pause(sessionId: string, state: AnyRunState, options: ApprovalOptions = {}): Promise<Approval[]> {
    const session = this.#sessionOf(sessionId);
    const calls = state.getInterruptions();
    if (calls.length === 0) throw invalid("state", "a run that waits for approvals");
    const text = state.toString();
    // The run first: a decision is worth nothing without it.
    await this.#checkpoints.put(session, { lineage: LINEAGE, id: digestOf(text), values: { run: text } });
    await this.#checkpoints.prune(session, { lineage: LINEAGE }, { keep: 1 });
    return this.#calls.request(session, calls.map(heldCall), options);
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
    const calls = state.getInterruptions();
    const taken = { run: found.id, token: options.token };
    const { pending, decided } = await this.#calls.takeUp(session, calls.map(heldCall), taken);
    if (pending.length > 0) return { pending };
    for (const [at, call] of calls.entries()) {
      const { approved, reason } = decided[at] as DecidedCall;
      if (approved) state.approve(call);
      else state.reject(call, { ...(reason !== undefined && { message: reason }) });
    }
    return { state, pending };
  }

  /** Removes the paused run of a session once it has ended or is given up, and completes the calls that it has claimed. */
  async finish(sessionId: string, { token }: { readonly token: string }): Promise<void> {
    const session = this.#sessionOf(sessionId);
    await this.#calls.complete(session, token);
    await this.#checkpoints.deleteLineage(session, LINEAGE);
  }
}

function heldCall(call: RunToolApprovalItem): HeldCall {
  const raw = call.rawItem as { readonly callId?: string; readonly id?: string };
  const id = raw.callId ?? raw.id ?? JSON.stringify(raw);
  return { id, tool: call.name ?? call.rawItem.type, arguments: argumentsOf(call) };
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
