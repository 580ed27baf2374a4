import { expect, test } from "vitest";
import type { StateStore } from "../../src/index.js";
import { movedTo, moveUser } from "../../src/move-user/index.js";
import { createRuns } from "../../src/runs/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { withMethods } from "../sessions/rig.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
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
  memories: 0,
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

inMemory((opened) => {
  test("of more records than a commit takes, each moves whole: with its content, and a run with its steps", async () => {
    const who = newSession();
    const to = { ...who, user: "bob" };
    const [calls, runs] = [createToolCalls(opened.store), createRuns(opened.store)];
    for (let n = 0; n < 300; n++) await calls.begin(who, { id: `c-${n}`, tool: "t", arguments: { n } });
    await runs.start(who, { id: "r", name: "n", input: { a: 1 } });
    const { lease } = await runs.claim(who, "r", { worker: "w", leaseMs: 60_000 });
    for (const key of ["a", "b"]) await runs.step(lease, key, () => key);
    await runs.complete(lease);
    const before = await opened.store.count(who, "");
    // Whenever the other user has a record, it is whole.
    const commit: StateStore["commit"] = async (changes, options) => {
      const receipt = await opened.store.commit(changes, options);
      for (const { arguments: args, id } of (await calls.list(to, { limit: 1000 })).calls)
        expect(args).toEqual({ n: Number(id.slice(2)) });
      if ((await runs.find(to, "r")) !== undefined)
        expect(await runs.steps(to, "r")).toMatchObject({ steps: [{}, {}] });
      return receipt;
    };
    const store = withMethods(opened.store, { commit });
    expect(await moveUser(store, { tenant: who.tenant, user: who.user }, "bob")).toMatchObject({
      toolCalls: 300,
      runs: 1,
    });
    expect((await calls.list(to, { limit: 1000 })).calls).toHaveLength(300);
    expect([await opened.store.count(who, ""), await opened.store.count(to, "")]).toEqual([0, before]);
  });
});
