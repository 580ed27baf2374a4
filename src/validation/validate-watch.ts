import type { Slot } from "../contract/driver.js";
import { invalid, wrongType } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import { slotKey } from "../rules/slot-key.js";
import { readBoolean, readInteger, readObject, readOptions, readSignal, validateSlot } from "./validate.js";

/** Checked options of a watch, with the defaults filled in. */
export interface WatchSettings {
  readonly signal: AbortSignal | undefined;
  readonly pollMs: number;
  readonly ref: boolean;
}

const WATCH_OPTIONS = ["signal", "pollMs", "ref"];
const DEFAULT_POLL_MS = 100;
const MAX_POLL_MS = 3_600_000;

/** Checks and copies the slots of a watch. */
export function readWatchedSlots(places: unknown): readonly Slot[] {
  const rule = `a list of 1 to ${LIMITS.watchedSlots} slots`;
  if (!Array.isArray(places)) throw wrongType("places", rule, places);
  if (places.length < 1 || places.length > LIMITS.watchedSlots) throw invalid("places", rule);
  const slots = Array.from(places as unknown[], readPlace);
  const [first] = slots as [Slot];
  if (slots.some(({ tenant }) => tenant !== first.tenant)) throw invalid("tenant", "the same for all places");
  if (new Set(slots.map(slotKey)).size < slots.length) throw invalid("places", "of different slots");
  return slots;
}

export function readWatchOptions(options: object | undefined): WatchSettings {
  const given = readOptions(options, WATCH_OPTIONS) as { pollMs?: unknown; ref?: unknown };
  return {
    signal: readSignal(given),
    pollMs: "pollMs" in given ? readInteger(given.pollMs, "pollMs", 1, MAX_POLL_MS) : DEFAULT_POLL_MS,
    ref: "ref" in given ? readBoolean(given.ref, "ref") : true,
  };
}

function readPlace(place: unknown, index: number): Slot {
  const { identity, kind } = readObject(place, `places[${index}]`) as { identity?: unknown; kind?: unknown };
  return validateSlot(identity, kind);
}
