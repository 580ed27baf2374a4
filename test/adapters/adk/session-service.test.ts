import {
  createEvent,
  createEventActions,
  createSession,
  type EventActions,
  InMemorySessionService,
  type Session,
  State,
  ToolConfirmation,
} from "@google/adk";
import { expect, test } from "vitest";
import { GroundstateSessionService } from "../../../src/adapters/adk/index.js";
import { createApprovals } from "../../../src/approvals/index.js";
import { exportUser } from "../../../src/export-user/index.js";
import { forgetUser } from "../../../src/forget-user/index.js";
import { newEventId, type StateStore } from "../../../src/index.js";
import { moveUser } from "../../../src/move-user/index.js";
import { createSessions } from "../../../src/sessions/index.js";
import { isSoak } from "../../soak.js";
import { onEveryStore } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}` });
const newService = (store: StateStore, owner = newOwner()) => new GroundstateSessionService(store, { owner });
const changing = (stateDelta: EventActions["stateDelta"], more: Parameters<typeof createEvent>[0] = {}) =>
  createEvent({ author: "agent", invocationId: "i", actions: { stateDelta }, ...more });
const ann = { appName: "shop", userId: "ann" };
const key = { ...ann, sessionId: "s-1" };
const stateOf = (session: Session | undefined) => session && { ...session.state };

onEveryStore((opened, driver) => {
  test("an event changes the state of its session, its user and its app, and what is of the invocation is stored nowhere", async () => {
    const service = newService(opened.store);
    const session = await service.createSession(key);
    await service.createSession({ ...ann, sessionId: "s-2" });
    await service.createSession({ ...key, userId: "bob" });
    const delta = { n: 1, "user:n": 2, "app:n": 3, "temp:n": "only-now", "~bytes": new Uint8Array([1, 2]) };
    const names = ["%updated", "%history", "__proto__", "constructor", "", "\0", "x".repeat(101)];
    const odd = Object.fromEntries(
      names.flatMap((name) => [name, `user:${name}`, `app:${name}`].map((each) => [each, each])),
    );
    await service.appendEvent({ session, event: changing(odd, { id: "%updated", timestamp: 7 }) });
    expect(await service.getSession(key)).toMatchObject({ lastUpdateTime: 7, events: [{ id: "%updated" }] });
    expect(stateOf(await service.getSession(key))).toEqual(odd);
    const none = Object.fromEntries(Object.keys(odd).map((name) => [name, undefined]));
    await service.appendEvent({ session, event: changing(none, { id: "", timestamp: 8 }) });
    session.events = [];

    const event = changing(delta, { content: { role: "model", parts: [{ text: "three hotels" }] } });
    expect(await service.appendEvent({ session, event })).toBe(event);
    expect(session.events).toEqual([event]);
    expect(stateOf(session)).toMatchObject({ n: 1, "user:n": 2, "app:n": 3 });

    const found = await service.getSession(key);
    const shared = { "user:n": 2, "app:n": 3 };
    expect(stateOf(found)).toEqual({ ...shared, n: 1, "~bytes": new Uint8Array([1, 2]) });
    expect(found?.events.slice(2)).toEqual([event]);
    expect(Reflect.get(found?.events[2] ?? {}, Symbol.for("google.adk.event"))).toBe(true);
    expect(found?.lastUpdateTime).toBe(event.timestamp);
    expect(stateOf(await service.getSession({ ...ann, sessionId: "s-2" }))).toEqual(shared);
    expect(stateOf(await service.getSession({ ...key, userId: "bob" }))).toEqual({ "app:n": 3 });
    for (const record of await opened.store.list(service.identityOf(key), ""))
      expect(Buffer.from(record.bytes).includes("only-now")).toBe(false);

    // An undefined value is none; null is one.
    await service.appendEvent({
      session,
      event: changing({ n: undefined, "user:n": undefined, "app:n": null }),
    });
    expect(stateOf(await service.getSession(key))).toEqual({
      "app:n": null,
      "~bytes": new Uint8Array([1, 2]),
    });
  });

  test("a new session sets the state of its user and its app, and is refused where there is one", async () => {
    const service = newService(opened.store);
    const state = { n: 1, "user:n": 2, "app:n": 3, "temp:n": 4 };
    const created = await service.createSession({ ...key, state });
    expect(stateOf(created)).toEqual({ n: 1, "user:n": 2, "app:n": 3 });
    expect(await service.getSession(key)).toEqual(created);
    await expect(service.createSession({ ...key, state: { "app:n": 5 } })).rejects.toMatchObject({
      code: "ALREADY_EXISTS",
    });
    expect(await service.getSession(key)).toEqual(created);
    const unnamed = [
      await service.createSession(ann),
      await service.createSession({ ...ann, sessionId: "" }),
    ];
    for (const { id } of unnamed) expect(id).toMatch(/^\w{26}$/);
    expect(new Set(unnamed.map(({ id }) => id)).size).toBe(2);
    const asked = await Promise.all(
      Array.from({ length: 8 }, () =>
        service.getOrCreateSession({ ...ann, sessionId: "once", state: { n: 9 } }),
      ),
    );
    expect(new Set(asked.map((session) => JSON.stringify(session))).size).toBe(1);
  });

  test("names that are beginnings of each other, or no names at all, are told apart and given back", async () => {
    const owner = newOwner();
    const long = "x".repeat(300);
    const odd = ["s", "s/", "s/1", "~s", "%73", "", "\0", `${long}y`, `${long}z`];
    const service = newService(opened.store, owner);
    const keys = [
      ...odd.map((appName) => ({ ...key, appName })),
      ...odd.map((userId) => ({ ...key, userId })),
      ...odd.filter((id) => id !== "").map((sessionId) => ({ ...key, sessionId })),
      { appName: "s", userId: "s/1/s", sessionId: "1/s" },
      { appName: "s/1", userId: "s", sessionId: "s" },
    ];
    for (const each of keys) {
      const session = await service.createSession(each);
      const name = JSON.stringify(each);
      await service.appendEvent({
        session,
        event: changing({ own: name, "user:own": `${each.appName}|${each.userId}`, "app:own": each.appName }),
      });
    }
    for (const each of keys) {
      const found = await service.getSession(each);
      expect(found).toMatchObject({ id: each.sessionId, appName: each.appName, userId: each.userId });
      expect(stateOf(found)).toEqual({
        own: JSON.stringify(each),
        "user:own": `${each.appName}|${each.userId}`,
        "app:own": each.appName,
      });
    }
    const idsOf = (sessions: readonly Session[]) =>
      sessions.map(({ appName, userId, id }) => JSON.stringify({ appName, userId, sessionId: id })).sort();
    for (const name of ["s", "shop", "", `${long}y`, "none"]) {
      const expected = keys.filter(({ appName }) => appName === name);
      const ofApp = await service.listSessions({ appName: name });
      expect(idsOf(ofApp.sessions)).toEqual(expected.map((each) => JSON.stringify(each)).sort());
      const ofUser = await service.listSessions({ appName: name, userId: "ann" });
      expect(ofUser.totalItems).toBe(expected.filter(({ userId }) => userId === "ann").length);
    }
    const other = newService(opened.store, { tenant: `${owner.tenant}x` });
    expect(await other.getSession(key)).toBeUndefined();
    expect((await other.listSessions({ appName: "shop" })).sessions).toEqual([]);
    await other.createSession(key);
    expect(stateOf(await other.getSession(key))).toEqual({});
    const lone = { ...key, userId: "a\ud800" };
    await expect(service.createSession(lone)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    expect(await service.getSession({ ...key, userId: "a\ufffd" })).toBeUndefined();
  });

  test("whoever holds an older session goes on with it, and nothing is lost", async () => {
    const service = newService(opened.store);
    await service.createSession(key);
    const [one, other] = [await service.getSession(key), await newService(opened.store).getSession(key)];
    expect(other).toBeUndefined();
    const stale = createSession({ ...key, id: key.sessionId });
    // Times of a process whose clock is behind, of the same moment, and with fractions.
    for (const [n, timestamp] of [1764566400.123456, 1764566400.123456, 5, 1764566400123.75].entries())
      await service.appendEvent({
        session: n % 2 === 0 ? (one as Session) : stale,
        event: changing({ [`k${n}`]: n, "app:last": n }, { id: `e${n}`, timestamp }),
      });
    const found = await service.getSession(key);
    expect(found?.events.map(({ id, timestamp }) => [id, timestamp])).toEqual([
      ["e0", 1764566400.123456],
      ["e1", 1764566400.123456],
      ["e2", 5],
      ["e3", 1764566400123.75],
    ]);
    expect(stateOf(found)).toEqual({ k0: 0, k1: 1, k2: 2, k3: 3, "app:last": 3 });
    expect(found?.lastUpdateTime).toBe(1764566400123.75);
    const ids = async (config: object) =>
      (await service.getSession({ ...key, config }))?.events.map(({ id }) => id).join();
    expect(await ids({ numRecentEvents: 2 })).toBe("e2,e3");
    expect(await ids({ numRecentEvents: 0 })).toBe("");
    expect(await ids({ afterTimestamp: 1764566400.123456 })).toBe("e3");
    expect(await ids({ afterTimestamp: 5 })).toBe("e0,e1,e2,e3");
    expect(await ids({ afterTimestamp: 2e12 })).toBe("");
    for (const config of [{ numRecentEvents: -1 }, { numRecentEvents: 1.5 }, { afterTimestamp: Number.NaN }])
      await expect(service.getSession({ ...key, config })).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("an event that comes again changes nothing, and another one with its id takes its place", async () => {
    const service = newService(opened.store);
    const session = await service.createSession(key);
    const add = (id: string, delta: object) =>
      service.appendEvent({ session, event: changing({ ...delta }, { id, timestamp: 1 }) });
    await add("e1", { n: 1 });
    await add("e2", { n: 2 });
    await add("e1", { n: 1 });
    expect(stateOf(await service.getSession(key))).toEqual({ n: 2 });
    await add("e1", { n: 3 });
    await add("e3", { m: 1, n: 4 });
    await add("e1", { n: 3 });
    await add("e2", { n: 2 });
    const found = await service.getSession(key);
    expect(found?.events.map(({ id, actions }) => [id, actions.stateDelta])).toEqual([
      ["e1", { n: 3 }],
      ["e2", { n: 2 }],
      ["e3", { m: 1, n: 4 }],
    ]);
    expect(stateOf(found)).toEqual({ m: 1, n: 4 });
    expect(session.events.map(({ id }) => id)).toEqual(["e1", "e2", "e3"]);
    // What was redacted does not come back.
    const identity = service.identityOf(key);
    await createSessions(opened.store).redact(identity, 1, { by: "grace", reason: "a card number" });
    await expect(add("e1", { n: 5 })).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
    expect((await service.getSession(key))?.events.map(({ id }) => id)).toEqual(["e2", "e3"]);
  });

  test("each app is the tenant's that the owner says", async () => {
    const { tenant } = newOwner();
    const owner = ({ appName }: { readonly appName: string }) => ({ tenant: `${tenant}-${appName}` });
    const service = new GroundstateSessionService(opened.store, { owner });
    await service.createSession(key);
    expect(service.identityOf(key)).toMatchObject({ tenant: `${tenant}-shop`, user: "ann" });
    expect(await newService(opened.store, { tenant: `${tenant}-shop` }).getSession(key)).toBeDefined();
    expect((await service.listSessions({ appName: "shop" })).totalItems).toBe(1);
    const user = new GroundstateSessionService(opened.store, { owner: () => ({ tenant, user: "ann" }) });
    await expect(user.getSession(key)).rejects.toMatchObject({ code: "INVALID_RECORD" });
    const none = new GroundstateSessionService(opened.store, { owner: () => ({ tenant: "" }) });
    await expect(none.listSessions(ann)).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
  });

  test("lists are in the order of the last events, in pages that go together", async () => {
    const service = newService(opened.store);
    for (const [sessionId, timestamp] of [
      ["b", 30],
      ["a", 10],
      ["d", 20],
      ["c", 20],
    ] as const) {
      const session = await service.createSession({ ...ann, sessionId });
      await service.appendEvent({ session, event: changing({}, { timestamp }) });
    }
    const listed = async (more: object) => {
      const { sessions, ...numbers } = await service.listSessions({ ...ann, ...more });
      return [sessions.map(({ id }) => id).join(""), ...Object.values(numbers)];
    };
    expect(await listed({})).toEqual(["abcd", 1, 4, 4, 1]);
    expect(await listed({ order: "asc" })).toEqual(["acdb", 1, 4, 4, 1]);
    expect(await listed({ order: "desc", limit: 3 })).toEqual(["bcd", 1, 3, 4, 2]);
    expect(await listed({ order: "desc", limit: 3, page: 2 })).toEqual(["a", 2, 3, 4, 2]);
    expect(await listed({ order: "desc", limit: 2, offset: 3 })).toEqual(["a", 2, 2, 4, 2]);
    expect(await listed({ limit: 0 })).toEqual(["", 1, 0, 4, 0]);
    for (const bad of [{ limit: -1 }, { offset: 0.5 }, { limit: 1, page: 0 }, { order: "newest" }])
      await expect(listed(bad)).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("of writes side by side the last one counts, whichever is appended last", async () => {
    const [service, model] = [newService(opened.store), new InMemorySessionService()];
    for (const each of [service, model]) {
      const session = await each.createSession({ ...key, state: { k: 0 } });
      const deltas: Record<string, unknown>[] = [{}, {}, {}];
      for (const [n, delta] of deltas.entries()) {
        const state = new State(session.state, delta);
        for (const name of ["k", "user:k", `k${n}`]) state.set(name, n);
      }
      for (const n of [1, 2, 0])
        await each.appendEvent({ session, event: createEvent({ actions: { stateDelta: deltas[n] ?? {} } }) });
      const expected = { k: 2, k0: 0, k1: 1, k2: 2 };
      expect(stateOf(session)).toEqual({ ...expected, "user:k": 2 });
      expect(stateOf(await each.getSession(key))).toMatchObject(expected);
      if (each === service) expect((await each.getSession(key))?.state["user:k"]).toBe(2);
      // Whoever says in so many words what the state is has the last word.
      await each.appendEvent({ session, event: changing({ k: 3, "user:k": 3 }) });
      expect(stateOf(session)).toEqual(stateOf(await each.getSession(key)));
      expect(session.state).toMatchObject({ k: 3, "user:k": 3 });
    }
    const session = (await service.getSession(key)) as Session;
    await service.deleteSession(key);
    const before = stateOf(session);
    await expect(service.appendEvent({ session, event: changing({ k: 4, l: 4 }) })).rejects.toThrow();
    expect(stateOf(session)).toEqual(before);
  });

  test("what is refused changes nothing, neither in the store nor in the session", async () => {
    const service = newService(opened.store);
    const session = await service.createSession(key);
    const before = structuredClone(session);
    for (const bad of [new Map(), () => {}, 1n, Number.NaN, new Error("x"), "\ud800"])
      await expect(
        service.appendEvent({ session, event: changing({ n: 1, "app:n": 1, bad }) }),
      ).rejects.toMatchObject({ code: "INVALID_RECORD" });
    // The limit of a commit is the same everywhere.
    const length = driver === "memory" || isSoak ? 5_000 : 0;
    const many = Object.fromEntries(Array.from({ length }, (_, n) => [`k${n}`, n]));
    if (length > 0)
      await expect(service.appendEvent({ session, event: changing(many) })).rejects.toMatchObject({
        code: "INVALID_RECORD",
      });
    expect(session).toEqual(before);
    expect(await service.getSession(key)).toEqual(before);
    const partial = changing({ "app:n": 1 }, { partial: true });
    expect(await service.appendEvent({ session, event: partial })).toBe(partial);
    expect(await service.getSession(key)).toEqual(before);

    // What ADK and callers make of classes is what its fields are.
    const actions = createEventActions({
      requestedToolConfirmations: { c: new ToolConfirmation({ confirmed: true }) },
    });
    const dated = { ...actions, stateDelta: { at: new Date(0) } };
    await service.appendEvent({ session, event: createEvent({ actions: dated }) });
    const found = await service.getSession(key);
    expect(found?.events[0]?.actions.requestedToolConfirmations).toEqual({
      c: { hint: "", confirmed: true },
    });
    expect(stateOf(found)).toEqual({ at: "1970-01-01T00:00:00.000Z" });
  });

  test("a thousand values in one event, an event of three mebibytes, and only the events that are asked for", async () => {
    const service = newService(opened.store);
    const session = await service.createSession(key);
    const many = Object.fromEntries(
      Array.from({ length: 1_000 }, (_, n) => [`${["", "user:", "app:"][n % 3]}k${n}`, n]),
    );
    await service.appendEvent({ session, event: changing(many, { id: "many" }) });
    const text = "x".repeat(3 * 1024 * 1024);
    await service.appendEvent({
      session,
      event: createEvent({ id: "large", content: { parts: [{ text }] } }),
    });
    await service.appendEvent({ session, event: changing({}, { id: "last" }) });
    const found = await service.getSession(key);
    expect(stateOf(found)).toEqual(many);
    expect(found?.events[1]?.content?.parts?.[0]?.text).toBe(text);
    // Who reads no more than the last events does not meet one that is damaged.
    const identity = service.identityOf(key);
    const [first] = await opened.store.list(identity, "session.events/", { limit: 1 });
    await opened.store.save({ ...first!, eventId: newEventId(), bytes: Buffer.from("{") });
    await expect(service.getSession(key)).rejects.toMatchObject({ code: "CORRUPT" });
    const last = await service.getSession({ ...key, config: { numRecentEvents: 2 } });
    expect(last?.events.map(({ id }) => id)).toEqual(["large", "last"]);
  });

  test("a deleted session leaves nothing, and its user's and its app's state stay", async () => {
    const service = newService(opened.store);
    const session = await service.createSession({ ...key, state: { n: 1, "user:n": 2, "app:n": 3 } });
    await service.appendEvent({ session, event: changing({ m: 1 }) });
    const refund = { id: "a-1", tool: "refund", arguments: { order: 7 } };
    await createApprovals(opened.store).request(service.identityOf(key), refund);
    await service.deleteSession(key);
    await service.deleteSession(key);
    expect(await service.getSession(key)).toBeUndefined();
    expect((await service.listSessions(ann)).totalItems).toBe(0);
    expect(await opened.store.list(service.identityOf(key), "")).toEqual([]);
    await expect(service.appendEvent({ session, event: changing({ m: 1 }) })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
    expect(stateOf(await service.createSession(key))).toEqual({ "user:n": 2, "app:n": 3 });
    await createSessions(opened.store).close(service.identityOf(key));
    await expect(service.appendEvent({ session, event: changing({ m: 1 }) })).rejects.toMatchObject({
      code: "SESSION_CLOSED",
    });
  });

  test("sessions and the state of a user are exported, moved and forgotten with the user", async () => {
    const owner = newOwner();
    const service = newService(opened.store, owner);
    const session = await service.createSession({ ...key, state: { n: 1, "user:n": 2 } });
    await service.appendEvent({ session, event: changing({ "user:m": 3 }) });
    await moveUser(opened.store, { ...owner, user: "ann" }, "ada");
    expect(await service.getSession(key)).toBeUndefined();
    const moved = { ...key, userId: "ada" };
    expect(stateOf(await service.getSession(moved))).toEqual({ n: 1, "user:n": 2, "user:m": 3 });
    const { sessions } = await service.listSessions({ appName: "shop" });
    expect(sessions).toEqual([
      {
        id: "s-1",
        appName: "shop",
        userId: "ada",
        state: {},
        events: [],
        lastUpdateTime: session.lastUpdateTime,
      },
    ]);
    const lines: string[] = [];
    for await (const line of exportUser(opened.store, { ...owner, user: "ada" })) lines.push(line);
    expect(lines.filter((line) => line.includes("adk/shop/m"))).not.toEqual([]);
    await forgetUser(opened.store, { ...owner, user: "ada" });
    expect((await service.listSessions({ appName: "shop" })).totalItems).toBe(0);
    expect(stateOf(await service.createSession(moved))).toEqual({});
  });
});
