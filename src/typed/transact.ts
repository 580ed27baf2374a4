import { invalid } from "../contract/errors.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import { slotKey } from "../rules/slot-key.js";
import { raceAbort } from "../timing/cancellation.js";
import {
  readBoolean,
  readInteger,
  readNamed,
  readObject,
  readSignal,
  validateSlot,
} from "../validation/validate.js";
import { type Cell, readStore } from "./cell.js";
import {
  type AttemptOptions,
  type CommitOptions,
  commitTransaction,
  Overtaken,
  untilNotOvertaken,
} from "./compare-and-swap.js";
import { runExclusive } from "./mutex.js";
import { Transaction } from "./transaction.js";

/** The options of `transact`. */
export interface TransactOptions extends CallOptions {
  /** How often `work` is run at most while other writers are faster: 1 to 10,000. Default 100. */
  readonly attempts?: number;
  /**
   * The same call again cannot take effect twice, because it carries an event id of the caller's. An OUTCOME_UNKNOWN is
   * then `retryable`. Default false.
   */
  readonly repeatable?: boolean;
  /** The slot whose lock in this process the call holds: calls with the same `turn` run one after the other. */
  readonly turn?: Pick<Cell<unknown>, "identity" | "kind">;
}

/** What a transaction returned, once it is committed. */
export interface Transacted<R> {
  /** What its work returned. */
  readonly result: R;
  /** The store knew the caller's event ids: an earlier call made this commit. */
  readonly duplicate: boolean;
}

const OPTION_NAMES = ["signal", "attempts", "repeatable", "turn"];
const DEFAULT_ATTEMPTS = 100;

/**
 * Runs `work` and commits its writes if nothing that it read has changed: a compare-and-swap over up to 4,096 slots of one
 * tenant. If something changed, `work` runs again. So `work` must do nothing but read and write through the transaction.
 *
 * Reads of several slots may see different moments. The commit finds that out, also for work that writes nothing. If
 * `work` throws, nothing is committed, the reads are not checked, and the error is passed on.
 *
 * A commit whose answer was lost is sent again with the same event ids, so it takes effect once. UNAVAILABLE (`busy`)
 * when other writers were faster on every attempt. OUTCOME_UNKNOWN when no attempt got an answer, or when a commit of
 * nothing but deletes lost its answer. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { Collection, transact } from "groundstate/typed";
 *
 * const accounts = new Collection<number>(store, "account");
 * await transact(store, async (transaction) => {
 *   const [from, to] = [accounts.at(identity, "a"), accounts.at(identity, "b")];
 *   await transaction.set(from, ((await transaction.get(from)) ?? 0) - 5);
 *   await transaction.set(to, ((await transaction.get(to)) ?? 0) + 5);
 * });
 * ```
 */
export async function transact<R>(
  store: StateStore,
  work: (transaction: Transaction) => Promise<R>,
  options?: TransactOptions,
): Promise<R> {
  return (await transacted(store, work, options)).result;
}

/**
 * Like `transact`, but also returns whether an earlier call made the commit. After a refusal that `isOvertaken` accepts, the
 * work runs again.
 */
export async function transacted<R>(
  store: StateStore,
  work: (transaction: Transaction) => Promise<R>,
  options: TransactOptions = {},
  isOvertaken?: CommitOptions["isOvertaken"],
): Promise<Transacted<R>> {
  readNamed(options, "options", OPTION_NAMES);
  readStore(store);
  if (typeof work !== "function") throw invalid("work", "a function");
  const signal = readSignal(options);
  const repeatable = "repeatable" in options ? readBoolean(options.repeatable, "repeatable") : false;
  const lockKey = readLockKey(options);
  const attempts = readAttempts(options);
  const run = () =>
    compareAndSwap(store, work, { signal, attempts, repeatable, ...(isOvertaken && { isOvertaken }) });
  const { afterwards, ...made } = await (lockKey === undefined
    ? run()
    : runExclusive(store, lockKey, signal, run));
  // These may take the same lock.
  for (const next of afterwards) await next();
  return made;
}

/** Reads how often `work` is run at most. */
export function readAttempts(options: Pick<TransactOptions, "attempts">): number {
  return "attempts" in options ? readInteger(options.attempts, "attempts", 1, 10_000) : DEFAULT_ATTEMPTS;
}

function readLockKey(options: TransactOptions): string | undefined {
  if (!("turn" in options)) return undefined;
  const { identity, kind } = readObject(options.turn, "turn") as { identity?: unknown; kind?: unknown };
  return slotKey(validateSlot(identity, kind));
}

type RetryPolicy = AttemptOptions & Omit<CommitOptions, "signal">;

function compareAndSwap<R>(
  store: StateStore,
  work: (transaction: Transaction) => Promise<R>,
  policy: RetryPolicy,
): Promise<Transacted<R> & Pick<Transaction, "afterwards">> {
  const { signal } = policy;
  return untilNotOvertaken(policy, async () => {
    const transaction = new Transaction(store, signal);
    // After an abort `work` may still run, but its transaction is never committed.
    const result = await raceAbort(work(transaction), signal);
    const duplicate = await commitTransaction(store, transaction, policy);
    return duplicate instanceof Overtaken
      ? duplicate
      : { result, duplicate, afterwards: transaction.afterwards };
  });
}
