import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { maintenanceScope, openStore } from "../../src/index.js";
import { Collection, transact } from "../../src/typed.js";
import { manualClock } from "../sessions/rig.js";
import { losingAnswers, untilKnown } from "../typed/lost-answers.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { finished, Tasks, taken } from "./tasks.js";

onEveryStore((opened) => {
  const initial = (now: number) => ({ status: "waiting" as const, createdAt: now, fence: 0 });

  test("several records and other values change in one commit, or none does", async () => {
    const tasks = new Tasks(opened.store);
    const notes = new Collection<string>(opened.store, "note");
    const who = newSession();
    const [a, b] = [tasks.key(who, "a"), tasks.key(who, "b")];
    await tasks.add(who, "a");
    const step = (fence: number) =>
      transact(opened.store, async (transaction) => {
        await tasks.lifecycle.createIn(transaction, b, { text: "b" }, initial);
        await transaction.set(notes.at(who, "n"), "done");
        await tasks.lifecycle.changeIn(transaction, a, taken("ann"));
        return tasks.lifecycle.changeIn(transaction, a, finished(fence));
      });
    await expect(step(7)).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(await tasks.lifecycle.find(b)).toBeUndefined();
    expect(await tasks.lifecycle.get(a)).toMatchObject({ status: "waiting" });
    expect(await step(1)).toMatchObject({ status: "done" });
    expect(await tasks.lifecycle.get(b)).toMatchObject({ status: "waiting", text: "b" });
    expect(await notes.get(who, "n")).toBe("done");
    // What was begun and ended in one commit is listed under what it is, and nowhere else.
    const { records } = await tasks.lifecycle.list({ tenant: who.tenant });
    expect(records.map(({ id, status }) => [id, status])).toEqual([
      ["b", "waiting"],
      ["a", "done"],
    ]);
    expect(await opened.store.count(who, "task.session/")).toBe(2);
  });

  test("a transaction that comes again after a lost answer finds what it did", async () => {
    const who = newSession();
    const store = losingAnswers(opened.store, { requests: 0.3, replies: 0.3 });
    const tasks = new Tasks(store);
    let duplicates = 0;
    const step = (id: string) =>
      transact(
        store,
        async (transaction) => {
          const key = tasks.key(who, id);
          const { duplicate } = await tasks.lifecycle.createIn(transaction, key, { text: id }, initial);
          if (duplicate) duplicates++;
          await tasks.lifecycle.changeIn(transaction, key, taken("ann", `take ${id}`));
        },
        { repeatable: true },
      );
    const ids = Array.from({ length: 10 }, (_, n) => `t${n}`);
    for (const id of ids) await untilKnown(() => step(id));
    await step("t0");
    expect(duplicates).toBeGreaterThan(0);
    const { records } = await tasks.lifecycle.list(who, { status: "taken" });
    expect(records.map(({ fence }) => fence)).toEqual(new Array(10).fill(1));
    const other = transact(store, (transaction) =>
      tasks.lifecycle.createIn(transaction, tasks.key(who, "t0"), { text: "else" }, initial),
    );
    await expect(other).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
  });

  test("a read in a transaction is what its commit depends on", async () => {
    const tasks = new Tasks(opened.store);
    const notes = new Collection<string>(opened.store, "note");
    const who = newSession();
    await tasks.add(who, "a");
    let runs = 0;
    await transact(opened.store, async (transaction) => {
      runs++;
      const whole = await tasks.lifecycle.readIn(transaction, tasks.key(who, "a"));
      if (runs === 1) await tasks.take(who, "a");
      await transaction.set(notes.at(who, "seen"), whole?.state.status ?? "none");
    });
    expect(await notes.get(who, "seen")).toBe("taken");
    expect(runs).toBe(2);
  });

  test("a record expires by itself, and a wait for one that does not goes on", async () => {
    const clock = manualClock();
    const tasks = new Tasks(opened.store, { clock, pollMs: 20 });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    await tasks.add(who, "short", { text: "t" }, 1000);
    await tasks.add(who, "long");
    const waits = ["short", "long"].map((id) => tasks.lifecycle.wait(tasks.key(who, id)));
    await expect(tasks.lifecycle.wait(tasks.key(who, "long"), { timeoutMs: 50 })).rejects.toMatchObject({
      code: "WAIT_TIMED_OUT",
      message: "still waiting or taken after 50 ms",
    });
    clock.forward(1000);
    expect(await waits[0]).toMatchObject({ id: "short", status: "lapsed" });
    await expect(tasks.take(who, "short")).rejects.toMatchObject({
      code: "EXPIRED",
      details: { expiresAt: new Date(clock()) },
    });
    expect(await tasks.lifecycle.expireOverdue(scope)).toBe(1);
    expect(await tasks.lifecycle.expireOverdue(scope)).toBe(0);
    // To be taken is no end for those who wait.
    await tasks.take(who, "long");
    await sleep(60);
    await tasks.finish(who, "long");
    expect(await waits[1]).toMatchObject({ id: "long", status: "done" });
  });
});

onSharedStores((opened) => {
  test("of two stores that change one record one wins, and what is open is recovered after a restart", async () => {
    const who = newSession();
    const stores = await Promise.all([openStore(opened.url), openStore(opened.url)]);
    const [one, two] = stores.map((store) => new Tasks(store)) as [Tasks, Tasks];
    for (let n = 0; n < 10; n++) {
      await one.add(who, `t${n}`);
      const takes = [one.take(who, `t${n}`, "one"), two.take(who, `t${n}`, "two")];
      const answers = await Promise.allSettled(takes);
      expect(answers.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
      const { taking } = await two.lifecycle.get(two.key(who, `t${n}`));
      expect(taking?.by).toBe(answers[0]?.status === "fulfilled" ? "one" : "two");
    }
    await one.add(who, "left");
    for (const store of stores) await store.close();
    await using reopened = await openStore(opened.url);
    const tasks = new Tasks(reopened);
    const scope = maintenanceScope({ reason: "restart", tenant: who.tenant });
    const found: string[] = [];
    for await (const { id } of tasks.lifecycle.recover(scope, { status: ["waiting", "taken"] }))
      found.push(id);
    expect(found).toEqual(["left", ...Array.from({ length: 10 }, (_, n) => `t${n}`)]);
    await expect(tasks.lifecycle.recover(scope, { status: "done" }).next()).rejects.toMatchObject({
      details: { field: "status" },
    });
  });
});
