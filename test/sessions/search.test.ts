import { describe, expect, test } from "vitest";
import {
  newEventId,
  openStore,
  type SessionIdentity,
  type StateStore,
  userIdentity,
} from "../../src/index.js";
import { createSessions, type SearchSessionsOptions, type Sessions } from "../../src/sessions/index.js";
import { onEveryStore } from "../typed/stores.js";
import { newUser, withMethods } from "./rig.js";

type AnySessions = Sessions<unknown, unknown>;

async function found(
  sessions: AnySessions,
  user: { readonly tenant: string; readonly user: string },
  query: string,
) {
  return (await sessions.search(user, query)).found.map(({ session }) => session.identity.session);
}

onEveryStore((opened) => {
  test("invalid arguments", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    for (const [options, field] of [
      [{ limit: 0 }, "limit"],
      [{ limit: 101 }, "limit"],
      [{ after: "s" }, "after"],
      [{ after: "-1/s" }, "after"],
      [{ after: 1 }, "after"],
      [{ fuzzy: true }, "options"],
    ] as const)
      await expect(sessions.search(user, "x", options as never)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    await expect(sessions.search(user, undefined as never)).rejects.toMatchObject({
      details: { field: "query" },
    });
    await expect(sessions.search({ ...user, user: "" }, "x")).rejects.toMatchObject({
      code: "IDENTITY_REQUIRED",
    });
    for (const search of [{ textOf: 1 }, { titleOf: "title" }, { maxText: 1 }, { language: "en" }, undefined])
      expect(() => createSessions(opened.store, { search: search as never })).toThrow(
        expect.objectContaining({ code: "INVALID_RECORD" }),
      );
    const wrong = createSessions(opened.store, { search: { textOf: () => 1 as never } });
    const { session } = await wrong.create(user);
    await wrong.append(session.identity, { value: "x" });
    await expect(wrong.search(user, "x")).rejects.toMatchObject({ details: { field: "textOf" } });
  });

  test("sessions are found by their title and by the text of their events, those of the user alone", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const create = async (session: string, title: string, ...values: unknown[]) => {
      await sessions.create({ ...user, session }, { metadata: { title } });
      for (const value of values) await sessions.append({ ...user, session }, { value: value as never });
    };
    await create("titled", "Rechnungen für Köln");
    await create("text", "x", "hello", { role: "user", content: "rechnungen, bitte" });
    await create("parts", "x", {
      parts: [
        { type: "text", text: "東京の請求書" },
        { type: "image", data: "rechnungen" },
      ],
    });
    await create("\u0001", "x", [{ text: "rechnungen" }]);
    await sessions.create({ ...user, user: "bob", session: "other" }, { metadata: { title: "Rechnungen" } });
    await sessions.create(
      { ...user, user: "ann\u0001", session: "other" },
      { metadata: { title: "Rechnungen" } },
    );
    expect((await found(sessions, user, "rechnungen")).sort()).toEqual(["\u0001", "text", "titled"]);
    expect(await found(sessions, user, "koln")).toEqual(["titled"]);
    expect(await sessions.search(user, "東京")).toMatchObject({
      found: [{ session: { identity: { session: "parts" }, metadata: { title: "x" } }, events: [1] }],
      notSearched: { damaged: 0, beyondMemory: 0 },
    });
    expect(await found(sessions, user, "image")).toEqual([]);
    expect(await found(sessions, { ...user, user: "nobody" }, "rechnungen")).toEqual([]);
  });

  test("what counts as text and title can be said", async () => {
    const sessions = createSessions<{ subject: string }, { body: string }>(opened.store, {
      search: { textOf: ({ body }) => body, titleOf: ({ subject }) => subject },
    });
    const user = newUser();
    const { session } = await sessions.create(user, { metadata: { subject: "zebra" } });
    await sessions.append(session.identity, { value: { body: "giraffe" } });
    expect(await found(sessions, user, "zebra")).toEqual([session.identity.session]);
    expect(await found(sessions, user, "giraffe")).toEqual([session.identity.session]);
  });

  test("a search sees what another process appended, edited, removed and deleted a moment ago", async () => {
    const other = opened.url === "memory:" ? opened.store : await openStore(opened.url);
    const [mine, theirs] = [createSessions(opened.store), createSessions(other)];
    const user = newUser();
    const who = { ...user, session: "s" };
    const finds = async (expected: Record<string, boolean>) => {
      for (const [word, isFound] of Object.entries(expected))
        expect(await found(mine, user, word), word).toEqual(isFound ? ["s"] : []);
    };
    await theirs.create({ ...user, session: "quiet" }, { metadata: { title: "quiet" } });
    await finds({ first: false });
    await theirs.create(who, { metadata: { title: "oldtitle" } });
    await finds({ oldtitle: true });
    await theirs.append(who, { value: "first" });
    await finds({ first: true, oldtitle: true });
    await theirs.append(who, [{ value: "second" }, { value: "third" }, { value: "fourth" }]);
    await finds({ first: true, second: true, fourth: true });
    await theirs.changeMetadata(who, () => ({ title: "newtitle" }));
    await finds({ oldtitle: false, newtitle: true, first: true });
    await theirs.replace(who, { number: 2, value: "changed" });
    await finds({ second: false, changed: true });
    await theirs.redact(who, 2, { by: "grace", reason: "secret" });
    await finds({ changed: false, third: true });
    await theirs.pop(who);
    await theirs.append(who, { value: "fifth" });
    await finds({ fourth: false, fifth: true });
    await theirs.trim(who, { upTo: 1 });
    await finds({ first: false, third: true });
    await theirs.rewrite(who, [{ value: "compacted" }]);
    await finds({ third: false, fifth: false, compacted: true });
    await theirs.close(who);
    await theirs.changeMetadata(who, () => ({}));
    await finds({ newtitle: false, compacted: true });
    await theirs.delete(who);
    await finds({ compacted: false });
    await theirs.create(who, { metadata: { title: "again" } });
    await theirs.append(who, { value: "anew" });
    await finds({ compacted: false, again: true, anew: true });
    await other.erase(who);
    await finds({ anew: false });
    expect(await found(mine, user, "quiet")).toEqual(["quiet"]);
    if (other !== opened.store) await other.close();
  });

  test("a search after one in which nothing has changed reads no record again", async () => {
    const reads: string[] = [];
    const counted = withMethods(opened.store, {
      find: (identity, kind, options) => {
        reads.push(kind);
        return opened.store.find(identity, kind, options);
      },
      list: ((identity: SessionIdentity, prefix: string, options: { bytes?: false }) => {
        if (options.bytes !== false) reads.push(prefix);
        return opened.store.list(identity, prefix, options as never);
      }) as StateStore["list"],
    });
    const sessions = createSessions(counted);
    const user = newUser();
    const names = Array.from({ length: 150 }, (_, n) => `s${n}`);
    await Promise.all(
      names.map((session) => sessions.create({ ...user, session }, { metadata: { title: session } })),
    );
    await Promise.all(
      names.map((session) => sessions.append({ ...user, session }, { value: `text of ${session}` })),
    );
    expect(await found(sessions, user, "s149")).toEqual(["s149"]);
    reads.length = 0;
    expect(await found(sessions, user, "nothing")).toEqual([]);
    expect(reads).toEqual([]);
    await sessions.append({ ...user, session: "s7" }, { value: "needle" });
    reads.length = 0;
    expect(await found(sessions, user, "needle")).toEqual(["s7"]);
    // The head, the record and the new event, and the session that is shown.
    expect(reads.length).toBeLessThan(8);
  });

  test("pages hold each session once, the best first", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    for (let n = 0; n < 7; n++) {
      const who = { ...user, session: `s${n}` };
      await sessions.create(who, { metadata: { title: n % 2 ? "word" : "word and another one" } });
    }
    const seen: string[] = [];
    for (let options: SearchSessionsOptions = { limit: 3 }; ; ) {
      const { found: page, next } = await sessions.search(user, "word", options);
      expect(page.length).toBeLessThanOrEqual(3);
      seen.push(...page.map(({ session }) => session.identity.session));
      if (next === undefined) break;
      options = { limit: 3, after: next };
    }
    expect(seen).toEqual(["s1", "s3", "s5", "s0", "s2", "s4", "s6"]);
  });

  test("what is damaged is counted, and the rest is found", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    for (const session of ["good", "event", "record", "head"]) {
      const who = { ...user, session };
      await sessions.create(who, { metadata: { title: `title ${session}` } });
      await sessions.append(who, [{ value: "needle" }, { value: "needle too" }]);
    }
    const write = (session: string, kind: string) =>
      opened.store.save({
        eventId: newEventId(),
        identity: { ...user, session },
        kind,
        bytes: Buffer.from("{"),
        version: 1,
      });
    await write("event", "session.events/0000000000000001");
    await write("record", "session");
    await write("head", "session.events");
    const { found: matches, notSearched } = await sessions.search(user, "needle");
    expect(matches.map(({ session, events }) => [session.identity.session, events.length])).toEqual([
      ["good", 2],
      ["event", 1],
    ]);
    expect(notSearched).toEqual({ damaged: 3, beyondMemory: 0 });
    await sessions.redact({ ...user, session: "event" }, 1, { by: "repair", reason: "damaged" });
    expect((await sessions.search(user, "needle")).notSearched).toEqual({ damaged: 2, beyondMemory: 0 });
  });

  test("what is forgotten is found no more", async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    await sessions.create(user, { metadata: { title: "needle" } });
    expect(await found(sessions, user, "needle")).toHaveLength(1);
    await sessions.forgetUser(user);
    expect(await found(sessions, user, "needle")).toEqual([]);
    expect(await opened.store.list(userIdentity(user.tenant, user.user), "")).toEqual([]);
  });
});

describe("memory", () => {
  test("is bounded: the newest events of the sessions changed last are searched, and all titles", async () => {
    const store = await openStore("memory:");
    const sessions = createSessions(store, { search: { maxText: 1_000_000 } });
    const user = newUser();
    const long = "filler ".repeat(7_000);
    for (let n = 1; n <= 6; n++) {
      const who = { ...user, session: `s${n}` };
      await sessions.create(who, { metadata: { title: `title${n}` } });
      for (let event = 1; event <= 8; event++)
        await sessions.append(who, { value: `word${n}x${event} ${long}` });
    }
    for (let n = 1; n <= 6; n++) expect(await found(sessions, user, `title${n}`)).toEqual([`s${n}`]);
    expect(await found(sessions, user, "word6x8")).toEqual(["s6"]);
    expect(await found(sessions, user, "word6x1")).toEqual([]);
    expect(await found(sessions, user, "word1x8")).toEqual([]);
    const { notSearched } = await sessions.search(user, "title1");
    expect(notSearched).toEqual({ damaged: 0, beyondMemory: 6 });
    // The one that is used again comes back, and older ones give way.
    await sessions.append({ ...user, session: "s1" }, { value: `word1x9 ${long}` });
    expect(await found(sessions, user, "word1x9")).toEqual(["s1"]);
    expect(await found(sessions, user, "word6x8")).toEqual(["s6"]);
    for (const n of [6, 5, 4, 3, 2]) await sessions.delete({ ...user, session: `s${n}` });
    expect(await found(sessions, user, "word1x8")).toEqual(["s1"]);
    await store.close();
  });
});
