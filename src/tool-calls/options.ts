import type { RedactOption } from "../contract/redact.js";
import type { CallOptions, Identity, SessionIdentity } from "../contract/store.js";
import type { ListRecordsOptions } from "../lifecycle/options.js";
import type { Clock } from "../typed/time.js";
import type { BeginInput } from "./input.js";
import type { ToolCall, ToolCallStatus } from "./tool-call.js";

/** What a policy says to a call. Anything else forbids it. */
export type Verdict = "allow" | "approve" | "forbid";

/**
 * Judges a call that is about to begin. An error that it throws is passed on, and the call does not begin. The signal is that
 * of `begin` or `once`; in a unit there is none.
 */
export type CallPolicy = (
  call: Omit<BeginInput, "token">,
  identity: SessionIdentity,
  options: CallOptions,
) => Verdict | Promise<Verdict>;

/** The options of `createToolCalls`. */
export interface ToolCallsOptions extends RedactOption {
  /**
   * Says which calls may begin (`allow`), which need an approval of exactly this call (`approve`), and which may not begin
   * (`forbid`). Asked before each `begin`, so it must have no effects. Default: everything may begin, and an approval that a
   * call names is claimed. It is not stored: every process that makes calls must set it.
   */
  readonly policy?: CallPolicy;
  /**
   * The most bytes of JSON that the arguments of a call may have, and its result: 1 byte to 256 MiB. Default 64 MiB. What is
   * larger is INVALID_RECORD: keep it as an artifact, and a reference to it in the call.
   */
  readonly maxJsonBytes?: number;
  /** Milliseconds since 1970. Default the process's clock. The audit order is that of these times. */
  readonly clock?: Clock;
}

/** Whose calls to list: of a session, of one of its runs, or of a whole tenant. */
export type CallsOf = Identity | { readonly tenant: string };

/** Which calls `list` returns. */
export interface ListToolCallsOptions extends Omit<ListRecordsOptions<ToolCallStatus>, "by"> {}

/** Which calls `orphans` returns. */
export type OrphansOptions = Omit<ListToolCallsOptions, "status">;

/** A page of calls. */
export interface ToolCallPage {
  /**
   * In audit order: those that began first before the others. They can be fewer than `limit` though there are more: a page
   * has about 16 MiB at most, or one larger call.
   */
  readonly calls: readonly ToolCall[];
  /** The cursor of the next page. Absent on the last page. */
  readonly next?: string;
}

/** What carries out a call; its signal is that of `once`. */
export type CallWork<R> = (call: ToolCall, options: CallOptions) => R | Promise<R>;
