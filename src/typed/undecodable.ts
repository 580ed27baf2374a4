import { describeType } from "../contract/describe-type.js";
import { isStateError } from "../contract/errors.js";
import { SchemaMismatch } from "./standard-schema.js";

/** Stored bytes do not decode. The message is this package's own and quotes nothing of them. */
export class Undecodable extends Error {}

/**
 * Makes the cause of a CORRUPT error safe to log. The errors of a caller's codec, upgrade or schema may quote the
 * payload, so only their type and stack frames are kept.
 */
export function redactedReason(error: unknown): Error {
  if (error instanceof Undecodable || error instanceof SchemaMismatch || isStateError(error)) return error;
  const reason = new Undecodable(`the codec threw ${describeType(error)}`);
  const frames = error instanceof Error ? framesOf(error) : "";
  if (frames !== "") reason.stack = `${reason.name}: ${reason.message}\n${frames}`;
  return reason;
}

/** The stack frames without the message. The stack begins with the message, which may itself look like stack frames. */
function framesOf({ stack = "", message }: Error): string {
  const start = stack.indexOf(message);
  if (start < 0) return "";
  const lines = stack.slice(start + message.length).split("\n");
  return lines.filter((line) => /^\s+at /.test(line)).join("\n");
}
