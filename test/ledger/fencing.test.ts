import { expect, test } from "vitest";
import { type ListOptions, type StateStore, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { expectBalanced } from "./accounts.js";

const CALL = { provider: "p", model: "m", cost: "1", promptTokens: 1 };

onEveryStore((opened) => {
  test("what is recorded and reserved while its user is forgotten keeps its ids and stays in order", async () => {
    const who = newSession();
    const ledger = createLedger(opened.store);
    await ledger.setBudget({ tenant: who.tenant }, { calls: 100 });
    await ledger.record(who, { ...CALL, eventId: "before" });
    await ledger.reserve(who, { id: "before" });
    const ids: string[] = [];
    // Whenever a last look at what the user has begins, somebody is faster.
    const list: StateStore["list"] = async (identity, prefix, options) => {
      const found = await opened.store.list(identity, prefix, options as ListOptions);
      if (/^ledger\.(budget|hold|due|also|seen)\//.test(prefix) && !ids.includes(prefix)) {
        ids.push(prefix);
        await ledger.record(who, { ...CALL, eventId: prefix, responseId: prefix });
        await ledger.record(who, { ...CALL, eventId: `${prefix}again`, responseId: prefix });
        await ledger.reserve(who, { id: prefix });
      }
      return found;
    };
    const user = { tenant: who.tenant, user: who.user };

    await createLedger(withMethods(opened.store, { list })).forgetUser(user);

    expect(ids.length).toBeGreaterThan(3);
    await expectBalanced(opened.store, who.tenant);
    for (const id of ids) {
      const again = await ledger.record(who, { ...CALL, eventId: `${id}again`, responseId: id });
      expect(again.duplicate).toBe(true);
      await ledger.release(who, id);
    }
    expect((await ledger.totals({ tenant: who.tenant })).calls).toBe(1 + ids.length);
    expect((await ledger.budget({ tenant: who.tenant }))?.reserved.calls).toBe(0);
    await ledger.forgetUser(user);
    await expectBalanced(opened.store, who.tenant);
    expect(await opened.store.list(userIdentity(who.tenant, who.user), "")).toEqual([]);
  });

  test.each(["forget", "forgetUser"] as const)(
    "%s moves an entry as it is then, whatever it was when it was listed",
    async (forget) => {
      const who = newSession();
      const ledger = createLedger(opened.store);
      await ledger.record({ ...who, run: "r1" }, { ...CALL, eventId: "e1" });
      const list: StateStore["list"] = async (identity, prefix, options) => {
        const found = await opened.store.list(identity, prefix, options as ListOptions);
        if (!prefix.startsWith("ledger.entry/")) return found;
        return found.map((record) => {
          const entry = JSON.parse(Buffer.from(record.bytes).toString());
          return { ...record, bytes: Buffer.from(JSON.stringify({ ...entry, promptTokens: 7 })) };
        });
      };
      const stale = createLedger(withMethods(opened.store, { list }));
      expect(
        await (forget === "forget"
          ? stale.forget(who)
          : stale.forgetUser({ tenant: who.tenant, user: who.user })),
      ).toBe(1);
      await expectBalanced(opened.store, who.tenant);
      expect((await ledger.totals({ tenant: who.tenant })).promptTokens).toBe(1);
      expect((await ledger.totals(who)).calls).toBe(0);
    },
  );
});
