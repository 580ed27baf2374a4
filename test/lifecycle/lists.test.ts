import { expect, test } from "vitest";
import {
  type Identity,
  maintenanceScope,
  newEventId,
  openStore,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { Lifecycle } from "../../src/typed.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { TASK, Tasks } from "./tasks.js";

onEveryStore((opened) => {
  async function some() {
    const clock = manualClock();
    const tasks = new Tasks(opened.store, { clock });
    const who = newSession();
    const elsewhere = { ...who, session: "s2" };
    const bob = { ...who, user: "bob" };
    for (const [id, owner, name] of [
      ["a", who, "x"],
      ["b", elsewhere, "x"],
      ["c", bob, "x"],
      ["d", who, "y"],
      ["e", who, undefined],
    ] as const) {
      clock.forward(1);
      await tasks.add(owner, id, { text: id, ...(name === undefined ? {} : { name }) });
    }
    const list = async (...given: Parameters<typeof tasks.lifecycle.list>) =>
      (await tasks.lifecycle.list(...given)).records.map(({ id }) => id).join("");
    return { tasks, clock, who, elsewhere, bob, list };
  }

  test("a record is in the lists of its session, its user and its tenant, and in those of its name", async () => {
    const { who, bob, list } = await some();
    const { tenant, user } = who;
    expect(await list(who)).toBe("eda");
    expect(await list({ tenant, user })).toBe("edba");
    expect(await list({ tenant, user: "bob" })).toBe("c");
    expect(await list({ tenant })).toBe("edcba");
    expect(await list(who, { by: { name: "x" } })).toBe("a");
    expect(await list({ tenant }, { by: { name: "x" } })).toBe("cba");
    expect(await list({ tenant }, { by: { name: "x" }, status: "taken" })).toBe("");
    expect(await list({ tenant }, { by: { name: "z" } })).toBe("");
    expect(await list(bob, { by: { name: "y" } })).toBe("");
  });

  test("a page goes on where the one before ended, in every list", async () => {
    const { tasks, who, list } = await some();
    await tasks.take(who, "d");
    for (const options of [{}, { by: { name: "x" } }]) {
      const whole = await list({ tenant: who.tenant }, options);
      let paged = "";
      for (let after: string | undefined; ; ) {
        const page = await tasks.lifecycle.list({ tenant: who.tenant }, { ...options, limit: 1, after });
        paged += page.records.map(({ id }) => id).join("");
        after = page.next;
        if (after === undefined) break;
      }
      expect(paged).toBe(whole);
    }
  });

  test("a list may be declared oldest first", async () => {
    const { who, clock, list: newest } = await some();
    const lifecycle = new Lifecycle(opened.store, { ...TASK, listedFirst: "oldest" }, { clock });
    const where = { tenant: who.tenant };
    const ids: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await lifecycle.list(where, { limit: 2, after });
      ids.push(page.records.map(({ id }) => id).join(""));
      after = page.next;
      if (after === undefined) break;
    }
    expect(ids).toEqual(["ab", "cd", "e"]);
    expect(await newest(where)).toBe("edcba");
  });

  test("a change moves a record in every list, and one without it writes no entry", async () => {
    const { tasks, who, list } = await some();
    const entries = async () =>
      (
        await Promise.all(
          [who, tenantIdentity(who.tenant), userIdentity(who.tenant, who.user)].map((owner) =>
            opened.store.list(owner, "task."),
          ),
        )
      )
        .flat()
        .map(({ kind, eventId }) => `${kind} ${eventId}`)
        .filter((text) => !text.startsWith("task.due/") && !text.startsWith("task.content/"));
    const before = await entries();
    await tasks.take(who, "a");
    const after = await entries();
    expect(after).toHaveLength(before.length);
    // Those of five lists.
    expect(after.filter((text) => !before.includes(text))).toHaveLength(5);
    for (const where of [who, { tenant: who.tenant }, { tenant: who.tenant, user: who.user }])
      expect(await list(where, { status: "taken" })).toBe("a");
    expect(await list({ tenant: who.tenant }, { by: { name: "x" }, status: ["waiting"] })).toBe("cb");
    await tasks.lifecycle.change(tasks.key(who, "a"), (state) => ({ ...state, until: 1 }));
    expect(await entries()).toEqual(after);
  });

  test("what is not declared is refused", async () => {
    const { who, list } = await some();
    const { tenant, user } = who;
    for (const [field, where, options] of [
      ["by", { tenant, user }, { by: { name: "x" } }],
      ["by", who, { by: { colour: "x" } }],
      ["by", who, { by: {} }],
      ["by", who, { by: { name: "x", colour: "y" } }],
      ["by", who, { by: undefined }],
      ["name", who, { by: { name: "" } }],
      ["status", who, { status: "open" }],
      ["options", who, { oder: "oldest" }],
      ["order", who, { order: "latest" }],
      ["where", { tenant, usr: user }, {}],
    ] as const)
      await expect(list(where as never, options as never), field).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    await expect(list({ tenant, user: undefined } as never)).rejects.toMatchObject({
      code: "IDENTITY_REQUIRED",
    });
    const alone = new Lifecycle(opened.store, { ...TASK, listedBy: [{ under: "tenant" }] });
    await expect(alone.list(who)).rejects.toMatchObject({ details: { field: "where" } });
    await expect(alone.list({ tenant, user })).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
  });

  test("what points at an erased session goes from all lists at once", async () => {
    const { tasks, who, list } = await some();
    await opened.store.erase(who);
    const owned = userIdentity(who.tenant, who.user);
    expect(await opened.store.count(owned, "")).toBe(4);
    expect(await list({ tenant: who.tenant })).toBe("cb");
    // Nobody has listed these.
    expect(await opened.store.count(owned, "")).toBe(1);
    expect(await opened.store.count(tenantIdentity(who.tenant), "task.tenant.name/")).toBe(2);
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    expect(await opened.store.count(tenantIdentity(who.tenant), "task.due/")).toBe(5);
    await tasks.lifecycle.expireOverdue(scope, { erased: true });
    expect(await opened.store.count(tenantIdentity(who.tenant), "task.due/")).toBe(2);
  });

  test("a user is forgotten, in all lists, with what points at erased sessions", async () => {
    const { tasks, who, elsewhere, list } = await some();
    await tasks.take(who, "a");
    await opened.store.erase(elsewhere);
    const user = { tenant: who.tenant, user: who.user };
    expect(await tasks.lifecycle.forgetUser(user)).toBe(3);
    expect(await tasks.lifecycle.forgetUser(user)).toBe(0);
    expect(await list({ tenant: who.tenant })).toBe("c");
    for (const owner of [who, elsewhere, userIdentity(who.tenant, who.user)])
      expect(await opened.store.count(owner, "")).toBe(0);
    // Of bob's: in the list of the tenant, in that of the name, and when it is due.
    expect(await opened.store.count(tenantIdentity(who.tenant), "")).toBe(3);
  });

  test("an entry that points at another record is CORRUPT, and shows nobody else's record", async () => {
    const { tasks, who, bob } = await some();
    const { tenant, user } = who;
    const lists = [
      [who, who, "task.session/"],
      [userIdentity(tenant, user), { tenant, user }, "task.user/"],
      [tenantIdentity(tenant), { tenant }, "task.tenant/"],
    ] as const;
    for (const [owner, where, prefix] of lists) {
      const [entry] = await opened.store.list(owner, prefix);
      const { identity, kind, bytes } = entry as NonNullable<typeof entry>;
      const pointer = JSON.parse(Buffer.from(bytes).toString());
      for (const other of [{ user: bob.user, id: "c" }, { session: "s2", id: "b" }, { id: "e" }]) {
        const wrong = Buffer.from(JSON.stringify({ ...pointer, ...other }));
        await opened.store.save({ eventId: newEventId(), identity, kind, bytes: wrong });
        await expect(tasks.lifecycle.list(where)).rejects.toMatchObject({
          code: "CORRUPT",
          details: { at: { identity, kind } },
        });
      }
    }
  });

  test("a user is forgotten past what is damaged, which is told in the end", async () => {
    const { tasks, clock, who, list } = await some();
    const { tenant, user } = who;
    const save = (identity: Identity, kind: string) =>
      opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from("{") });
    // A record that is damaged goes with the others: it is known whose it is.
    await save(who, "task/a");
    await save(who, "task.content/d");
    expect(await tasks.lifecycle.forgetUser({ tenant, user })).toBe(4);
    expect(await opened.store.count(who, "")).toBe(0);
    expect(await opened.store.count(userIdentity(tenant, user), "")).toBe(0);
    expect(await opened.store.count(tenantIdentity(tenant), "task.due/")).toBe(1);
    // An entry that is damaged is passed over, wherever in its page it lies.
    for (const id of ["f", "g", "h", "i"]) {
      clock.forward(1);
      await tasks.add(who, id);
    }
    const entries = await opened.store.list(userIdentity(tenant, user), "task.user/");
    for (const n of [0, 2]) await save(entries[n]?.identity as Identity, entries[n]?.kind as string);
    await expect(tasks.lifecycle.forgetUser({ tenant, user })).rejects.toMatchObject({
      code: "CORRUPT",
      details: { at: { identity: userIdentity(tenant, user) } },
    });
    expect(await list({ tenant })).toBe("hfc");
    expect(await list({ tenant, user: "bob" })).toBe("c");
  });

  test("a content that is missing, or another's, is CORRUPT", async () => {
    const { tasks, who } = await some();
    const kind = "task.content/a";
    const { bytes } = await opened.store.load(who, kind);
    const other = JSON.parse(Buffer.from(bytes).toString());
    const save = (value: unknown) =>
      opened.store.save({
        eventId: newEventId(),
        identity: who,
        kind,
        bytes: Buffer.from(JSON.stringify(value)),
      });
    for (const damage of [
      () => save({ ...other, createdAt: other.createdAt - 1 }),
      () => save({}),
      () => opened.store.delete(who, kind),
    ]) {
      await damage();
      for (const call of [
        () => tasks.lifecycle.get(tasks.key(who, "a")),
        () => tasks.take(who, "a"),
        () => tasks.lifecycle.list(who),
      ])
        await expect(call()).rejects.toMatchObject({
          code: "CORRUPT",
          details: { at: { identity: who, kind } },
        });
    }
  });
});

test("a page ends where its records have too many bytes, and the next one goes on", async () => {
  await using store = await openStore("memory:");
  const tasks = new Tasks(store);
  const who = newSession();
  const ids = Array.from({ length: 40 }, (_, n) => `t${n}`);
  for (const id of ids) await tasks.add(who, id, { text: "x".repeat(900_000) });
  let together = 0;
  let most = 0;
  const find: typeof store.find = async (...given) => {
    most = Math.max(most, ++together);
    return store.find(...given).finally(() => together--);
  };
  const { lifecycle } = new Tasks(withMethods(store, { find }));
  const seen: string[] = [];
  const pages: number[] = [];
  for (let after: string | undefined; pages.length === 0 || after !== undefined; ) {
    const page = await lifecycle.list(who, { limit: 1000, after });
    seen.push(...page.records.map(({ id }) => id));
    pages.push(page.records.length);
    after = page.next;
  }
  expect(seen.sort()).toEqual(ids.sort());
  // 16 MiB are 19 of them, and the last few are read together.
  expect(Math.max(...pages)).toBeLessThan(24);
  expect(pages.length).toBe(2);
  // Two records of each task, of 16 at first.
  expect(most).toBeLessThanOrEqual(32);
});
