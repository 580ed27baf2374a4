import { expect, test } from "vitest";
import { type AuditEntry, createApprovals } from "../../src/approvals/index.js";
import { newEventId, tenantIdentity } from "../../src/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, CALL, HOUR, TestClock } from "./states.js";

const EDIT = { path: "/tmp/b" };

onEveryStore((opened) => {
  function gate(options: object = {}) {
    const clock = new TestClock();
    const approvals = createApprovals(opened.store, { clock: clock.now, ...options });
    const who = newSession();
    const { tenant } = who;
    const ask = (id: string, request: object = {}) =>
      approvals.request(who, { ...CALL, sender: "chat", ttlMs: HOUR, ...request, id });
    const audited = async (
      ...given: Parameters<typeof approvals.audit> extends [unknown, ...infer R] ? R : never
    ) => (await approvals.audit({ tenant }, ...given)).entries;
    const ids = (entries: readonly AuditEntry[]) => entries.map(({ id, status }) => `${id} ${status}`);
    return { clock, approvals, who, tenant, ask, audited, ids };
  }

  test("what was decided outlives its session, with what became of it", async () => {
    const { clock, approvals, who, ask, audited } = gate();
    for (const id of ["denied", "cancelled", "revoked", "failed", "completed", "pending"]) {
      await ask(id);
      clock.pass(1);
    }
    await ACTIONS.deny(approvals, who, "denied");
    await ACTIONS.cancel(approvals, who, "cancelled");
    await ACTIONS.approve(approvals, who, "revoked");
    await ACTIONS.revoke(approvals, who, "revoked");
    await ACTIONS.approve(approvals, who, "failed");
    await ACTIONS.claim(approvals, who, "failed");
    await ACTIONS.fail(approvals, who, "failed");
    const decision = { decision: "approve", by: "eve", token: "secret", arguments: EDIT } as const;
    await approvals.decide(who, "completed", decision);
    await approvals.claim(who, "completed", { tool: CALL.tool, arguments: EDIT, token: "secret" });
    await approvals.complete(who, "completed", { result: "secret", token: "secret" });
    const expected = await Promise.all(
      ["denied", "cancelled", "revoked", "failed", "completed"].map((id) => approvals.get(who, id)),
    );
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
    const shown = expected.map(({ outcome, ...approval }) => {
      if (outcome === undefined) return approval;
      const { result: _, ...rest } = outcome;
      return { ...approval, outcome: rest };
    });
    expect([...(await audited())].sort(byId)).toEqual([...shown].sort(byId));
    await opened.store.erase(who);
    expect([...(await audited())].sort(byId)).toEqual([...shown].sort(byId));
    expect(JSON.stringify(await audited())).not.toContain("secret");
  });

  test("a decision of several people is there once it is made", async () => {
    const { approvals, who, ask, audited } = gate();
    await ask("a", { approvals: 2 });
    const decide = (by: string) => approvals.decide(who, "a", { decision: "approve", by, arguments: EDIT });
    await decide("bob");
    expect(await audited()).toEqual([]);
    await decide("eve");
    expect(await audited()).toMatchObject([
      { votes: [{ by: "bob" }, { by: "eve" }], edited: { by: "bob", arguments: EDIT } },
    ]);
  });

  test("is read by time, in pages, in either order", async () => {
    const { clock, approvals, who, tenant, ask, audited, ids } = gate();
    const start = clock.time;
    for (const id of ["a", "b", "c", "d", "e"]) await ask(id);
    for (const id of ["c", "a", "e", "b", "d"]) {
      clock.pass(1000);
      await ACTIONS.deny(approvals, who, id);
    }
    const order = ["d denied", "b denied", "e denied", "a denied", "c denied"];
    expect(ids(await audited())).toEqual(order);
    expect(ids(await audited({ order: "oldest" }))).toEqual([...order].reverse());
    const at = (seconds: number) => new Date(start + seconds * 1000);
    expect(ids(await audited({ since: at(2), until: at(5) }))).toEqual(order.slice(1, 4));
    for (const [direction, whole] of [
      ["newest", order.slice(1)],
      ["oldest", [...order.slice(1)].reverse()],
    ] as const) {
      const paged: string[] = [];
      for (let after: string | undefined; ; ) {
        const options = { order: direction, until: at(5), limit: 2, after };
        const page = await approvals.audit({ tenant }, options);
        paged.push(...ids(page.entries));
        after = page.next;
        if (after === undefined) break;
      }
      expect(paged).toEqual(whole);
    }
    for (const [field, options] of [
      ["since", { since: 1 }],
      ["until", { until: new Date(Number.NaN) }],
      ["order", { order: "up" }],
      ["limit", { limit: 0 }],
      ["after", { after: "x" }],
      ["options", { user: "ann" }],
    ] as const)
      await expect(audited(options as never)).rejects.toMatchObject({ details: { field } });
    await expect(approvals.audit(who as never)).rejects.toMatchObject({ details: { field: "where" } });
    expect((await approvals.audit({ tenant: `${tenant}2` })).entries).toEqual([]);
  });

  test("keeps no arguments, or nothing, where that was asked for, whoever goes on with the call", async () => {
    for (const audit of ["without-arguments", "off"] as const) {
      const { approvals, clock, who, tenant, ask, audited } = gate({ audit });
      await ask("a");
      await approvals.decide(who, "a", { decision: "approve", by: "bob", arguments: EDIT });
      const calls = createToolCalls(opened.store, { clock: clock.now });
      await calls.begin(who, { id: "c", tool: CALL.tool, arguments: EDIT, approval: "a" });
      await calls.succeed(who, "c");
      const entries = await audited();
      expect(entries).toHaveLength(audit === "off" ? 0 : 1);
      for (const entry of entries) {
        expect(entry).toMatchObject({ status: "completed", edited: { by: "bob" } });
        expect(entry).not.toHaveProperty("arguments");
        expect(entry.edited).not.toHaveProperty("arguments");
      }
      for (const { kind, bytes } of await opened.store.list(tenantIdentity(tenant), ""))
        expect(`${kind} ${Buffer.from(bytes)}`).not.toMatch(/\/tmp|chat|running/);
    }
    expect(() => createApprovals(opened.store, { audit: true as never })).toThrow("audit must be");
  });

  test("an approved call that nobody claims is shown as expired, before and after it is marked", async () => {
    const { approvals, who, clock, ask, audited, ids } = gate();
    await ask("a");
    await ACTIONS.approve(approvals, who, "a");
    clock.pass(HOUR);
    expect(ids(await audited())).toEqual(["a expired"]);
    await opened.store.erase(who);
    expect(ids(await audited())).toEqual(["a expired"]);
  });

  test.each(["complete", "fail"] as const)(
    "a call that is under way when its session is deleted can %s, once",
    async (action) => {
      const { approvals, who, ask, audited } = gate();
      await ask("a");
      await ACTIONS.approve(approvals, who, "a");
      await ACTIONS.claim(approvals, who, "a");
      await opened.store.erase(who);
      const report = () =>
        action === "complete"
          ? approvals.complete(who, "a", { result: { removed: 1 }, by: "worker", token: "t" })
          : approvals.fail(who, "a", { error: "it broke", by: "worker", token: "t" });
      const status = action === "complete" ? "completed" : "failed";
      const told = await report();
      expect(told).toMatchObject({ id: "a", identity: who, status, ...CALL, outcome: { by: "worker" } });
      // Again, as after a lost answer.
      expect(await report()).toEqual(told);
      await expect(approvals.fail(who, "a", { error: "other" })).rejects.toMatchObject({
        code: "ALREADY_FINISHED",
      });
      expect(await audited()).toMatchObject([{ status, claim: { by: "worker" }, outcome: { by: "worker" } }]);
      // What was erased stays erased.
      expect(await opened.store.list(who, "")).toEqual([]);
    },
  );

  test("what was never claimed, or is forgotten, is not found after the session was deleted", async () => {
    const { approvals, who, tenant, ask } = gate();
    for (const id of ["approved", "claimed"]) {
      await ask(id);
      await ACTIONS.approve(approvals, who, id);
    }
    await ACTIONS.claim(approvals, who, "claimed");
    await opened.store.erase(who);
    await expect(ACTIONS.complete(approvals, who, "approved")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(ACTIONS.claim(approvals, who, "approved")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await approvals.forgetUser({ tenant, user: who.user });
    await expect(ACTIONS.complete(approvals, who, "claimed")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("what is damaged keeps a user's other entries from nothing", async () => {
    const { approvals, who, tenant, ask, audited } = gate();
    const deleted = { ...who, session: "deleted" };
    for (const id of ["a", "b"]) {
      await approvals.request(deleted, { ...CALL, id });
      await ACTIONS.deny(approvals, deleted, id);
    }
    await opened.store.erase(deleted);
    await ask("pending");
    const owner = tenantIdentity(tenant);
    const [damaged] = await opened.store.list(owner, "approval.audit/");
    const kind = damaged?.kind as string;
    const slots = [
      { identity: owner, kind },
      { identity: who, kind: "approval/pending" },
    ];
    for (const slot of slots)
      await opened.store.save({ eventId: newEventId(), ...slot, bytes: Buffer.from("{}") });
    const corrupt = { code: "CORRUPT", details: { at: { identity: owner, kind } } };
    await expect(audited()).rejects.toMatchObject(corrupt);
    await expect(approvals.forgetUser({ tenant, user: who.user })).rejects.toMatchObject(corrupt);
    expect(await opened.store.list(who, "")).toEqual([]);
    const left = await opened.store.list(owner, "");
    // The arguments that belong to it: nobody can tell whose they are.
    expect(left.map((record) => record.kind)).toEqual([
      expect.stringContaining("approval.audit.call/"),
      kind,
    ]);
  });

  test("forgetUser removes what the list has of the user, and of nobody else", async () => {
    const { approvals, who, tenant, audited, ids } = gate();
    const secret = { ...who, user: "secret-user" };
    const deleted = { ...secret, session: "secret-session" };
    for (const owner of [who, secret, deleted]) {
      for (let n = 0; n < 60; n++) await approvals.request(owner, { ...CALL, id: `a${n}` });
      await Promise.all(
        Array.from({ length: 60 }, async (_, n) => {
          const edit = n % 2 ? { arguments: EDIT } : {};
          await approvals.decide(owner, `a${n}`, { decision: "approve", by: "bob", ...edit });
          if (n % 2) await approvals.claim(owner, `a${n}`, { tool: CALL.tool, arguments: EDIT });
        }),
      );
    }
    const before = ids((await approvals.audit({ tenant }, { limit: 1000 })).entries);
    expect(before).toHaveLength(180);
    await opened.store.erase(deleted);
    await approvals.forgetUser({ tenant, user: "secret-user" });
    const left = await audited({ limit: 1000 });
    expect(left).toHaveLength(60);
    for (const { identity } of left) expect(identity).toEqual(who);
    const records = await opened.store.list(tenantIdentity(tenant), "");
    for (const { kind, bytes } of records) expect(`${kind} ${Buffer.from(bytes)}`).not.toContain("secret");
    // Of each: the entry, the arguments, the place, one list; of every second one the edit and the running call.
    expect(records).toHaveLength(60 * 4 + 30 * 2);
  });
});
