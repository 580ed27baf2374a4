import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { newSession } from "./stores.js";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const CALL = { tool: "files.delete", arguments: { path: "/tmp/a" } };

const { now } = Date;
let ahead = 0;

/** Loads the modules as in a process whose wall clock is ahead by `ahead`. */
async function load() {
  const [{ createStore, maintenanceScope }, { openMemory }, { createApprovals }, { createLedger }] =
    await Promise.all([
      import("../../src/index.js"),
      import("../../drivers/memory/index.js"),
      import("../../src/approvals/index.js"),
      import("../../src/ledger/index.js"),
    ]);
  const store = createStore(await openMemory());
  return { approvals: createApprovals(store), ledger: createLedger(store), maintenanceScope };
}

beforeEach(() => {
  ahead = 0;
  Date.now = () => now() + ahead;
  vi.resetModules();
});

afterEach(() => {
  Date.now = now;
  vi.resetModules();
});

test("a time of day that is an hour ahead for a moment makes no approval overdue", async () => {
  const { approvals, maintenanceScope } = await load();
  const who = newSession();
  await approvals.request(who, { ...CALL, id: "a1", ttlMs: 10 * MINUTE });
  ahead = HOUR;
  const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
  expect(await approvals.expireOverdue(scope)).toBe(0);
  expect((await approvals.list(who, { status: "pending" })).approvals).toHaveLength(1);
  await approvals.decide(who, "a1", { decision: "approve", by: "bob" });
  const { status, requestedAt, claim } = await approvals.claim(who, "a1", CALL);
  expect(status).toBe("claimed");
  expect(Number(claim?.at) - Number(requestedAt)).toBeLessThan(10 * MINUTE);
});

test("a time of day that is an hour ahead for a moment makes no reservation overdue", async () => {
  const { ledger } = await load();
  const who = newSession();
  await ledger.setBudget(who, { calls: 1 });
  await ledger.reserve(who, { id: "r1", ttlMs: 10 * MINUTE });
  ahead = HOUR;
  await expect(ledger.reserve(who, { id: "r2" })).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  expect((await ledger.budget(who))?.reserved.calls).toBe(1);
  ahead = 0;
  await expect(ledger.reserve(who, { id: "r3" })).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  expect(await ledger.release(who, "r1")).toBe(true);
});
