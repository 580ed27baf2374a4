import type { StateError } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import type { Retained } from "../typed/retaining/retained-data.js";

/** What went of one sort of data, or would have gone. */
export interface RetentionCounts {
  /** Payloads whose records stay. */
  readonly payloads: number;
  /** Records, each with everything that belongs to it. */
  readonly records: number;
  /** Payloads and records that are too old and stay, because their sessions are pinned. */
  readonly kept: number;
}

/** What came of `apply`. */
export interface RetentionReport extends RetentionCounts {
  /** Nothing was written: the counts say what would have gone. */
  readonly dryRun: boolean;
  /** The same counts of each sort, by its name. */
  readonly sorts: Readonly<Record<string, RetentionCounts>>;
  /** Where the next call goes on, for `after`; absent: everything was looked at. */
  readonly next?: string;
  /** The first damage that was met. What is damaged stays, and everything else went. */
  readonly damage?: StateError<"CORRUPT">;
}

/** How a policy is applied. */
export interface ApplyRetentionOptions extends CallOptions {
  /** Counts what would go, and writes nothing. Default false. */
  readonly dryRun?: boolean;
  /** How many payloads and records go at most in this call: 1 to 1,000,000,000. Absent: all that are too old. */
  readonly limit?: number | undefined;
  /** The `next` of the call before. Absent or `undefined`: from the beginning. */
  readonly after?: string | undefined;
  /** Called after each piece of up to 500 payloads and records, with the report so far. */
  readonly onProgress?: (report: RetentionReport) => void;
}

const NONE: RetentionCounts = { payloads: 0, records: 0, kept: 0 };

/** Adds up the counts of pieces. */
export class ReportSoFar {
  readonly #sorts: Record<string, RetentionCounts> = {};
  readonly #dryRun: boolean;
  #damage: StateError<"CORRUPT"> | undefined;

  constructor(dryRun: boolean) {
    this.#dryRun = dryRun;
  }

  add(sort: string, { damage, ...piece }: Retained): void {
    this.#sorts[sort] = sum([this.#sorts[sort] ?? NONE, piece]);
    this.#damage ??= damage;
  }

  report(next?: string): RetentionReport {
    return {
      ...sum(Object.values(this.#sorts)),
      dryRun: this.#dryRun,
      sorts: { ...this.#sorts },
      ...(next !== undefined && { next }),
      ...(this.#damage && { damage: this.#damage }),
    };
  }
}

function sum(all: readonly RetentionCounts[]): RetentionCounts {
  const total = (of: keyof RetentionCounts) => all.reduce((before, counts) => before + counts[of], 0);
  return { payloads: total("payloads"), records: total("records"), kept: total("kept") };
}
