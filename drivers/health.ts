import type { Commit, Driver, DriverStatus } from "../src/driver.js";
import { type AnyStateError, invalid, isStateError } from "../src/errors.js";
import { newEventId } from "../src/event-id.js";
import { fingerprint } from "../src/fingerprint.js";
import { readOptions } from "../src/validate.js";

export interface HealthOptions {
  /**
   * Also write a record and remove it again, in one step that no other reader sees, under a tenant that no caller can
   * name. What stays for a while is the event id. Default false.
   */
  readonly write?: boolean;
}

/** What a look at a driver's storage found. */
export type Health =
  | { readonly reachable: true; readonly status: DriverStatus; readonly write?: WriteProbe }
  | { readonly reachable: false; readonly error: AnyStateError };

export type WriteProbe =
  | { readonly succeeded: true; readonly milliseconds: number }
  | { readonly succeeded: false; readonly error: AnyStateError };

/** Opens, asks for the status and closes again. Rejects only for what is not the storage's fault. */
export async function healthOf(
  open: () => Promise<Driver>,
  options: HealthOptions | undefined,
): Promise<Health> {
  const given: HealthOptions = readOptions(options, ["write"]);
  const { write = false } = given;
  if (typeof write !== "boolean" || ("write" in given && given.write === undefined)) {
    throw invalid("write", "true or false");
  }
  try {
    const driver = await open();
    try {
      const status = await driver.status();
      return { reachable: true, status, ...(write ? { write: await probe(driver) } : {}) };
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

async function probe(driver: Driver): Promise<WriteProbe> {
  const started = performance.now();
  try {
    // A window without end: the ids of others are not this probe's to forget.
    const times = { now: Date.now(), window: Number.MAX_SAFE_INTEGER };
    for (const outcome of await driver.apply(savedAndDeleted(), times)) {
      if (outcome.is === "failed") throw outcome.error;
    }
    return { succeeded: true, milliseconds: performance.now() - started };
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
