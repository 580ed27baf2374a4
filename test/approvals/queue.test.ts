import { describe, expect, test } from "vitest";
import { callDigest, createApprovals } from "../../src/approvals/index.js";
import {
  type Identity,
  type ListOptions,
  maintenanceScope,
  newEventId,
  tenantIdentity,
} from "../../src/index.js";
import { together } from "../../src/typed/index.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, CALL, HOUR, TestClock } from "./states.js";

onEveryStore((opened) => {
  /** Six requests of two users: `1` is the oldest. */
  async function queue() {
    const clock = new TestClock();
    const approvals = createApprovals(opened.store, { clock: clock.now });
    const ann = newSession();
    const [elsewhere, bob] = [
      { ...ann, session: "s2" },
      { ...ann, user: "bob" },
    ];
    const { tenant } = ann;
    for (const [id, who, request] of [
      ["1", ann, { tool: "mail", run: "r1" }],
      ["2", ann, { tool: "pay", run: "r2", assignee: "eve" }],
      ["3", elsewhere, { tool: "pay", run: "r1", requester: "bot" }],
      ["4", bob, { tool: "mail", assignee: "eve" }],
      ["5", bob, { tool: "pay", assignee: "zoe" }],
      ["6", ann, { tool: "mail", requester: "bot" }],
    ] as const) {
      clock.pass(1);
      await approvals.request(who, { arguments: {}, ...request, id, ttlMs: HOUR });
    }
    const list = async (...given: Parameters<typeof approvals.list>) =>
      (await approvals.list(...given)).approvals.map(({ id }) => id).join("");
    return { approvals, clock, ann, elsewhere, bob, tenant, list };
  }

  /** As version 0.4 wrote it: entries that say nothing of fields, and nothing by which an id is found. */
  async function asBefore(tenant: string, sessions: readonly ReturnType<typeof newSession>[]) {
    for (const owner of [tenantIdentity(tenant), ...sessions])
      for (const { kind, bytes } of await opened.store.list(owner, "approval.")) {
        if (kind.startsWith("approval.id/")) await opened.store.delete(owner, kind);
        if (!/^approval\.(tenant|session)\//.test(kind)) continue;
        const { groups: _, ...pointer } = JSON.parse(Buffer.from(bytes).toString());
        const written = Buffer.from(JSON.stringify(pointer));
        await opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes: written });
      }
  }

  describe.each(["as they are", "as version 0.4 wrote them"])("lists, %s,", (form) => {
    async function written() {
      const made = await queue();
      if (form !== "as they are") await asBefore(made.tenant, [made.ann, made.elsewhere, made.bob]);
      return made;
    }

    test("are filtered by user, tool, run, requester, assignee and digest", async () => {
      const { list, ann, tenant } = await written();
      expect(await list({ tenant, user: "ann" })).toBe("6321");
      expect(await list({ tenant, user: "bob" }, { tool: "pay" })).toBe("5");
      expect(await list({ tenant }, { tool: "pay" })).toBe("532");
      expect(await list({ tenant }, { run: "r1" })).toBe("31");
      expect(await list({ tenant }, { requester: "bot" })).toBe("63");
      expect(await list({ tenant }, { assignee: "eve", tool: "mail" })).toBe("4");
      expect(await list({ tenant }, { digest: callDigest("mail", {}) })).toBe("641");
      expect(await list(ann, { tool: "mail", order: "oldest" })).toBe("16");
      expect(await list({ tenant, user: "nobody" })).toBe("");
      expect(await list({ tenant: `${tenant}2` }, { tool: "pay" })).toBe("");
    });

    test("are paged in either order, with and without a filter", async () => {
      const { approvals, tenant } = await written();
      for (const [filter, whole] of [
        [{}, "654321"],
        [{ tool: "pay" }, "532"],
      ] as const)
        for (const order of ["newest", "oldest"] as const) {
          let paged = "";
          for (let after: string | undefined; ; ) {
            const page = await approvals.list({ tenant }, { ...filter, order, limit: 1, after });
            paged += page.approvals.map(({ id }) => id).join("");
            after = page.next;
            if (after === undefined) break;
          }
          expect(paged).toBe(order === "newest" ? whole : [...whole].reverse().join(""));
        }
    });

    test("follow a reassignment", async () => {
      const { approvals, bob, ann, tenant, list } = await written();
      await approvals.reassign(bob, "5", { assignee: "eve", by: "zoe" });
      await approvals.reassign(ann, "2", { assignee: null, by: "zoe" });
      for (const where of [{ tenant }, { tenant, user: "bob" }])
        expect(await list(where, { assignee: "eve", status: "pending" })).toBe("54");
      expect(await list({ tenant }, { assignee: "zoe" })).toBe("");
      await ACTIONS.deny(approvals, bob, "5");
      expect(await list(bob, { assignee: "eve", status: "denied" })).toBe("5");
    });

    test("are counted by status, as they show it", async () => {
      const { approvals, clock, ann, elsewhere, bob, tenant } = await written();
      await ACTIONS.deny(approvals, bob, "4");
      await ACTIONS.approve(approvals, bob, "5");
      const open = { pending: 4, approved: 1, denied: 1 };
      expect(await approvals.count({ tenant })).toEqual({
        ...{ ...open, cancelled: 0, revoked: 0, expired: 0 },
        ...{ claimed: 0, completed: 0, failed: 0 },
      });
      expect(await approvals.count({ tenant, user: "bob" }, { status: ["approved", "denied"] })).toEqual({
        approved: 1,
        denied: 1,
      });
      expect(await approvals.count({ tenant }, { status: "pending", tool: "pay" })).toEqual({ pending: 2 });
      expect(await approvals.count(ann, { status: "pending" })).toEqual({ pending: 3 });
      await opened.store.erase(elsewhere);
      expect(await approvals.count({ tenant }, { status: "pending" })).toEqual({ pending: 3 });
      clock.pass(HOUR);
      expect(await approvals.count({ tenant }, { status: ["pending", "approved", "expired"] })).toEqual({
        pending: 0,
        approved: 0,
        expired: 4,
      });
      await approvals.expireOverdue(maintenanceScope({ reason: "test", tenant }));
      expect(await approvals.count({ tenant }, { status: "expired" })).toEqual({ expired: 4 });
    });

    test("find an approval by its id alone", async () => {
      const { approvals, bob, elsewhere, tenant } = await written();
      expect(await approvals.locate(tenant, "3")).toEqual([await approvals.get(elsewhere, "3")]);
      expect(await approvals.locate(tenant, "7")).toEqual([]);
      expect(await approvals.locate(`${tenant}2`, "3")).toEqual([]);
      await ACTIONS.deny(approvals, bob, "5");
      await opened.store.erase(elsewhere);
      expect(await approvals.locate(tenant, "3")).toEqual([]);
    });
  });

  test("a count reads what is open, however many were decided", async () => {
    const who = newSession();
    const approvals = createApprovals(opened.store);
    const ids = Array.from({ length: 120 }, (_, n) => `a${n}`);
    await Promise.all(ids.map((id) => approvals.request(who, { ...CALL, id })));
    const reads = { find: 0, list: 0, count: 0 };
    const { store } = opened;
    const counting = createApprovals(
      withMethods(store, {
        find: (...given) => store.find(...given).finally(() => reads.find++),
        list: ((identity: Identity, prefix: string, options: ListOptions) =>
          store.list(identity, prefix, options).then((found) => {
            reads.list += found.length;
            return found;
          })) as typeof store.list,
        count: (...given) => store.count(...given).finally(() => reads.count++),
      }),
    );
    const decided = ids.slice(3);
    await Promise.all(decided.map((id) => ACTIONS.deny(approvals, who, id)));
    for (const where of [who, { tenant: who.tenant }]) {
      Object.assign(reads, { find: 0, list: 0, count: 0 });
      expect(await counting.count(where)).toMatchObject({ pending: 3, denied: 117 });
      // The entries of the three and their states; each final status is one count.
      expect(reads).toEqual({ find: 3, list: 3, count: 6 });
    }
  });

  test("an id of several sessions is found in all of them, and in none that was erased", async () => {
    const { approvals, clock, ann, elsewhere, bob, tenant } = await queue();
    for (const who of [bob, ann, elsewhere]) {
      clock.pass(1);
      await approvals.request(who, { ...CALL, id: "x/1" });
    }
    await approvals.request(ann, { ...CALL, id: "x" });
    const places = async () => (await approvals.locate(tenant, "x/1")).map(({ identity }) => identity);
    expect(await places()).toEqual([elsewhere, ann, bob]);
    expect(await approvals.locate(tenant, "x/1", { limit: 1 })).toHaveLength(1);
    await opened.store.erase(elsewhere);
    const index = () => opened.store.count(tenantIdentity(tenant), "approval.id/");
    const before = await index();
    expect(await places()).toEqual([ann, bob]);
    expect(await index()).toBe(before - 1);
    await approvals.expireOverdue(maintenanceScope({ reason: "test", tenant }), { erased: true });
    expect(await index()).toBe(before - 2);
    await approvals.forgetUser({ tenant, user: "ann" });
    expect(await places()).toEqual([bob]);
    expect(await index()).toBe(3);
    await expect(approvals.locate(tenant, "")).rejects.toMatchObject({ details: { field: "id" } });
  });

  test("a filter that finds little ends its page, and the next one goes on", async () => {
    const { tenant } = await queue();
    const entries = 10_000;
    // One page of the index for all, so that nobody has to write ten thousand.
    let asked = 0;
    const many = withMethods(opened.store, {
      list: (async (identity: Identity, prefix: string, { limit = 0 }: ListOptions = {}) => {
        asked += limit;
        const [one] = await opened.store.list(identity, prefix, { limit: 1 });
        if (one === undefined) return [];
        const digest = one.kind.slice(-22);
        const at = (n: number) =>
          `approval.tenant/pending/${new Date(2e12 - asked - n).toISOString()}.${digest}`;
        return Array.from({ length: limit }, (_, n) => ({ ...one, kind: at(n) }));
      }) as typeof opened.store.list,
    });
    const page = await createApprovals(many).list({ tenant }, { tool: "none", status: "pending" });
    expect(page).toEqual({ approvals: [], next: expect.any(String) });
    expect(asked).toBe(entries);
  });

  describe("cancelAll", () => {
    test("ends what is open in a run, or in all of a session, and nothing else", async () => {
      const { approvals, ann, bob, tenant, list } = await queue();
      await ACTIONS.approve(approvals, ann, "2");
      await ACTIONS.approve(approvals, ann, "6");
      await approvals.claim(ann, "6", { tool: "mail", arguments: {} });
      const input = { by: "system", reason: "the session was closed" };
      expect(await approvals.cancelAll(ann, { ...input, run: "r1" })).toBe(1);
      expect(await approvals.get(ann, "1")).toMatchObject({ status: "cancelled", decision: input });
      expect(await approvals.cancelAll(ann, input)).toBe(1);
      expect(await approvals.get(ann, "2")).toMatchObject({ status: "revoked", revocation: input });
      expect(await approvals.cancelAll(ann, input)).toBe(0);
      expect(await list({ tenant }, { status: "claimed" })).toBe("6");
      expect(await list({ tenant }, { status: "pending" })).toBe("543");
      expect(await approvals.cancelAll(bob, input)).toBe(2);
    });

    test("stops at an abort between two commits, and goes on where it is called again", async () => {
      const approvals = createApprovals(opened.store);
      const who = newSession();
      const ids = Array.from({ length: 250 }, (_, n) => `a${n}`);
      await Promise.all(ids.map((id) => approvals.request(who, { ...CALL, id })));
      const controller = new AbortController();
      const reason = new Error("enough");
      let commits = 0;
      const counting = withMethods(opened.store, {
        commit: (...given: Parameters<typeof opened.store.commit>) => {
          if (++commits === 120) controller.abort(reason);
          return opened.store.commit(...given);
        },
      });
      const cancelling = createApprovals(counting).cancelAll(
        who,
        { by: "system" },
        { signal: controller.signal },
      );
      await expect(cancelling).rejects.toBe(reason);
      const { cancelled } = await approvals.count(who);
      expect(cancelled).toBeGreaterThanOrEqual(100);
      expect(await approvals.cancelAll(who, { by: "system" })).toBe(250 - cancelled);
    });

    test("passes over damage, and reports it in the end", async () => {
      const { approvals, ann, list } = await queue();
      const slot = { identity: ann, kind: "approval/2" };
      await opened.store.save({ eventId: newEventId(), ...slot, bytes: Buffer.from("{") });
      await expect(approvals.cancelAll(ann, { by: "system" })).rejects.toMatchObject({
        code: "CORRUPT",
        details: { at: slot },
      });
      expect(await list(ann, { status: "cancelled" })).toBe("61");
    });
  });

  test("decideMany decides each by itself, in order, and once", async () => {
    const { approvals, ann, elsewhere, bob } = await queue();
    await ACTIONS.deny(approvals, bob, "4");
    const targets = [
      { identity: bob, id: "5" },
      { identity: bob, id: "4" },
      { identity: elsewhere, id: "none" },
      { identity: ann, id: "1" },
    ];
    const input = { decision: "approve", by: "eve", token: "all" } as const;
    for (let times = 0; times < 2; times++) {
      const outcomes = await approvals.decideMany(targets, input);
      expect(outcomes).toMatchObject([
        { status: "fulfilled", value: { id: "5", status: "approved" } },
        { status: "rejected", reason: { code: "ALREADY_DECIDED" } },
        { status: "rejected", reason: { code: "NOT_FOUND" } },
        { status: "fulfilled", value: { id: "1", status: "approved" } },
      ]);
    }
    for (const [field, wrong, more] of [
      ["targets", [], {}],
      ["targets", undefined, {}],
      ["targets", Array.from({ length: 1001 }, () => targets[0]), {}],
      ["arguments", targets, { arguments: {} }],
    ] as const)
      await expect(approvals.decideMany(wrong as never, { ...input, ...more })).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    const reason = new Error("enough");
    const aborted = approvals.decideMany(targets, input, { signal: AbortSignal.abort(reason) });
    await expect(aborted).rejects.toBe(reason);
  });

  describe("a request that joins", () => {
    const JOIN = { ...CALL, join: true };

    test("gets the pending one of the same call, whoever of many asks first", async () => {
      const who = newSession();
      const gates = [createApprovals(opened.store), createApprovals(opened.store)];
      const asked = await Promise.all(
        Array.from({ length: 12 }, (_, n) => gates[n % 2]?.request(who, { ...JOIN, step: `${n}` })),
      );
      expect(asked.filter((receipt) => receipt?.duplicate === false)).toHaveLength(1);
      expect(new Set(asked.map((receipt) => receipt?.approval.id)).size).toBe(1);
      const [first] = gates as [(typeof gates)[number]];
      expect(await first.count(who, { status: "pending" })).toEqual({ pending: 1 });
    });

    test("gets none of another call, session, requester or number of approvals", async () => {
      const who = newSession();
      const approvals = createApprovals(opened.store);
      const ids = new Set<string>();
      const requests = [
        [who, JOIN],
        [who, { ...JOIN, arguments: {} }],
        [who, { ...JOIN, requester: "bob" }],
        [who, { ...JOIN, approvals: 2 }],
        [who, { ...JOIN, groups: ["a"] }],
        [who, CALL],
        [{ ...who, session: "s2" }, JOIN],
      ] as const;
      for (const [owner, request] of requests) {
        const { approval, duplicate } = await approvals.request(owner, request);
        expect(duplicate).toBe(false);
        ids.add(approval.id);
      }
      expect(ids.size).toBe(requests.length);
    });

    test.each(["approve", "deny", "cancel"] as const)("asks anew after %s", async (action) => {
      const who = newSession();
      const approvals = createApprovals(opened.store);
      const { approval } = await approvals.request(who, JOIN);
      await ACTIONS[action](approvals, who, approval.id);
      const again = await approvals.request(who, JOIN);
      expect(again).toMatchObject({ duplicate: false, approval: { status: "pending" } });
      // Nothing is left of those that were decided.
      await ACTIONS.deny(approvals, who, again.approval.id);
      expect(await opened.store.count(who, "approval.join/")).toBe(0);
    });

    test("asks anew after the time of the other, and the sweep leaves the newer one", async () => {
      const who = newSession();
      const clock = new TestClock();
      const approvals = createApprovals(opened.store, { clock: clock.now });
      await approvals.request(who, { ...JOIN, ttlMs: 10 });
      clock.pass(10);
      const { approval } = await approvals.request(who, JOIN);
      await approvals.expireOverdue(maintenanceScope({ reason: "test", tenant: who.tenant }));
      expect((await approvals.request(who, JOIN)).approval.id).toBe(approval.id);
      await approvals.forgetUser({ tenant: who.tenant, user: who.user });
      expect(await opened.store.list(who, "")).toEqual([]);
    });

    test("is found by its own id first, and works in a unit", async () => {
      const who = newSession();
      const approvals = createApprovals(opened.store);
      await approvals.request(who, { ...JOIN, id: "a" });
      await ACTIONS.deny(approvals, who, "a");
      const ids = await together(opened.store, async (unit) => {
        const mine = approvals.in(unit);
        const made = [
          await mine.request(who, { ...JOIN, id: "b" }),
          await mine.request(who, { ...JOIN, id: "c" }),
          await mine.request(who, { ...JOIN, id: "a" }),
        ];
        return made.map(({ approval, duplicate }) => `${approval.id} ${duplicate}`);
      });
      expect(ids).toEqual(["b false", "b true", "a true"]);
      expect(await approvals.find(who, "c")).toBeUndefined();
    });
  });
});
