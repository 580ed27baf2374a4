import { expect, test } from "vitest";
import { type Identity, newEventId, userIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { onEveryStore } from "../typed/stores.js";
import { newUser } from "./rig.js";

const GARBAGE = [
  "",
  "{",
  "null",
  "[]",
  "{}",
  '{"createdAt":1,"updatedAt":1}',
  '{"createdAt":"1","updatedAt":1,"metadata":{}}',
  '{"createdAt":1,"updatedAt":1e300,"metadata":{}}',
  '{"createdAt":1,"updatedAt":1,"metadata":{},"closedAt":null}',
  '{"createdAt":1,"updatedAt":1,"metadata":{},"creation":{"eventId":"e"}}',
];

onEveryStore((opened) => {
  const write = (identity: Identity, kind: string, text: string) =>
    opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from(text) });
  const newSession = async () => {
    const sessions = createSessions(opened.store);
    const user = newUser();
    const who = { ...user, session: "s" };
    await sessions.create(who);
    return { sessions, who, user: userIdentity(user.tenant, user.user) };
  };
  const corrupt = (identity: Identity, kind: string) => ({
    code: "CORRUPT",
    details: { at: { identity, kind } },
  });

  // What cannot be seen of it is told in shared.test.ts.
  test("a session whose record is damaged goes on without its metadata, and can be deleted", async () => {
    const { sessions, who } = await newSession();
    await write(who, "session", "{");
    await expect(sessions.create(who)).rejects.toMatchObject(corrupt(who, "session"));
    await sessions.append(who, { value: 1 });
    await sessions.sessionState(who).set("k", 1);
    expect(await sessions.read(who)).toMatchObject([{ number: 1, value: 1 }]);
    expect(await sessions.delete(who)).toBe(true);
    expect(await sessions.list(who)).toEqual({ sessions: [] });
  });

  const TIMES = '"createdAt":1,"updatedAt":1,"listedAt":{"updatedAt":1,"lastEventAt":1}';
  test.each([
    "",
    "{",
    "null",
    "{}",
    '{"first":1,"next":1}',
    '{"first":1,"next":0}',
    '{"first":1,"next":1,"activity":null}',
    '{"first":1,"next":1,"activity":{}}',
    '{"first":1,"next":1,"activity":{"createdAt":1,"updatedAt":1}}',
    `{"first":1,"next":1,"activity":{${TIMES},"lastEventAt":"1"}}`,
    `{"first":1,"next":1,"activity":{${TIMES},"closedAt":null}}`,
    `{"first":1,"next":1,"activity":{${TIMES},"pinnedAt":1e300}}`,
    undefined,
  ])("a session's head that is %j is CORRUPT for everyone but who deletes it", async (text) => {
    const { sessions, who } = await newSession();
    const kind = "session.events";
    if (text === undefined) await opened.store.delete(who, kind);
    else
      await opened.store.save({
        eventId: newEventId(),
        identity: who,
        kind,
        bytes: Buffer.from(text),
        version: 1,
      });
    const before = await opened.store.list(who, "");
    for (const call of [
      () => sessions.get(who),
      () => sessions.find(who),
      () => sessions.list(who),
      () => sessions.touch(who),
      () => sessions.close(who),
      () => sessions.append(who, { value: 1 }),
      () => sessions.read(who),
      () => sessions.changeMetadata(who, () => ({})),
      () => sessions.sessionState(who).set("k", 1),
    ]) {
      await expect(call()).rejects.toMatchObject(corrupt(who, kind));
    }
    expect(await opened.store.list(who, "")).toEqual(before);
    expect(await sessions.delete(who)).toBe(true);
    expect(await sessions.list(who)).toEqual({ sessions: [] });
    expect(await opened.store.list(who, "")).toEqual([]);
  });

  test.each(GARBAGE)("an entry of the index that is %j is CORRUPT, not left out", async (text) => {
    const { sessions, who, user } = await newSession();
    const [entry] = await opened.store.list(user, "session.index/");
    await write(user, entry?.kind as string, text);
    await expect(sessions.list(who)).rejects.toMatchObject(corrupt(user, entry?.kind as string));
    await expect(sessions.list(who, { status: "open" })).rejects.toMatchObject({ code: "CORRUPT" });
    await expect(sessions.list(who, { orderBy: "lastEventAt", status: "closed" })).resolves.toEqual({
      sessions: [],
    });
  });

  test.each(["garbage", "2026-01-01T00:00:00.000Z.", "2026-01-01T00:00:00.000Z.s"])(
    "an entry of the index that is not where it belongs (%s) is CORRUPT",
    async (key) => {
      const { sessions, who, user } = await newSession();
      await write(user, `session.index/${key}`, '{"createdAt":1,"updatedAt":1,"metadata":{}}');
      await expect(sessions.list(who)).rejects.toMatchObject(corrupt(user, `session.index/${key}`));
    },
  );

  test("so are damaged events, summaries, values and marks of a deletion", async () => {
    const { sessions, who, user } = await newSession();
    await sessions.append(who, [{ value: 1 }, { value: 2 }]);
    const event = "session.events/0000000000000002";
    await write(who, event, "{");
    await expect(sessions.read(who)).rejects.toMatchObject(corrupt(who, event));
    await write(who, "session.summary/1", "1");
    await expect(sessions.latestSummary(who)).rejects.toMatchObject(corrupt(who, "session.summary/1"));
    await write(who, "session.state/k", "{");
    await expect(sessions.sessionState(who).get("k")).rejects.toMatchObject(corrupt(who, "session.state/k"));
    await expect(sessions.sessionState(who).entries()).rejects.toMatchObject({ code: "CORRUPT" });
    await write(user, "session.deleting/t", '{"since":1,"until":2}');
    await expect(sessions.list(who)).rejects.toMatchObject(corrupt(user, "session.deleting/t"));
    await expect(sessions.create({ ...who, session: "t" })).rejects.toMatchObject({ code: "CORRUPT" });
  });
});
