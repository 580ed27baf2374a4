import { invalid, StateError } from "../contract/errors.js";
import type { EventId } from "../contract/store.js";
import { digestOf } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readInteger, readNamed } from "../validation/validate.js";
import { readEventId } from "../validation/validate-text.js";
import { type BudgetWarning, warningFrom } from "./budget-warning.js";
import { ownerOfEntries, type Scope } from "./cells.js";
import { readCurrency } from "./currency.js";
import {
  type EntryValues,
  entryOf,
  type GivenCounts,
  type LedgerEntry,
  readLabel,
  readReason,
  type StoredEntry,
  sumsOf,
} from "./entry.js";
import { entryId, newTimeKey } from "./entry-id.js";
import { eventMarkerId, type IdMarker } from "./markers.js";
import { type MoneyInput, readMoney, readSignedMoney } from "./money.js";
import { type ExactQuantities, type Quantities, readQuantities } from "./quantity.js";
import { findRecordedId, locateEntry, type RecordingParts } from "./record.js";
import { TOKEN_COUNTS, type TokenCounts } from "./usage.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

/** Values of a correction: differences, which may be negative, or the right values. */
export interface CorrectionValues extends GivenCounts {
  /** Money; as a difference it may be negative. */
  readonly cost?: MoneyInput;
  /** The currency of a price that was not known. One that is known keeps its currency. */
  readonly currency?: string;
  /** Quantities by name. A name that is left out stays as it is. */
  readonly units?: Quantities;
}

/** A correction of a recorded call: by differences, or to the right values. */
export interface Correction {
  /** Why: 1 to 1,024 UTF-8 bytes. */
  readonly reason: string;
  /** The differences, such as `{ cost: "-0.5" }` of a refund. Use an `eventId`: each call subtracts again. */
  readonly by?: CorrectionValues;
  /** The right values, such as `{ cost: "0.5" }` of a call without a price. What is left out stays. */
  readonly to?: CorrectionValues;
  /** The caller's idempotency key, as that of `record`. */
  readonly eventId?: EventId;
}

/** The result of a correction. */
export interface CorrectionReceipt {
  /** The correction was made before under this event id: this call changed nothing. */
  readonly duplicate: boolean;
  /** The entry with its values after all corrections. */
  readonly entry: LedgerEntry;
  /** The correction, an entry of its own. `undefined` if the entry had the right values already. */
  readonly correction: LedgerEntry | undefined;
  /** The shares of limits (`warnAt`) that this correction was the first to reach. */
  readonly warnings: readonly BudgetWarning[];
}

interface ReadValues extends Partial<TokenCounts> {
  readonly cost?: bigint;
  readonly currency?: string;
  readonly units?: ExactQuantities;
}

const MAX_COUNT = 1_000_000_000;

/** Reads a correction, and makes the work that records it as an entry of its own beside the one that it corrects. */
export function adjustWork(
  parts: RecordingParts,
  scope: Scope,
  entry: unknown,
  correction: Correction,
): Work<CorrectionReceipt> {
  const { cells, counting } = parts;
  const given = readNamed(correction, "correction", ["reason", "by", "to", "eventId"]) as Correction;
  const time = readLabel(entry, "entry");
  const reason = readReason(given.reason);
  const isDifference = "by" in given;
  if (isDifference === "to" in given) throw invalid("to", "given, or else by");
  const values = readCorrectionValues(isDifference ? given.by : given.to, isDifference ? "by" : "to");
  const { eventId } = optional(given, "eventId", readEventId);
  const owner = { tenant: scope.tenant, ...(scope.user === undefined ? {} : { user: scope.user }) };
  const identity = ownerOfEntries(owner);
  const content = digestOf(JSON.stringify([time, reason, isDifference, textOf(values)]));
  return {
    reads: [cells.times.at(identity, time), ...counting.readsOf(owner)],
    writes: 12,
    repeatable: eventId !== undefined || !isDifference,
    async apply(writes) {
      const { id, cell, recorded } = await entryAt(parts, scope, time, writes);
      const marker =
        eventId === undefined
          ? undefined
          : markerOf(cells.markers.at(identity, eventMarkerId(recorded.session, eventId)), content);
      const before = marker && (await findRecordedId(writes, [marker]));
      if (before !== undefined) {
        const made = await locateEntry(cells, owner, before.entry, writes);
        return {
          duplicate: true,
          entry: entryOf(identity, id, recorded),
          correction: entryOf(identity, made.id, made.recorded),
          warnings: (made.recorded.warnings ?? []).map(warningFrom),
        };
      }
      const known = recorded.corrected ?? valuesOf(recorded);
      const right = isDifference ? differing(known, values) : replaced(known, values);
      const change = differenceOf(known, right);
      if (change === undefined)
        return {
          duplicate: false,
          entry: entryOf(identity, id, recorded),
          correction: undefined,
          warnings: [],
        };
      const made = correctionEntry(recorded, {
        ...change,
        adjusts: time,
        reason,
        ...(eventId && { eventId }),
      });
      const madeTime = newTimeKey(made);
      const madeId = entryId(made, madeTime);
      if (marker !== undefined) writes.put(marker.cell, { entry: madeId, content });
      const { ofSession, others } = cells.rollups(owner, made);
      const rollups = [...ofSession, ...others];
      await Promise.all(rollups.map((rollup) => writes.get(rollup.cell)));
      const sums = sumsOf(made);
      await writes.add(rollups, sums);
      const warnings = await counting.count(writes, owner, made, sums);
      const stored = warnings.length === 0 ? made : { ...made, warnings };
      const corrected = { ...recorded, corrected: right };
      writes.put(cell, corrected);
      writes.put(cells.entries.at(identity, madeId), stored);
      writes.put(cells.times.at(identity, madeTime), madeId);
      return {
        duplicate: false,
        entry: entryOf(identity, id, corrected),
        correction: entryOf(identity, madeId, stored),
        warnings: warnings.map(warningFrom),
      };
    },
  };
}

/** The entry of the scope with this id. NOT_FOUND. */
async function entryAt({ cells }: RecordingParts, scope: Scope, time: string, writes: WriteSet) {
  const { tenant, user, session, run } = scope;
  const owner = user === undefined ? { tenant } : { tenant, user };
  const id = await writes.get(cells.times.at(ownerOfEntries(owner), time));
  if (id === undefined) throw noSuchEntry();
  const found = await locateEntry(cells, owner, id, writes);
  const { recorded } = found;
  if (session !== undefined && recorded.session !== session) throw noSuchEntry();
  if (run !== undefined && recorded.run !== run) throw noSuchEntry();
  if (recorded.adjusts !== undefined)
    throw invalid("entry", "the id of a recorded call, and not of a correction: correct the call again");
  return found;
}

function noSuchEntry(): StateError<"NOT_FOUND"> {
  return new StateError("NOT_FOUND", "there is no such entry", { details: {} });
}

function markerOf(cell: IdMarker["cell"], content: string): IdMarker {
  return { cell, content, what: "event id", id: "" };
}

function readCorrectionValues(value: unknown, field: "by" | "to"): ReadValues {
  const given = readNamed(value, field, [...TOKEN_COUNTS, "cost", "currency", "units"]) as CorrectionValues;
  const least = field === "by" ? -MAX_COUNT : 0;
  const counts = TOKEN_COUNTS.filter((count) => given[count] !== undefined).map((count) => [
    count,
    readInteger(given[count], count, least, MAX_COUNT),
  ]);
  if ("currency" in given && field === "by")
    throw invalid("currency", "left out where there are differences");
  return {
    ...(Object.fromEntries(counts) as Partial<TokenCounts>),
    ...optional(given, "cost", field === "by" ? readSignedMoney : readMoney),
    ...optional(given, "currency", readCurrency),
    ...optional(given, "units", (units) => readQuantities(units, field === "by" ? "signed" : "unsigned")),
  };
}

/** The same for the same values, in whatever order they were given. */
function textOf({ cost, currency, units = {}, ...counts }: ReadValues): string {
  const named = Object.entries(units).map(([name, quantity]) => [name, String(quantity)]);
  return JSON.stringify([TOKEN_COUNTS.map((count) => counts[count]), String(cost), currency, named]);
}

function valuesOf(entry: StoredEntry): EntryValues {
  const { promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens } = entry;
  const { cost, currency, priced, units, charged } = entry;
  return {
    ...{ promptTokens, completionTokens, cachedReadTokens, cachedWriteTokens },
    cost,
    priced,
    ...(currency === undefined ? {} : { currency }),
    ...(units && { units }),
    ...(charged === undefined ? {} : { charged }),
  };
}

/** The values with the differences added. None may fall below 0. */
function differing(known: EntryValues, { cost, units, ...counts }: ReadValues): EntryValues {
  if (cost !== undefined && !known.priced)
    throw invalid("cost", "given with `to`, for the price of the call is not known");
  const sums = TOKEN_COUNTS.map((count) => [
    count,
    notBelowNothing(known[count] + (counts[count] ?? 0), count),
  ]);
  const names = Object.entries(units ?? {}).map(([name, difference]): [string, bigint] => [
    name,
    notBelowNothing((own(known.units, name) ?? 0n) + difference, `units.${name}`),
  ]);
  return {
    ...known,
    ...(Object.fromEntries(sums) as TokenCounts),
    cost: notBelowNothing(known.cost + (cost ?? 0n), "cost"),
    ...withUnits(known.units, names),
  };
}

/** The values with some replaced. A cost is a price that is known now. */
function replaced(known: EntryValues, { cost, units, currency, ...counts }: ReadValues): EntryValues {
  if (currency !== undefined && cost === undefined) throw invalid("cost", "given where there is a currency");
  const isFixed = known.priced || known.charged !== undefined;
  if (currency !== undefined && isFixed && currency !== known.currency)
    throw invalid("currency", `${known.currency ?? "left out"}, as the call has it`);
  const { charged, ...kept } = known;
  const priced = {
    ...kept,
    cost: cost ?? 0n,
    priced: true,
    ...(currency === undefined ? {} : { currency }),
  };
  return {
    ...(cost === undefined ? known : priced),
    ...counts,
    ...withUnits(known.units, Object.entries(units ?? {})),
  };
}

function withUnits(
  known: ExactQuantities | undefined,
  changed: readonly (readonly [string, bigint])[],
): { readonly units?: ExactQuantities } {
  const units = Object.entries({ ...known, ...Object.fromEntries(changed) });
  return units.length === 0 ? {} : { units: Object.fromEntries(units) };
}

/** What changes, as the values of a correction; `undefined` if nothing does. */
function differenceOf(
  before: EntryValues,
  after: EntryValues,
): (EntryValues & Pick<StoredEntry, "unpricedCalls">) | undefined {
  const counts = TOKEN_COUNTS.map((count) => [count, after[count] - before[count]] as const);
  const cost = after.cost - before.cost;
  const charged = (after.charged ?? 0n) - (before.charged ?? 0n);
  const names = Object.keys({ ...before.units, ...after.units });
  const units = names
    .map((name) => [name, (own(after.units, name) ?? 0n) - (own(before.units, name) ?? 0n)] as const)
    .filter(([, difference]) => difference !== 0n);
  const isPriced = after.priced && !before.priced;
  const isSame = cost === 0n && charged === 0n && units.length === 0 && !isPriced;
  if (isSame && counts.every(([, difference]) => difference === 0)) return undefined;
  return {
    ...(Object.fromEntries(counts) as Record<keyof TokenCounts, number>),
    cost,
    priced: after.priced,
    ...(after.currency === undefined ? {} : { currency: after.currency }),
    ...(units.length === 0 ? {} : { units: Object.fromEntries(units) }),
    ...(charged === 0n ? {} : { charged }),
    ...(isPriced ? { unpricedCalls: -1 } : {}),
  };
}

/** An entry of its own, in the same groups and at the same time as the call, so that all sums of the call follow. */
function correctionEntry(
  { session, run, provider, model, turn, runName, tags, at }: StoredEntry,
  change: EntryValues & Pick<StoredEntry, "adjusts" | "reason" | "eventId" | "unpricedCalls">,
): StoredEntry {
  return {
    ...(session === undefined ? {} : { session }),
    ...(run === undefined ? {} : { run }),
    provider,
    model,
    ...change,
    ...(turn === undefined ? {} : { turn }),
    ...(runName === undefined ? {} : { runName }),
    tags,
    at,
  };
}

function own(units: ExactQuantities | undefined, name: string): bigint | undefined {
  return units !== undefined && Object.hasOwn(units, name) ? units[name] : undefined;
}

function notBelowNothing<N extends number | bigint>(sum: N, field: string): N {
  if (sum < 0) throw invalid(field, "no less than what the call has, so that 0 or more is left");
  return sum;
}
