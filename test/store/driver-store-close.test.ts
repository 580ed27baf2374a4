import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Driver, ScanPage, StoredRecord } from "../../src/contract/driver.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { createStore } from "../../src/store/driver-store.js";
import { deferred, driverWith, failure, IDENTITY, stored } from "./store-rig.js";

// Here the time is up when the test says so.
vi.mock("../../src/timing/real-timers.js", async (original) => ({
  ...(await original<typeof import("../../src/timing/real-timers.js")>()),
  setTimeout: (act: () => void, ms: number) => setTimeout(act, ms),
  clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
}));

const RECORD = { eventId: "e1", identity: IDENTITY, kind: "note", bytes: new Uint8Array() };

/** A store over this driver, and the driver's close. */
function watched(methods: Partial<Driver>) {
  const close = vi.fn(async () => {});
  return { store: createStore(driverWith({ close, ...methods })), close };
}

describe("close", () => {
  test("lets writes and erases under way finish, and releases the driver after them, once", async () => {
    const gate = deferred<void>();
    const { store, close } = watched({
      apply: async (commits) => {
        await gate.promise;
        return commits.map(({ writes }) => ({
          is: "applied",
          existed: [true],
          erased: writes.filter(({ op }) => op === "erase").map(() => 7),
        }));
      },
    });
    const done = [store.save(RECORD), store.delete(IDENTITY, "note"), store.erase(IDENTITY)];
    const closed = [store.close(), store.close()];
    await turn();
    expect(close).not.toHaveBeenCalled();

    gate.resolve();
    expect(await Promise.all(done)).toEqual([{ eventId: "e1", duplicate: false }, true, 7]);
    await Promise.all([...closed, store.close(), store[Symbol.asyncDispose]()]);
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("waits for reads under way, even if their caller has given up", async () => {
    const gate = deferred<readonly undefined[]>();
    const { store, close } = watched({ read: () => gate.promise });
    const controller = new AbortController();
    const found = store.find(IDENTITY, "note");
    const left = store.find(IDENTITY, "note", { signal: controller.signal });
    controller.abort("left");
    await expect(left).rejects.toBe("left");
    const closed = store.close();
    await turn();
    expect(close).not.toHaveBeenCalled();
    gate.resolve([undefined]);
    expect(await found).toBeUndefined();
    await closed;
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("lets a scan of several pages come to its end", async () => {
    const order: string[] = [];
    const pages = pagesOf(3);
    const { store } = watched({
      async scan(query) {
        order.push("scan");
        await turn();
        return pages(query);
      },
      async close() {
        order.push("close");
      },
    });
    const { signal } = new AbortController();
    const all = store.listKind(maintenanceScope({ reason: "test", tenant: "acme" }), "k", { signal });
    await store.close();
    expect(order).toEqual(["scan", "scan", "scan", "close"]);
    expect((await all).map(({ kind }) => kind)).toEqual(["k0", "k1", "k2"]);
  });

  test("waits for the page that is under way when a scan is abandoned meanwhile", async () => {
    const gates = [deferred<ScanPage>(), deferred<ScanPage>()];
    let asked = 0;
    const { store, close } = watched({ scan: () => (gates[asked++] as (typeof gates)[0]).promise });
    const controller = new AbortController();
    const scope = maintenanceScope({ reason: "test", tenant: "acme" });
    const all = store.listKind(scope, "k", { signal: controller.signal });
    const closed = store.close();
    gates[0]?.resolve({ records: [stored({ kind: "k0" })], more: true });
    await turn();
    controller.abort("left");
    await expect(all).rejects.toBe("left");
    await turn();
    expect([asked, close.mock.calls.length]).toEqual([2, 0]);
    gates[1]?.resolve({ records: [], more: false });
    await closed;
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("rejects reads that the driver does not answer, once it stops waiting for them", async () => {
    const never = () => new Promise<never>(() => {});
    const { store, close } = watched({ read: never, readByEventId: never, scan: never });
    const reads = [
      store.find(IDENTITY, "note"),
      store.load(IDENTITY, "note"),
      store.loadByEventId(IDENTITY, "e1"),
      store.list(IDENTITY, ""),
      store.listKind(maintenanceScope({ reason: "test", allTenants: true }), "note"),
    ];
    const ended = Promise.allSettled(reads);
    await turn();
    await store.close({ timeoutMs: 0 });
    for (const read of await ended) {
      expect(read).toMatchObject({ status: "rejected", reason: { code: "STORE_CLOSED" } });
    }
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("called again with a shorter timeout ends the wait of the first call", async () => {
    const { store, close } = watched({ apply: () => new Promise(() => {}) });
    const saved = failure(store.save(RECORD));
    await turn();
    const closed = store.close();
    await store.close({ timeoutMs: 0 });
    expect(await Promise.race([closed, turn("still waiting")])).toBeUndefined();
    expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    expect(close).toHaveBeenCalledTimes(1);
  });

  test("refuses later calls at once", async () => {
    const { store } = watched({});
    void store.close();
    expect(await failure(store.find(IDENTITY, "note"))).toMatchObject({ code: "STORE_CLOSED" });
    expect(await failure(store.save(RECORD))).toMatchObject({ code: "STORE_CLOSED" });
  });

  test.each([
    { timeoutMs: -1 },
    { timeoutMs: undefined },
    { timeoutMs: 2 ** 31 },
    { timeoutMs: "1" },
    { signal: {} },
    null,
  ])("with bad options (%j) leaves the store open", async (options) => {
    const { store, close } = watched({});
    expect(await failure(store.close(options as never))).toMatchObject({ code: "INVALID_RECORD" });
    expect(await store.find(IDENTITY, "note")).toBeUndefined();
    expect(close).not.toHaveBeenCalled();
    await store.close();
  });

  test("rejects with a StateError if the driver fails to close, each time", async () => {
    const raw = new Error("raw");
    for (const close of [async () => Promise.reject(raw), () => Promise.reject(raw), throwsAtOnce(raw)]) {
      const { store } = watched({ close });
      const errors = [await failure(store.close()), await failure(store.close())];
      expect(errors.map(({ code, cause }) => [code, cause])).toEqual([
        ["UNAVAILABLE", raw],
        ["UNAVAILABLE", raw],
      ]);
    }
  });
});

describe("close, when the driver hangs", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  const hanging = { apply: () => new Promise<never>(() => {}), read: () => new Promise<never>(() => {}) };

  test.each([
    [undefined, 10_000],
    [{ timeoutMs: 50 }, 50],
  ])("gives up on writes when the time is up (%j)", async (options, ms) => {
    const { store, close } = watched(hanging);
    const [saved, deleted] = [store.save(RECORD), store.delete(IDENTITY, "other")].map(failure);
    await turn();
    const waiting = failure(store.erase(IDENTITY));
    const closed = store.close(options);
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(close).not.toHaveBeenCalled();

    await vi.advanceTimersByTimeAsync(1);
    await closed;
    expect(close).toHaveBeenCalledTimes(1);
    expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: true });
    expect(await deleted).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(await waiting).toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
  });

  test("gives up at once when its signal aborts, before or after the call", async () => {
    for (const early of [true, false]) {
      const { store } = watched(hanging);
      const saved = failure(store.save(RECORD));
      await turn();
      const controller = new AbortController();
      if (early) controller.abort();
      const closed = store.close({ signal: controller.signal });
      controller.abort();
      await closed;
      expect(await saved).toMatchObject({ code: "OUTCOME_UNKNOWN" });
    }
  });

  test("does not call a driver after its close", async () => {
    const pages = pagesOf(3);
    const gate = deferred<void>();
    const scan = vi.fn(async (query: Parameters<Driver["scan"]>[0]) => {
      await gate.promise;
      return pages(query);
    });
    const { store } = watched({ scan });
    const listed = failure(store.listKind(maintenanceScope({ reason: "test", allTenants: true }), "k"));
    const closed = store.close({ timeoutMs: 5 });
    await vi.advanceTimersByTimeAsync(5);
    await closed;
    gate.resolve();
    expect(await listed).toMatchObject({ code: "STORE_CLOSED" });
    expect(scan).toHaveBeenCalledTimes(1);
  });

  test("in its own close, rejects after ten seconds", async () => {
    const { store } = watched({ close: () => new Promise(() => {}) });
    const closed = failure(store.close());
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await closed).toMatchObject({ code: "UNAVAILABLE", details: { reason: "unreachable" } });
  });

  test("leaves no timer behind when there was nothing to wait for", async () => {
    const { store } = watched({});
    await store.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});

/** A scan of this many pages of one record each. */
function pagesOf(count: number): Driver["scan"] {
  return async ({ after }): Promise<ScanPage> => {
    const place = after === undefined ? 0 : Number(after.kind.slice(1)) + 1;
    const record: StoredRecord = stored({ kind: `k${place}` });
    return { records: [record], more: place + 1 < count };
  };
}

function throwsAtOnce(error: Error): () => Promise<void> {
  return () => {
    throw error;
  };
}
