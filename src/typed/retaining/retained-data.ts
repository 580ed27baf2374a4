import type { StateError } from "../../contract/errors.js";
import type { CallOptions, MaintenanceScope, SessionIdentity } from "../../contract/store.js";

/** Up to which time data of one sort goes. In milliseconds since 1970, exclusive; absent: none goes. */
export interface RetentionCutoffs {
  /** The payloads of what ended, or was changed last, before this time. What is known about them stays. */
  readonly payloads?: number;
  /** Everything that is stored of what ended, or was changed last, before this time. */
  readonly records?: number;
}

/** What one call of `retain` does. */
export interface RetainOptions extends CallOptions {
  /** What is too old. */
  readonly before: RetentionCutoffs;
  /** Nothing is written: what would go is counted. */
  readonly dryRun: boolean;
  /** How much goes at most, payloads and records together: 1 to 10,000. */
  readonly limit: number;
  /** The `next` of the piece before. */
  readonly after?: string | undefined;
  /** Whether everything of a session stays. Ask before anything of a session goes. */
  readonly isKept: (session: SessionIdentity) => Promise<boolean>;
}

/** What came of one call of `retain`. */
export interface Retained {
  /** How many payloads went, or would have gone. */
  readonly payloads: number;
  /** How many records went, or would have gone, each with everything that belongs to it. */
  readonly records: number;
  /** How many payloads and records stayed because their session keeps everything. */
  readonly kept: number;
  /** Where the next call goes on; absent: everything was looked at. */
  readonly next?: string;
  /** The first damage that was passed over. */
  readonly damage?: StateError<"CORRUPT"> | undefined;
}

/** Data of one sort, as far as it has an age. `retention.apply` goes over all sorts that it knows. */
export interface RetainedData {
  /**
   * Removes a bounded piece of what is too old in a scope: the oldest first, each payload or record in a commit that leaves the
   * data consistent. After an interruption, the same call goes on. What is damaged is passed over.
   */
  retain?(scope: MaintenanceScope, options: RetainOptions): Promise<Retained>;
  /** Whether everything of a session stays, as that of a pinned one does. */
  isKept?(session: SessionIdentity, options: CallOptions): Promise<boolean>;
}
