import type { UIMessage } from "ai";
import type { Approval } from "../../approvals/index.js";
import { invalid, isStateError } from "../../contract/errors.js";
import type { SessionIdentity, StateStore } from "../../contract/store.js";
import type { JsonValue } from "../../typed/json-value.js";
import { digestOf } from "../../typed/names.js";
import { type Clock, readClock } from "../../typed/time.js";
import { readNamed } from "../../validation/validate.js";
import { type ApprovalOptions, ApprovedCalls, type DecidedCall, type HeldCall } from "../approved-calls.js";
import { type Owner, readSessionOf } from "../owner.js";
import { messageToJson } from "./message.js";

/** The options of `ToolApprovals`. */
export interface ToolApprovalsOptions {
  /** Whose chats they are. */
  readonly owner: Owner;
  /** Milliseconds since 1970. Default the process's clock. */
  readonly clock?: Clock;
}

/** A message whose calls were decided, or what it still waits for. */
export interface DecidedMessage<M> {
  /** The message with the decisions in it. Absent while something is pending. */
  readonly message?: M;
  /** The requests that nobody has decided yet. */
  readonly pending: readonly Approval[];
}

/** A part of a message that is a call of a tool, as far as approvals read it. */
interface ToolPart {
  readonly type: string;
  readonly toolName?: string;
  readonly state: string;
  readonly input?: JsonValue;
  readonly approval?: {
    readonly id: string;
    readonly approved?: boolean;
    readonly reason?: string;
    readonly isAutomatic?: boolean;
  };
}

/**
 * Approvals of tool calls of the AI SDK, as requests of `groundstate/approvals`: they outlive the process, people decide them in the
 * chat or elsewhere, and each approved call is made once. The message that was stored is what counts; of a message from a client
 * only its decisions do.
 */
export class ToolApprovals {
  readonly #calls: ApprovedCalls;
  readonly #chatOf: (chatId: string) => SessionIdentity;

  constructor(store: StateStore, options: ToolApprovalsOptions) {
    readNamed(options, "options", ["owner", "clock"]);
    this.#calls = new ApprovedCalls(store, { sdk: "ai-sdk", clock: readClock(options) });
    this.#chatOf = readSessionOf(options.owner);
  }

  /** Asks for each call of a message that waits for an approval; none if nothing waits. The same message again changes nothing. */
  async request(chatId: string, message: UIMessage, options: ApprovalOptions = {}): Promise<Approval[]> {
    return this.#calls.request(this.#chatOf(chatId), heldCalls(message), options);
  }

  /**
   * Takes the decisions in a message that a client sent, in the name of `by`: which request, yes or no, and the reason. What was
   * decided before stays. NOT_FOUND for a request that was never made, FORBIDDEN as by `approvals.decide`.
   */
  async respond(
    chatId: string,
    message: UIMessage,
    { by }: { readonly by: string },
  ): Promise<readonly Approval[]> {
    const chat = this.#chatOf(chatId);
    const answers = toolParts(message).filter(({ state }) => state === "approval-responded");
    return Promise.all(
      answers.flatMap(({ approval }) =>
        approval === undefined || approval.isAutomatic ? [] : [this.#decide(chat, approval, by)],
      ),
    );
  }

  /**
   * The stored message with what was decided, once all of it is: then give it to `streamText`. Approved calls are claimed for
   * `token`, 1 to 128 UTF-8 bytes; the same one may ask again. ALREADY_CLAIMED for another, such as a second tab.
   */
  async resume<M extends UIMessage>(
    chatId: string,
    message: M,
    { token }: { readonly token: string },
  ): Promise<DecidedMessage<M>> {
    const calls = heldCalls(message);
    if (calls.length === 0) return { message, pending: [] };
    const taken = { run: digestOf(...calls.map(({ id }) => id)), token };
    const { pending, decided } = await this.#calls.takeUp(this.#chatOf(chatId), calls, taken);
    if (pending.length > 0) return { pending };
    const decisions = new Map(calls.map(({ id }, at) => [id, decided[at] as DecidedCall]));
    const parts = toolParts(message).map((part) => decidedPart(part, decisions));
    return { message: { ...message, parts: parts as unknown as M["parts"] }, pending };
  }

  /** Completes the calls that `token` has claimed, once they were made. */
  async finish(chatId: string, { token }: { readonly token: string }): Promise<void> {
    await this.#calls.complete(this.#chatOf(chatId), token);
  }

  async #decide(
    chat: SessionIdentity,
    { id, approved, reason }: NonNullable<ToolPart["approval"]>,
    by: string,
  ): Promise<Approval> {
    if (typeof approved !== "boolean") throw invalid("message.parts.approval.approved", "true or false");
    const decision = approved ? ("approve" as const) : ("deny" as const);
    try {
      return await this.#calls.decide(chat, { id }, { decision, by, ...(reason && { reason }) });
    } catch (error) {
      if (!isStateError(error, "ALREADY_DECIDED")) throw error;
      return this.#calls.get(chat, { id });
    }
  }
}

function toolParts(message: UIMessage): readonly ToolPart[] {
  return messageToJson(message).parts as unknown as readonly ToolPart[];
}

/** The calls that wait for a person. */
function heldCalls(message: UIMessage): HeldCall[] {
  return toolParts(message).flatMap(({ type, toolName, state, input = null, approval }) => {
    if (state !== "approval-requested" || approval === undefined || approval.isAutomatic) return [];
    return [{ id: approval.id, tool: toolName ?? type.replace(/^tool-/, ""), arguments: input }];
  });
}

function decidedPart(part: ToolPart, decisions: ReadonlyMap<string, DecidedCall>): ToolPart {
  const decision = part.approval && decisions.get(part.approval.id);
  if (part.approval === undefined || decision === undefined) return part;
  return { ...part, state: "approval-responded", approval: { ...part.approval, ...decision } };
}
