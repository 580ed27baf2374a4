import type { CallLimit, Commit, Driver, DriverStatus } from "../src/contract/driver.js";
import { type AnyStateError, invalid, isStateError } from "../src/contract/errors.js";
import { newEventId } from "../src/process/event-id.js";
import { fingerprint } from "../src/rules/fingerprint.js";
import { monotonicMs } from "../src/timing/real-timers.js";
import { readWindow } from "../src/validation/store-options.js";
import { readOptions } from "../src/validation/validate.js";

/** Options of a health check. */
export interface HealthOptions {
  /**
   * Also write a record and delete it again, in one step that no reader sees, under a tenant that no caller can use. The
   * event id stays. Default false.
   */
  readonly write?: boolean;
  /**
   * The idempotency window of the stores that share the data, in milliseconds. With it, the probe forgets event ids that
   * are past the window, as a save does, so that probes do not pile up ids. Without it, the probe forgets none.
   */
  readonly idempotencyWindowMs?: number;
}

/** The result of a health check. */
export type Health =
  | { readonly reachable: true; readonly status: DriverStatus; readonly write?: WriteProbe }
  | { readonly reachable: false; readonly error: AnyStateError };

/** Whether a write succeeded, and how long it took. */
export type WriteProbe =
  | { readonly succeeded: true; readonly milliseconds: number }
  | { readonly succeeded: false; readonly error: AnyStateError };

/** Opens a driver, reads its status and closes it. Rejects only for errors that are not the storage's fault. */
export async function healthOf(
  open: () => Promise<Driver>,
  options: HealthOptions | undefined,
): Promise<Health> {
  const given: HealthOptions = readOptions(options, ["write", "idempotencyWindowMs"]);
  const { write = false } = given;
  // Without a window the probe must not forget the ids of others.
  const window =
    "idempotencyWindowMs" in given ? readWindow(given.idempotencyWindowMs) : Number.MAX_SAFE_INTEGER;
  if (typeof write !== "boolean" || ("write" in given && given.write === undefined)) {
    throw invalid("write", "true or false");
  }
  const started = monotonicMs();
  try {
    const driver = await open();
    // Opening and the status together count as one call with one deadline.
    const limit = driver.timeoutMs === undefined ? {} : { deadline: started + driver.timeoutMs };
    try {
      const status = await driver.status(limit);
      return { reachable: true, status, ...(write ? { write: await probe(driver, window, limit) } : {}) };
    } finally {
      await driver.close();
    }
  } catch (error) {
    if (!isStateError(error) || error.code === "INVALID_RECORD") throw error;
    return { reachable: false, error };
  }
}

/** The store refuses these names from callers. */
const PROBE_SLOT = { tenant: "~", user: "~", session: "~", run: "", kind: "health" };

async function probe(driver: Driver, window: number, limit: CallLimit): Promise<WriteProbe> {
  const started = monotonicMs();
  try {
    for (const outcome of await driver.apply(probeCommits(), { now: Date.now(), window, ...limit })) {
      if (outcome.is === "failed") throw outcome.error;
    }
    return { succeeded: true, milliseconds: monotonicMs() - started };
  } catch (error) {
    if (!isStateError(error)) throw error;
    return { succeeded: false, error };
  }
}

function probeCommits(): readonly Commit[] {
  const content = { ...PROBE_SLOT, eventId: newEventId(), version: 0, bytes: Buffer.from("probe") };
  const record = { ...content, fingerprint: fingerprint(content), updatedAt: Date.now() };
  return [
    { tenant: PROBE_SLOT.tenant, writes: [{ op: "save", record }] },
    { tenant: PROBE_SLOT.tenant, writes: [{ op: "delete", slot: PROBE_SLOT, expect: record.eventId }] },
  ];
}
