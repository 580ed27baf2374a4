import { invalid } from "../contract/errors.js";
import type { CallOptions, MaintenanceScope, RecordHeader, StateStore } from "../contract/store.js";
import { validateScope } from "../identity/scope.js";
import { DamageLog } from "../typed/damage.js";
import { readLimit, readOptions, readSignal } from "../validation/validate.js";
import { readName } from "../validation/validate-text.js";
import { FIRST_TURN, removeInTurns, type TurnsPosition } from "./due-in-turns.js";

type Signal = AbortSignal | undefined;

/** How much one call of `cleanup` does. */
export interface CleanupOptions extends CallOptions {
  /** How many values it removes at most, and how many pages of the index it reads: 1 to 10,000. Default 1,000. */
  readonly limit?: number | undefined;
  /** The `next` of the call before. */
  readonly after?: string | undefined;
}

/** What a call of `cleanup` did. */
export interface Cleanup {
  /** How many values it removed. */
  readonly removed: number;
  /** Pass it on as `after`: there is more to do. Absent: nothing was left that was past its time. */
  readonly next?: string;
}

/** An index of what ends, by time, and what removes the things of some of its entries, which are of one tenant. */
export interface DueIndex {
  /** What the kinds of its entries begin with; `timeKey` follows. */
  readonly prefix: string;
  /** Removes what is still due, with its entries. Returns how many things. */
  readonly remove: (entries: readonly RecordHeader[], damage: DamageLog, signal: Signal) => Promise<number>;
}

const [MORE_BEHIND, NONE_BEHIND] = ["+", "-"];
const DEFAULT_LIMIT = 1_000;

/** Reads the `next` of the call before. */
function readPosition(value: unknown): TurnsPosition {
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
 * Removes what is past its time: of each tenant the oldest first, some of each tenant in turn. Of the index nothing but headers
 * is read. What is damaged is passed over, and the first damage is thrown as CORRUPT. INVALID_RECORD, MAINTENANCE_SCOPE_REQUIRED.
 */
export async function cleanUpDue(
  store: StateStore,
  { prefix, remove }: DueIndex,
  scope: MaintenanceScope,
  until: number,
  options: CleanupOptions | undefined,
): Promise<Cleanup> {
  const valid = validateScope(scope);
  const given = readOptions(options, ["limit", "after", "signal"]) as CleanupOptions;
  const limit = readLimit(given.limit ?? DEFAULT_LIMIT);
  const [position, signal] = [readPosition(given.after), readSignal(given)];
  const damage = new DamageLog();
  const { removed, next } = await removeInTurns(
    store,
    valid,
    { prefix, until, headersOnly: true, remove: (entries) => remove(entries, damage, signal) },
    { limit, pages: limit, position, damage, signal },
  );
  damage.throwFirst();
  return next === undefined ? { removed } : { removed, next: textOf(next) };
}
