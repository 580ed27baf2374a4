import { describeType } from "../contract/describe-type.js";
import { isStateError } from "../contract/errors.js";
import { SchemaMismatch } from "./standard-schema.js";

/** What the floor itself finds wrong with stored bytes, in words that show nothing of them. */
export class Undecodable extends Error {}

/**
 * The reason why a record does not decode, as far as it can be shown. A codec, an upgrade or a schema of the caller's may
 * quote what was stored, so of their errors only the kind and the place in the program are.
 */
export function shownReason(error: unknown): Error {
  if (error instanceof Undecodable || error instanceof SchemaMismatch || isStateError(error)) return error;
  const reason = new Undecodable(`the codec threw ${describeType(error)}`);
  const frames = error instanceof Error ? framesOf(error) : "";
  if (frames !== "") reason.stack = `${reason.name}: ${reason.message}\n${frames}`;
  return reason;
}

/** The stack begins with the message, and a message may look like a stack. */
function framesOf({ stack = "", message }: Error): string {
  const start = stack.indexOf(message);
  if (start < 0) return "";
  const lines = stack.slice(start + message.length).split("\n");
  return lines.filter((line) => /^\s+at /.test(line)).join("\n");
}
