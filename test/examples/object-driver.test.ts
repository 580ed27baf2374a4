import { join } from "node:path";
import { createStore, newEventId } from "groundstate";
import { conformanceTests, type Harness, runConformance } from "groundstate/conformance";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ObjectDriver } from "../../examples/object-driver/driver.js";
import harness from "../../examples/object-driver/harness.js";
import { CASE_MS } from "../conformance/case-limit.js";
import { ROOT } from "../package/installed.js";
import { isSoak } from "../soak.js";
import { startObjectServer, type Weakness } from "./object-server.js";

/** Longer than a case waits. */
const LATE_MS = 120_000;
const IDENTITY = { tenant: "t", user: "u", session: "s" };

/** What scans all tenants, and so fails where these are found in a late list. */
const SCANS_OF_ALL = [
  "list-kind/inside-its-tenant",
  "list-kind/after-into-the-next-tenant",
  "list-kind/few-among-many-tenants",
  "order/across-identities",
  "isolation/scans",
];
/** In a short run: what takes a few requests. */
const SOME = [
  "conditions/chain",
  "events/current",
  "save/replaces",
  "list/prefix-ends",
  "stores/one-event-id",
  "list-kind/inside-its-tenant",
];
const SOME_LATE = [
  "list-kind/inside-its-tenant",
  "list-kind/scan-pages",
  "events/current",
  "list/prefix-ends",
];

let strong: Awaited<ReturnType<typeof startObjectServer>>;

beforeAll(async () => {
  strong = await startObjectServer();
  process.env.BUCKET_URL = strong.url;
});
afterAll(() => strong.stop());

conformanceTests({ describe, afterAll, test }, harness, {
  modulePath: join(ROOT, "dist/examples/object-driver/harness.js"),
  timeoutMs: CASE_MS,
  ...(isSoak ? {} : { only: SOME }),
});

/** A server that is stopped after the test. */
async function started(weakness?: Weakness) {
  const server = await startObjectServer(weakness);
  onTestFinished(() => server.stop());
  return server;
}

const record = (kind: string) => ({
  eventId: newEventId(),
  identity: IDENTITY,
  kind,
  bytes: Buffer.from(kind),
});
/** The same driver over a server that lists new objects late. */
async function lateHarness(): Promise<Harness> {
  const { url } = await started({ listedAfterMs: LATE_MS });
  return {
    name: "objects, listed late",
    durable: true,
    open: async (space, options) => createStore(await ObjectDriver.open(url, space), options),
  };
}

/** Nothing but a scan of all tenants asks for a list of objects. */
test("over lists that are late, scans of all tenants fail, and nothing else", async () => {
  const { results } = await runConformance(await lateHarness(), {
    ...(isSoak ? {} : { only: SOME_LATE }),
    timeoutMs: CASE_MS,
  });
  const failed = results.filter(({ outcome }) => outcome === "failed").map(({ id }) => id);
  const tried = results.map(({ id }) => id);
  expect(failed).toEqual(SCANS_OF_ALL.filter((id) => tried.includes(id)));
  expect(failed.length).toBeLessThan(results.length);
}, 600_000);

test("a server that writes though the condition of a put does not hold is refused", async () => {
  const { url } = await started({ ignoresConditions: true });
  const unsafe = { code: "UNAVAILABLE", details: { reason: "setup" } };
  await expect(ObjectDriver.open(url)).rejects.toMatchObject(unsafe);
});

test("a server that is away is told as unreachable", async () => {
  const away = { code: "UNAVAILABLE", details: { reason: "unreachable" } };
  await expect(ObjectDriver.open("http://127.0.0.1:1/bucket")).rejects.toMatchObject(away);
});

test("a payload that is gone is CORRUPT with its record's key, and nothing else is", async () => {
  const { url, objects } = await started();
  const store = createStore(await ObjectDriver.open(url));
  await store.save(record("a"));
  const before = new Set(objects.keys());
  await store.save(record("b"));
  for (const key of objects.keys()) if (key.includes("/blob/") && !before.has(key)) objects.delete(key);
  const at = { identity: IDENTITY, kind: "b" };
  await expect(store.load(IDENTITY, "b")).rejects.toMatchObject({ code: "CORRUPT", details: { at } });
  expect(Buffer.from((await store.load(IDENTITY, "a")).bytes).toString()).toBe("a");
  await store.close();
});

test("no object is left of what was overwritten, deleted or erased", async () => {
  const { url, objects } = await started();
  const store = createStore(await ObjectDriver.open(url));
  for (const kind of ["a", "a", "b", "c"]) await store.save(record(kind));
  await store.delete(IDENTITY, "b");
  expect([...objects.keys()].filter((key) => key.includes("/blob/"))).toHaveLength(2);
  await store.erase(IDENTITY);
  expect([...objects.keys()].filter((key) => key.includes("/blob/"))).toEqual([]);
  await store.close();
});

test("a put that a proxy sent twice is taken for written, once", async () => {
  const { url } = await started();
  const twice: typeof fetch = async (...call) => {
    if (call[1]?.method === "PUT" && String(call[0]).includes("/manifest/")) await fetch(...call);
    return fetch(...call);
  };
  const store = createStore(await ObjectDriver.open(url, "twice", twice));
  const saved = record("a");
  expect(await store.save(saved)).toEqual({ eventId: saved.eventId, duplicate: false });
  expect(Buffer.from((await store.load(IDENTITY, "a")).bytes).toString()).toBe("a");
  await store.close();
});
