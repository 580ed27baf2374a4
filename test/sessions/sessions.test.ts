import { describe, expect, test } from "vitest";
import { type SessionIdentity, tenantIdentity, userIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { type Codec, json } from "../../src/typed/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { onEveryStore } from "../typed/stores.js";
import { manualClock, newUser } from "./rig.js";

const title = {
  "~standard": {
    version: 1 as const,
    vendor: "test",
    validate: (value: unknown) =>
      typeof (value as { title?: unknown })?.title === "string"
        ? { value: { title: (value as { title: string }).title } }
        : { issues: [{ message: "title" }] },
  },
};

onEveryStore((opened) => {
  describe("invalid arguments", () => {
    test("an identity with a run, of a user or of a tenant, or without a part", async () => {
      const sessions = createSessions(opened.store);
      const user = newUser();
      await sessions.create({ ...user, session: "s" });
      const refused = [
        [
          { ...user, session: "s", run: "r" },
          { code: "INVALID_RECORD", details: { field: "run" } },
        ],
        [userIdentity(user.tenant, user.user), { code: "INVALID_RECORD", details: { field: "session" } }],
        [tenantIdentity(user.tenant), { code: "INVALID_RECORD", details: { field: "session" } }],
        [
          { ...user, session: "~" },
          { code: "INVALID_RECORD", details: { field: "session" } },
        ],
        [
          { ...user, session: "" },
          { code: "IDENTITY_REQUIRED", details: { field: "session" } },
        ],
        [{ ...user }, { code: "IDENTITY_REQUIRED", details: { field: "session" } }],
        [undefined, { code: "IDENTITY_REQUIRED", details: { field: "identity" } }],
      ] as const;
      for (const [identity, error] of refused) {
        const who = identity as never;
        const calls = [
          () => sessions.get(who),
          () => sessions.find(who),
          () => sessions.touch(who),
          () => sessions.changeMetadata(who, (current) => current),
          () => sessions.close(who),
          () => sessions.reopen(who),
          () => sessions.delete(who),
          () => sessions.append(who, { value: 1 }),
          () => sessions.read(who),
          () => sessions.trim(who, 0),
          () => sessions.saveSummary(who, { upTo: 1, value: null }),
          () => sessions.latestSummary(who),
          () => sessions.summaries(who),
          async () => sessions.sessionState(who),
        ];
        for (const call of calls) await expect(call()).rejects.toMatchObject(error);
      }
      await expect(sessions.create({ ...user, session: undefined as never })).rejects.toMatchObject({
        code: "IDENTITY_REQUIRED",
        details: { field: "session" },
      });
      await expect(sessions.create(userIdentity(user.tenant, user.user))).rejects.toMatchObject({
        code: "INVALID_RECORD",
      });
    });

    test("options that do not exist, are undefined, or hold what is none", async () => {
      const { store } = opened;
      const sessions = createSessions(store);
      const user = newUser();
      const field = (name: string) => ({ code: "INVALID_RECORD", details: { field: name } });
      const slip = { limitt: 1 } as never;
      const make = async (options: object) => createSessions(store, options);
      await expect(make(slip)).rejects.toMatchObject(field("options"));
      await expect(make({ clock: undefined })).rejects.toMatchObject(field("clock"));
      await expect(make({ metadata: undefined })).rejects.toMatchObject(field("metadata"));
      await expect(make({ metadata: title })).rejects.toMatchObject(field("metadata"));
      await expect(make({ events: undefined })).rejects.toMatchObject({ code: "INVALID_RECORD" });
      const who = { ...user, session: "s" };
      await expect(sessions.create(who, slip)).rejects.toMatchObject(field("options"));
      await expect(sessions.create(who, { eventId: undefined as never })).rejects.toMatchObject(
        field("eventId"),
      );
      await expect(sessions.create(who, { eventId: "e".repeat(106) })).rejects.toMatchObject(
        field("eventId"),
      );
      await expect(sessions.create(who, { metadata: { a: Number.NaN } })).rejects.toMatchObject(
        field("metadata"),
      );
      await expect(sessions.create(who, { metadata: undefined as never })).rejects.toMatchObject(
        field("metadata"),
      );
      for (const metadata of [[], "text", null, 1]) {
        await expect(sessions.create(who, { metadata: metadata as never })).rejects.toMatchObject(
          field("metadata"),
        );
      }
      for (const slip of [
        { ...user, sesion: "s" },
        { ...who, kind: "k" },
      ]) {
        await expect(sessions.create(slip as never)).rejects.toMatchObject(field("identity"));
      }
      await expect(sessions.create(who, { signal: 1 as never })).rejects.toMatchObject(field("signal"));
      for (const name of ["touch", "close", "reopen", "delete", "summaries"] as const) {
        await expect(sessions[name](who, slip)).rejects.toMatchObject(field("options"));
      }
      await expect(createSessions(store, { clock: () => Number.NaN }).create(user)).rejects.toMatchObject(
        field("clock"),
      );
      expect(await sessions.list(user)).toEqual({ sessions: [] });
    });
  });

  describe("a session", () => {
    test("is created, read, touched, changed, closed and opened again", async () => {
      const clock = manualClock();
      const sessions = createSessions<{ title: string }>(opened.store, { clock });
      const who = { ...newUser(), session: "s" };
      await expect(sessions.get(who)).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await sessions.find(who)).toBeUndefined();
      const start = new Date(clock());
      const created = { identity: who, status: "open", createdAt: start, updatedAt: start };
      expect(await sessions.create(who, { metadata: { title: "a" } })).toEqual({
        session: { ...created, metadata: { title: "a" } },
        duplicate: false,
      });
      expect(await sessions.get(who)).toEqual({ ...created, metadata: { title: "a" } });
      await expect(sessions.create(who)).rejects.toMatchObject({ code: "ALREADY_EXISTS", retryable: false });

      clock.forward(1000);
      expect((await sessions.touch(who)).updatedAt).toEqual(new Date(clock()));
      clock.forward(1000);
      const changed = await sessions.changeMetadata(who, ({ title }) => ({ title: `${title}b` }));
      expect(changed).toEqual({
        ...created,
        updatedAt: new Date(clock()),
        metadata: { title: "ab" },
      });

      clock.forward(1000);
      const closedAt = new Date(clock());
      const closed = await sessions.close(who);
      expect(closed).toEqual({ ...changed, status: "closed", closedAt, updatedAt: closedAt });
      clock.forward(1000);
      expect(await sessions.close(who)).toEqual(closed);
      const refusal = { code: "SESSION_CLOSED", details: { closedAt }, retryable: false };
      await expect(sessions.touch(who)).rejects.toMatchObject(refusal);
      await expect(sessions.append(who, { value: 1 })).rejects.toMatchObject(refusal);
      await expect(sessions.sessionState(who).set("k", 1)).rejects.toMatchObject(refusal);
      expect((await sessions.changeMetadata(who, () => ({ title: "c" }))).status).toBe("closed");

      const open = await sessions.reopen(who);
      expect(open).toEqual({ ...created, updatedAt: new Date(clock()), metadata: { title: "c" } });
      expect(await sessions.reopen(who)).toEqual(open);
      expect(await sessions.list(who)).toEqual({ sessions: [open] });
    });

    test("gets an id of its own, and no metadata but {} where none is given", async () => {
      const sessions = createSessions(opened.store);
      const user = newUser();
      const made = await Promise.all(Array.from({ length: 5 }, () => sessions.create(user)));
      expect(new Set(made.map(({ session }) => session.identity.session)).size).toBe(5);
      expect(made[0]?.session.metadata).toEqual({});
      expect((await sessions.list(user)).sessions).toHaveLength(5);
    });

    test("that was touched by a clock a year ahead comes down again when it is touched by a right one", async () => {
      const clock = manualClock();
      const sessions = createSessions(opened.store, { clock });
      const user = newUser();
      const [wrong, other] = ["wrong", "other"].map((session) => ({ ...user, session })) as [
        SessionIdentity,
        SessionIdentity,
      ];
      await sessions.create(wrong);
      const YEAR_MS = 365 * 86_400_000;
      const ahead = createSessions(opened.store, { clock: () => clock() + YEAR_MS });
      await ahead.append(wrong, { value: 1 });
      clock.forward(1);
      const { updatedAt } = await sessions.touch(wrong);
      expect(updatedAt.getTime()).toBe(clock());
      clock.forward(1);
      await sessions.create(other);
      const { sessions: listed } = await sessions.list(user);
      expect(listed.map(({ identity }) => identity.session)).toEqual(["other", "wrong"]);
    });

    test("never goes back in time, although clocks differ by minutes", async () => {
      const clock = manualClock();
      const sessions = createSessions(opened.store, { clock });
      const who = { ...newUser(), session: "s" };
      const { session } = await sessions.create(who);
      clock.forward(-60_000);
      expect((await sessions.touch(who)).updatedAt).toEqual(session.updatedAt);
      expect((await sessions.close(who)).closedAt).toEqual(session.updatedAt);
      expect((await sessions.list(who)).sessions).toHaveLength(1);
    });

    test("has metadata that its schema accepts, on write and on read", async () => {
      const who = { ...newUser(), session: "s" };
      const sessions = createSessions(opened.store, { metadata: json({ schema: title }) });
      const refused = { code: "INVALID_RECORD", details: { field: "metadata" } };
      await expect(sessions.create(who)).rejects.toMatchObject(refused);
      await expect(sessions.create(who, { metadata: { title: 1 } as never })).rejects.toMatchObject(refused);
      await sessions.create(who, { metadata: { title: "a", secret: 1 } as never });
      expect((await sessions.get(who)).metadata).toEqual({ title: "a" });
      await expect(sessions.changeMetadata(who, () => ({}) as never)).rejects.toMatchObject(refused);
      await createSessions(opened.store).changeMetadata(who, () => ({}));
      const corrupt = { code: "CORRUPT", details: { at: { identity: who, kind: "session" } } };
      await expect(sessions.get(who)).rejects.toMatchObject(corrupt);
      await expect(sessions.touch(who)).rejects.toMatchObject(corrupt);
      await expect(sessions.list(who)).rejects.toMatchObject(corrupt);
    });

    test("has metadata whose shape may change", async () => {
      const user = newUser();
      const who = { ...user, session: "s" };
      const old = createSessions<{ name: string }>(opened.store);
      await old.create(who, { metadata: { name: "a" } });
      const metadata = json({
        schema: title,
        version: 1,
        upgrades: { 0: ({ name }) => ({ title: name }) },
      });
      const sessions = createSessions(opened.store, { metadata });
      expect((await sessions.get(who)).metadata).toEqual({ title: "a" });
      expect((await sessions.list(user)).sessions).toMatchObject([{ metadata: { title: "a" } }]);
      // What leaves the metadata alone leaves its version alone.
      await sessions.touch(who);
      expect((await old.get(who)).metadata).toEqual({ name: "a" });
      await sessions.changeMetadata(who, (current) => ({ title: `${current.title}b` }));
      expect((await sessions.get(who)).metadata).toEqual({ title: "ab" });
      const tooNew = { code: "SCHEMA_TOO_NEW", details: { found: 1, supported: 0 } };
      await expect(old.get(who)).rejects.toMatchObject(tooNew);
      await expect(old.list(user)).rejects.toMatchObject(tooNew);
      const { bytes } = await opened.store.load(who, "session");
      expect(JSON.parse(Buffer.from(bytes).toString())).toMatchObject({
        metadata: { title: "ab" },
        metadataVersion: 1,
      });
    });

    test("has no metadata that its codec does not write as JSON", async () => {
      const metadata: Codec<string> = {
        version: 0,
        encode: (value) => Buffer.from(value),
        decode: (bytes) => Buffer.from(bytes).toString(),
      };
      const sessions = createSessions(opened.store, { metadata });
      const who = { ...newUser(), session: "s" };
      await expect(sessions.create(who, { metadata: "no JSON" })).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "metadata" },
      });
      await sessions.create(who, { metadata: "[1]" });
      expect((await sessions.get(who)).metadata).toBe("[1]");
      await expect(createSessions(opened.store).get(who)).rejects.toMatchObject({ code: "CORRUPT" });
    });

    test.each(["a/b", "%", "_", "..", "ü€𝄞", "S", "s", "a\nb", "x".repeat(255), "€".repeat(85)])(
      "may be called %j",
      async (session) => {
        const clock = manualClock();
        const sessions = createSessions(opened.store, { clock });
        const who = { ...newUser(), session };
        await sessions.create({ ...who, session: "neighbour" });
        clock.forward(1);
        await sessions.create(who);
        await sessions.append(who, { id: "e".repeat(105), value: 1 });
        await sessions.sessionState(who).set(session, session);
        const { sessions: listed } = await sessions.list(who, { limit: 1 });
        expect(listed.map(({ identity }) => identity)).toEqual([who]);
        const second = await sessions.list(who, {
          limit: 1,
          after: (await sessions.list(who, { limit: 1 })).next as string,
        });
        expect(second.sessions.map(({ identity }) => identity.session)).toEqual(["neighbour"]);
        expect(await sessions.delete(who)).toBe(true);
        expect(await sessions.find(who)).toBeUndefined();
        expect((await sessions.list(who)).sessions).toHaveLength(1);
      },
    );
  });

  describe("creating with an event id", () => {
    test("happens once, and is distinguished from another creation", async () => {
      const sessions = createSessions(opened.store);
      const who = { ...newUser(), session: "s" };
      const once = { eventId: "e", metadata: { n: 1 } };
      expect((await sessions.create(who, once)).duplicate).toBe(false);
      await sessions.changeMetadata(who, () => ({ n: 2 }));
      await sessions.close(who);
      expect(await sessions.create(who, once)).toMatchObject({
        duplicate: true,
        session: { metadata: { n: 2 }, status: "closed" },
      });
      await expect(sessions.create(who, { ...once, metadata: { n: 2 } })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await expect(sessions.create(who, { ...once, eventId: "f" })).rejects.toMatchObject({
        code: "ALREADY_EXISTS",
      });
      await expect(sessions.create(who)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
      // The id belongs to the session.
      expect(await sessions.create({ ...who, session: "t" }, once)).toMatchObject({ duplicate: false });
    });

    test("makes one session where none is named", async () => {
      const sessions = createSessions(opened.store);
      const user = newUser();
      const [a, b] = await Promise.all([
        sessions.create(user, { eventId: "e" }),
        sessions.create(user, { eventId: "e" }),
      ]);
      expect(a.session).toEqual(b.session);
      expect([a.duplicate, b.duplicate].sort()).toEqual([false, true]);
      expect((await sessions.list(user)).sessions).toHaveLength(1);
    });

    test("does not bring back a session that was deleted since", async () => {
      const sessions = createSessions(opened.store);
      const who = { ...newUser(), session: "s" };
      await sessions.create(who, { eventId: "e" });
      expect(await sessions.delete(who)).toBe(true);
      await expect(sessions.create(who, { eventId: "e" })).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(sessions.create(who, { eventId: "e", metadata: { n: 1 } })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
      expect(await sessions.list(who)).toEqual({ sessions: [] });
      // Another creation is none of that, and the late retry finds it there.
      expect(await sessions.create(who, { eventId: "f" })).toMatchObject({ duplicate: false });
      await expect(sessions.create(who, { eventId: "e" })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    });
  });

  describe("at the same time", () => {
    test("of many callers that create one session, one succeeds", async () => {
      const who = { ...newUser(), session: "s" };
      const callers = Array.from({ length: 12 }, () => createSessions(opened.store));
      const outcomes = await Promise.allSettled(callers.map((sessions) => sessions.create(who)));
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const outcome of outcomes) {
        if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "ALREADY_EXISTS" });
      }
      expect((await callers[0]?.list(who))?.sessions).toHaveLength(1);
    });

    test("metadata counted up by eight callers over an unreliable connection is exact", async () => {
      const who = { ...newUser(), session: "s" };
      await createSessions(opened.store).create(who, { metadata: { n: 0 } });
      const count = async () => {
        const line = losingAnswers(opened.store, { requests: 0.03, replies: 0.03, mostPerWrite: 3 });
        const sessions = createSessions<{ n: number }>(line);
        for (let i = 0; i < 10; i++) await sessions.changeMetadata(who, ({ n }) => ({ n: n + 1 }));
      };
      await Promise.all(Array.from({ length: 8 }, count));
      const sessions = createSessions(opened.store);
      expect((await sessions.get(who)).metadata).toEqual({ n: 80 });
      expect((await sessions.list(who)).sessions).toEqual([await sessions.get(who)]);
    });

    test("without compare-and-swap the same count would lose some", async () => {
      const who = { ...newUser(), session: "s" };
      const sessions = createSessions<{ n: number }>(opened.store);
      await sessions.create(who, { metadata: { n: 0 } });
      const count = async () => {
        const { n } = (await sessions.get(who)).metadata;
        await sessions.changeMetadata(who, () => ({ n: n + 1 }));
      };
      await Promise.all(Array.from({ length: 8 }, count));
      expect((await sessions.get(who)).metadata.n).toBeLessThan(8);
    });
  });
});
