import type { SessionIdentity } from "../contract/store.js";
import type { Unit } from "../typed/together/unit.js";
import type { AbandonInput, BeginInput, FailCallInput, SucceedInput } from "./input.js";
import type { CallOperations } from "./operations.js";
import type { ToolCall } from "./tool-call.js";

/**
 * The mutating methods of tool calls as part of a unit of `together`. They take, answer and refuse what the methods of
 * `ToolCalls` of the same names do, without a signal.
 */
export class ToolCallsInUnit {
  readonly #unit: Unit;
  readonly #operations: CallOperations;

  /** @internal */
  constructor(unit: Unit, operations: CallOperations) {
    this.#unit = unit;
    this.#operations = operations;
  }

  /** Like `ToolCalls.begin`. Make the call after `together` has resolved, and not in its function. */
  async begin(identity: SessionIdentity, call: BeginInput): Promise<ToolCall> {
    return this.#unit.run(this.#operations.beginIn(identity, call));
  }

  /** Like `ToolCalls.succeed`. */
  async succeed(identity: SessionIdentity, id: string, input?: SucceedInput): Promise<ToolCall> {
    return this.#unit.run(this.#operations.succeed(identity, id, input));
  }

  /** Like `ToolCalls.fail`. */
  async fail(identity: SessionIdentity, id: string, input: FailCallInput): Promise<ToolCall> {
    return this.#unit.run(this.#operations.fail(identity, id, input));
  }

  /** Like `ToolCalls.abandon`. */
  async abandon(identity: SessionIdentity, id: string, input: AbandonInput): Promise<ToolCall> {
    return this.#unit.run(this.#operations.abandon(identity, id, input));
  }
}
