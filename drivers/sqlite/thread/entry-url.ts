import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setupError } from "../errors.js";
import { BUNDLE_ADVICE, ownUrl } from "../own-url.js";

const MODULE = "thread/writer-entry.js";

/** The URL of the worker thread's module. UNAVAILABLE when it is missing because this code was bundled. */
export function entryUrl(): string {
  const base = ownUrl();
  const url = base === undefined ? undefined : new URL(MODULE, base);
  if (url !== undefined && existsSync(fileURLToPath(url))) return url.href;
  throw setupError(
    `the module of the thread that writes (${MODULE}) is not beside this code, which has probably been bundled: ${BUNDLE_ADVICE}; thread: "inline" does without a thread`,
  );
}
