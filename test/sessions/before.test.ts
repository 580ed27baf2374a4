import { expect, test } from "vitest";
import { newEventId, userIdentity } from "../../src/index.js";
import { createSessions, type ListSessionsOptions } from "../../src/sessions/index.js";
import { together } from "../../src/typed/index.js";
import { onEveryStore } from "../typed/stores.js";
import { manualClock, newUser, withMethods, writeAsBefore } from "./rig.js";

/** Sessions as versions 0.1 to 0.4 left them: one that was used, one that was closed, and one without events. */
onEveryStore((opened) => {
  const written = async () => {
    // Behind the store's own clock, up to the close.
    const clock = manualClock(Date.now() - 30_000);
    const sessions = createSessions(opened.store, { clock });
    const user = newUser();
    const [used, closed, empty] = ["used", "closed", "empty"].map((session) => ({ ...user, session }));
    if (used === undefined || closed === undefined || empty === undefined) throw new Error("three sessions");
    await sessions.create(used, { metadata: { title: "a" }, eventId: "e" });
    clock.forward(1000);
    await sessions.create(empty);
    clock.forward(1000);
    await sessions.create(closed);
    await sessions.append(closed, { id: "1", value: "last" });
    clock.forward(1000);
    await sessions.append(used, [{ id: "1", value: "one" }, { value: "two" }]);
    clock.forward(60_000);
    await sessions.close(closed);
    clock.forward(1000);
    const before = await Promise.all([used, closed, empty].map((who) => sessions.get(who)));
    for (const who of [used, closed, empty]) await writeAsBefore(opened.store, who);
    const own = userIdentity(user.tenant, user.user);
    const entries = () => opened.store.list(own, "session.");
    const names = async (options?: ListSessionsOptions) =>
      (await sessions.list(user, options)).sessions.map(({ identity }) => identity.session);
    return { clock, sessions, user, used, closed, empty, before, entries, names };
  };
  /** The last event has the store's time, which is not quite the clock's. */
  const apart = <S extends { readonly lastEventAt?: Date }>({ lastEventAt, ...session }: S) => session;

  test("are read as they are", async () => {
    const { sessions, user, used, closed, empty, before, entries, names } = await written();
    const found = await Promise.all([used, closed, empty].map((who) => sessions.get(who)));
    expect(found.map(apart)).toEqual(before.map(apart));
    expect(found.map(({ lastEventAt }) => lastEventAt !== undefined)).toEqual([true, true, false]);
    expect(found[1]?.lastEventAt?.getTime()).toBeLessThan(found[1]?.updatedAt.getTime() as number);
    const { sessions: listed } = await sessions.list(user);
    expect(listed).toEqual([found[1], found[0], found[2]]);
    expect(await names({ status: "open" })).toEqual(["used", "empty"]);
    expect(await names({ order: "oldest" })).toEqual(["empty", "used", "closed"]);
    expect(
      (await sessions.list(user, { limit: 1, after: (await sessions.list(user, { limit: 1 })).next }))
        .sessions,
    ).toEqual([found[0]]);
    expect(await sessions.read(used)).toMatchObject([{ value: "one" }, { value: "two" }]);
    // Reading has changed nothing.
    expect(await entries()).toHaveLength(3);
  });

  test("are written in the new form by the first change, whatever that is", async () => {
    const { clock, sessions, used, closed, empty, entries, names } = await written();
    expect(await sessions.append(used, { id: "1", value: "one" })).toEqual({ duplicate: true, numbers: [1] });
    expect(await sessions.append(used, { value: "three" })).toEqual({ duplicate: false, numbers: [3] });
    expect(await sessions.get(used)).toMatchObject({
      metadata: { title: "a" },
      lastEventAt: new Date(clock()),
    });
    expect(await sessions.create(used, { metadata: { title: "a" }, eventId: "e" })).toMatchObject({
      duplicate: true,
    });
    await expect(sessions.append(closed, { value: "late" })).rejects.toMatchObject({
      code: "SESSION_CLOSED",
    });
    expect(await sessions.append(closed, { id: "1", value: "last" })).toEqual({
      duplicate: true,
      numbers: [1],
    });
    clock.forward(1000);
    expect(await sessions.pin(closed)).toMatchObject({ status: "closed", pinnedAt: new Date(clock()) });
    await sessions.changeMetadata(empty, () => ({ title: "b" }));
    expect(await names()).toEqual(["empty", "used", "closed"]);
    for (const who of [used, closed, empty]) {
      const [record, head] = await Promise.all(
        ["session", "session.events"].map((kind) => opened.store.load(who, kind)),
      );
      expect([record?.version, head?.version]).toEqual([1, 1]);
      expect(JSON.parse(Buffer.from(record?.bytes ?? []).toString())).not.toHaveProperty("updatedAt");
    }
    expect((await entries()).map(({ version }) => version)).toEqual(Array(8).fill(1));
  });

  test("get their place in the order of events when that is asked for, also after an interruption", async () => {
    const { sessions, user, used, entries, names } = await written();
    await opened.store.erase({ ...user, session: "closed" });
    await sessions.touch(used);
    let left = 1;
    const dying = withMethods(opened.store, {
      commit: async (changes, options) => {
        if (left-- === 0) throw new Error("the process died");
        return opened.store.commit(changes, options);
      },
    });
    await writeAsBefore(opened.store, used);
    await expect(createSessions(dying).list(user, { orderBy: "lastEventAt" })).rejects.toThrow(
      "the process died",
    );
    expect(await names({ orderBy: "lastEventAt" })).toEqual(["used", "empty"]);
    expect(await names({ orderBy: "lastEventAt", order: "oldest" })).toEqual(["empty", "used"]);
    expect(await names()).toEqual(["used", "empty"]);
    // Two entries each, and the word that all are listed.
    expect(await entries()).toHaveLength(5);
  });

  test("are found and counted by status, and one that is damaged is marked", async () => {
    const { sessions, user, used, closed, empty, entries, names } = await written();
    expect(await names({ status: "closed" })).toEqual(["closed"]);
    expect(await names({ status: "open" })).toEqual(["used", "empty"]);
    for (const who of [used, closed, empty]) await writeAsBefore(opened.store, who);
    // The lists of a user say once that they are whole; those of a tenant are completed by `reindex`.
    await opened.store.delete(userIdentity(user.tenant, user.user), "session.all-listed");
    const { tenant } = user;
    expect(await sessions.count({ tenant }, { status: "open" })).toBe(2);
    expect(await sessions.count({ tenant })).toBe(3);
    expect(await sessions.count(user, { status: "closed" })).toBe(1);
    expect(await sessions.count(user, { status: "open" })).toBe(2);
    expect(await sessions.count(user)).toBe(3);
    expect(await sessions.count({ tenant }, { status: "closed" })).toBe(1);
    expect(await entries()).toHaveLength(7);
    await opened.store.delete(userIdentity(user.tenant, user.user), "session.all-listed");
    await writeAsBefore(opened.store, closed);
    const bytes = Buffer.from("{");
    await opened.store.save({ eventId: newEventId(), identity: used, kind: "session", bytes });
    const marked = await sessions.list(user, { status: "closed", damaged: "mark" });
    expect(marked.sessions).toMatchObject([{ identity: closed }]);
  });

  test("are trimmed, summarized, deleted and forgotten", async () => {
    const { sessions, user, used, closed, empty, entries } = await written();
    expect(await sessions.trim(used, 1)).toBe(1);
    await sessions.saveSummary(used, { upTo: 2, value: "all" }, { trim: true });
    expect(await sessions.read(used)).toEqual([]);
    expect(await sessions.append(used, { value: "three" })).toMatchObject({ numbers: [3] });
    await sessions.sessionState(empty).set("k", 1);
    expect(await sessions.delete(closed)).toBe(true);
    await sessions.list(user, { orderBy: "lastEventAt" });
    await writeAsBefore(opened.store, empty);
    expect(await sessions.forgetUser(user)).toBe(2);
    expect(await entries()).toEqual([]);
    for (const who of [used, closed, empty]) expect(await opened.store.list(who, "")).toEqual([]);
  });

  test("take part in a unit", async () => {
    const { sessions, used, empty } = await written();
    await together(opened.store, async (unit) => {
      await sessions.in(unit).append(used, { value: "three" });
      await sessions.in(unit).changeMetadata(used, () => ({ title: "b" }));
      await sessions.in(unit).touch(empty);
    });
    expect(await sessions.get(used)).toMatchObject({ metadata: { title: "b" } });
    expect(await sessions.read(used)).toHaveLength(3);
  });

  test("that a newer version wrote are SCHEMA_TOO_NEW, and stay as they are", async () => {
    const { sessions, used } = await written();
    const { bytes } = await opened.store.load(used, "session.events");
    await opened.store.save({
      eventId: newEventId(),
      identity: used,
      kind: "session.events",
      bytes,
      version: 2,
    });
    const before = await opened.store.list(used, "");
    for (const call of [
      () => sessions.get(used),
      () => sessions.append(used, { value: 1 }),
      () => sessions.delete(used),
    ])
      await expect(call()).rejects.toMatchObject({
        code: "SCHEMA_TOO_NEW",
        details: { found: 2, supported: 1 },
      });
    expect(await opened.store.list(used, "")).toEqual(before);
  });
});
