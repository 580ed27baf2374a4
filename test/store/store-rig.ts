import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type {
  ApplyOptions,
  Commit,
  Driver,
  DriverStatus,
  Outcome,
  Session,
  Slot,
  StoredRecord,
  Write,
} from "../../src/contract/driver.js";
import { type AnyStateError, isStateError, StateError } from "../../src/contract/errors.js";
import { fingerprint } from "../../src/rules/fingerprint.js";

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

/** The session that `saves`, `deletes` and `erases` use. */
export function sessionOf(tenant = SLOT.tenant): Session {
  return { tenant, user: SLOT.user, session: SLOT.session };
}

/** A commit of one erase. */
export function erases(tenant = SLOT.tenant): Commit {
  return { tenant, writes: [{ op: "erase", session: sessionOf(tenant) }] };
}

/** Erases a session, sweeps what is left behind, and returns how many records were removed. */
export async function erased(
  driver: Pick<Driver, "apply" | "sweep">,
  tenant: string,
  user: string,
  session: string,
): Promise<number> {
  const write = { op: "erase", session: { tenant, user, session } } as const;
  const [outcome] = await driver.apply([{ tenant, writes: [write] }], {
    now: Date.now(),
    window: 86_400_000,
  });
  if (outcome?.is === "failed") throw outcome.error;
  if (outcome?.is !== "applied") throw new Error(`an erase had the outcome ${outcome?.is}`);
  let count = outcome.erased?.[0] ?? Number.NaN;
  for (let more = outcome.remains === true; more; ) {
    const swept = await driver.sweep(write.session);
    count += swept.removed;
    more = swept.more;
  }
  return count;
}

export function unavailable(reason: "busy" | "unreachable" | "refused" | "setup"): StateError<"UNAVAILABLE"> {
  return new StateError("UNAVAILABLE", reason, { details: { reason } });
}

export function unknownOutcome(): StateError<"OUTCOME_UNKNOWN"> {
  return new StateError("OUTCOME_UNKNOWN", "lost", { details: {} });
}

const NOTHING: Driver = {
  apply: async (commits) =>
    commits.map(({ writes }) => {
      const erased = writes.filter(({ op }) => op === "erase").map(() => 0);
      return { is: "applied", existed: writes.map(() => false), erased };
    }),
  read: async (slots) => slots.map(() => undefined),
  readByEventId: async () => undefined,
  scan: async () => ({ records: [], more: false }),
  scanSessions: async () => ({ sessions: [], more: false }),
  sweep: async () => ({ removed: 0, more: false }),
  status: async (): Promise<DriverStatus> => ({ target: "nothing", schemaVersion: 0, pendingMigrations: [] }),
  close: async () => {},
};

/** A driver that stores nothing and accepts everything, with these methods in place of its own. */
export function driverWith(methods: Partial<Driver>): Driver {
  return { ...NOTHING, ...methods };
}

/** The methods of a driver as an object, so that a test can override some of them. */
export function methods(driver: Driver): Driver {
  return {
    apply: (commits, options) => driver.apply(commits, options),
    read: (slots) => driver.read(slots),
    readByEventId: (session, eventId) => driver.readByEventId(session, eventId),
    scan: (query) => driver.scan(query),
    scanSessions: (query) => driver.scanSessions(query),
    sweep: (target) => driver.sweep(target),
    status: () => driver.status(),
    close: () => driver.close(),
  };
}

/** `erased` as source text, for a module that runs in another process: `eraseIn(driver, times)(tenant, user, session)`. */
export const ERASE_SOURCE = `
    const eraseIn = (driver, times) => async (tenant, user, session) => {
      const writes = [{ op: "erase", session: { tenant, user, session } }];
      const [outcome] = await driver.apply([{ tenant, writes }], times);
      if (outcome.is === "failed") throw outcome.error;
      let count = outcome.erased[0];
      for (let more = outcome.remains === true; more; ) {
        const swept = await driver.sweep(writes[0].session);
        count += swept.removed;
        more = swept.more;
      }
      return count;
    };
`;

/** The driver with another implementation of erases. */
export function withErase(
  driver: Driver,
  erase: (session: Session, options: ApplyOptions) => Promise<number>,
): Driver {
  return {
    ...methods(driver),
    async apply(commits, options) {
      const outcomes: Outcome[] = [];
      for (const commit of commits) {
        const [write] = commit.writes;
        if (write?.op !== "erase" || write.session === undefined)
          outcomes.push(...(await driver.apply([commit], options)));
        else
          outcomes.push({ is: "applied", existed: [false], erased: [await erase(write.session, options)] });
      }
      return outcomes;
    },
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

/** A promise that the test settles. */
export function deferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: unknown) => void;
  const promise = new Promise<T>((...settle) => {
    [resolve, reject] = settle;
  });
  return { promise, resolve, reject };
}

/** Collects garbage. */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
