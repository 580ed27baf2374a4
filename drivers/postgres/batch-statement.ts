import type { ApplyOptions, Commit, Outcome } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { packCommits, packRounds, roundsOf, unpackAnswer } from "./batch.js";
import type { Row } from "./client.js";
import { DEADLINE, type Parameter } from "./connection.js";
import { IdTaken } from "./errors.js";
import type { Statements } from "./statements.js";

/** How much a batch may wait for what others hold. */
export interface LockWaits {
  /** For locks of sessions, in all, in milliseconds. */
  readonly sessionsMs: number;
  /** For any other lock, in milliseconds. */
  readonly rowsMs: number;
  /** Looks for locked rows before it comes to them, which costs a lock of each. */
  readonly careful: boolean;
}

/** One per commit; `undefined` of one whose session somebody else holds, of which nothing was done. */
export type Outcomes = readonly (Outcome | undefined)[];

type Query = (
  text: string,
  parameters: readonly Parameter[],
  deadline: number | undefined,
) => Promise<readonly Row[]>;

/** How many commits a round must have on average; with fewer, commit by commit takes less time. */
const MIN_PER_ROUND = 4;

/** How long what is remembered of the line is trusted: a transaction that outlasted the window may stand before it. */
const QUEUE_HEAD_MS = 600_000;

/** Before every event. */
const QUEUE_START = "-9223372036854775808";

/** Sends batches: one statement each, most of the time. */
export class BatchStatement {
  readonly #query: Query;
  readonly #statements: Statements;
  #queueHead = QUEUE_START;
  #queueHeadUntil = 0;

  constructor(query: Query, statements: Statements) {
    this.#query = query;
    this.#statements = statements;
  }

  async send(commits: readonly Commit[], options: ApplyOptions, lockWaits: LockWaits): Promise<Outcomes> {
    try {
      return await this.#send(commits, options, lockWaits);
    } catch (error) {
      if (!(error instanceof IdTaken)) throw error;
      // The sequence of ids was left behind; nothing was written.
      await this.#query(this.#statements.settleIds, [], options.deadline);
      return this.#send(commits, options, lockWaits);
    }
  }

  async #send(commits: readonly Commit[], options: ApplyOptions, lockWaits: LockWaits): Promise<Outcomes> {
    if (!lockWaits.careful) {
      const packed = packOrReject(() => packedInRounds(commits));
      if (packed !== undefined) {
        const parameters = [...this.#common(options, lockWaits), ...packed];
        const outcomes = this.#unpack(
          await this.#query(this.#statements.applyMany, parameters, options.deadline),
          commits,
        );
        if (outcomes !== undefined) return outcomes;
        // It has waited for the session that is locked.
        return this.#sendOneByOne(commits, options, { ...lockWaits, sessionsMs: 0 });
      }
    }
    return this.#sendOneByOne(commits, options, lockWaits);
  }

  async #sendOneByOne(
    commits: readonly Commit[],
    options: ApplyOptions,
    lockWaits: LockWaits,
  ): Promise<Outcomes> {
    const packed = packOrReject(() => packCommits(commits));
    const careful = lockWaits.careful ? "1" : "0";
    const parameters = [...this.#common(options, lockWaits), careful, ...packed];
    return this.#unpack(
      await this.#query(this.#statements.apply, parameters, options.deadline),
      commits,
    ) as Outcomes;
  }

  #common({ window }: ApplyOptions, { sessionsMs, rowsMs }: LockWaits): readonly Parameter[] {
    const queueHead = monotonicMs() < this.#queueHeadUntil ? this.#queueHead : QUEUE_START;
    return [String(window), String(sessionsMs), String(rowsMs), DEADLINE, queueHead];
  }

  #unpack(rows: readonly Row[], commits: readonly Commit[]): Outcomes | undefined {
    const answer = unpackAnswer(rows, commits);
    if (answer?.queueHead !== undefined) {
      const now = monotonicMs();
      if (now >= this.#queueHeadUntil) this.#queueHeadUntil = now + QUEUE_HEAD_MS;
      this.#queueHead = answer.queueHead;
    }
    return answer?.outcomes;
  }
}

/** What cannot be packed was not sent: it must not leave its neighbours of the batch in doubt. */
export function packOrReject<T>(pack: () => T): T {
  try {
    return pack();
  } catch (cause) {
    const details = { field: "commits", rule: "made of text, numbers and bytes" };
    throw new StateError("INVALID_RECORD", "a commit is not of the form the store gives it", {
      details,
      cause,
    });
  }
}

/** Where that pays: not for a few commits, nor for many of one slot, nor where one erases. */
function packedInRounds(commits: readonly Commit[]): readonly Parameter[] | undefined {
  if (!commits.every(({ writes }) => writes.length === 1 && writes[0]?.op !== "erase")) return undefined;
  const rounds = roundsOf(commits);
  return commits.length >= rounds.length * MIN_PER_ROUND ? packRounds(commits, rounds) : undefined;
}
