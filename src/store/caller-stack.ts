import { fileURLToPath } from "node:url";
import { type AnyStateError, isStateError, StateError } from "../contract/errors.js";

let own: readonly string[] | undefined;

/**
 * Where the package's own code lies, as a URL and as a path. A bundle of CommonJS has no `import.meta.url`, and then every
 * frame counts as the caller's.
 */
function ownPlaces(): readonly string[] {
  const url: unknown = import.meta.url;
  if (typeof url !== "string") return [];
  const folder = new URL("..", url).href;
  return folder.startsWith("file:") ? [folder, fileURLToPath(folder)] : [folder];
}

/**
 * The error that a call rejects with, its stack down to whoever made the call. What a batch or a read brings is made where
 * nobody waits, and is one error for all whose call was in it: each gets one of its own. To be called in an async
 * function that the caller awaits, after it has waited.
 */
export function atCaller(error: unknown): unknown {
  if (!isStateError(error)) return error;
  const frames = callersFrames();
  const [first] = frames;
  if (first === undefined || error.stack?.includes(placeOf(first))) return error;
  return withFrames(error, frames);
}

function withFrames(error: AnyStateError, frames: readonly string[]): StateError {
  const { code, message, details, retryable, cause } = error;
  const own = new StateError(code, message, { details, retryable, cause });
  Object.defineProperty(own, "stack", {
    value: `${error.stack}\n${frames.join("\n")}`,
    configurable: true,
    writable: true,
  });
  return own;
}

function callersFrames(): readonly string[] {
  const lines =
    new StateError("UNAVAILABLE", "", { details: { reason: "refused" } }).stack?.split("\n") ?? [];
  const frames = lines.filter((line) => line.startsWith("    at "));
  const first = frames.findIndex((line) => !isOwn(line));
  return first < 0 ? [] : frames.slice(first);
}

/** Also what stands between two frames of the package, as `Promise.all` does. */
function isOwn(line: string): boolean {
  own ??= ownPlaces();
  return own.some((place) => line.includes(place)) || !/:\d+:\d+\)?$/.test(line);
}

/** File, line and column. */
function placeOf(frame: string): string {
  return /\(([^()]*)\)$/.exec(frame)?.[1] ?? frame.replace(/^ +at (async )?/, "");
}
