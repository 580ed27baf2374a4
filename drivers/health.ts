import type { CallLimit, Commit, Driver, DriverStatus } from "../src/contract/driver.js";
import { type AnyStateError, invalid, isStateError } from "../src/contract/errors.js";
import { newEventId } from "../src/process/event-id.js";
import { fingerprint } from "../src/rules/fingerprint.js";
import { monotonicMs } from "../src/timing/real-timers.js";
import { readWindow } from "../src/validation/store-options.js";
import { readOptions } from "../src/validation/validate.js";

/** What a look at a driver's storage does beside looking. */
export interface HealthOptions {
  /**
   * Also write a record and remove it again, in one step that no other reader sees, under a tenant that no caller can
   * name. What stays is the event id. Default false.
   */
  readonly write?: boolean;
  /**
   * The window of the stores that share the data, in milliseconds. Told it, the probe forgets ids that are past it, as
   * a save does, so that probes do not leave more and more of them. Without it, it forgets none.
   */
  readonly idempotencyWindowMs?: number;
}

/** What a look at a driver's storage found. */
export type Health =
  | { readonly reachable: true; readonly status: DriverStatus; readonly write?: WriteProbe }
  | { readonly reachable: false; readonly error: AnyStateError };

/** Whether a write succeeded, and how long it took. */
export type WriteProbe =
  | { readonly succeeded: true; readonly milliseconds: number }
  | { readonly succeeded: false; readonly error: AnyStateError };

/** Opens, asks for the status and closes again. Rejects only for what is not the storage's fault. */
export async function healthOf(
  open: () => Promise<Driver>,
  options: HealthOptions | undefined,
): Promise<Health> {
  const given: HealthOptions = readOptions(options, ["write", "idempotencyWindowMs"]);
  const { write = false } = given;
  // Without one, the ids of others are not the probe's to forget.
  const window =
    "idempotencyWindowMs" in given ? readWindow(given.idempotencyWindowMs) : Number.MAX_SAFE_INTEGER;
  if (typeof write !== "boolean" || ("write" in given && given.write === undefined)) {
    throw invalid("write", "true or false");
  }
  const started = monotonicMs();
  try {
    const driver = await open();
    // One call, also for the driver, which opening was a part of.
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

/** Names that are refused from callers. */
const PLACE = { tenant: "~", user: "~", session: "~", run: "", kind: "health" };

async function probe(driver: Driver, window: number, limit: CallLimit): Promise<WriteProbe> {
  const started = monotonicMs();
  try {
    for (const outcome of await driver.apply(savedAndDeleted(), { now: Date.now(), window, ...limit })) {
      if (outcome.is === "failed") throw outcome.error;
    }
    return { succeeded: true, milliseconds: monotonicMs() - started };
  } catch (error) {
    if (!isStateError(error)) throw error;
    return { succeeded: false, error };
  }
}

function savedAndDeleted(): readonly Commit[] {
  const content = { ...PLACE, eventId: newEventId(), version: 0, bytes: Buffer.from("probe") };
  const record = { ...content, fingerprint: fingerprint(content), updatedAt: Date.now() };
  return [
    { tenant: PLACE.tenant, writes: [{ op: "save", record }] },
    { tenant: PLACE.tenant, writes: [{ op: "delete", slot: PLACE, expect: record.eventId }] },
  ];
}
