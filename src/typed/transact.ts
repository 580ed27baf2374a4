import { invalid, isStateError, StateError } from "../contract/errors.js";
import type { CallOptions, StateStore } from "../contract/store.js";
import { slotKey } from "../rules/slot-key.js";
import { jitteredPause } from "../timing/backoff.js";
import {
  readBoolean,
  readInteger,
  readNamed,
  readObject,
  readSignal,
  validateSlot,
} from "../validation/validate.js";
import { type Cell, readStore } from "./cell.js";
import { commitWithRetries, pause } from "./commit-with-retries.js";
import { runExclusive } from "./mutex.js";
import { Transaction } from "./transaction.js";
import { unlessAborted } from "./unless-aborted.js";

/** How `transact` tries. */
export interface TransactOptions extends CallOptions {
  /** Tries in all while others are faster: 1 to 10,000. Default 100. */
  readonly attempts?: number;
  /**
   * Making the same call again cannot do its work twice, because it has an id of the caller's: then an OUTCOME_UNKNOWN
   * is `retryable`. Default false.
   */
  readonly repeatable?: boolean;
  /** What callers of this process compete for: they go one by one. */
  readonly turn?: Pick<Cell<unknown>, "identity" | "kind">;
}

export interface Transacted<R> {
  readonly result: R;
  /** The commit had happened before: a replay, known by the caller's event ids. */
  readonly duplicate: boolean;
}

const BACKOFF = { baseMs: 2, mostMs: 100, random: Math.random };
const NAMES = ["signal", "attempts", "repeatable", "turn"];

/**
 * Runs `work` until what it wrote took effect on exactly what it read: a compare-and-swap over any number of slots of
 * one tenant, 256 at most. `work` may run several times and must do nothing but read and write through the transaction.
 *
 * What it reads of several slots may be of different moments; that is found out when it commits, also where it writes
 * nothing. What it throws is thrown as it is, without that.
 *
 * A commit whose answer was lost is sent again as it is, so it happens once. UNAVAILABLE (`busy`) when others were
 * faster each time, OUTCOME_UNKNOWN when no answer came to the last, or the lost one was to a commit of nothing but
 * deletes; an abort rejects with the signal's reason.
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

/** `transact`, and whether its commit had happened before. */
export async function transacted<R>(
  store: StateStore,
  work: (transaction: Transaction) => Promise<R>,
  options: TransactOptions = {},
): Promise<Transacted<R>> {
  readNamed(options, "options", NAMES);
  readStore(store);
  if (typeof work !== "function") throw invalid("work", "a function");
  const signal = readSignal(options);
  const repeatable = "repeatable" in options ? readBoolean(options.repeatable, "repeatable") : false;
  const turn = readTurn(options);
  const attempts = "attempts" in options ? readInteger(options.attempts, "attempts", 1, 10_000) : 100;
  const run = () => compareAndSwap(store, work, { signal, attempts, repeatable });
  return turn === undefined ? run() : runExclusive(store, turn, signal, run);
}

function readTurn(options: TransactOptions): string | undefined {
  if (!("turn" in options)) return undefined;
  const { identity, kind } = readObject(options.turn, "turn") as { identity?: unknown; kind?: unknown };
  return slotKey(validateSlot(identity, kind));
}

interface Rules {
  readonly signal: AbortSignal | undefined;
  readonly attempts: number;
  readonly repeatable: boolean;
}

async function compareAndSwap<R>(
  store: StateStore,
  work: (transaction: Transaction) => Promise<R>,
  rules: Rules,
): Promise<Transacted<R>> {
  const { signal, attempts } = rules;
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    const transaction = new Transaction(store, signal);
    // What goes on after an abort changes nothing: its transaction is never committed.
    const result = await unlessAborted(work(transaction), signal);
    const changes = await transaction.changes();
    if (changes.length === 0) return { result, duplicate: false };
    try {
      const { duplicate } = await commitWithRetries(store, changes, rules);
      return { result, duplicate };
    } catch (error) {
      if (!isStateError(error, "CONDITION_FAILED") || (await transaction.demanded(error.details)))
        throw error;
      if (tries === attempts) throw busy(attempts, error);
    }
    await pause(jitteredPause(tries, BACKOFF), signal);
  }
}

function busy(attempts: number, cause: StateError): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", `others were faster ${attempts} times; nothing was written`, {
    details: { reason: "busy" },
    cause,
  });
}
