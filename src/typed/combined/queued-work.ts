import type { CombinedWork } from "./combined-work.js";

/** Work that waits for a commit, with its caller. */
export interface QueuedWork<C> {
  readonly work: CombinedWork<C, unknown>;
  readonly signal: AbortSignal | undefined;
  /** It belongs to a commit that is under way. */
  isTaken: boolean;
  resolve(answer: unknown): void;
  reject(reason: unknown): void;
  /** Stops listening to the signal. */
  readonly release: (() => void) | undefined;
}
