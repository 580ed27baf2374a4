import { invalid } from "../contract/errors.js";
import type { RedactOption } from "../contract/redact.js";
import type { CallOptions } from "../contract/store.js";
import type { Clock } from "../typed/time.js";
import { readLimit, readNamed, readOptions, readSignal } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import type { JudgedCall } from "./evaluate.js";
import type { Policy } from "./policy.js";

/** The options of `createPolicies`. */
export interface PoliciesOptions extends RedactOption {
  /** Milliseconds since 1970. Default the process's clock. It dates policies and grants, and judges whether a grant has expired. */
  readonly clock?: Clock;
}

/** Which version `get` and `find` return. */
export interface PolicyVersionOptions extends CallOptions {
  /** Default: the last one. */
  readonly version?: number | undefined;
}

/** Which policies or versions a list returns. */
export interface ListPoliciesOptions extends CallOptions {
  /** 1 to 1,000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
}

/** A page of policies or versions. */
export interface PolicyPage {
  /** Newest first. */
  readonly policies: readonly Policy[];
  /** Where the next page begins; absent on the last. */
  readonly next?: string;
}

/** A call of a tool, and the policy that is in force. */
export interface CallUnderPolicy extends JudgedCall {
  /** The name of the policy. */
  readonly policy: string;
}

/** Which records of a list are read, the last first. */
export interface PageOf {
  readonly prefix: string;
  readonly limit: number;
  readonly before: { readonly before?: string };
  readonly signal: AbortSignal | undefined;
}

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 1_000;
/** The number of a version, or a time and a digest. */
const CURSOR_PATTERN = /^[\w.:-]{1,60}$/;

export function readPage(options: ListPoliciesOptions | undefined, prefix: string): PageOf {
  const given = readOptions(options, ["limit", "after", "signal"]) as ListPoliciesOptions;
  const { limit, after } = given;
  return {
    prefix,
    limit: limit === undefined ? DEFAULT_LIMIT : readLimit(limit, MAX_LIMIT),
    signal: readSignal(given),
    before: after === undefined ? {} : { before: prefix + readCursor(after) },
  };
}

export function readCall(options: CallOptions | undefined): { readonly signal: AbortSignal | undefined } {
  return { signal: readSignal(readOptions(options, ["signal"])) };
}

/** Reads a call to judge. INVALID_RECORD. */
export function readCallUnderPolicy(call: CallUnderPolicy): CallUnderPolicy {
  const named = readNamed(call, "call", ["policy", "tool", "sideEffect"]) as CallUnderPolicy;
  const { policy, tool, sideEffect } = named;
  return {
    policy: readKind(policy, "policy"),
    tool: readKind(tool, "tool"),
    ...(sideEffect !== undefined && { sideEffect: readKind(sideEffect, "sideEffect") }),
  };
}

function readCursor(value: unknown): string {
  if (typeof value !== "string" || !CURSOR_PATTERN.test(value))
    throw invalid("after", "the `next` of a page");
  return value;
}
