import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import {
  maintenanceScope,
  openStore,
  StateError,
  type StateErrorCode,
  tenantIdentity,
} from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, CALL, HOUR, inState, STATES, type State, TestClock } from "./states.js";

onEveryStore((opened) => {
  function gate() {
    const clock = new TestClock();
    // What the audit list keeps is meant to stay.
    const approvals = createApprovals(opened.store, { clock: clock.now, audit: "off" });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    const index = () => opened.store.list(tenantIdentity(who.tenant), "");
    return { clock, approvals, who, scope, index };
  }

  test.each([undefined, 1, "true", null])("the option is true or false, and not %s", async (erased) => {
    const { approvals, scope } = gate();
    await expect(approvals.expireOverdue(scope, { erased: erased as never })).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details: { field: "erased" },
    });
    await expect(approvals.expireOverdue(scope, { erase: true } as never)).rejects.toMatchObject({
      details: { field: "options" },
    });
  });

  test("whatever their approvals were, nothing points at erased sessions after it", async () => {
    const { approvals, clock, who, scope, index } = gate();
    const gone = { ...who, user: "secret-user", session: "secret-session" };
    const mark = () => approvals.expireOverdue(scope);
    for (const state of Object.keys(STATES) as State[]) {
      await inState(state, { approvals, clock, who, mark });
      await inState(state, { approvals, clock, who: gone, mark });
      clock.pass(1);
    }
    // What is left open, and its time is not over.
    await inState("pending", { approvals, clock, who: gone, mark });
    await mark();
    await opened.store.erase(gone);
    const before = await index();
    expect(await approvals.expireOverdue(scope, { erased: false })).toBe(0);
    expect(await index()).toEqual(before);
    const { approvals: kept } = await approvals.list(who);
    expect(await approvals.expireOverdue(scope, { erased: true })).toBe(0);
    const left = await index();
    // Of each: its entry in the list of the tenant, and its place.
    expect(left).toHaveLength(2 * kept.length);
    for (const { bytes } of left) expect(Buffer.from(bytes).toString()).not.toContain("secret");
    expect((await approvals.list({ tenant: who.tenant })).approvals).toEqual(kept);
  });

  test("it marks what is overdue, too, and stays in its tenant", async () => {
    const { approvals, clock, who, scope } = gate();
    const neighbour = { ...who, tenant: `${who.tenant}2` };
    for (const owner of [who, neighbour]) {
      await approvals.request(owner, { ...CALL, id: "a", ttlMs: HOUR });
      await approvals.request(owner, { ...CALL, id: "b" });
      await ACTIONS.deny(approvals, owner, "b");
    }
    await opened.store.erase(neighbour);
    clock.pass(2 * HOUR);
    expect(await approvals.expireOverdue(scope, { erased: true })).toBe(1);
    expect(await opened.store.list(tenantIdentity(neighbour.tenant), "")).toHaveLength(2 * 2);
  });

  test("many approvals are checked in portions", async () => {
    const { approvals, clock, who, scope, index } = gate();
    const gone = { ...who, session: "s2" };
    const each = Array.from({ length: 230 }, (_, n) => `a${n}`);
    await Promise.all(each.map((id) => approvals.request(gone, { ...CALL, id })));
    await Promise.all(each.map((id) => ACTIONS.deny(approvals, gone, id)));
    await opened.store.erase(gone);
    let open = 0;
    let most = 0;
    const find: typeof opened.store.find = async (...given) => {
      most = Math.max(most, ++open);
      return opened.store.find(...given).finally(() => open--);
    };
    const counted = createApprovals(withMethods(opened.store, { find }), { clock: clock.now });
    await counted.expireOverdue(scope, { erased: true });
    expect(await index()).toEqual([]);
    // Of a hundred at once, each of its two records.
    expect(most).toBe(200);
  });

  const FAILURES = [
    ["UNAVAILABLE", { reason: "setup" }],
    ["OUTCOME_UNKNOWN", {}],
    ["CONDITION_FAILED", { change: 0, identity: newSession(), kind: "k", current: null }],
  ] as const;

  test.each(FAILURES)("reading goes on where %s keeps it from tidying", async (code, details) => {
    const { approvals, clock, who, scope } = gate();
    const gone = { ...who, session: "s2" };
    await approvals.request(gone, { ...CALL, id: "a", ttlMs: HOUR });
    await approvals.request(who, { ...CALL, id: "b", ttlMs: HOUR });
    await opened.store.erase(gone);
    let tries = 0;
    const refuse = async () => {
      tries++;
      throw new StateError<StateErrorCode>(code, "no write now", { details });
    };
    const readOnly = createApprovals(withMethods(opened.store, { commit: refuse }), { clock: clock.now });
    const page = await readOnly.list({ tenant: who.tenant });
    expect(page.approvals.map(({ id }) => id)).toEqual(["b"]);
    const recovered: string[] = [];
    for await (const { id } of readOnly.recover(scope)) recovered.push(id);
    expect(recovered).toEqual(["b"]);
    expect(tries).toBe(2);
    // Where removing is what was asked for, it is not said to be done.
    const sweep = readOnly.expireOverdue(scope, { erased: true });
    if (code === "UNAVAILABLE") await expect(sweep).rejects.toMatchObject({ code });
    else expect(await sweep).toBe(0);
  });

  test("other failures of the removal are reported", async () => {
    const { approvals, who } = gate();
    await approvals.request(who, { ...CALL, id: "a" });
    await opened.store.erase(who);
    const refuse = async () => {
      throw new RangeError("no idea");
    };
    const broken = createApprovals(withMethods(opened.store, { commit: refuse }));
    await expect(broken.list({ tenant: who.tenant })).rejects.toThrow(new RangeError("no idea"));
  });
});

test("an id that is used again after its session was erased is listed once, and the old entry goes", async () => {
  await using store = await openStore("memory:", { idempotencyWindowMs: 1 });
  const clock = new TestClock();
  const approvals = createApprovals(store, { clock: clock.now });
  const who = newSession();
  const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
  const index = () => store.list(tenantIdentity(who.tenant), "");
  const again = async () => {
    await store.erase(who);
    await sleep(20);
    clock.pass(1);
    await approvals.request(who, { ...CALL, id: "a", ttlMs: 10 * HOUR });
  };
  await approvals.request(who, { ...CALL, id: "a", ttlMs: HOUR });
  await again();
  expect(await index()).toHaveLength(2 * 2);
  expect((await approvals.list({ tenant: who.tenant })).approvals).toHaveLength(1);
  expect(await index()).toHaveLength(2);
  await again();
  clock.pass(10 * HOUR - 1);
  expect(await approvals.expireOverdue(scope)).toBe(0);
  expect(await index()).toHaveLength(2);
  expect(await approvals.get(who, "a")).toMatchObject({ status: "pending" });
});
