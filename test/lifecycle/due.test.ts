import { expect, test } from "vitest";
import {
  type Identity,
  type ListOptions,
  maintenanceScope,
  newEventId,
  openStore,
  type StateStore,
  tenantIdentity,
} from "../../src/index.js";
import { Lifecycle } from "../../src/typed.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { LEASE_MS, TASK, Tasks, taken } from "./tasks.js";

async function collect<T extends { readonly id: string }>(all: AsyncIterable<T>): Promise<string> {
  let ids = "";
  for await (const { id } of all) ids += id;
  return ids;
}

onEveryStore((opened) => {
  async function some(ids = "abc") {
    const clock = manualClock();
    const tasks = new Tasks(opened.store, { clock });
    const who = newSession();
    for (const id of ids) {
      clock.forward(1);
      await tasks.add(who, id);
    }
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    const next = (by = "ann") => tasks.lifecycle.changeNextDue(who.tenant, taken(by));
    return { tasks, clock, who, scope, next };
  }

  test("what is due is found, those that became due first before the others", async () => {
    const { tasks, clock, who, scope } = await some();
    expect(await collect(tasks.lifecycle.recoverDue(scope))).toBe("abc");
    await tasks.take(who, "a");
    expect(await collect(tasks.lifecycle.recoverDue(scope))).toBe("bc");
    clock.forward(LEASE_MS - 1);
    await tasks.drop(who, "b");
    expect(await collect(tasks.lifecycle.recoverDue(scope))).toBe("c");
    clock.forward(1);
    expect(await collect(tasks.lifecycle.recoverDue(scope))).toBe("ca");
    await tasks.finish(who, "a");
    expect(await collect(tasks.lifecycle.recoverDue(scope))).toBe("c");
  });

  test("many who ask for the next one get one each, and none is left", async () => {
    const { next, tasks, who } = await some("abcdefgh");
    const got = await Promise.all(Array.from({ length: 12 }, (_, n) => next(`worker-${n}`)));
    const ids = got.flatMap((task) => (task === undefined ? [] : [task.id]));
    expect(ids.sort().join("")).toBe("abcdefgh");
    expect((await tasks.lifecycle.list(who, { status: "taken" })).records.map(({ fence }) => fence)).toEqual(
      new Array(8).fill(1),
    );
    expect(await next()).toBeUndefined();
  });

  test("one whose lease has passed is given to another, and the first can change nothing any more", async () => {
    const { next, clock, tasks, who } = await some("a");
    expect(await next("first")).toMatchObject({ fence: 1 });
    expect(await next("second")).toBeUndefined();
    clock.forward(LEASE_MS);
    expect(await next("second")).toMatchObject({ id: "a", fence: 2, taking: { by: "second" } });
    await expect(tasks.finish(who, "a", 1)).rejects.toMatchObject({ code: "FORBIDDEN" });
    await expect(tasks.finish(who, "a", 2)).resolves.toMatchObject({ status: "done" });
  });

  test.each(["task.due/", "task.tenant/waiting/"])(
    "a damaged entry in %s keeps nobody from the next one, and is told when none is left",
    async (prefix) => {
      const { next, tasks, who } = await some("abcde");
      const owner = tenantIdentity(who.tenant);
      const call = () =>
        prefix === "task.due/" ? next() : tasks.lifecycle.changeNext(who.tenant, "waiting", taken("ann"));
      const [first, second] = await opened.store.list(owner, prefix);
      const kind = first?.kind as string;
      // It does not decode; it points at another record.
      for (const bytes of [Buffer.from("{"), second?.bytes as Uint8Array]) {
        await opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes });
        for (let n = 0; n < 2; n++) expect((await call())?.id).toMatch(/[b-e]/);
      }
      await expect(call()).rejects.toMatchObject({
        code: "CORRUPT",
        details: { at: { identity: owner, kind } },
      });
    },
  );

  test("what the transition passes over stays as it is, also where that is more than a page", async () => {
    const { tasks, who } = await some("");
    for (let n = 0; n < 40; n++) await tasks.add(who, `x${n}`, { text: n === 39 ? "wanted" : "other" });
    const wanted = () =>
      tasks.lifecycle.changeNextDue(who.tenant, (state, moment) =>
        moment.content.text === "wanted" ? taken("ann")(state, moment) : undefined,
      );
    expect(await wanted()).toMatchObject({ id: "x39" });
    expect(await wanted()).toBeUndefined();
    expect((await tasks.lifecycle.list(who, { status: "waiting" })).records).toHaveLength(39);
  });

  test("an erased session, a damaged record and an error of the transition do not stand in the way", async () => {
    const { tasks, next, who, scope } = await some("ab");
    const gone = { ...who, session: "s2" };
    await tasks.add(gone, "c");
    await opened.store.erase(gone);
    const kind = "task/a";
    await opened.store.save({ eventId: newEventId(), identity: who, kind, bytes: Buffer.from("{}") });
    const corrupt = { code: "CORRUPT", details: { at: { identity: who, kind } } };
    const found: string[] = [];
    const recover = async () => {
      for await (const { id } of tasks.lifecycle.recoverDue(scope)) found.push(id);
    };
    await expect(recover()).rejects.toMatchObject(corrupt);
    expect(found).toEqual(["b"]);
    expect(await next()).toMatchObject({ id: "b" });
    await expect(next()).rejects.toMatchObject(corrupt);
    expect(await opened.store.count(tenantIdentity(who.tenant), "task.due/")).toBe(2);
    const { next: other, tasks: others, who: them } = await some("a");
    const failure = new Error("not today");
    const failing = others.lifecycle.changeNextDue(them.tenant, () => {
      throw failure;
    });
    await expect(failing).rejects.toBe(failure);
    expect(await other()).toMatchObject({ id: "a" });
  });

  test("whoever meets the entry of an erased session first removes it", async () => {
    const { next, who } = await some("a");
    await opened.store.erase(who);
    expect(await opened.store.count(tenantIdentity(who.tenant), "task.due/")).toBe(1);
    expect(await next()).toBeUndefined();
    expect(await opened.store.count(tenantIdentity(who.tenant), "task.due/")).toBe(0);
  });

  test("a forgotten user's tasks are due no more from the commit on that removes them", async () => {
    const { tasks, who, clock } = await some("ab");
    await tasks.take(who, "a");
    // The process ends before it looks for what else points at the user.
    const list = async (identity: Identity, prefix: string, options?: ListOptions) => {
      if (prefix.startsWith("task.due/")) throw new Error("the process died");
      return opened.store.list(identity, prefix, options);
    };
    const dying = new Tasks(withMethods(opened.store, { list: list as StateStore["list"] }), { clock });
    const forgotten = dying.lifecycle.forgetUser({ tenant: who.tenant, user: who.user });
    await expect(forgotten).rejects.toThrow("the process died");
    expect(await opened.store.count(tenantIdentity(who.tenant), "")).toBe(0);
  });

  test("a tenant sees what is its own", async () => {
    const { tasks, who } = await some("a");
    expect(await tasks.lifecycle.changeNextDue(`${who.tenant}2`, taken("ann"))).toBeUndefined();
    const without = new Lifecycle(opened.store, { ...TASK, due: undefined as never });
    await expect(without.changeNextDue(who.tenant, taken("ann"))).rejects.toThrow(TypeError);
  });
});

onSharedStores((opened) => {
  test("two stores that take from one list never take the same, and find what the other left", async () => {
    await using other = await openStore(opened.url);
    const who = newSession();
    const clock = manualClock();
    const [one, two] = [opened.store, other].map((store) => new Tasks(store, { clock })) as [Tasks, Tasks];
    const ids = Array.from({ length: 20 }, (_, n) => `t${n}`);
    for (const id of ids) await one.add(who, id);
    const work = async (tasks: Tasks, by: string): Promise<string[]> => {
      const task = await tasks.lifecycle.changeNextDue(who.tenant, taken(by));
      return task === undefined ? [] : [task.id, ...(await work(tasks, by))];
    };
    const got = await Promise.all([work(one, "one"), work(two, "two"), work(one, "three")]);
    expect(got.flat().sort()).toEqual([...ids].sort());
    clock.forward(LEASE_MS);
    expect((await work(two, "two")).sort()).toEqual([...ids].sort());
  });
});
