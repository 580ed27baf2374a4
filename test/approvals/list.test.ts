import { describe, expect, test } from "vitest";
import { type Approval, type Approvals, createApprovals } from "../../src/approvals/index.js";
import { type Identity, maintenanceScope, newEventId, openStore, tenantIdentity } from "../../src/index.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { ACTIONS, CALL, HOUR, TestClock } from "./states.js";

const ids = (approvals: readonly Approval[]) => approvals.map(({ id }) => id);

async function collect<T>(generator: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of generator) found.push(one);
  return found;
}

/** Every page, one after the other. */
async function pages(
  approvals: Approvals,
  where: Parameters<Approvals["list"]>[0],
  options: NonNullable<Parameters<Approvals["list"]>[1]>,
) {
  const found: string[][] = [];
  let after: string | undefined;
  for (;;) {
    const page = await approvals.list(where, { ...options, after });
    found.push(ids(page.approvals));
    if (page.next === undefined) return found;
    after = page.next;
  }
}

onEveryStore((opened) => {
  function gate() {
    const clock = new TestClock();
    const approvals = createApprovals(opened.store, { clock: clock.now });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    const ask = async (id: string, ttlMs = HOUR, owner = who) => {
      clock.pass(1);
      await approvals.request(owner, { ...CALL, id, ttlMs });
    };
    return { clock, approvals, who, scope, ask };
  }

  describe("a list", () => {
    test("is newest first, page by page, without a gap or a repeat, also where several are of one moment", async () => {
      const { approvals, who, ask } = gate();
      for (let n = 0; n < 6; n++) await ask(`p${n}`);
      await Promise.all(["q1", "q2", "q3"].map((id) => approvals.request(who, { ...CALL, id })));
      await ACTIONS.approve(approvals, who, "p4");
      await ACTIONS.deny(approvals, who, "p2");
      const [whole] = await pages(approvals, who, {});
      expect(whole?.filter((id) => id.startsWith("p"))).toEqual(["p5", "p4", "p3", "p2", "p1", "p0"]);
      for (const where of [who, { tenant: who.tenant }]) {
        const [everything] = await pages(approvals, where, {});
        for (const limit of [1, 2, 3, 9]) {
          const paged = await pages(approvals, where, { limit });
          expect(paged.flat()).toEqual(everything);
          expect(paged).toHaveLength(Math.ceil(9 / limit));
        }
        expect((await pages(approvals, where, { status: ["denied", "approved"], limit: 1 })).flat()).toEqual([
          "p4",
          "p2",
        ]);
      }
    });

    test("begins with the first page after undefined", async () => {
      const { approvals, who, ask } = gate();
      await ask("a");
      expect(ids((await approvals.list(who, { after: undefined })).approvals)).toEqual(["a"]);
    });

    test("pages on over what is passed over", async () => {
      const { approvals, clock, who, ask } = gate();
      await ask("old", 10 * HOUR);
      for (let n = 0; n < 120; n++) await ask(`short${n}`, 1000);
      clock.pass(2000);
      expect(ids((await approvals.list(who, { status: "pending", limit: 2 })).approvals)).toEqual(["old"]);
      expect(await approvals.list(who, { status: "pending", limit: 1 })).not.toHaveProperty("next");
      const expired = await pages(approvals, who, { status: "expired", limit: 50 });
      expect(expired.map(({ length }) => length)).toEqual([50, 50, 20]);
    });

    test("keeps the order of time across statuses, however much of one is passed over", async () => {
      const { approvals, clock, who, ask } = gate();
      for (const id of ["a1", "a2"]) {
        await ask(id);
        await ACTIONS.approve(approvals, who, id);
      }
      for (const id of ["p1", "p2"]) await ask(id);
      for (let n = 0; n < 60; n++) await ask(`short${n}`, 1000);
      clock.pass(2000);
      const status = ["approved", "pending"] as const;
      expect(await pages(approvals, who, { status, limit: 1 })).toEqual([["p2"], ["p1"], ["a2"], ["a1"]]);
    });

    test("of a tenant goes across its users and sessions, that of a session does not", async () => {
      const { approvals, who, ask } = gate();
      const others = [
        { ...who, session: "s2" },
        { ...who, user: "bob" },
      ];
      await ask("a");
      for (const other of others) await ask("a", HOUR, other);
      await ask("a", HOUR, { ...who, tenant: `${who.tenant}2` });
      const listed = (await approvals.list({ tenant: who.tenant })).approvals;
      expect(listed.map(({ identity }) => identity)).toEqual([others[1], others[0], who]);
      expect((await approvals.list(who)).approvals.map(({ identity }) => identity)).toEqual([who]);
    });

    test("shows one that moves on while it is made once, or not at all where it does not belong any more", async () => {
      const { who, clock, ask, approvals } = gate();
      for (let n = 0; n < 30; n++) await ask(`a${n}`);
      const { store } = opened;
      let moved = 0;
      // Between the index and the approvals, and between one status and the next, another one is approved.
      const restless = createApprovals(
        Object.assign(Object.create(store), {
          list: async (...given: Parameters<typeof store.list>) => {
            const page = await store.list(...given);
            await ACTIONS.approve(approvals, who, `a${moved++}`);
            return page;
          },
          find: store.find.bind(store),
        }),
        { clock: clock.now },
      );
      const pending = ids((await restless.list(who, { status: "pending" })).approvals);
      expect(pending).toHaveLength(29);
      const both = ids((await restless.list(who, { status: ["pending", "approved"] })).approvals);
      expect(both.sort()).toEqual(Array.from({ length: 30 }, (_, n) => `a${n}`).sort());
    });

    test("heals after a session was erased", async () => {
      const { approvals, who, ask, scope } = gate();
      const other = { ...who, session: "s2" };
      for (let n = 0; n < 60; n++) await ask(`a${n}`);
      await ask("b", HOUR, other);
      await opened.store.erase(who);
      const index = () => opened.store.list(tenantIdentity(who.tenant), "");
      expect(await index()).toHaveLength(2 * 61);
      expect((await approvals.list({ tenant: who.tenant }, { limit: 1 })).approvals).toMatchObject([
        { id: "b", identity: other },
      ]);
      expect(ids((await approvals.list({ tenant: who.tenant })).approvals)).toEqual(["b"]);
      expect(await index()).toHaveLength(2);
      await opened.store.erase(other);
      expect(await collect(approvals.recover(scope))).toEqual([]);
      expect(await index()).toEqual([]);
    });

    test("meets a damaged entry of its index as CORRUPT", async () => {
      const { approvals, who, ask, scope } = gate();
      await ask("a");
      const identity = tenantIdentity(who.tenant);
      const [entry] = await opened.store.list(identity, "approval.tenant/pending/");
      const kind = entry?.kind as string;
      const { user, session } = who;
      for (const damage of [
        {},
        { user, session, id: "a" },
        { user: "~", session: "~", id: "a", expiresAt: 1 },
      ]) {
        const bytes = Buffer.from(JSON.stringify(damage));
        await opened.store.save({ eventId: newEventId(), identity, kind, bytes });
        const corrupt = { code: "CORRUPT", details: { at: { identity, kind } } };
        await expect(approvals.list({ tenant: who.tenant })).rejects.toMatchObject(corrupt);
        await expect(collect(approvals.recover(scope))).rejects.toMatchObject(corrupt);
        await expect(approvals.expireOverdue(scope)).rejects.toMatchObject(corrupt);
      }
      expect(ids((await approvals.list(who)).approvals)).toEqual(["a"]);
    });
  });

  describe("maintenance", () => {
    test("needs a scope, and stays in its tenant", async () => {
      const { approvals, clock, who, ask, scope } = gate();
      const look = { reason: "test", allTenants: true };
      const refusal = { code: "MAINTENANCE_SCOPE_REQUIRED" };
      await expect(approvals.expireOverdue(look as never)).rejects.toMatchObject(refusal);
      await expect(collect(approvals.recover(look as never))).rejects.toMatchObject(refusal);
      await expect(collect(approvals.recover(scope, { status: "denied" as never }))).rejects.toMatchObject({
        details: { field: "status" },
      });
      const neighbour = { ...who, tenant: `${who.tenant}2` };
      await ask("a");
      await ask("a", HOUR, neighbour);
      expect((await collect(approvals.recover(scope))).map(({ identity }) => identity)).toEqual([who]);
      clock.pass(2 * HOUR);
      expect(await approvals.expireOverdue(scope)).toBe(1);
      const left = await opened.store.list(tenantIdentity(neighbour.tenant), "approval.tenant/pending/");
      expect(left).toHaveLength(1);
    });

    test("marks what is overdue, once, also where several sweep", async () => {
      const { approvals, clock, who, ask, scope } = gate();
      for (let n = 0; n < 150; n++) await ask(`a${n}`, n % 3 === 0 ? 10 * HOUR : HOUR);
      for (const n of [1, 3, 5]) await ACTIONS.approve(approvals, who, `a${n}`);
      await ACTIONS.claim(approvals, who, "a5");
      await ACTIONS.deny(approvals, who, "a7");
      expect(await approvals.expireOverdue(scope)).toBe(0);
      clock.pass(2 * HOUR);
      const before = await pages(approvals, who, { status: "expired" });
      const marked = await Promise.all([1, 2, 3].map(() => approvals.expireOverdue(scope)));
      expect(marked.reduce((sum, some) => sum + some)).toBe(98);
      expect(await approvals.expireOverdue(scope)).toBe(0);
      expect(await pages(approvals, who, { status: "expired" })).toEqual(before);
      expect(before.flat()).toHaveLength(98);
      for (const [identity, name] of [
        [who, "approval.session"],
        [tenantIdentity(who.tenant), "approval.tenant"],
      ] as [Identity, string][]) {
        expect(await opened.store.list(identity, `${name}/expired/`)).toHaveLength(98);
        expect(await opened.store.list(identity, `${name}/`)).toHaveLength(150);
      }
    });

    test("recovers what is pending, and on request what is approved or claimed", async () => {
      const { approvals, clock, who, ask, scope } = gate();
      await ask("overdue", 1000);
      clock.pass(2000);
      for (const id of ["p1", "p2", "a", "c", "d"]) await ask(id);
      for (const id of ["a", "c"]) await ACTIONS.approve(approvals, who, id);
      await ACTIONS.claim(approvals, who, "c");
      await ACTIONS.deny(approvals, who, "d");
      expect(ids(await collect(approvals.recover(scope)))).toEqual(["p1", "p2"]);
      const status = ["claimed", "approved", "pending"] as const;
      expect(ids(await collect(approvals.recover(scope, { status })))).toEqual(["p1", "p2", "a", "c"]);
    });
  });
});

onSharedStores((opened) => {
  test("what is pending survives a restart, and is decided and claimed after it", async () => {
    const who = newSession();
    const before = await openStore(opened.url);
    const { approval } = await createApprovals(before).request(who, { ...CALL, sender: { thread: 7 } });
    await before.close();
    await expect(createApprovals(before).get(who, approval.id)).rejects.toMatchObject({
      code: "STORE_CLOSED",
    });
    const approvals = createApprovals(await openStore(opened.url));
    const scope = maintenanceScope({ reason: "restart", tenant: who.tenant });
    expect(await collect(approvals.recover(scope))).toEqual([approval]);
    await ACTIONS.approve(approvals, who, approval.id);
    expect(await ACTIONS.claim(approvals, who, approval.id)).toMatchObject({ status: "claimed" });
  });
});
