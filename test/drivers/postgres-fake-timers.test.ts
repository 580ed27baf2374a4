import { afterEach, expect, test, vi } from "vitest";
import { openPostgres } from "../../drivers/postgres/index.js";
import { createStore, type StateStore } from "../../src/index.js";
import { ownTime } from "../own-time.js";
import { failOnUncaughtErrors, failure, migratedDatabase } from "./postgres-rig.js";

failOnUncaughtErrors();

/** The timers that the postgres package takes from `globalThis` and Vitest fakes by default. */
const FAKED = ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate"] as const;
const NAMES_FAKED_TIMERS =
  /setTimeout and setImmediate of globalThis.*is a fake that stands still.*toFake.*shouldAdvanceTime/;
/** Shorter than the default timeout of any test runner, and far shorter than the call's. */
const MAX_FAILURE_MS = 4500;

const identity = { tenant: "acme", user: "ann", session: "s1" };
const save = (store: StateStore, id: string) =>
  store.save({ eventId: id, identity, kind: id, bytes: new Uint8Array(1) });

afterEach(() => {
  vi.useRealTimers();
});

test("opening a store under stalled fake timers is an error that says so", async () => {
  const url = await migratedDatabase();
  const started = ownTime();
  vi.useFakeTimers({ toFake: [...FAKED] });
  const error = await failure(openPostgres({ url }));
  expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
  expect(error.message).toMatch(NAMES_FAKED_TIMERS);
  expect(ownTime() - started).toBeLessThan(MAX_FAILURE_MS);
});

test.each<[string, RegExp, (store: StateStore) => Promise<unknown>]>([
  ["a read", /^UNAVAILABLE$/, (store) => store.find(identity, "a")],
  ["a save", /^(UNAVAILABLE|OUTCOME_UNKNOWN)$/, (store) => save(store, "b")],
])(
  "%s of a store that was open when timers were faked says so, and the store can be closed",
  async (_, code, call) => {
    const driver = await openPostgres({ url: await migratedDatabase(), poolSize: 1 });
    const store = createStore(driver, { layers: driver.layers ?? [] });
    await save(store, "a");
    const started = ownTime();
    vi.useFakeTimers({ toFake: [...FAKED] });
    const error = await failure(call(store));
    expect(error.code).toMatch(code);
    expect(`${error.message} ${(error.cause as Error).message}`).toMatch(NAMES_FAKED_TIMERS);
    expect(ownTime() - started).toBeLessThan(MAX_FAILURE_MS);
    await store.close();
    expect(ownTime() - started).toBeLessThan(MAX_FAILURE_MS + 1000);
  },
);

test("fake timers that advance with real time delay nothing", async () => {
  vi.useFakeTimers({ toFake: [...FAKED], shouldAdvanceTime: true });
  const driver = await openPostgres({ url: await migratedDatabase() });
  const store = createStore(driver, { layers: driver.layers ?? [] });
  await save(store, "a");
  expect(await store.find(identity, "a")).toMatchObject({ eventId: "a" });
  await store.close();
});
