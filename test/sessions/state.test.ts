import { expect, test } from "vitest";
import { tenantIdentity, userIdentity } from "../../src/index.js";
import { createSessions, type StateMap } from "../../src/sessions/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { onEveryStore } from "../typed/stores.js";
import { newUser, withMethods } from "./rig.js";

onEveryStore((opened) => {
  const newSession = async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const who = { ...user, session: "s" };
    await sessions.create(who);
    return { sessions, user, who };
  };
  const everyLevel = async (): Promise<StateMap[]> => {
    const { sessions, user, who } = await newSession();
    return [sessions.sessionState(who), sessions.userState(user), sessions.tenantState(user.tenant)];
  };

  test("keys, values and options that may not be", async () => {
    const { sessions, user, who } = await newSession();
    const field = (name: string) => ({ code: "INVALID_RECORD", details: { field: name } });
    for (const state of await everyLevel()) {
      await expect(state.set("", 1)).rejects.toMatchObject(field("key"));
      await expect(state.get("k".repeat(512))).rejects.toMatchObject(field("key"));
      await expect(state.set("k", undefined as never)).rejects.toMatchObject(field("value"));
      await expect(state.set("k", 1, { expect: undefined as never })).rejects.toMatchObject(field("expect"));
      await expect(state.set("k", 1, { eventId: undefined as never })).rejects.toMatchObject(
        field("eventId"),
      );
      await expect(state.set("k", 1, { eventId: "e".repeat(106) })).rejects.toMatchObject(field("eventId"));
      await expect(state.update("k", () => undefined as never)).rejects.toMatchObject(field("value"));
      await expect(state.delete("k", { expect: null } as never)).rejects.toMatchObject(field("options"));
      await expect(state.entries({ limit: 0 })).rejects.toMatchObject(field("limit"));
      expect(await state.entries()).toEqual([]);
    }
    for (const session of ["~", "~s"]) {
      expect(() => sessions.sessionState({ ...user, session })).toThrow("~");
    }
    for (const identity of [userIdentity(user.tenant, user.user), tenantIdentity(user.tenant)]) {
      expect(() => sessions.sessionState(identity)).toThrow("session must be");
    }
    expect(() => sessions.userState({ ...user, user: "~" })).toThrow("~");
    expect(() => sessions.tenantState("~")).toThrow("~");
    expect(() => sessions.sessionState({ ...who, run: "r" } as never)).toThrow("run");
  });

  test("values are set, read, changed, listed and deleted at each level", async () => {
    for (const state of await everyLevel()) {
      expect(await state.get("k")).toBeUndefined();
      expect(await state.delete("k")).toBe(false);
      const { eventId, duplicate } = await state.set("k", { a: [1, null] });
      expect(duplicate).toBe(false);
      expect(await state.get("k")).toEqual({ a: [1, null] });
      expect(await state.find("k")).toMatchObject({ key: "k", eventId });
      expect(await state.update("k", (current) => [current as never])).toEqual([{ a: [1, null] }]);
      for (const key of ["a/b", "%", "a", "ab"]) await state.set(key, key);
      expect((await state.entries()).map(({ key }) => key)).toEqual(["%", "a", "a/b", "ab", "k"]);
      expect((await state.entries({ prefix: "a", after: "a", limit: 1 })).map(({ key }) => key)).toEqual([
        "a/b",
      ]);
      expect(await state.delete("a/b")).toBe(true);
      expect(await state.delete("a/b")).toBe(false);
    }
  });

  test("conditions and event ids hold at each level", async () => {
    for (const state of await everyLevel()) {
      const two = "two";
      const { eventId } = await state.set("k", 1, { expect: null });
      await expect(state.set("k", 2, { expect: null })).rejects.toMatchObject({
        code: "CONDITION_FAILED",
        details: { current: eventId },
      });
      const second = await state.set("k", 2, { expect: eventId, eventId: two });
      expect(second).toEqual({ eventId: (await state.find("k"))?.eventId, duplicate: false });
      await state.set("k", 2, { expect: second.eventId });
      await state.set("k", 3);
      expect(await state.set("k", 2, { expect: eventId, eventId: two })).toMatchObject({ duplicate: true });
      await expect(state.set("k", 4, { eventId: two })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect(await state.get("k")).toBe(3);
    }
  });

  test("one id is another for each session, user and tenant, and for everything else", async () => {
    const { sessions, user, who } = await newSession();
    const other = { ...user, user: "bob", session: "s" };
    const second = { ...who, session: "t" };
    for (const identity of [other, second]) await sessions.create(identity);
    const foreign = { eventId: "e", identity: other, kind: "x", bytes: Buffer.from("x") };
    await opened.store.save(foreign);
    await sessions.append(who, { id: "e", value: 1 });
    await sessions.saveSummary(who, { upTo: 1, value: 1, eventId: "e" });
    const maps = [
      ...[who, second, other].map((identity) => sessions.sessionState(identity)),
      ...[user, other].map((name) => sessions.userState(name)),
      sessions.tenantState(user.tenant),
    ];
    for (const [n, map] of maps.entries()) {
      expect(await map.set("k", n, { eventId: "e" })).toMatchObject({ duplicate: false });
      expect(await map.get("k")).toBe(n);
    }
    for (const [n, map] of maps.entries()) {
      expect(await map.set("k", n, { eventId: "e" })).toMatchObject({ duplicate: true });
    }
  });

  test("counts of many callers over an unreliable connection are exact", async () => {
    const { user, who } = await newSession();
    const line = createSessions(
      losingAnswers(opened.store, { requests: 0.03, replies: 0.03, mostPerWrite: 3 }),
    );
    for (const state of [line.sessionState(who), line.userState(user), line.tenantState(user.tenant)]) {
      const count = () => state.update("n", (n) => ((n as number) ?? 0) + 1);
      await Promise.all(Array.from({ length: 20 }, count));
      expect(await state.get("n")).toBe(20);
    }
  });

  test("the levels are separated, and so are users and tenants", async () => {
    const { sessions, user, who } = await newSession();
    await sessions.sessionState(who).set("k", "session");
    await sessions.userState(user).set("k", "user");
    await sessions.tenantState(user.tenant).set("k", "tenant");
    expect(await sessions.sessionState(who).get("k")).toBe("session");
    expect(await sessions.userState(who).get("k")).toBe("user");
    expect(await sessions.tenantState(user.tenant).get("k")).toBe("tenant");
    expect(await sessions.userState({ ...user, user: "ann2" }).get("k")).toBeUndefined();
    expect(await sessions.tenantState(`${user.tenant}2`).get("k")).toBeUndefined();
    await sessions.create({ ...who, session: "t" });
    expect(await sessions.sessionState({ ...who, session: "t" }).get("k")).toBeUndefined();
    await sessions.delete(who);
    expect(await sessions.userState(user).get("k")).toBe("user");
  });

  test("the state of a session needs the session, and it open to be written", async () => {
    const { sessions, user, who } = await newSession();
    const gone = sessions.sessionState({ ...user, session: "none" });
    for (const call of [
      () => gone.get("k"),
      () => gone.entries(),
      () => gone.set("k", 1),
      () => gone.update("k", () => 1),
      () => gone.delete("k"),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    const state = sessions.sessionState(who);
    await state.set("k", 1, { eventId: "e" });
    await sessions.close(who);
    for (const call of [() => state.set("k", 2), () => state.update("k", () => 2), () => state.delete("k")]) {
      await expect(call()).rejects.toMatchObject({ code: "SESSION_CLOSED" });
    }
    expect(await state.get("k")).toBe(1);
    await sessions.reopen(who);
    expect(await state.delete("k")).toBe(true);
    await sessions.delete(who);
    await expect(state.set("k", 1, { eventId: "e" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.list(who, "")).toEqual([]);
  });

  test.each([
    ["close", "SESSION_CLOSED"],
    ["delete", "NOT_FOUND"],
  ] as const)(
    "a write in the middle of which the session's %s comes is refused, by the commit",
    async (end, code) => {
      const { sessions, who } = await newSession();
      let commits = 0;
      const slow = withMethods(opened.store, {
        commit: async (changes, options) => {
          if (commits++ === 0) await sessions[end](who);
          return opened.store.commit(changes, options);
        },
      });
      await expect(createSessions(slow).sessionState(who).set("k", 1)).rejects.toMatchObject({ code });
      expect(commits).toBe(1);
      expect(await opened.store.list(who, "session.state")).toEqual([]);
    },
  );
});
