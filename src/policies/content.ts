import { invalid } from "../contract/errors.js";
import { readBudget } from "../runs/budget.js";
import { type InputReader, PLAIN_READER } from "../typed/input-reader.js";
import type { JsonValue } from "../typed/json-value.js";
import { readNamed, readObject } from "../validation/validate.js";
import { readKind } from "../validation/validate-text.js";
import type { AllowedTools, ApprovalRule, NewPolicy, PolicyContent } from "./policy.js";

const MAX_ENTRIES = 1_000;
const MAX_METADATA_BYTES = 64 * 1024;

/** Reads what a policy says, from a caller, a record or a policy that was read. INVALID_RECORD. */
export function readContent(given: Partial<NewPolicy>, inputs: InputReader = PLAIN_READER): PolicyContent {
  return {
    tools: readTools(given.tools),
    approvals: "approvals" in given ? readRules(given.approvals) : [],
    ...("budget" in given && { budget: readBudget(given.budget, "budget") }),
    metadata: "metadata" in given ? readMetadata(given.metadata, inputs) : {},
  };
}

function readTools(value: unknown): AllowedTools {
  if (value === "any") return "any";
  return readList(value, "tools", (tool) => readKind(tool, "tools"), "a list of tools, or any");
}

function readRules(value: unknown): readonly ApprovalRule[] {
  return readList(value, "approvals", readRule, "a list of rules");
}

function readRule(value: unknown): ApprovalRule {
  const given = readNamed(value, "approvals", ["tool", "sideEffect"]) as ApprovalRule;
  if (!("tool" in given) && !("sideEffect" in given))
    throw invalid("approvals", "rules with a tool or a sideEffect");
  return {
    ...("tool" in given && { tool: readKind(given.tool, "tool") }),
    ...("sideEffect" in given && { sideEffect: readKind(given.sideEffect, "sideEffect") }),
  };
}

function readMetadata(value: unknown, inputs: InputReader): Readonly<Record<string, JsonValue>> {
  if (Array.isArray(value)) throw invalid("metadata", "an object");
  const copy = inputs.json(readObject(value, "metadata"), "metadata");
  if (Buffer.byteLength(JSON.stringify(copy)) > MAX_METADATA_BYTES)
    throw invalid("metadata", `at most ${MAX_METADATA_BYTES} bytes of JSON`);
  return copy as Readonly<Record<string, JsonValue>>;
}

function readList<T>(value: unknown, field: string, read: (each: unknown) => T, what: string): readonly T[] {
  if (!Array.isArray(value) || value.length > MAX_ENTRIES)
    throw invalid(field, `${what}, at most ${MAX_ENTRIES}`);
  return Array.from(value, read);
}
