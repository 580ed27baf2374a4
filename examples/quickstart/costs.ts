/** What the model calls cost: reserved before, settled after, never beyond the budget. */
import { isStateError } from "groundstate";
import type { Ledger } from "groundstate/ledger";
import type { ModelCall } from "./recorded-run.js";
import { type Run, sessionOf } from "./run.js";

/** A budget that holds these calls and no more. */
export async function setBudget(ledger: Ledger, run: Run, calls: readonly ModelCall[]): Promise<void> {
  await ledger.setBudget(sessionOf(run), { calls: calls.length });
}

/** Calls the model and books what it used: once, also when the agent dies in between and starts again. */
export async function callModel(
  ledger: Ledger,
  run: Run,
  id: string,
  call: ModelCall,
): Promise<{ duplicate: boolean }> {
  const reservation = await ledger.reserve(run, {
    id,
    calls: 1,
    tokens: call.promptTokens + call.completionTokens,
  });
  // Booked before the crash: no need to pay for it again.
  if (reservation.settled) return { duplicate: true };
  // Here a runtime asks its model; this one has the recorded answer.
  return ledger.settle(run, reservation.id, { ...call, runName: "quickstart" });
}

/** The error code that a call beyond the budget gets. */
export async function callBeyondBudget(ledger: Ledger, run: Run): Promise<string> {
  try {
    const { id } = await ledger.reserve(run, { calls: 1 });
    await ledger.release(run, id);
    return "granted";
  } catch (error) {
    if (isStateError(error)) return error.code;
    throw error;
  }
}
