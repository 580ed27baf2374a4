import { expect, test } from "vitest";
import { newEventId, type StateStore, userIdentity } from "../../src/index.js";
import { movedTo, moveUser } from "../../src/move-user/index.js";
import { inMemory } from "../typed/stores.js";
import { everythingOf, newVisitor, useAccount, useEverything, wrappersOn } from "./visitor.js";

inMemory((opened) => {
  test.each([
    ["the same user", "visitor", {}, { field: "to" }],
    ["a name that is none", "~", {}, { field: "to" }],
    ["an unknown option", "member", { whereboth: "refuse" }, { field: "options" }],
    ["an unknown rule", "member", { whereBoth: "merge" }, { field: "whereBoth" }],
    ["data of a wrapper's name", "member", { data: [{ name: "sessions" }] }, { field: "data" }],
  ])("%s is refused", async (_, to, options, details) => {
    const { visitor } = newVisitor();
    await expect(moveUser(opened.store, visitor, to, options as object)).rejects.toMatchObject({
      code: "INVALID_RECORD",
      details,
    });
    expect(await movedTo(opened.store, visitor)).toBeUndefined();
  });

  test("a session that both have is refused before anything moves, whoever made it", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    await useEverything(all, visitor, "s-1");
    await useEverything(all, visitor, "s-2");
    const who = { ...member, session: "s-2" };
    await store.save({ eventId: newEventId(), identity: who, kind: "own", bytes: Buffer.from("x") });
    const before = await everythingOf(all, store, visitor);
    await expect(moveUser(store, visitor, member.user)).rejects.toMatchObject({
      code: "MOVE_CONFLICT",
      details: { sessions: ["s-2"] },
    });
    expect(await everythingOf(all, store, visitor)).toEqual(before);
    expect(await movedTo(store, visitor)).toBeUndefined();
    // Its name begins as that of another session: that is none of the same name.
    await store.erase(who);
    await all.sessions.create({ ...member, session: "s-21" });
    expect(await moveUser(store, visitor, member.user)).toMatchObject({ sessions: 2 });
  });

  test("a value that both have is refused before anything moves, or the other's stays", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    await useAccount(all, store, visitor);
    await all.sessions.create({ ...visitor, session: "s-1" });
    await all.sessions.userState(member).set("language", "en");
    await all.policies.remember(member, { tool: "search", by: "ada" });
    await expect(moveUser(store, visitor, member.user)).rejects.toMatchObject({
      code: "MOVE_CONFLICT",
      details: { kinds: ["user.state/language"] },
    });
    expect(await all.sessions.get({ ...visitor, session: "s-1" })).toBeDefined();
    await moveUser(store, visitor, member.user, { whereBoth: "keep-target" });
    expect(await all.sessions.userState(member).get("language")).toBe("en");
    expect(await all.policies.grants(member)).toMatchObject([{ tool: "search", by: "ada" }]);
    expect((await store.list(userIdentity(visitor.tenant, visitor.user), "user.state/")).length).toBe(0);
  });

  test("while a worker holds a run nothing moves", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    const who = { ...visitor, session: "s-1" };
    await all.sessions.create(who);
    await all.runs.start(who, { id: "r" });
    const { lease } = await all.runs.claim(who, "r", { worker: "w", leaseMs: 60_000 });
    await expect(moveUser(store, visitor, member.user)).rejects.toMatchObject({
      code: "LEASE_HELD",
      details: { worker: "w" },
    });
    expect(await all.sessions.get(who)).toBeDefined();
    await all.runs.release(lease);
    await moveUser(store, visitor, member.user);
    expect(
      (await all.runs.claimNext({ tenant: visitor.tenant }, { worker: "v", leaseMs: 1 }))?.run.identity.user,
    ).toBe("member");
  });

  test("a run that is claimed while its session moves stays with its session", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    const who = { ...visitor, session: "s-1" };
    await all.sessions.create(who);
    await all.runs.start(who, { id: "r" });
    const claiming = once(store, "commit", async () => {
      await all.runs.claim(who, "r", { worker: "w", leaseMs: 60_000 });
    });
    await expect(moveUser(claiming, visitor, member.user)).rejects.toMatchObject({ code: "LEASE_HELD" });
    expect(await all.sessions.get(who)).toBeDefined();
    expect(await all.runs.get(who, "r")).toMatchObject({ status: "running" });
  });

  test("a user who was moved is no one to move to: the error says where he went", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    const who = { ...visitor, session: "s-1" };
    await all.sessions.create(who);
    await all.sessions.append(who, { id: "m-1", value: 1 });
    await moveUser(store, visitor, member.user);
    await expect(moveUser(store, member, visitor.user)).rejects.toMatchObject({
      code: "MOVE_CONFLICT",
      details: { movedTo: member.user },
    });
    expect((await all.sessions.read({ ...member, session: "s-1" })).length).toBe(1);
  });

  test("records of a session that were the other's before are not taken for moved", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    for (const user of [visitor, member]) {
      const who = { ...user, session: "s-1" };
      await all.sessions.create(who);
      await all.sessions.append(who, { id: "m-1", value: 1 });
      if (user === member) await all.sessions.delete(who);
    }
    await expect(moveUser(store, visitor, member.user)).rejects.toMatchObject({
      code: "MOVE_CONFLICT",
      details: { sessions: ["s-1"] },
    });
    expect((await all.sessions.read({ ...visitor, session: "s-1" })).length).toBe(1);
    await expect(all.sessions.get({ ...member, session: "s-1" })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  test("what is damaged stays with its session, and the rest moves", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    for (const session of ["s-1", "s-2"]) {
      await all.sessions.create({ ...visitor, session });
      await all.approvals.request({ ...visitor, session }, { id: "a", tool: "t", arguments: {} });
    }
    const damaged = { identity: { ...visitor, session: "s-1" }, kind: "approval/a", bytes: Buffer.from("{") };
    await store.save({ eventId: newEventId(), ...damaged });
    await expect(moveUser(store, visitor, member.user)).rejects.toMatchObject({
      code: "CORRUPT",
      details: { at: { kind: "approval/a" } },
    });
    expect(await all.sessions.get({ ...visitor, session: "s-1" })).toBeDefined();
    expect(await all.approvals.get({ ...member, session: "s-2" }, "a")).toBeDefined();
  });

  test("an abort ends it between two commits", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    for (const session of ["s-1", "s-2"]) await all.sessions.create({ ...visitor, session });
    const reason = new Error("enough");
    await expect(moveUser(store, visitor, member.user, { signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    expect((await all.sessions.list(visitor)).sessions.length).toBe(2);
  });
});

/** The store, which does something before the first call of a method. */
function once(store: StateStore, method: "commit", before: () => Promise<void>): StateStore {
  let isDone = false;
  return new Proxy(store, {
    get(target, name) {
      const real = Reflect.get(target, name);
      if (typeof real !== "function") return real;
      if (name !== method) return real.bind(target);
      return async (...args: unknown[]) => {
        const [changes] = args as [{ op: string }[]];
        // Marks are commits too.
        if (!isDone && changes.length > 1) {
          isDone = true;
          await before();
        }
        return Reflect.apply(real, target, args);
      };
    },
  });
}
