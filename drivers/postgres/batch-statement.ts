import type { ApplyOptions, Commit, Outcome } from "../../src/contract/driver.js";
import { isStateError, StateError } from "../../src/contract/errors.js";
import { verdictOf } from "../../src/rules/batch-verdict.js";
import { settlesWithin } from "../../src/timing/cancellation.js";
import { monotonicMs } from "../../src/timing/real-timers.js";
import { type Answer, type Outcomes, packCommits, unpackAnswer } from "./batch.js";
import { payloadOf } from "./change-groups.js";
import type { Row } from "./client.js";
import { DEADLINE, type Parameter } from "./connection.js";
import { failed, IdTaken, unknownOutcome } from "./errors.js";
import { OwnStatements } from "./own-statements.js";
import { QueueHeads } from "./queue-heads.js";
import { packRounds, type Rounds, roundsOf, unpackRounds } from "./rounds.js";
import { packSave, singleSave, unpackSave } from "./single-save.js";
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

/** Runs a statement as this tenant; as none if it is about no tenant's data alone. */
type Query = (
  text: string,
  parameters: readonly Parameter[],
  deadline: number | undefined,
  tenant: string | undefined,
) => Promise<readonly Row[]>;

export interface BatchOptions {
  /** Makes a statement notify of one parameter more; absent if the store does not notify. */
  readonly notifying?: ((text: string, parameters: number) => string) | undefined;
  /** Whether each statement sees and forgets the event ids of its own tenant alone. */
  readonly isolated?: boolean;
}

/** What begins the parameters of a batch: window, wait for session locks, lock timeout, deadline, head of the queue. */
type Common = readonly [Parameter, Parameter, Parameter, Parameter, Parameter];

/** The average number of writes per round from which rounds are faster than commit by commit. */
const MIN_PER_ROUND = 4;

/** What came of a statement, and what it may have met the locks of: `undefined` if that was no statement of this driver. */
interface Sent {
  readonly found: Outcomes;
  readonly behind: Promise<unknown> | undefined;
}

/** Sends batches: one statement each, most of the time. */
export class BatchStatement {
  readonly #query: Query;
  readonly #statements: Statements;
  readonly #options: BatchOptions;
  readonly #own = new OwnStatements();
  readonly #queueHeads = new QueueHeads();

  constructor(query: Query, statements: Statements, options: BatchOptions = {}) {
    this.#query = query;
    this.#statements = statements;
    this.#options = options;
  }

  /** The outcomes; `undefined` for a commit whose session another connection holds, unless that is a short statement of this driver. */
  async send(commits: readonly Commit[], options: ApplyOptions, lockWaits: LockWaits): Promise<Outcomes> {
    const until = options.deadline ?? monotonicMs();
    const outcomes = new Array<Outcome | undefined>(commits.length);
    let left = [...commits.keys()];
    for (let isFirst = true; ; isFirst = false) {
      const tried = left.map((index) => commits[index] as Commit);
      const sending = this.#sendBehindOwn(tried, options, lockWaits);
      const { found, behind } = await (isFirst
        ? sending
        : sending.catch((error) => notSentAgain(tried, error)));
      for (const [place, index] of left.entries()) outcomes[index] = found[place];
      left = left.filter((_, place) => found[place] === undefined);
      if (left.length === 0 || behind === undefined || !(await endsBefore(behind, until))) return outcomes;
    }
  }

  async #sendBehindOwn(
    commits: readonly Commit[],
    options: ApplyOptions,
    lockWaits: LockWaits,
  ): Promise<Sent> {
    const statement = this.#own.begin(commits);
    try {
      const found = await this.#sendSettlingIds(commits, options, lockWaits);
      return { found, behind: found.includes(undefined) ? statement.blockersEnd() : undefined };
    } finally {
      statement.end();
    }
  }

  async #sendSettlingIds(
    commits: readonly Commit[],
    options: ApplyOptions,
    lockWaits: LockWaits,
  ): Promise<Outcomes> {
    try {
      return await this.#send(commits, options, lockWaits);
    } catch (error) {
      if (!(error instanceof IdTaken)) throw error;
      // The sequence lags behind the ids in the table, as after a restore. Nothing was written.
      await this.#query(this.#statements.settleIds, [], options.deadline, undefined);
      return this.#send(commits, options, lockWaits);
    }
  }

  async #send(commits: readonly Commit[], options: ApplyOptions, lockWaits: LockWaits): Promise<Outcomes> {
    if (!lockWaits.careful) {
      const save = singleSave(commits);
      if (save !== undefined) {
        const [window, , rowsMs, deadline, queueHead] = this.#common(commits, options, lockWaits);
        const packed = packOrReject(() => packSave(save));
        const parameters: readonly Parameter[] = [window, rowsMs, deadline, queueHead, ...packed];
        const rows = await this.#write(this.#statements.applyOne, parameters, commits, options);
        const answer = unpackSave(rows);
        if (answer !== undefined) return this.#outcomesOf(commits, answer);
      }
      const rounds = packOrReject(() => roundsThatPay(commits));
      if (rounds !== undefined) {
        const packed = packOrReject(() => packRounds(commits, rounds));
        const parameters = [...this.#common(commits, options, lockWaits), ...packed];
        const rows = await this.#write(this.#statements.applyMany, parameters, commits, options);
        const answer = unpackRounds(rows, commits, rounds);
        if (answer !== undefined) return this.#outcomesOf(commits, answer);
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
    const parameters = [...this.#common(commits, options, lockWaits), careful, ...packed];
    const rows = await this.#write(this.#statements.apply, parameters, commits, options);
    return this.#outcomesOf(commits, unpackAnswer(rows, commits));
  }

  #common(commits: readonly Commit[], { window }: ApplyOptions, { sessionsMs, rowsMs }: LockWaits): Common {
    const head = this.#queueHeads.of(this.#queueOf(commits));
    return [String(window), String(sessionsMs), String(rowsMs), DEADLINE, head];
  }

  /** Runs the statement, which notifies of what it writes if the store does that. */
  #write(
    text: string,
    parameters: readonly Parameter[],
    commits: readonly Commit[],
    { deadline }: ApplyOptions,
  ): Promise<readonly Row[]> {
    const { notifying } = this.#options;
    const tenant = commits[0]?.tenant;
    const payload = notifying === undefined ? "" : payloadOf(commits);
    if (notifying === undefined || payload === "") return this.#query(text, parameters, deadline, tenant);
    return this.#query(notifying(text, parameters.length), [...parameters, payload], deadline, tenant);
  }

  #outcomesOf(commits: readonly Commit[], { outcomes, queueHead }: Answer): Outcomes {
    if (queueHead !== undefined) this.#queueHeads.set(this.#queueOf(commits), queueHead);
    return outcomes;
  }

  /** The expiry queue that these commits take from. */
  #queueOf(commits: readonly Commit[]): string {
    return this.#options.isolated ? (commits[0]?.tenant ?? "") : "";
  }
}

/** The error is of these commits alone: others of their batch were written before. Those that were not are as if locked still. */
function notSentAgain(commits: readonly Commit[], error: unknown): Sent {
  const verdict = verdictOf(error);
  const inDoubt = verdict === "unknown" || verdict === "unknown for good";
  const outcome = inDoubt ? failed(isStateError(error) ? error : unknownOutcome(error)) : undefined;
  return { found: commits.map(() => outcome), behind: undefined };
}

function endsBefore(work: Promise<unknown>, until: number): Promise<boolean> {
  const ms = until - monotonicMs();
  return ms <= 0 ? Promise.resolve(false) : settlesWithin(work, ms, undefined);
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

/** The rounds of a batch; `undefined` where rounds do not pay: few writes, many of one slot, or an erase. */
function roundsThatPay(commits: readonly Commit[]): Rounds | undefined {
  let count = 0;
  for (const { writes } of commits) {
    if (writes.some(({ op }) => op === "erase")) return undefined;
    count += writes.length;
  }
  if (count < MIN_PER_ROUND) return undefined;
  const rounds = roundsOf(commits);
  return count >= rounds.length * MIN_PER_ROUND ? rounds : undefined;
}
