import { AsyncLocalStorage } from "node:async_hooks";
import { invalid, isStateError } from "../../contract/errors.js";
import type { CallOptions, StateStore } from "../../contract/store.js";
import { raceAbort } from "../../timing/cancellation.js";
import { readNamed, readSignal } from "../../validation/validate.js";
import { readStore } from "../cell.js";
import {
  type CommitOptions,
  commitTransaction,
  Overtaken,
  untilNotOvertaken,
  whileIdsConflict,
} from "../compare-and-swap.js";
import { runExclusive, runTakingTurn, type TakeTurn } from "../mutex.js";
import { readAttempts, type TransactOptions } from "../transact.js";
import type { Transaction } from "../transaction.js";
import { Unit } from "./unit.js";

/** The options of `together`. */
export interface TogetherOptions extends CallOptions, Pick<TransactOptions, "attempts"> {}

/** The unit that the running code belongs to. */
const underWay = new AsyncLocalStorage<Unit>();

/**
 * Runs `work` and makes one commit of the calls that it makes through `in(unit)` of the wrappers:
 * either all of them took effect or none, whatever process was faster. Each call sees what the calls before it wrote.
 *
 * `work` runs again when another writer was faster, so it must do nothing but make these calls and await each of them. If it
 * throws, nothing is written. A call that rejects has written nothing: `work` may catch the error and go on.
 *
 * With ids of the caller's a unit happens once, also after a lost answer: send the same unit again, in this process or
 * another. Each call whose id took effect before, in a unit or alone, answers as it did then and writes nothing; calls that
 * did not take effect yet do so now.
 *
 * All calls are of one tenant and of wrappers on this very store (INVALID_RECORD), with up to 4,096 changes and conditions in
 * all. UNAVAILABLE (`busy`) when other writers were faster on every attempt. OUTCOME_UNKNOWN when no attempt got an answer;
 * it is `retryable` if every call carries an id. An abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { together } from "groundstate/typed";
 *
 * await together(store, async (unit) => {
 *   await sessions.in(unit).append(session, { id: "step-1", value: { role: "assistant", text: "Done." } });
 *   await ledger.in(unit).record(session, { eventId: "step-1", provider: "p", model: "m", cost: "0.01" });
 * });
 * ```
 */
export async function together<R>(
  store: StateStore,
  work: (unit: Unit) => R | Promise<R>,
  options: TogetherOptions = {},
): Promise<R> {
  readNamed(options, "options", ["signal", "attempts"]);
  readStore(store);
  if (typeof work !== "function") throw invalid("work", "a function");
  const signal = readSignal(options);
  const attempts = readAttempts(options);
  refuseInsideUnit();
  let turns: readonly string[] = [];
  const isOvertaken = whileIdsConflict();
  const { result, afterwards } = await untilNotOvertaken({ signal, attempts }, () =>
    holdingAll(store, turns, signal, async (takeTurn) => {
      const unit = new Unit(store, signal, takeTurn);
      let isCommitted = false;
      try {
        const made = await attempt(store, unit, work, { signal, isOvertaken });
        isCommitted = !(made instanceof Overtaken);
        return made;
      } finally {
        unit.close();
        turns = unit.turns;
        if (!isCommitted) await unit.discard();
      }
    }),
  );
  // The unit took effect, whatever becomes of this.
  for (const next of afterwards) await next().catch(() => {});
  return result;
}

/** Refuses to begin another unit in the work of one. Whoever does work of his own before `together` asks this first. */
export function refuseInsideUnit(): void {
  if (underWay.getStore()?.isOver === false) throw invalid("work", "free of another `together`");
}

async function attempt<R>(
  store: StateStore,
  unit: Unit,
  work: (unit: Unit) => R | Promise<R>,
  options: Omit<CommitOptions, "repeatable">,
): Promise<{ readonly result: R; readonly afterwards: Transaction["afterwards"] } | Overtaken> {
  const { signal } = options;
  let result: R;
  try {
    const made = underWay.run(unit, async () => work(unit));
    result = await raceAbort(made, signal);
    unit.requireIdle();
    unit.transaction.refuseOwedRepeats();
  } catch (error) {
    signal?.throwIfAborted();
    const overtaken = await findOvertaken(store, unit.transaction, signal);
    if (overtaken !== undefined) return overtaken;
    throw error;
  }
  unit.close();
  const { transaction, repeatable } = unit;
  const committed = await commitTransaction(store, transaction, { ...options, repeatable });
  return committed instanceof Overtaken ? committed : { result, afterwards: transaction.afterwards };
}

/**
 * Whether work that failed had read slots at different moments: a limit may be exceeded by what was counted twice. Then it
 * runs again.
 */
async function findOvertaken(
  store: StateStore,
  transaction: Transaction,
  signal: AbortSignal | undefined,
): Promise<Overtaken | undefined> {
  try {
    const checks = await transaction.checks();
    if (checks.length > 1) await store.commit(checks, { signal });
  } catch (error) {
    if (isStateError(error, "CONDITION_FAILED")) return new Overtaken(error);
  }
  return undefined;
}

/**
 * Runs the work with all of these locks: after an attempt that was overtaken, the writers of this process let this one
 * through. The first attempt, which has none, takes its turn where it meets a lock of others.
 */
function holdingAll<R>(
  store: StateStore,
  turns: readonly string[],
  signal: AbortSignal | undefined,
  work: (takeTurn?: TakeTurn) => Promise<R>,
): Promise<R> {
  if (turns.length === 0) return runTakingTurn(store, signal, work);
  const held = ([first, ...others]: readonly string[]): Promise<R> =>
    first === undefined ? work() : runExclusive(store, first, signal, () => held(others));
  return held(turns);
}
