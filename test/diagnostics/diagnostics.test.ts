import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { DIAGNOSTICS } from "../../src/diagnostics/diagnostics.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { newEventId } from "../../src/process/event-id.js";
import { createStore } from "../../src/store/driver-store.js";
import { driverWith, IDENTITY, thrown, unavailable } from "../store/store-rig.js";

const SECRET = {
  payload: "payload-secret",
  kind: "kind-secret",
  eventId: "event-secret",
  session: "session-secret",
};
const OWNER = { ...IDENTITY, session: SECRET.session };
const milliseconds = expect.any(Number);

/** All events of a channel until the test ends. */
function listen(channel: keyof typeof DIAGNOSTICS): unknown[] {
  const events: unknown[] = [];
  const note = (event: unknown) => events.push(event);
  subscribe(DIAGNOSTICS[channel], note);
  onTestFinished(() => {
    unsubscribe(DIAGNOSTICS[channel], note);
  });
  return events;
}

const recordOf = (fields: object = {}) => ({
  eventId: SECRET.eventId,
  identity: OWNER,
  kind: SECRET.kind,
  bytes: Buffer.from(SECRET.payload),
  ...fields,
});

describe("the channel of operations", () => {
  test("publishes how each call ended, with names and sizes only", async () => {
    const store = createStore(await openMemory());
    const events = listen("operation");
    const aborted = AbortSignal.abort(new Error("enough"));
    await store.save(recordOf());
    await store.save(recordOf());
    await thrown(store.save(recordOf({ bytes: Buffer.from("other") })));
    await thrown(store.save(recordOf({ kind: "" })));
    await store.load(OWNER, SECRET.kind);
    await store.find(OWNER, "other");
    await thrown(store.load(OWNER, "other"));
    await thrown(store.load(OWNER, "other", { signal: aborted }));
    await store.loadByEventId(OWNER, SECRET.eventId);
    await store.commit([
      { op: "save", record: recordOf({ eventId: newEventId(), kind: "b" }) },
      { op: "check", identity: OWNER, kind: "c", expect: null },
    ]);
    await store.list(OWNER, "");
    await store.listKind(maintenanceScope({ reason: "test", allTenants: true }), "kind");
    await store.delete(OWNER, SECRET.kind);
    await store.erase(OWNER);
    await store.close();
    await thrown(store.load(OWNER, SECRET.kind));

    const told = (fields: object) => ({ driver: "memory", milliseconds, outcome: "ok", ...fields });
    const { length: bytes } = SECRET.payload;
    expect(events).toEqual([
      told({ operation: "save", changes: 1, bytes, duplicate: false }),
      told({ operation: "save", changes: 1, bytes, duplicate: true }),
      told({ operation: "save", changes: 1, bytes: 5, outcome: "IDEMPOTENCY_CONFLICT" }),
      told({ operation: "save", outcome: "INVALID_RECORD" }),
      told({ operation: "load", records: 1, bytes }),
      told({ operation: "find", records: 0 }),
      told({ operation: "load", records: 0, outcome: "NOT_FOUND" }),
      told({ operation: "load", outcome: "aborted" }),
      told({ operation: "loadByEventId", records: 1, bytes }),
      told({ operation: "commit", changes: 2, bytes, duplicate: false }),
      told({ operation: "list", records: 2, bytes: 2 * bytes }),
      told({ operation: "listKind", records: 1, bytes }),
      told({ operation: "delete", changes: 1, bytes: 0, duplicate: false }),
      told({ operation: "erase", records: 1 }),
      told({ operation: "close" }),
      told({ operation: "load", outcome: "STORE_CLOSED" }),
    ]);
    expect(JSON.stringify(events)).not.toContain("secret");
  });

  test("publishes nothing of calls that began before there was a subscriber", async () => {
    const store = createStore(await openMemory());
    const early = store.save(recordOf());
    const events = listen("operation");
    await early;
    expect(events).toEqual([]);
  });
});

describe("the channel of batches", () => {
  test("publishes the size of each batch, and how much it left waiting", async () => {
    const store = createStore(await openMemory());
    const events = listen("batch");
    const records = Array.from({ length: 300 }, (_, index) =>
      recordOf({ eventId: newEventId(), kind: `k${index}`, bytes: Buffer.alloc(10) }),
    );
    await Promise.all(records.map((record) => store.save(record)));
    await Promise.all(["k1", "k2", "none"].map((kind) => store.find(OWNER, kind)));
    const told = { driver: "memory", outcome: "ok", milliseconds };
    expect(events).toEqual([
      { ...told, operation: "apply", size: 256, bytes: 2560, waiting: 44, waitingBytes: 440 },
      { ...told, operation: "apply", size: 44, bytes: 440, waiting: 0, waitingBytes: 0 },
      { ...told, operation: "read", size: 3, bytes: 20, waiting: 0, waitingBytes: 0 },
    ]);
  });

  test("publishes the code of a StateError, and `failed` for any other error", async () => {
    const failures = [unavailable("setup"), new Error("payload-secret")];
    const fail = async () => {
      throw failures.shift();
    };
    const store = createStore(driverWith({ apply: fail }));
    const events = listen("batch");
    await thrown(store.save(recordOf()));
    await thrown(store.delete(OWNER, "a"));
    expect(events).toMatchObject([
      { driver: undefined, operation: "apply", outcome: "UNAVAILABLE" },
      { driver: undefined, operation: "apply", outcome: "failed" },
    ]);
  });
});
