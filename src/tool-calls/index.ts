import type { StateStore } from "../contract/store.js";
import type { ToolCallsOptions } from "./options.js";
import { ToolCalls } from "./tool-calls.js";
// Whoever imports the types knows the codes too.
import "./errors.js";

/**
 * Intents and outcomes of tool calls.
 *
 * @example
 * ```ts
 * import { createToolCalls } from "groundstate/tool-calls";
 *
 * const calls = createToolCalls(store);
 * const call = { id: "run-7/step-3", tool: "mail", arguments: { to: "ada" }, sideEffect: "write" };
 * const sent = await calls.once(session, call, async () => "message 17"); // runs once, also after a crash
 * const { calls: orphans } = await calls.orphans(session);
 * console.log(sent, orphans.length);
 * ```
 */
export function createToolCalls(store: StateStore, options?: ToolCallsOptions): ToolCalls {
  return new ToolCalls(store, options);
}

export type { CleanupOptions } from "../content/cleanup-options.js";
export type { Repeatable } from "../lifecycle/repeat.js";
export type { ToolCallsInUnit } from "./in-unit.js";
export type { AbandonInput, BeginInput, FailCallInput, SucceedInput } from "./input.js";
export type {
  CallPolicy,
  CallsOf,
  CallWork,
  ListToolCallsOptions,
  OrphansOptions,
  ToolCallPage,
  ToolCallsOptions,
  Verdict,
} from "./options.js";
export type { CallOutcome, ToolCall, ToolCallStatus } from "./tool-call.js";
export type { ToolCalls } from "./tool-calls.js";
