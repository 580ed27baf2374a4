import { expect, test } from "vitest";
import { type Approval, createApprovals } from "../../src/approvals/index.js";
import {
  type Identity,
  maintenanceScope,
  newEventId,
  type ScanOptions,
  StateError,
  type StateStore,
  tenantIdentity,
} from "../../src/index.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { ACTIONS, CALL, HOUR, TestClock } from "./states.js";

/** Returns the ids that the generator yields, and the error that it throws at the end. */
async function drain(generator: AsyncIterable<Approval>): Promise<{ ids: string[]; thrown: unknown }> {
  const ids: string[] = [];
  try {
    for await (const { id } of generator) ids.push(id);
    return { ids, thrown: undefined };
  } catch (thrown) {
    return { ids, thrown };
  }
}

/** A store in which the record of this kind is damaged. */
function withDamagedRecord(store: StateStore, identity: Identity, kind: string): StateStore {
  return withMethods(store, {
    async listKind(scope, prefix, options) {
      const page = await store.listKind(scope, prefix, options as ScanOptions);
      if (!page.some((record) => record.kind === kind)) return page;
      throw new StateError("CORRUPT", "it does not pass its checks", { details: { at: { identity, kind } } });
    },
  });
}

onEveryStore((opened) => {
  async function gate(count = 5) {
    const clock = new TestClock();
    const approvals = createApprovals(opened.store, { clock: clock.now });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    for (let n = 0; n < count; n++) {
      clock.pass(1);
      await approvals.request(who, { ...CALL, id: `a${n}`, ttlMs: HOUR });
    }
    const index = (status: string) =>
      opened.store.list(tenantIdentity(who.tenant), `approval.tenant/${status}/`);
    return { clock, approvals, who, scope, index };
  }

  const write = (identity: Identity, kind: string, value: unknown) =>
    opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from(JSON.stringify(value)) });
  const corrupt = (identity: Identity, kind: string) => ({
    code: "CORRUPT",
    details: { at: { identity, kind } },
  });

  test.each([0, 2, 4])(
    "the damaged approval %i keeps no other from being recovered and marked",
    async (damaged) => {
      const { approvals, clock, who, scope, index } = await gate();
      const left = ["a0", "a1", "a2", "a3", "a4"].filter((id) => id !== `a${damaged}`);
      const kind = `approval/a${damaged}`;
      await write(who, kind, {});
      const { ids, thrown } = await drain(approvals.recover(scope));
      expect(ids).toEqual(left);
      expect(thrown).toMatchObject(corrupt(who, kind));
      clock.pass(2 * HOUR);
      await expect(approvals.expireOverdue(scope)).rejects.toMatchObject(corrupt(who, kind));
      expect(await index("expired")).toHaveLength(4);
      expect(await index("pending")).toHaveLength(1);
      await expect(approvals.expireOverdue(scope, { erased: true })).rejects.toMatchObject(
        corrupt(who, kind),
      );
    },
  );

  test("damaged approvals of one status keep none of another from being recovered, and the first is thrown", async () => {
    const { approvals, who, scope } = await gate();
    await ACTIONS.approve(approvals, who, "a3");
    await write(who, "approval/a0", {});
    await write(who, "approval/a3", {});
    await ACTIONS.approve(approvals, who, "a4");
    const { ids, thrown } = await drain(approvals.recover(scope, { status: ["pending", "approved"] }));
    expect(ids).toEqual(["a1", "a2", "a4"]);
    expect(thrown).toMatchObject(corrupt(who, "approval/a0"));
  });

  test.each([0, 2, 4])(
    "the damaged entry %i of the index keeps no other from being recovered and marked",
    async (damaged) => {
      for (const entry of [{}, { user: "ann", session: "s1", id: "x".repeat(512), expiresAt: 1 }]) {
        const { approvals, clock, who, scope, index } = await gate();
        const left = ["a0", "a1", "a2", "a3", "a4"].filter((id) => id !== `a${damaged}`);
        const identity = tenantIdentity(who.tenant);
        const kind = (await index("pending"))[damaged]?.kind as string;
        await write(identity, kind, entry);
        const { ids, thrown } = await drain(approvals.recover(scope));
        expect(ids).toEqual(left);
        expect(thrown).toMatchObject(corrupt(identity, kind));
        clock.pass(2 * HOUR);
        await expect(approvals.expireOverdue(scope)).rejects.toMatchObject(corrupt(identity, kind));
        expect(await index("expired")).toHaveLength(4);
      }
    },
  );

  test("a record that the store itself finds damaged keeps no other from being recovered and marked", async () => {
    const { clock, who, scope, index } = await gate(120);
    const identity = tenantIdentity(who.tenant);
    const kind = (await index("pending"))[60]?.kind as string;
    const approvals = createApprovals(withDamagedRecord(opened.store, identity, kind), { clock: clock.now });
    const { ids, thrown } = await drain(approvals.recover(scope));
    expect(ids).toEqual(Array.from({ length: 120 }, (_, n) => `a${n}`).filter((id) => id !== "a60"));
    expect(thrown).toMatchObject(corrupt(identity, kind));
    clock.pass(2 * HOUR);
    await expect(approvals.expireOverdue(scope)).rejects.toMatchObject(corrupt(identity, kind));
    expect(await index("expired")).toHaveLength(119);
  });

  test("other errors, and damage without a key, are thrown at once", async () => {
    const { scope } = await gate();
    const broken = async (error: Error) => {
      let calls = 0;
      const listKind = async () => {
        calls++;
        throw error;
      };
      const approvals = createApprovals(withMethods(opened.store, { listKind }));
      await expect(approvals.expireOverdue(scope)).rejects.toBe(error);
      return calls;
    };
    const away = { details: { reason: "unreachable" } } as const;
    expect(await broken(new StateError("UNAVAILABLE", "away", away))).toBe(1);
    const pages = Math.ceil(Math.log2(500));
    expect(await broken(new StateError("CORRUPT", "nowhere", { details: {} }))).toBe(pages);
  });
});
