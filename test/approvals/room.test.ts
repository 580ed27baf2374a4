import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createApprovals } from "../../src/approvals/index.js";
import {
  createStore,
  maintenanceScope,
  newEventId,
  type StateStore,
  tenantIdentity,
} from "../../src/index.js";
import { digestOf } from "../../src/typed/names.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, CALL, TestClock } from "./states.js";

const MAX_BYTES = 64 * 1024;
const REASON = "\u0001".repeat(8000);

/** The largest arguments that the store accepts. */
async function largestArguments(store: StateStore) {
  const approvals = createApprovals(store);
  let [least, most] = [1, MAX_BYTES];
  while (least < most) {
    const size = Math.ceil((least + most) / 2);
    const taken = await approvals.request(newSession(), { tool: "t", arguments: "x".repeat(size) }).then(
      () => true,
      (error) => {
        expect(error).toMatchObject({ code: "INVALID_RECORD", details: { field: "arguments" } });
        return false;
      },
    );
    if (taken) least = size;
    else most = size - 1;
  }
  return "x".repeat(least);
}

test("a request of any size leaves room for its decision and outcome", async () => {
  const store = createStore(await openMemory(), { maxBytes: MAX_BYTES });
  const approvals = createApprovals(store);
  const call = { tool: "t", arguments: await largestArguments(store) };
  expect(call.arguments.length).toBeGreaterThan(MAX_BYTES - 1000);
  const who = newSession();
  for (const id of ["denied", "cancelled", "completed", "failed"])
    await approvals.request(who, { ...call, id });
  const told = { by: "b".repeat(500), reason: REASON, token: "t".repeat(100) };
  await approvals.decide(who, "denied", { ...told, decision: "deny" });
  await approvals.cancel(who, "cancelled", told);
  for (const id of ["completed", "failed"]) {
    await approvals.decide(who, id, { decision: "approve", by: "bob" });
    await approvals.claim(who, id, { ...call, by: "agent" });
  }
  await approvals.complete(who, "completed", { result: "y".repeat(MAX_BYTES - 1000) });
  await approvals.fail(who, "failed", { error: REASON });
  const { approvals: all } = await approvals.list(who);
  expect(all.map(({ status }) => status).sort()).toEqual(["cancelled", "completed", "denied", "failed"]);
  for (const approval of all) expect(approval.arguments).toBe(call.arguments);
});

test("a call that is too large is refused before all of it is read, at the size of its store", async () => {
  const store = createStore(await openMemory(), { maxBytes: 2000 });
  const approvals = createApprovals(store);
  let read = 0;
  const rows = Array.from({ length: 10_000 }, () => ({
    get text() {
      read++;
      return "0123456789";
    },
  }));
  const call = { tool: "t", arguments: rows };
  const refused = { code: "INVALID_RECORD", details: { field: "arguments" } };
  await expect(approvals.request(newSession(), call)).rejects.toMatchObject(refused);
  await expect(approvals.claim(newSession(), "id", call)).rejects.toMatchObject(refused);
  await expect(approvals.complete(newSession(), "id", { result: rows })).rejects.toMatchObject({
    code: "INVALID_RECORD",
    details: { field: "result" },
  });
  expect(read).toBeLessThan(1000);
});

onEveryStore((opened) => {
  test("an approval whose record contains the request is read, decided and claimed", async () => {
    const approvals = createApprovals(opened.store);
    const who = newSession();
    await approvals.request(who, { ...CALL, id: "a1" });
    const [state, asked] = await Promise.all([
      opened.store.load(who, "approval/a1"),
      opened.store.load(who, "approval.request/a1"),
    ]);
    const parse = (bytes: Uint8Array) => JSON.parse(Buffer.from(bytes).toString());
    const before = { ...parse(state.bytes), request: parse(asked.bytes).request };
    await opened.store.commit([
      { op: "delete", identity: who, kind: "approval.request/a1" },
      {
        op: "save",
        record: {
          eventId: newEventId(),
          identity: who,
          kind: "approval/a1",
          bytes: Buffer.from(JSON.stringify(before)),
        },
      },
    ]);
    const read = await approvals.get(who, "a1");
    expect(read).toMatchObject({ status: "pending", arguments: CALL.arguments });
    expect((await approvals.list({ tenant: who.tenant })).approvals).toEqual([read]);
    await ACTIONS.approve(approvals, who, "a1");
    expect(await ACTIONS.claim(approvals, who, "a1")).toMatchObject({ arguments: CALL.arguments });
    const { bytes } = await opened.store.load(who, "approval/a1");
    expect(parse(bytes)).not.toHaveProperty("request");
  });

  test("a stale read that misses an approval does not remove its index entries", async () => {
    const clock = new TestClock();
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    await createApprovals(opened.store, { clock: clock.now }).request(who, {
      ...CALL,
      id: "a1",
      ttlMs: 1000,
    });
    const find: StateStore["find"] = async (identity, kind, ...rest) =>
      kind.startsWith("approval/") ? undefined : opened.store.find(identity, kind, ...rest);
    const stale = createApprovals(withMethods(opened.store, { find }), { clock: clock.now });
    for (const where of [who, { tenant: who.tenant }])
      expect((await stale.list(where)).approvals).toEqual([]);
    clock.pass(2000);
    await stale.expireOverdue(scope, { erased: true });
    const approvals = createApprovals(opened.store, { clock: clock.now });
    for (const where of [who, { tenant: who.tenant }])
      expect((await approvals.list(where)).approvals).toHaveLength(1);
  });

  test("a user's approvals are forgotten, and nobody else's", async () => {
    const approvals = createApprovals(opened.store);
    const who = { ...newSession(), user: "secret-user" };
    const bob = { ...who, user: "bob" };
    const gone = { ...who, session: "gone" };
    for (let n = 0; n < 60; n++) {
      for (const owner of [who, bob, { ...who, session: "s2" }])
        await approvals.request(owner, { ...CALL, id: `a${n}` });
      if (n % 3 === 0) await ACTIONS.approve(approvals, who, `a${n}`);
    }
    await approvals.request(gone, CALL);
    await opened.store.erase(gone);
    const user = { tenant: who.tenant, user: who.user };
    expect(await approvals.forgetUser(user)).toBe(120);
    expect(await approvals.forgetUser(user)).toBe(0);
    expect((await approvals.list({ tenant: who.tenant }, { limit: 1000 })).approvals).toHaveLength(60);
    for (const owner of [who, { ...who, session: "s2" }])
      expect(await opened.store.list(owner, "")).toEqual([]);
    const left = await opened.store.list(tenantIdentity(who.tenant), "");
    // Of each: its entry in the list of the tenant, and its place.
    expect(left).toHaveLength(2 * 60);
    for (const { kind, bytes } of left) {
      expect(`${kind} ${Buffer.from(bytes)}`).not.toContain("secret");
      expect(kind).not.toContain(digestOf("secret-user"));
    }
  });
});
