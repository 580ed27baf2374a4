import { processState } from "./process-state.js";

/** Whether the floor itself made or handed out this very object: an identity, or the place of a damaged record. */
export function isTrusted(made: object): boolean {
  return processState.identities.has(made);
}

/** Freezes what the floor made, and knows it again. */
export function trust<T extends object>(made: T): T {
  processState.identities.add(Object.freeze(made));
  return made;
}
