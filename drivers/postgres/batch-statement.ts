import type { ApplyOptions, Commit, Outcome } from "../../src/contract/driver.js";
import { StateError } from "../../src/contract/errors.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { packCommits, packRounds, roundsOf, unpackAnswer } from "./batch.js";
import type { Row } from "./client.js";
import { DEADLINE, type Parameter } from "./connection.js";
import { IdTaken } from "./errors.js";
import type { Statements } from "./statements.js";

/** How long a batch waits for locks of other connections. */
export interface LockWaits {
  /** For all session locks together, in milliseconds. */
  readonly sessionsMs: number;
  /** For each other lock, in milliseconds. */
  readonly rowsMs: number;
  /** Whether to look for locked rows before writing, which costs a lock of each row. */
  readonly careful: boolean;
}

/** One per commit; `undefined` when another connection holds a lock of its session, and nothing was done. */
export type Outcomes = readonly (Outcome | undefined)[];

type Query = (
  text: string,
  parameters: readonly Parameter[],
  deadline: number | undefined,
) => Promise<readonly Row[]>;

/** The average number of commits per round from which rounds are faster than commit by commit. */
const MIN_PER_ROUND = 4;

/** How long the remembered head of the expiry queue is used: a long transaction may commit rows before it later. */
const QUEUE_HEAD_MS = 600_000;

/** A time before every event's. */
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
      // The sequence lags behind the ids in the table, as after a restore. Nothing was written.
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
        // A session is locked, and the statement has waited for it already.
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

/** Rejects commits that cannot be packed. They were not sent, so the outcome of the batch's other commits is not unknown. */
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

/** The parameters for rounds; `undefined` where rounds do not pay: few commits, many of one slot, or an erase. */
function packedInRounds(commits: readonly Commit[]): readonly Parameter[] | undefined {
  if (!commits.every(({ writes }) => writes.length === 1 && writes[0]?.op !== "erase")) return undefined;
  const rounds = roundsOf(commits);
  return commits.length >= rounds.length * MIN_PER_ROUND ? packRounds(commits, rounds) : undefined;
}
