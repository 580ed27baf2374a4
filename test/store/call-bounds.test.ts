import { describe, expect, test } from "vitest";
import type { Driver, Outcome } from "../../src/contract/driver.js";
import { type AnyStateError, maintenanceScope, type StateStore } from "../../src/index.js";
import { createStore } from "../../src/store/driver-store.js";
import type { StoreOptions } from "../../src/validation/store-options.js";
import { ownTime } from "../own-time.js";
import { driverWith, failure, IDENTITY, unavailable } from "./store-rig.js";

const timeoutMs = 1000;
/** The second that the store allows after a deadline, and what a busy machine may take beyond it. */
const MARGIN_MS = 1000 + 1500;

const never = () => new Promise<never>(() => {});
const bytes = new Uint8Array(10);
/** Resolves when the calls made before have reached the driver. */
const sent = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
let made = 0;
const save = (store: StateStore) =>
  store.save({ eventId: `e${++made}`, identity: IDENTITY, kind: `k${made}`, bytes });
const scope = maintenanceScope({ reason: "a test", allTenants: true });

type Call = (store: StateStore) => Promise<unknown>;
const WRITES: Readonly<Record<string, Call>> = {
  save,
  delete: (store) => store.delete(IDENTITY, "k"),
  commit: (store) => store.commit([{ op: "delete", identity: IDENTITY, kind: "k" }]),
  erase: (store) => store.erase(IDENTITY),
};
const READS: Readonly<Record<string, Call>> = {
  load: (store) => store.load(IDENTITY, "k"),
  find: (store) => store.find(IDENTITY, "k"),
  loadByEventId: (store) => store.loadByEventId(IDENTITY, "e"),
  list: (store) => store.list(IDENTITY, ""),
  listKind: (store) => store.listKind(scope, "k"),
};

const HANGING: Partial<Driver> = {
  apply: never,
  read: never,
  readByEventId: never,
  scan: never,
  sweep: never,
};

/** Makes all calls at once, and returns how each ended. */
async function endsOf(
  driver: Partial<Driver>,
  options: StoreOptions,
  calls: Readonly<Record<string, Call>>,
  before: (store: StateStore) => unknown = () => {},
) {
  const store = createStore(driverWith(driver), options);
  before(store);
  await sent();
  const [started, startedOwn] = [performance.now(), ownTime()];
  const found = await Promise.all(
    Object.entries(calls).map(async ([name, call]) => {
      const { code, message, details } = await failure(call(store));
      const tookMs = performance.now() - started;
      return { name, code, message, details, tookMs, ownMs: ownTime() - startedOwn };
    }),
  );
  await store.close({ timeoutMs: 0 });
  return found;
}

/** Makes so many calls of each kind that they fill every slot of the driver. */
function fillSlots(store: StateStore): void {
  for (let index = 0; index < 50; index++)
    for (const call of [save, ...Object.values(READS)]) void call(store).catch(() => {});
}

describe("a call of a driver with a timeoutMs", () => {
  test.concurrent("ends in time, whichever it is, though the driver never answers", async () => {
    const all = { ...WRITES, ...READS };
    const found = (
      await Promise.all(
        Object.entries(all).map(([name, call]) => endsOf({ ...HANGING, timeoutMs }, {}, { [name]: call })),
      )
    ).flat();
    expect(found.map(({ name }) => name)).toEqual(Object.keys(all));
    for (const { name, code, message, tookMs, ownMs } of found) {
      expect(code, name).toBe(name in WRITES ? "OUTCOME_UNKNOWN" : "UNAVAILABLE");
      expect(tookMs, name).toBeGreaterThanOrEqual(timeoutMs);
      expect(ownMs, name).toBeLessThan(timeoutMs + MARGIN_MS);
      if (name in READS) expect(message).toMatch(/^the driver has not answered for \d+ ms$/);
    }
  });

  test.concurrent("that waits in the queue is rejected as busy before its deadline, and never sent", async () => {
    const found = await endsOf({ ...HANGING, timeoutMs }, {}, { ...WRITES, ...READS }, fillSlots);
    for (const { name, code, message, details, ownMs } of found) {
      expect({ name, code, details }).toEqual({ name, code: "UNAVAILABLE", details: { reason: "busy" } });
      expect(message).toMatch(/^nothing was (written|read): it has waited \d+ ms for its turn, with \d+ /);
      expect(ownMs).toBeLessThan(timeoutMs + MARGIN_MS);
    }
  });

  test.concurrent("that waits for room is rejected as busy, with what the queue holds", async () => {
    const options = { maxQueuedCommits: 3 };
    const found = await endsOf({ ...HANGING, timeoutMs }, options, WRITES, fillSlots);
    for (const { name, code, message, ownMs } of found) {
      expect({ name, code }).toEqual({ name, code: "UNAVAILABLE" });
      expect(message).toMatch(/ms for room in the queue .*, which holds \d+ commits of \d+ bytes$/);
      expect(ownMs).toBeLessThan(timeoutMs + MARGIN_MS);
    }
  });

  test.concurrent("has one deadline, its wait in the queue included", async () => {
    const limits: number[] = [];
    const began = process.uptime() * 1000;
    const driver = driverWith({
      timeoutMs: 60_000,
      async apply(commits, { deadline }) {
        limits.push(deadline as number);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return commits.map((): Outcome => ({ is: "applied", existed: [false] }));
      },
    });
    const store = createStore(driver);
    const first = save(store);
    await sent();
    const second = save(store);
    const entered = process.uptime() * 1000;
    await Promise.all([first, second]);
    expect(limits).toHaveLength(2);
    expect(limits[0]).toBeGreaterThanOrEqual(began + 60_000);
    expect(limits[1]).toBeLessThanOrEqual(entered + 60_000);
  });

  test.concurrent("is not cut short by one in its batch that has waited longer: it is sent again within its own time", async () => {
    const sizes: number[] = [];
    let free!: () => void;
    const held = new Promise<void>((resolve) => (free = resolve));
    const driver = driverWith({
      timeoutMs: 4000,
      async apply(commits) {
        sizes.push(commits.length);
        if (sizes.length === 1) await held;
        if (sizes.length === 2) throw unavailable("unreachable");
        return commits.map((): Outcome => ({ is: "applied", existed: [false] }));
      },
    });
    const store = createStore(driver);
    // Of another tenant: what is answered of its own would give the old one more time.
    const first = store.save({
      eventId: "first",
      identity: { ...IDENTITY, tenant: "globex" },
      kind: "k",
      bytes,
    });
    await sent();
    const old = failure(save(store));
    await new Promise((resolve) => setTimeout(resolve, 2100));
    const young = save(store);
    free();
    await first;
    expect(await old).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
    expect(await young).toMatchObject({ duplicate: false });
    expect(sizes).toEqual([1, 2, 1]);
  });
});

describe("a call of a driver without a timeoutMs", () => {
  test.concurrent("waits in the queue no longer than queueTimeoutMs, reads too", async () => {
    const options = { queueTimeoutMs: 1000, maxQueuedCommits: 100 };
    const found = await endsOf(HANGING, options, { ...WRITES, ...READS }, fillSlots);
    for (const { name, code, details, ownMs } of found) {
      expect({ name, code, details }).toEqual({ name, code: "UNAVAILABLE", details: { reason: "busy" } });
      expect(ownMs, name).toBeLessThan(1000 + MARGIN_MS);
    }
  });
});

describe("what a large erase leaves behind", () => {
  const large: Driver["apply"] = async (commits) =>
    commits.map(({ writes }) => ({
      is: "applied",
      existed: writes.map(() => false),
      erased: [1],
      remains: true,
    }));

  test.concurrent("is removed even if all pieces together take longer than a call may", async () => {
    let left = 6;
    const store = createStore(
      driverWith({
        timeoutMs,
        apply: large,
        async sweep() {
          await new Promise((resolve) => setTimeout(resolve, timeoutMs / 3));
          return { removed: 1, more: --left > 0 };
        },
      }),
    );
    expect(await store.erase(IDENTITY)).toBe(7);
  });

  test.concurrent("is given up when no piece is removed in time, however many erases wait", async () => {
    const store = createStore(driverWith({ timeoutMs, apply: large, sweep: never }));
    const started = ownTime();
    const calls = Array.from({ length: 5 }, (_, index) =>
      failure(store.erase({ ...IDENTITY, session: `s${index}` })),
    );
    const causes = (await Promise.all(calls)).map((error: AnyStateError) => {
      expect(error.code).toBe("OUTCOME_UNKNOWN");
      return (error.cause as Error).message;
    });
    expect(ownTime() - started).toBeLessThan(timeoutMs + MARGIN_MS);
    expect(causes[0]).toMatch(/has not answered for/);
    expect(causes[4]).toMatch(
      /^nothing was removed: it has waited \d+ ms for its turn behind what other erases/,
    );
  });

  test.concurrent("is swept with a deadline", async () => {
    const deadlines: unknown[] = [];
    const store = createStore(
      driverWith({
        timeoutMs,
        apply: large,
        async sweep(_, limit) {
          deadlines.push(limit?.deadline);
          return { removed: 1, more: false };
        },
      }),
    );
    await store.erase(IDENTITY);
    expect(deadlines).toEqual([expect.any(Number)]);
  });
});
