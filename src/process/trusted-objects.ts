import { processState } from "./process-state.js";

/** Whether this very object comes from the package itself: an identity, or the key of a damaged record. */
export function isTrusted(object: object): boolean {
  return processState.identities.has(object);
}

/** Freezes an object that the package has made, and marks it as trusted. */
export function trust<T extends object>(object: T): T {
  processState.identities.add(Object.freeze(object));
  return object;
}
