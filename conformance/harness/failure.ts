import { AssertionError } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { firstDifference } from "../assertions/first-difference.js";

/** An error as plain data, with what caused it. Bounded, however long its messages and its chain are. */
export interface Failure {
  /** With the error's name and code in front, where they say more than the message does. */
  readonly message: string;
  /** Where it was thrown, shortened. */
  readonly stack?: string;
  /** The error behind it. */
  readonly cause?: Failure;
}

const MOST_CHARACTERS = 2_000;
const MOST_CAUSES = 6;
const MOST_FRAMES = 10;
const PRINTED_FRAMES = 4;

export function failureOf(error: unknown, depth = 0): Failure {
  if (!(error instanceof Error)) return { message: clip(inspect(error, { depth: 1 })) };
  const { stack } = error;
  const cause = causeOf(error);
  return {
    message: clip(titleOf(error)),
    ...(typeof stack === "string" ? { stack: boundedStack(stack) } : {}),
    ...(cause === undefined || depth === MOST_CAUSES ? {} : { cause: failureOf(cause, depth + 1) }),
  };
}

/** An error that says the same, in another process. */
export function errorOf({ message, stack, cause }: Failure): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause: errorOf(cause) });
  if (stack !== undefined) error.stack = stack;
  return error;
}

/** The messages from the outermost to the innermost, and where in the driver author's code that one was thrown. */
export function failureLines(failure: Failure): string[] {
  const lines = failure.message.split("\n");
  let innermost = failure;
  while (innermost.cause !== undefined) {
    innermost = innermost.cause;
    lines.push(...`caused by: ${innermost.message}`.split("\n"));
  }
  return [...lines, ...authorsFrames(innermost.stack ?? "")];
}

/** An AggregateError (of a connection that was tried at several addresses) has its causes beside it. */
function causeOf(error: Error): unknown {
  if (error.cause !== undefined) return error.cause;
  return error instanceof AggregateError ? error.errors[0] : undefined;
}

function titleOf(error: Error): string {
  if (error instanceof AssertionError) return assertionTitle(error);
  const { code } = error as { code?: unknown };
  const isPlain = error.name === "Error" && code === undefined;
  return isPlain ? error.message : `${error.name}${code === undefined ? "" : ` ${code}`}: ${error.message}`;
}

/** Two values side by side would fill pages: where they differ first says enough. */
function assertionTitle({ message, generatedMessage, actual, expected, operator }: AssertionError): string {
  if (actual === undefined && expected === undefined) return message;
  // Of `assert.ok` and of comparisons with words that say it all.
  if (operator === "==" || typeof expected === "boolean") return message;
  const difference = firstDifference(actual, expected);
  if (difference === undefined) return message;
  return generatedMessage ? difference : `${message}: ${difference}`;
}

function clip(given: string): string {
  const text = given.trimEnd();
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)} …`;
}

function boundedStack(stack: string): string {
  const lines = stack.split("\n");
  const first = lines.findIndex(isFrame);
  if (first === -1) return clip(stack);
  const frames = lines.slice(first).filter(isFrame).slice(0, MOST_FRAMES);
  return [clip(lines.slice(0, first).join("\n")), ...frames.map(clip)].join("\n");
}

/** Nothing, when the error came from a check of the suite or from the floor: they say in words what is wrong. */
function authorsFrames(stack: string): string[] {
  return stack
    .split("\n")
    .filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line) && !OTHERS.some((place) => line.includes(place)))
    .slice(0, PRINTED_FRAMES)
    .map((frame) => `    ${frame.trim()}`);
}

const FLOOR = ["../", "../../src/"].map((folder) => new URL(folder, import.meta.url));
const OTHERS = ["node:", ...FLOOR.flatMap((url) => [url.href, fileURLToPath(url)])];

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}
