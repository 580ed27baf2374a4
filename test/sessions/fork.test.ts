import { expect, test } from "vitest";
import {
  newEventId,
  openStore,
  type SessionIdentity,
  type StateStore,
  userIdentity,
} from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { dyingAt, manualClock, newUser, withMethods } from "./rig.js";

const BY = { by: "grace", reason: "a card number" };
const kindOf = (number: number) => `session.events/${String(number).padStart(16, "0")}`;

/** Everything of a session that a reader sees. */
async function seen(store: StateStore, who: SessionIdentity) {
  const sessions = createSessions(store);
  const entries = await sessions.sessionState(who).entries();
  return {
    metadata: (await sessions.get(who)).metadata,
    events: await sessions.read(who),
    summaries: await sessions.summaries(who),
    state: entries.map(({ key, value, updatedAt }) => ({ key, value, updatedAt })),
  };
}

const values = async (store: StateStore, who: SessionIdentity) =>
  (await createSessions(store).read(who)).map(({ value }) => value);

onEveryStore((opened) => {
  /** Seven events: replaced, redacted, taken back, and one without an id of its own. */
  const edited = async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const who = { ...user, session: "source" };
    await sessions.create(who, { metadata: { title: "Invoices" } });
    await sessions.append(
      who,
      ["a", "b", "c", "d", "e"].map((value) => ({ id: `id-${value}`, value })),
    );
    await sessions.replace(who, { number: 2, value: "b!" });
    await sessions.redact(who, 3, BY);
    await sessions.truncate(who, { after: 4 });
    await sessions.append(who, { id: "id-f", value: "f" });
    await sessions.append(who, { value: "g" });
    await sessions.saveSummary(who, { upTo: 2, value: "two" });
    await sessions.saveSummary(who, { upTo: 7, value: "seven" });
    await sessions.sessionState(who).set("cart", [1, 2]);
    return { sessions, user, who };
  };

  test("forks that may not be made are refused before anything is written", async () => {
    const { sessions, user, who } = await edited();
    const to = { ...user, session: "fork" };
    const calls: [string, () => Promise<unknown>][] = [
      ["upTo", () => sessions.fork(who, to, { upTo: -1 })],
      ["upTo", () => sessions.fork(who, to, { upTo: undefined as never })],
      ["upTo", () => sessions.fork(who, to, { upTo: 8 })],
      ["upTo", () => sessions.fork(who, to, { upTo: 5 })],
      ["options", () => sessions.fork(who, to, { upto: 5 } as never)],
      ["identity", () => sessions.fork(who, { ...to, sesion: "x" } as never)],
      ["tenant", () => sessions.fork(who, { ...to, tenant: "another" })],
      ["metadata", () => sessions.fork(who, to, { metadata: [] as never })],
      ["eventId", () => sessions.fork(who, to, { eventId: "" })],
    ];
    for (const [field, call] of calls)
      await expect(call(), field).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field } });
    await expect(sessions.fork({ ...who, session: "none" }, to)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(sessions.fork(who, who)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    const aborted = { signal: AbortSignal.abort(new Error("enough")) };
    await expect(sessions.fork(who, to, aborted)).rejects.toThrow("enough");
    expect(await opened.store.list(to, "")).toEqual([]);
    expect(await opened.store.list(userIdentity(user.tenant, user.user), "session.filling")).toEqual([]);
  });

  test("a fork has the events with ids, numbers, times and edits, and goes its own way", async () => {
    const { sessions, user, who } = await edited();
    const before = await seen(opened.store, who);
    const { session, duplicate } = await sessions.fork(who, user);
    expect(duplicate).toBe(false);
    expect(session).toMatchObject({
      status: "open",
      forkedFrom: { session: "source", upTo: 7 },
      lastEventAt: before.events.at(-1)?.at,
    });
    const fork = session.identity;
    expect(await sessions.get(fork)).toEqual(session);
    expect(await seen(opened.store, fork)).toEqual(before);
    expect(before.events.map(({ number }) => number)).toEqual([1, 2, 3, 4, 6, 7]);
    expect((await sessions.list(user)).sessions[0]).toEqual(session);

    expect((await sessions.append(fork, { value: "mine" })).numbers).toEqual([8]);
    expect((await sessions.append(who, { value: "theirs" })).numbers).toEqual([8]);
    await sessions.redact(fork, 1, BY);
    await sessions.sessionState(fork).set("cart", []);
    expect(await values(opened.store, who)).toEqual(["a", "b!", undefined, "d", "f", "g", "theirs"]);
    expect(await sessions.sessionState(who).get("cart")).toEqual([1, 2]);
    // What is known of an event is known in the fork too.
    expect(await sessions.append(fork, { id: "id-f", value: "f" })).toEqual({
      duplicate: true,
      numbers: [6],
    });
    for (const id of ["id-f", "id-b", "id-c"])
      await expect(sessions.append(fork, { id, value: "other" }), id).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
    expect(await sessions.trim(fork, 2)).toBeGreaterThan(0);
    expect(await values(opened.store, fork)).toEqual(["g", "mine"]);
  });

  test("a fork ends at the event that is asked for", async () => {
    const { sessions, user, who } = await edited();
    await sessions.close(who);
    const to = { ...user, user: "bob", session: "fork" };
    const made = await sessions.fork(who, to, { upTo: 4, metadata: { title: "Other" } });
    expect(made.session).toMatchObject({ identity: to, status: "open", metadata: { title: "Other" } });
    const { events, summaries, state } = await seen(opened.store, to);
    expect(events).toEqual((await sessions.read(who)).slice(0, 4));
    expect(summaries.map(({ upTo }) => upTo)).toEqual([2]);
    expect(state).toMatchObject([{ key: "cart" }]);
    expect((await sessions.append(to, { value: "next" })).numbers).toEqual([5]);
    // Of the whole history, and of nothing.
    const { session: none } = await sessions.fork(who, { ...user, session: "none" }, { upTo: 0 });
    expect(none.lastEventAt).toBeUndefined();
    expect(await sessions.read(none.identity)).toEqual([]);
    expect((await sessions.append(none.identity, { value: "first" })).numbers).toEqual([1]);
  });

  test("what is trimmed stays so, and a fork of a fork says where it comes from", async () => {
    const { sessions, user, who } = await edited();
    await sessions.trim(who, { upTo: 3 });
    const { session } = await sessions.fork(who, { ...user, session: "fork" });
    expect(await values(opened.store, session.identity)).toEqual(["d", "f", "g"]);
    const second = await sessions.fork(session.identity, { ...user, session: "second" }, { upTo: 2 });
    expect(second.session.forkedFrom).toEqual({ session: "fork", upTo: 2 });
    expect(await sessions.read(second.session.identity)).toEqual([]);
    expect((await sessions.append(second.session.identity, { value: "x" })).numbers).toEqual([3]);
  });

  test("the same call again is a duplicate, and another call for the name is refused", async () => {
    const { sessions, user, who } = await edited();
    const to = { ...user, session: "fork" };
    const first = await sessions.fork(who, to, { upTo: 6 });
    await sessions.append(who, { value: "later" });
    expect(await sessions.fork(who, to, { upTo: 6 })).toEqual({ ...first, duplicate: true });
    expect((await sessions.fork(who, to)).duplicate).toBe(true);
    for (const options of [{ upTo: 4 }, { metadata: {} }, { eventId: "e" }])
      await expect(sessions.fork(who, to, options)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(sessions.create(to)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });

    const eventId = newEventId();
    const named = await sessions.fork(who, user, { eventId, upTo: 2 });
    expect(await sessions.fork(who, user, { eventId, upTo: 2 })).toEqual({ ...named, duplicate: true });
    await expect(sessions.fork(who, user, { eventId, upTo: 1 })).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    // A late retry brings nothing back.
    await sessions.delete(named.session.identity);
    await expect(sessions.fork(who, user, { eventId, upTo: 2 })).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.list(named.session.identity, "")).toEqual([]);
    expect(await opened.store.list(userIdentity(user.tenant, user.user), "session.filling")).toEqual([]);
    // A name that was deleted can be forked to again.
    await sessions.delete(to);
    const again = await sessions.fork(who, to, { upTo: 6 });
    expect(again.duplicate).toBe(false);
    expect(await sessions.read(to)).toEqual((await sessions.read(who)).slice(0, 5));
  });

  test("a fork that is interrupted is not seen, and the same call finishes it", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const who = { ...user, session: "source" };
    await sessions.create(who);
    for (let batch = 0; batch < 6; batch++)
      await sessions.append(
        who,
        Array.from({ length: 200 }, (_, index) => ({ id: `${batch}-${index}`, value: index })),
      );
    await sessions.sessionState(who).set("key", "value");
    const whole = await seen(opened.store, who);
    const to = { ...user, session: "fork" };
    let commits = 0;
    for (let died = true; died; commits++) {
      const dying = createSessions(dyingAt(opened.store, "commit", commits + 1));
      died = await dying.fork(who, to).then(
        () => false,
        () => true,
      );
      if (!died) break;
      expect(await sessions.find(to)).toBeUndefined();
      await expect(sessions.read(to)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(sessions.append(to, { value: 1 })).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect((await sessions.list(user)).sessions.map(({ identity }) => identity.session)).toEqual([
        "source",
      ]);
      if (commits > 0) await expect(sessions.create(to)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    }
    expect(commits).toBe(3);
    expect(await seen(opened.store, to)).toEqual(whole);
    expect(await opened.store.list(userIdentity(user.tenant, user.user), "session.filling")).toEqual([]);
    expect(await opened.store.list(to, "session.filling")).toEqual([]);
  });

  test("two calls at once make one fork, also over a bad line", async () => {
    const { user, who } = await edited();
    const before = await seen(opened.store, who);
    for (let round = 0; round < 2; round++) {
      const to = { ...user, session: `fork-${round}` };
      const store = losingAnswers(opened.store, { requests: 0.2, replies: 0.2, mostPerWrite: 2 });
      const made = await Promise.all(
        [store, opened.store, opened.store].map((own) => createSessions(own).fork(who, to)),
      );
      expect(made.filter(({ duplicate }) => !duplicate).length).toBeLessThanOrEqual(1);
      expect(await seen(opened.store, to)).toEqual(before);
      const owned = await opened.store.list(to, "", { bytes: false });
      const source = await opened.store.list(who, "", { bytes: false });
      expect(owned.map(({ kind }) => kind)).toEqual(source.map(({ kind }) => kind));
    }
  });

  test("a fork is of one moment of a source that changes meanwhile", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const who = { ...user, session: "source" };
    await sessions.create(who, { metadata: { title: "0" } });
    await sessions.append(
      who,
      Array.from({ length: 40 }, (_, index) => ({ value: { index, text: "x".repeat(200) } })),
    );
    const edits: (() => Promise<unknown>)[] = [
      () => sessions.append(who, { value: "later" }),
      () => sessions.replace(who, { number: 3, value: "replaced" }),
      () => sessions.redact(who, 30, BY),
      () => sessions.sessionState(who).set("key", "value"),
      () => sessions.saveSummary(who, { upTo: 5, value: "five" }),
      () => sessions.changeMetadata(who, () => ({ title: "1" })),
      () => sessions.trim(who, { upTo: 2 }),
      () => sessions.truncate(who, { after: 35 }),
      () => sessions.sessionState(who).delete("key"),
    ];
    for (const [index, edit] of edits.entries()) {
      const states = [await seen(opened.store, who)];
      let reads = 0;
      const editing = withMethods(opened.store, {
        async list(...args: never[]) {
          const listed = await Reflect.apply(opened.store.list, opened.store, args);
          // Between two pages of the events.
          if (++reads === 3) {
            await edit();
            states.push(await seen(opened.store, who));
          }
          return listed;
        },
      } as Partial<StateStore>);
      const to = { ...user, session: `fork-${index}` };
      await createSessions(editing).fork(who, to);
      const fork = await seen(opened.store, to);
      expect(reads, `edit ${index}`).toBeGreaterThan(3);
      if (index === 0) expect(fork).toEqual(states[0]);
      else expect(states.slice(1), `edit ${index}`).toContainEqual(fork);
    }
  });

  test("what is damaged of the source is damaged in the fork", async () => {
    const { sessions, user, who } = await edited();
    await opened.store.delete(who, kindOf(4));
    const bytes = Buffer.from("not JSON");
    await opened.store.save({ eventId: newEventId(), identity: who, kind: kindOf(6), bytes });
    const { session } = await sessions.fork(who, user);
    const events = await sessions.read(session.identity, { damaged: "mark" });
    expect(events.map((event) => ("damage" in event ? event.damage.code : event.value))).toEqual([
      "a",
      "b!",
      undefined,
      "CORRUPT",
      "CORRUPT",
      "g",
    ]);
    await expect(sessions.read(session.identity)).rejects.toMatchObject({ code: "CORRUPT" });
  });
});

inMemory((opened) => {
  test("what nobody goes on with is removed: after a day, by a delete, with the user, and for a creation", async () => {
    const clock = manualClock();
    const sessions = createSessions(opened.store, { clock });
    const user = newUser();
    const owner = userIdentity(user.tenant, user.user);
    const who = { ...user, session: "source" };
    await sessions.create(who);
    await sessions.append(who, { value: "a" });
    const to = { ...user, session: "fork" };
    const left = async () => [
      ...(await opened.store.list(to, "")),
      ...(await opened.store.list(owner, "session.filling")),
    ];
    const begin = async () => {
      const dying = createSessions(dyingAt(opened.store, "commit", 3), { clock });
      await expect(dying.fork(who, to)).rejects.toThrow("died");
      expect((await left()).length).toBeGreaterThan(1);
    };
    await begin();
    clock.forward(86_400_000);
    await sessions.list(user);
    expect((await left()).length).toBeGreaterThan(2);
    clock.forward(1);
    await sessions.list(user);
    expect(await left()).toEqual([]);

    await begin();
    expect(await sessions.delete(to)).toBe(false);
    expect(await left()).toEqual([]);

    await begin();
    clock.forward(86_400_001);
    await sessions.create(to);
    expect(await sessions.read(to)).toEqual([]);
    await sessions.delete(to);
    expect(await left()).toEqual([]);

    // An erase through the store ends it: it does not go on with what is no more.
    await begin();
    await opened.store.erase(to);
    await sessions.fork(who, to);
    expect(await values(opened.store, to)).toEqual(["a"]);
    await sessions.delete(to);

    await begin();
    expect(await sessions.forgetUser(user)).toBe(1);
    expect(await left()).toEqual([]);
  });

  test("a session that appears between the reads of its two records is no damage", async () => {
    const user = newUser();
    const calls = [
      (sessions: ReturnType<typeof createSessions>, who: SessionIdentity) => sessions.get(who),
      (sessions: ReturnType<typeof createSessions>, who: SessionIdentity) => sessions.read(who),
      (sessions: ReturnType<typeof createSessions>, who: SessionIdentity) =>
        sessions.append(who, { value: 1 }),
    ];
    for (const [index, call] of calls.entries()) {
      const who = { ...user, session: `s-${index}` };
      let created: Promise<unknown> | undefined;
      const late = withMethods(opened.store, {
        async find(identity, kind, options) {
          const found = await opened.store.find(identity, kind, options);
          if (kind === "session.events") created ??= createSessions(opened.store).create(who);
          await created;
          return kind === "session" ? opened.store.find(identity, kind, options) : found;
        },
      });
      await call(createSessions(late), who);
      expect(created).toBeDefined();
    }
  });

  test("the source is deleted meanwhile: there is no fork, and nothing is left of it", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const who = { ...user, session: "source" };
    await sessions.create(who);
    await sessions.append(who, { value: "a" });
    const dying = createSessions(dyingAt(opened.store, "commit", 3));
    await expect(dying.fork(who, { ...user, session: "fork" })).rejects.toThrow("died");
    await sessions.delete(who);
    await sessions.create(who);
    const again = sessions.fork(who, { ...user, session: "fork" });
    await expect(again).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await opened.store.list({ ...user, session: "fork" }, "")).toEqual([]);
  });
});

test("a fork of events of the largest size takes one after the other", async () => {
  const store = await openStore("memory:", { maxBytes: 16 * 1024 * 1024 });
  const sessions = createSessions(store);
  const user = newUser();
  const who = { ...user, session: "source" };
  await sessions.create(who);
  const large = "x".repeat(16 * 1024 * 1024 - 1_000);
  for (const value of ["small", large, "small"]) await sessions.append(who, { value });
  const dying = createSessions(dyingAt(store, "commit", 4));
  await expect(dying.fork(who, { ...user, session: "fork" })).rejects.toThrow("died");
  const { session } = await sessions.fork(who, { ...user, session: "fork" });
  const found = await sessions.read(session.identity);
  expect(found.map(({ value }) => String(value).length)).toEqual([5, large.length, 5]);
  await store.close();
});
