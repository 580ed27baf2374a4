import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type Approval, createApprovals } from "../../src/approvals/index.js";
import { newEventId, tenantIdentity } from "../../src/index.js";
import { newSession, onEveryStore } from "../typed/stores.js";

interface Fixture {
  readonly records: readonly {
    readonly owner: "session" | "tenant";
    readonly kind: string;
    readonly version: number;
    readonly value: object;
  }[];
  /** What version 0.4 showed of each, in JSON. */
  readonly shown: Readonly<Record<string, Approval>>;
}

/** Approvals of one session in each status, named after it, as version 0.4 wrote them. */
const FIXTURE: Fixture = JSON.parse(readFileSync(new URL("written-by-0.4.json", import.meta.url), "utf8"));

const CALL = { tool: "files.delete", arguments: { path: "/tmp/a" } };

onEveryStore((opened) => {
  async function written() {
    const who = newSession();
    for (const { owner, kind, version, value } of FIXTURE.records) {
      const identity = owner === "session" ? who : tenantIdentity(who.tenant);
      const bytes = Buffer.from(JSON.stringify(value));
      await opened.store.save({ eventId: newEventId(), identity, kind, bytes, version });
    }
    const { tenant, user } = who;
    return { approvals: createApprovals(opened.store), who, tenant, user };
  }

  test("approvals of version 0.4 are read and listed as they were", async () => {
    const { approvals, who, tenant, user } = await written();
    const all = Object.values(FIXTURE.shown).map((shown) => ({ ...shown, identity: who }));
    const asJson = (value: unknown) => JSON.parse(JSON.stringify(value));
    for (const shown of all) expect(asJson(await approvals.get(who, shown.id))).toEqual(shown);
    const newestFirst = [...all].reverse();
    for (const where of [who, { tenant }, { tenant, user }])
      for (const filter of [{}, { tool: CALL.tool, run: "r1", requester: "ann" }])
        expect(asJson((await approvals.list(where, filter)).approvals)).toEqual(newestFirst);
    expect((await approvals.list({ tenant }, { tool: "other" })).approvals).toEqual([]);
    expect(await approvals.count({ tenant }, { status: ["pending", "completed"], run: "r1" })).toEqual({
      pending: 1,
      completed: 1,
    });
    expect(asJson(await approvals.locate(tenant, "pending"))).toEqual([
      { ...FIXTURE.shown.pending, identity: who },
    ]);
  });

  test("they go on: a decision, an edit, a repeated call, a claim, an outcome, a revocation", async () => {
    const { approvals, who, tenant, user } = await written();
    const approve = { decision: "approve", by: "bob", reason: "fine", token: "t" } as const;
    expect(await approvals.decide(who, "approved", approve)).toMatchObject({ status: "approved" });
    expect(await approvals.claim(who, "claimed", { ...CALL, by: "worker", token: "t" })).toMatchObject({
      status: "claimed",
    });
    expect(await approvals.complete(who, "claimed", { result: 1 })).toMatchObject({ status: "completed" });
    expect(await approvals.revoke(who, "approved", { by: "bob" })).toMatchObject({ status: "revoked" });
    const edited = { path: "/tmp/b" };
    await approvals.reassign(who, "pending", { assignee: "eve", by: "ann" });
    await approvals.decide(who, "pending", { ...approve, arguments: edited });
    const assigned = await approvals.list({ tenant }, { assignee: "eve", status: "approved" });
    expect(assigned.approvals).toMatchObject([{ id: "pending", edited: { arguments: edited } }]);
    await approvals.claim(who, "pending", { ...CALL, arguments: edited });
    // What was decided before is not in the audit list.
    expect((await approvals.audit({ tenant })).entries).toMatchObject([{ id: "pending", status: "claimed" }]);
    expect(await approvals.forgetUser({ tenant, user })).toBe(7);
    expect(await opened.store.list(who, "")).toEqual([]);
    expect(await opened.store.list(tenantIdentity(tenant), "")).toEqual([]);
  });
});
