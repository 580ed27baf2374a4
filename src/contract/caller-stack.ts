import { fileURLToPath } from "node:url";
import { type AnyStateError, isStateError, StateError } from "./errors.js";

let locations: readonly string[] | undefined;

/**
 * The folder of the package's own code, as a URL and as a path. A CommonJS bundle has no `import.meta.url`; every frame
 * then counts as the caller's.
 */
function ownLocations(): readonly string[] {
  const url: unknown = import.meta.url;
  if (typeof url !== "string") return [];
  const folder = new URL("..", url).href;
  return folder.startsWith("file:") ? [folder, fileURLToPath(folder)] : [folder];
}

/**
 * Adds the caller's frames to the stack of an error. A batch creates its error outside of every caller's stack, and shares
 * it among its callers, so each caller gets a copy. Call it in an async function that the caller awaits, after an `await`
 * in that function.
 */
export function withCallerStack(error: unknown): unknown {
  if (!isStateError(error)) return error;
  const frames = callersFrames();
  const [first] = frames;
  if (first === undefined || error.stack?.includes(locationOf(first))) return error;
  return withFrames(error, frames);
}

function withFrames(error: AnyStateError, frames: readonly string[]): StateError {
  const { code, message, details, retryable, cause } = error;
  const copy = new StateError(code, message, { details, retryable, cause });
  Object.defineProperty(copy, "stack", {
    value: `${error.stack}\n${frames.join("\n")}`,
    configurable: true,
    writable: true,
  });
  return copy;
}

function callersFrames(): readonly string[] {
  const lines =
    new StateError("UNAVAILABLE", "", { details: { reason: "refused" } }).stack?.split("\n") ?? [];
  const frames = lines.filter((line) => line.startsWith("    at "));
  const first = frames.findIndex((line) => !isOwnFrame(line));
  return first < 0 ? [] : frames.slice(first);
}

/** Frames without a position, such as `Promise.all`, stand between frames of the package, and count as its own. */
function isOwnFrame(line: string): boolean {
  locations ??= ownLocations();
  return locations.some((location) => line.includes(location)) || !/:\d+:\d+\)?$/.test(line);
}

/** The file, line and column of a frame. */
function locationOf(frame: string): string {
  return /\(([^()]*)\)$/.exec(frame)?.[1] ?? frame.replace(/^ +at (async )?/, "");
}
