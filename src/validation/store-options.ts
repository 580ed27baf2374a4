import type { Layer } from "../contract/driver.js";
import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { StoreLimits } from "../contract/store.js";
import { readInteger, readNamed, readOptions } from "./validate.js";

/** The options of every store, whatever its driver. An option that is present with the value `undefined` is INVALID_RECORD. */
export interface StoreOptions {
  /** The largest payload of a record, in bytes: 1 to 16 MiB. Default 1 MiB. */
  readonly maxBytes?: number;
  /** How long an event id stays seen after it was saved, in milliseconds. Default 24 hours. */
  readonly idempotencyWindowMs?: number;
  /** Layers to wrap around the driver, the first outermost. */
  readonly layers?: readonly Layer[];
  /** How many batches of commits may be under way at once: 1 to 16. Default: `inFlight` of the driver. */
  readonly inFlight?: number;
  /**
   * How many payload bytes may wait to be written or be under way: from 1. Default 64 MiB. A tenant may hold as much as it
   * leaves free for others: alone, half. A call that finds no room waits for it; do not change its payload until then. A
   * commit larger than the whole queue enters it when it is empty.
   */
  readonly maxQueuedBytes?: number;
  /** The same, in commits: from 1. Default 10,000. One of more than 256 changes counts as one for every 256 of them. */
  readonly maxQueuedCommits?: number;
  /**
   * How long a call may wait in the store before it is sent to the driver, in milliseconds: from 1. After that it is
   * UNAVAILABLE with the reason `busy`, and nothing was written or read. Default 30 seconds. If the driver has a bound of its
   * own (Postgres: `timeoutMs`), the wait counts against that, and is at most four fifths of it unless the driver answers
   * other calls of the tenant meanwhile.
   */
  readonly queueTimeoutMs?: number;
}

/** The names of all options of a store. A driver's configuration may contain them too. */
export const STORE_OPTIONS = [
  "maxBytes",
  "idempotencyWindowMs",
  "layers",
  "inFlight",
  "maxQueuedBytes",
  "maxQueuedCommits",
  "queueTimeoutMs",
] as const;

const DEFAULT_QUEUED_BYTES = 64 * 1024 * 1024;
const DEFAULT_QUEUED_COMMITS = 10_000;
const DEFAULT_QUEUE_MS = 30_000;
const MAX_MS = 2 ** 31 - 1;

const MAX_IN_FLIGHT = 16;

/** Reads a driver's configuration: its own options, `driver`, and the options of the store. Refuses any other name. */
export function readDriverConfig(config: unknown, own: readonly string[]): object {
  return readNamed(config, "config", [...own, "driver", ...STORE_OPTIONS]);
}

/** Checks the options of a store, and fills in the defaults. */
export function validateStoreOptions(options: StoreOptions, preferredInFlight = 1) {
  const given = readOptions(options, STORE_OPTIONS) as StoreOptions;
  const maxBytes =
    "maxBytes" in given ? readInteger(given.maxBytes, "maxBytes", 1, LIMITS.commitBytes) : undefined;
  const window =
    "idempotencyWindowMs" in given ? readWindow(given.idempotencyWindowMs) : LIMITS.idempotencyWindowMs;
  const inFlight = "inFlight" in given ? given.inFlight : preferredInFlight;
  const layers = "layers" in given ? given.layers : [];
  if (!Array.isArray(layers) || layers.some((layer) => typeof layer !== "function")) {
    throw invalid("layers", "an array of functions");
  }
  const readNumber = (
    field: "maxQueuedBytes" | "maxQueuedCommits" | "queueTimeoutMs",
    defaultValue: number,
    max = Number.MAX_SAFE_INTEGER,
  ) => (field in given ? readInteger(given[field], field, 1, max) : defaultValue);
  return {
    room: {
      bytes: readNumber("maxQueuedBytes", DEFAULT_QUEUED_BYTES),
      commits: readNumber("maxQueuedCommits", DEFAULT_QUEUED_COMMITS),
    },
    waitMs: readNumber("queueTimeoutMs", DEFAULT_QUEUE_MS, MAX_MS),
    limits: limitsWith(maxBytes ?? LIMITS.payloadBytes, window),
    inFlight: readInteger(inFlight, "inFlight", 1, MAX_IN_FLIGHT),
    layers: layers as readonly Layer[],
  };
}

function limitsWith(maxBytes: number, idempotencyWindowMs: number): StoreLimits {
  const { payloadBytes: _, ...shared } = LIMITS;
  return Object.freeze({ ...shared, maxBytes, idempotencyWindowMs });
}

/** An idempotency window, in milliseconds. */
export function readWindow(value: unknown): number {
  return readInteger(value, "idempotencyWindowMs", 1, Number.MAX_SAFE_INTEGER);
}
