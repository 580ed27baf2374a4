import { expect, test } from "vitest";
import { movedTo, moveUser } from "../../src/move-user/index.js";
import { onEveryStore } from "../typed/stores.js";
import { everythingOf, newVisitor, useAccount, useEverything, wrappersOn } from "./visitor.js";

const NOTHING = {
  approvals: 0,
  questions: 0,
  entries: 0,
  runs: 0,
  toolCalls: 0,
  sessions: 0,
  lineages: 0,
  artifacts: 0,
  expiring: 0,
  records: 0,
  others: {},
};

onEveryStore((opened) => {
  test("everything of a user is the other's afterwards, and nothing is the old user's", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    await useEverything(all, visitor, "s-1");
    await useEverything(all, visitor, "s-2");
    await useAccount(all, store, visitor);
    const before = await everythingOf(all, store, visitor);
    const nothing = await everythingOf(all, store, member);
    const sums = await all.ledger.totals({ tenant: visitor.tenant });
    const moved = await moveUser(store, visitor, member.user);
    expect(moved).toEqual({
      ...NOTHING,
      approvals: 4,
      questions: 2,
      entries: 4,
      runs: 2,
      toolCalls: 2,
      sessions: 2,
      lineages: 4,
      artifacts: 4,
      records: 7,
    });
    expect(await everythingOf(all, store, member)).toEqual(before);
    expect(await everythingOf(all, store, visitor)).toEqual(nothing);
    expect(await all.ledger.totals({ tenant: visitor.tenant })).toEqual(sums);
    expect(await store.listSessions(visitor)).toEqual([]);
    expect(await movedTo(store, visitor)).toMatchObject({ user: member.user });
    expect(await moveUser(store, visitor, member.user)).toEqual(NOTHING);
  });
});
