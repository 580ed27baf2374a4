import { readKind } from "../validation/validate-text.js";
import { readContent } from "./content.js";
import type { ApprovalRule, Policy, PolicyContent } from "./policy.js";

/** The call of a tool that is to be judged. */
export interface JudgedCall {
  /** The tool. */
  readonly tool: string;
  /**
   * What it does outside, in the caller's words. Absent or `undefined`: it may do anything, so each rule on a side effect
   * matches.
   */
  readonly sideEffect?: string | undefined;
}

/** Whether a call may be made: now, once a person has consented, or not at all. */
export type Verdict = "allow" | "approve" | "forbid";

/**
 * - `allowed`: the policy names the tool, and no rule asks for consent.
 * - `granted`: a rule asks for consent, which was given for good.
 * - `rule`: a rule asks for consent.
 * - `not listed`: the policy does not name the tool.
 * - `no policy`: there is none.
 * - `damaged`: the policy or the call is not what it should be.
 */
export type VerdictReason = "allowed" | "granted" | "rule" | "not listed" | "no policy" | "damaged";

/** A verdict, and why. */
export interface Judgement {
  /** What may happen. */
  readonly verdict: Verdict;
  /** Why. */
  readonly because: VerdictReason;
  /** The first rule that asks for consent. */
  readonly rule?: ApprovalRule;
}

/**
 * Judges a call by a policy, without the store. What is missing or damaged forbids; nothing throws. `isGranted`: a person has
 * allowed the tool for good, so rules do not ask again. A tool that is not listed stays forbidden.
 *
 * @example
 * ```ts
 * import { evaluate } from "groundstate/policies";
 *
 * const policy = await policies.find({ tenant: "acme" }, "careful");
 * const { verdict, because } = evaluate(policy, { tool: "files.delete", sideEffect: "write.disk" });
 * console.log(verdict, because);
 * ```
 */
export function evaluate(
  policy: Pick<Policy, "tools" | "approvals"> | undefined,
  call: JudgedCall,
  isGranted = false,
): Judgement {
  if (policy === undefined || policy === null) return { verdict: "forbid", because: "no policy" };
  const content = readQuietly(() => readRules(policy));
  const judged = readQuietly(() => readCall(call));
  if (content === undefined || judged === undefined) return { verdict: "forbid", because: "damaged" };
  const { tools, approvals } = content;
  if (tools !== "any" && !tools.includes(judged.tool)) return { verdict: "forbid", because: "not listed" };
  const rule = approvals.find((each) => matches(each, judged));
  if (rule === undefined) return { verdict: "allow", because: "allowed" };
  return isGranted === true
    ? { verdict: "allow", because: "granted", rule }
    : { verdict: "approve", because: "rule", rule };
}

/** A policy without a list of rules is damaged: what was lost may have asked for consent. */
function readRules({
  tools,
  approvals,
}: Pick<Policy, "tools" | "approvals">): Pick<PolicyContent, "tools" | "approvals"> {
  return readContent({ tools, approvals });
}

/** Reads each field once: one that answers differently the second time must not be judged by the first. */
function readCall(call: JudgedCall): JudgedCall {
  const { tool, sideEffect } = call;
  return {
    tool: readKind(tool, "tool"),
    ...(sideEffect !== undefined && { sideEffect: readKind(sideEffect, "sideEffect") }),
  };
}

function readQuietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function matches({ tool, sideEffect }: ApprovalRule, call: JudgedCall): boolean {
  if (tool !== undefined && tool !== call.tool) return false;
  return (
    sideEffect === undefined || call.sideEffect === undefined || matchesGlob(sideEffect, call.sideEffect)
  );
}

/** Each `*` stands for any text. In time that grows with the lengths alone: a pattern must not hold the event loop. */
export function matchesGlob(pattern: string, text: string): boolean {
  const pieces = pattern.split("*");
  const first = pieces[0] as string;
  if (pieces.length === 1) return text === first;
  const last = pieces.at(-1) as string;
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false;
  let from = first.length;
  const end = text.length - last.length;
  for (const piece of pieces.slice(1, -1)) {
    const at = text.indexOf(piece, from);
    if (at < 0 || at + piece.length > end) return false;
    from = at + piece.length;
  }
  return true;
}
