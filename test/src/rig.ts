import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Commit, Driver, DriverStatus, Slot, StoredRecord, Write } from "../../src/driver.js";
import { type AnyStateError, isStateError, StateError } from "../../src/errors.js";
import { fingerprint } from "../../src/fingerprint.js";
import type { Session } from "../../src/queued-commit.js";

export const SLOT: Slot = { tenant: "acme", user: "ann", session: "s1", run: "", kind: "note" };

export const IDENTITY = { tenant: "acme", user: "ann", session: "s1" };

/** A record as a driver holds it, intact. */
export function stored(fields: Partial<StoredRecord> = {}): StoredRecord {
  const { fingerprint: given, ...rest } = fields;
  const record = { ...SLOT, eventId: "e1", version: 0, updatedAt: 1, bytes: Buffer.from("x"), ...rest };
  return { ...record, fingerprint: given ?? fingerprint(record) };
}

/** A commit of one unconditional save for each kind; its event ids are `<name>/<kind>`. */
export function saves(name: string, kinds: readonly string[], bytes = 1, tenant = SLOT.tenant): Commit {
  const writes = kinds.map((kind): Write => {
    const record = stored({ tenant, kind, eventId: `${name}/${kind}`, bytes: Buffer.alloc(bytes) });
    return { op: "save", record };
  });
  return { tenant, writes };
}

/** A commit of one unconditional delete. */
export function deletes(kind: string, tenant = SLOT.tenant): Commit {
  return { tenant, writes: [{ op: "delete", slot: { ...SLOT, tenant, kind } }] };
}

/** The session of the others. */
export function sessionOf(tenant = SLOT.tenant): Session {
  return { tenant, user: SLOT.user, session: SLOT.session };
}

export function unavailable(reason: "busy" | "unreachable" | "refused" | "setup"): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", reason, { details: { reason } });
}

export function unknownOutcome(): StateError<"OUTCOME_UNKNOWN"> {
  return new StateError("OUTCOME_UNKNOWN", "lost", { details: {} });
}

const NOTHING: Driver = {
  apply: async (commits) =>
    commits.map(({ writes }) => ({ is: "applied", existed: writes.map(() => false) })),
  read: async (slots) => slots.map(() => undefined),
  readByEventId: async () => undefined,
  scan: async () => ({ records: [], more: false }),
  erase: async () => 0,
  status: async (): Promise<DriverStatus> => ({ target: "nothing", schemaVersion: 0, pendingMigrations: [] }),
  close: async () => {},
};

/** A driver that holds nothing and accepts everything, but for the methods given. */
export function driverWith(methods: Partial<Driver>): Driver {
  return { ...NOTHING, ...methods };
}

/** The methods of a driver, for one that does some of them in another way. */
export function methods(driver: Driver): Driver {
  return {
    apply: (commits, options) => driver.apply(commits, options),
    read: (slots) => driver.read(slots),
    readByEventId: (tenant, eventId) => driver.readByEventId(tenant, eventId),
    scan: (query) => driver.scan(query),
    erase: (tenant, user, session) => driver.erase(tenant, user, session),
    status: () => driver.status(),
    close: () => driver.close(),
  };
}

/** The StateError a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<AnyStateError> {
  const error = await thrown(promise);
  if (isStateError(error)) return error;
  throw error;
}

/** Whatever a promise rejects with. */
export async function thrown(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

/** A promise that is settled by hand. */
export function byHand<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** Frees what nothing reaches any more. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
