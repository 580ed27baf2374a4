import { invalid, StateError } from "../contract/errors.js";
import type { EventId } from "../contract/store.js";
import type { InputReader } from "../typed/input-reader.js";
import { digestOf } from "../typed/names.js";
import { optional } from "../validation/fields.js";
import { readNamed } from "../validation/validate.js";
import { readEventId } from "../validation/validate-text.js";
import { type BudgetWarning, warningFrom } from "./budget-warning.js";
import { ownerOfEntries, type Scope } from "./cells.js";
import {
  type CorrectionValues,
  differenceOf,
  differing,
  readCorrectionValues,
  replaced,
  textOf,
  valuesOf,
} from "./correction-values.js";
import {
  type EntryValues,
  entryOf,
  type LedgerEntry,
  readLabel,
  readReason,
  type StoredEntry,
  sumsOf,
} from "./entry.js";
import { entryId, newTimeKey } from "./entry-id.js";
import { eventMarkerId, type IdMarker } from "./markers.js";
import { findRecordedId, locateEntry, type RecordingParts } from "./record.js";
import type { Work } from "./work.js";
import type { WriteSet } from "./write-set.js";

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
  /** The shares and amounts (`warnAt`) that this correction was the first to reach. */
  readonly warnings: readonly BudgetWarning[];
}

/** Reads a correction, and makes the work that records it as an entry of its own beside the one that it corrects. */
export function adjustWork(
  parts: RecordingParts,
  scope: Scope,
  entry: unknown,
  { correction, inputs }: { readonly correction: Correction; readonly inputs: InputReader },
): Work<CorrectionReceipt> {
  const { cells, counting } = parts;
  const given = readNamed(correction, "correction", ["reason", "by", "to", "eventId"]) as Correction;
  const time = readLabel(entry, "entry");
  const reason = inputs.text(readReason)(given.reason, "reason");
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
        const { user = owner.user } = before;
        const made = await locateEntry(cells, { ...owner, ...(user && { user }) }, before.entry, writes);
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
