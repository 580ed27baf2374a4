import { FIRST_TURN, removeInTurns, type TurnsPosition } from "../content/due-in-turns.js";
import { invalid } from "../contract/errors.js";
import type { MaintenanceScope, StateStore } from "../contract/store.js";
import { DamageLog } from "../typed/damage.js";
import { readName } from "../validation/validate-text.js";
import { removeDue } from "./remove-due.js";
import { DUE } from "./stored-value.js";
import type { Cleanup } from "./value.js";

type Signal = AbortSignal | undefined;

const [MORE_BEHIND, NONE_BEHIND] = ["+", "-"];

/** Reads the `next` of the call before. */
export function readPosition(value: unknown): TurnsPosition {
  if (value === undefined) return FIRST_TURN;
  const flag = typeof value === "string" ? value.charAt(0) : "";
  if (typeof value !== "string" || ![MORE_BEHIND, NONE_BEHIND].includes(flag as string))
    throw invalid("after", "the `next` of a call of cleanup");
  const tenant = value.slice(1);
  return {
    after: tenant === "" ? undefined : readName(tenant, "after"),
    isMoreBehind: flag === MORE_BEHIND,
  };
}

function textOf({ after = "", isMoreBehind }: TurnsPosition): string {
  return (isMoreBehind ? MORE_BEHIND : NONE_BEHIND) + after;
}

/**
 * Removes values that are past their time: of each tenant the oldest first, some of each tenant in turn. Nothing but entries of
 * the index is read. What is damaged is passed over, and the first damage is thrown as CORRUPT.
 */
export async function cleanUp(
  store: StateStore,
  scope: MaintenanceScope,
  until: number,
  {
    limit,
    position,
    signal,
  }: { readonly limit: number; readonly position: TurnsPosition; readonly signal: Signal },
): Promise<Cleanup> {
  const damage = new DamageLog();
  const { removed, next } = await removeInTurns(
    store,
    scope,
    {
      prefix: DUE,
      until,
      headersOnly: true,
      remove: (entries) => removeDue(store, entries, damage, signal),
    },
    { limit, pages: limit, position, damage, signal },
  );
  damage.throwFirst();
  return next === undefined ? { removed } : { removed, next: textOf(next) };
}
