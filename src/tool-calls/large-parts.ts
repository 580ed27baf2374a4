import type { TakenContent } from "../content/chunked-content.js";
import type { ContentRef } from "../content/content-ref.js";
import { LargeJson } from "../content/large-json.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import type { LifecycleKey } from "../lifecycle/stored.js";
import { corruptRecord } from "../typed/cell.js";
import { itemKind } from "../typed/names.js";
import type { Clock } from "../typed/time.js";
import type { Transaction } from "../typed/transaction.js";
import type { CallOutcome, ToolCall } from "./tool-call.js";

/** Where large arguments and results of tool calls lie. */
export const CALL_CONTENT = { chunks: "tool-call.chunk/", uploads: "tool-call.upload/" };
export const NAME = "tool-call";
const INTENTS = "tool-call.intent";

/** An outcome whose result may lie elsewhere. */
export type ShownOutcome = CallOutcome & { readonly resultAt?: ContentRef };

/** A call whose arguments and result may lie elsewhere. */
export type ShownCall = Omit<ToolCall, "arguments" | "outcome"> &
  Partial<Pick<ToolCall, "arguments">> & {
    readonly argumentsAt?: ContentRef;
    readonly outcome?: ShownOutcome;
  };

/** Where the large parts of a stored call are. */
interface StoredParts {
  readonly argumentsAt?: ContentRef;
  readonly outcome?: { readonly resultAt?: ContentRef };
}

/** What of a call its records have no room for. */
export class LargeParts {
  readonly #json: LargeJson;

  constructor(store: StateStore, now: Clock) {
    this.#json = new LargeJson(store, CALL_CONTENT, now);
  }

  keep({ identity, id }: LifecycleKey, json: Uint8Array, options: CallOptions): Promise<TakenContent> {
    return this.#json.keep(identity, id, json, options);
  }

  show({ identity }: LifecycleKey, transaction: Transaction, kept: TakenContent): Promise<void> {
    return this.#json.show(identity, transaction, kept);
  }

  drop({ identity }: LifecycleKey, kept: TakenContent): Promise<void> {
    return this.#json.drop(identity, kept);
  }

  /** Removes them with the call. */
  async hide({ identity }: LifecycleKey, transaction: Transaction, call: StoredParts): Promise<void> {
    for (const ref of [call.argumentsAt, call.outcome?.resultAt])
      if (ref !== undefined) await this.#json.hide(identity, transaction, ref);
  }

  prefixesOf(id: string): readonly string[] {
    return this.#json.prefixesOf(id);
  }

  /** The call with all its parts. CORRUPT; `gone` where the call is no more. */
  async whole(call: ShownCall, gone: () => Error, options: CallOptions): Promise<ToolCall> {
    const { argumentsAt, outcome, ...rest } = call;
    if ((argumentsAt === undefined) === (rest.arguments === undefined))
      throw corruptRecord(
        { identity: call.identity, kind: itemKind(INTENTS, call.id) },
        "the arguments of a call are missing",
      );
    const own = rest as Omit<ToolCall, "outcome">;
    const key = { identity: call.identity, id: call.id };
    const args = argumentsAt && { arguments: await this.#read(key, argumentsAt, gone, options) };
    return {
      ...own,
      ...args,
      ...(outcome && { outcome: await this.wholeOutcome(key, outcome, gone, options) }),
    };
  }

  async wholeOutcome(
    key: LifecycleKey,
    { resultAt, ...outcome }: ShownOutcome,
    gone: () => Error,
    options: CallOptions,
  ): Promise<CallOutcome> {
    if (resultAt === undefined) return outcome;
    return { result: await this.#read(key, resultAt, gone, options), ...outcome };
  }

  #read({ identity, id }: LifecycleKey, ref: ContentRef, gone: () => Error, options: CallOptions) {
    return this.#json.read({ identity, kind: itemKind(NAME, id) }, ref, gone, options);
  }
}

/** How many bytes of a call lie elsewhere. */
export function bytesElsewhere({ argumentsAt, outcome }: ShownCall): number {
  return (argumentsAt?.size ?? 0) + (outcome?.resultAt?.size ?? 0);
}
