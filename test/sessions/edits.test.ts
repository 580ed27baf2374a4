import { describe, expect, test } from "vitest";
import { newEventId, type SessionIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { together } from "../../src/typed/index.js";
import { isSoak } from "../soak.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { inProcesses } from "../typed/processes.js";
import { onEveryStore, onSharedStores } from "../typed/stores.js";
import { newUser, untilAnswered, withMethods } from "./rig.js";

const BY = { by: "grace", reason: "a card number" };

/** Numbers and values, as a reader sees them. */
const seen = (events: readonly { readonly number: number; readonly value?: unknown }[]) =>
  events.map(({ number, value }) => [number, value]);

onEveryStore((opened) => {
  const newSession = async (...values: readonly unknown[]) => {
    const sessions = createSessions(opened.store);
    const who = { ...newUser(), session: "s" };
    await sessions.create(who);
    const events = values.map((value) => ({ id: `id-${value}`, value: value as string }));
    if (events.length > 0) await sessions.append(who, events);
    return { sessions, who };
  };
  const kindOf = (number: number) => `session.events/${String(number).padStart(16, "0")}`;
  const field = (name: string) => ({ code: "INVALID_RECORD", details: { field: name } });

  test("edits that may not be made are refused before anything is read", async () => {
    const { sessions } = await newSession();
    const nobody = { ...newUser(), session: "none" };
    const calls: [string, Promise<unknown>][] = [
      ["after", sessions.truncate(nobody, { after: -1 })],
      ["range", sessions.truncate(nobody, { upTo: 1 } as never)],
      ["expect", sessions.truncate(nobody, { after: 1 }, { expect: undefined as never })],
      ["count", sessions.pop(nobody, 0)],
      ["count", sessions.pop(nobody, 201)],
      ["expect", sessions.append(nobody, { value: 1 }, { expect: -1 })],
      ["number", sessions.replace(nobody, { number: 0, value: 1 })],
      ["replacement", sessions.replace(nobody, { nummer: 1, value: 1 } as never)],
      ["eventId", sessions.replace(nobody, { number: 1, value: 1, eventId: undefined as never })],
      ["value", sessions.replace(nobody, { number: 1, value: Number.NaN })],
      ["number", sessions.redact(nobody, 1.5, BY)],
      ["by", sessions.redact(nobody, 1, { reason: "x" } as never)],
      ["reason", sessions.redact(nobody, 1, { by: "x" } as never)],
      ["events", sessions.rewrite(nobody, {} as never)],
      [
        "id",
        sessions.rewrite(
          nobody,
          [1, 2].map((value) => ({ id: "same", value })),
        ),
      ],
      ["damaged", sessions.read(nobody, { damaged: "leave" as never })],
    ];
    for (const [name, call] of calls) await expect(call, name).rejects.toMatchObject(field(name));
    for (const call of [
      () => sessions.truncate(nobody, { after: 0 }),
      () => sessions.pop(nobody),
      () => sessions.replace(nobody, { number: 1, value: 1 }),
      () => sessions.redact(nobody, 1, BY),
      () => sessions.rewrite(nobody, [{ value: 1 }]),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "NOT_FOUND" });
    }
    expect(await opened.store.list(nobody, "")).toEqual([]);
  });

  describe("events are taken back", () => {
    test("and their numbers are not given again", async () => {
      const { sessions, who } = await newSession("q1", "a1", "q2", "a2");
      const taken = await sessions.pop(who, 2);
      expect(taken).toMatchObject([
        { number: 3, id: "id-q2", value: "q2", at: expect.any(Date) },
        { number: 4, value: "a2" },
      ]);
      expect(seen(await sessions.read(who))).toEqual([
        [1, "q1"],
        [2, "a1"],
      ]);
      expect(await sessions.append(who, { value: "q3" })).toMatchObject({ numbers: [5] });
      expect(seen(await sessions.read(who))).toEqual([
        [1, "q1"],
        [2, "a1"],
        [5, "q3"],
      ]);
      // A late retry does not bring them back.
      await expect(sessions.append(who, { id: "id-a2", value: "a2" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect(await sessions.pop(who, 10)).toHaveLength(3);
      expect(await sessions.pop(who)).toEqual([]);
      expect(await sessions.truncate(who, { after: 0 })).toEqual({ last: 0 });
      expect(await sessions.append(who, { value: "new" })).toMatchObject({ numbers: [6] });
      expect(seen(await sessions.read(who))).toEqual([[6, "new"]]);
    });

    test("and readers skip them from every number, up and down, page by page", async () => {
      const { sessions, who } = await newSession(1, 2, 3, 4);
      await sessions.truncate(who, { after: 2 });
      await sessions.append(
        who,
        [5, 6, 7].map((value) => ({ value })),
      );
      await sessions.truncate(who, { after: 5 });
      await sessions.append(
        who,
        [8, 9].map((value) => ({ value })),
      );
      const left = [1, 2, 5, 8, 9];
      for (let from = 1; from <= 10; from++) {
        for (const limit of [undefined, 1, 2, 3]) {
          const up = await sessions.read(who, { from, limit });
          const above = left.filter((number) => number >= from);
          expect(
            up.map(({ number }) => number),
            `up from ${from}`,
          ).toEqual(above.slice(0, limit));
          const down = await sessions.read(who, { from, limit, reverse: true });
          const below = left.filter((number) => number <= from).reverse();
          expect(
            down.map(({ number }) => number),
            `down from ${from}`,
          ).toEqual(below.slice(0, limit));
        }
      }
      // What follows a cut that is cut too becomes one piece.
      await sessions.truncate(who, { after: 6 });
      expect(await sessions.truncate(who, { after: 6 })).toEqual({ last: 5 });
      expect(await opened.store.count(who, "session.events/")).toBe(5);
      await sessions.truncate(who, { after: 2 });
      expect(await opened.store.count(who, "session.events/")).toBe(3);
    });

    test("and all but the last n are counted without them", async () => {
      const { sessions, who } = await newSession(1, 2, 3, 4, 5);
      await sessions.truncate(who, { after: 3 });
      await sessions.append(who, { value: 6 });
      await sessions.trim(who, 5);
      expect(seen(await sessions.read(who))).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
        [6, 6],
      ]);
      await sessions.trim(who, 2);
      expect(seen(await sessions.read(who))).toEqual([
        [3, 3],
        [6, 6],
      ]);
      await sessions.trim(who, { upTo: 4 });
      expect(seen(await sessions.read(who))).toEqual([[6, 6]]);
      await sessions.trim(who, 0);
      expect(await sessions.read(who)).toEqual([]);
      expect(await opened.store.count(who, "session.events/")).toBe(0);
    });

    test("with the summaries that tell of them, and none is saved any more", async () => {
      const { sessions, who } = await newSession(1, 2, 3, 4);
      await sessions.saveSummary(who, { upTo: 2, value: "two" });
      await sessions.saveSummary(who, { upTo: 4, value: "four" });
      await sessions.truncate(who, { after: 3 });
      expect(await sessions.summaries(who)).toMatchObject([{ upTo: 2 }]);
      await sessions.truncate(who, { after: 1 });
      expect(await sessions.latestSummary(who)).toBeUndefined();
      for (const upTo of [2, 3, 4, 5])
        await expect(sessions.saveSummary(who, { upTo, value: "" })).rejects.toMatchObject(field("upTo"));
      await sessions.append(who, { value: 5 });
      await sessions.saveSummary(who, { upTo: 5, value: "five" }, { trim: true });
      expect(await sessions.read(who)).toEqual([]);
    });

    test("in pieces where they are many, and a piece whose session went on stops the rest", async () => {
      const { sessions, who } = await newSession();
      const each = 200;
      for (let n = 0; n < 6; n++)
        await sessions.append(
          who,
          Array.from({ length: each }, (_, index) => ({ value: n * each + index + 1 })),
        );
      await expect(
        together(opened.store, (unit) => sessions.in(unit).truncate(who, { after: 1 })),
      ).rejects.toMatchObject(field("after"));
      expect(await sessions.truncate(who, { after: 50 })).toEqual({ last: 50 });
      expect(await sessions.read(who)).toHaveLength(50);
      expect(await opened.store.count(who, "session.events/")).toBe(51);
      expect(await sessions.append(who, { value: 1 })).toMatchObject({ numbers: [1201] });
    });

    test("by two callers at once: each event is taken by one of them", async () => {
      const { sessions, who } = await newSession(1, 2, 3, 4, 5, 6);
      const others = createSessions(opened.store);
      const taken = (
        await Promise.all([sessions.pop(who, 2), others.pop(who, 2), sessions.pop(who, 1)])
      ).flat();
      expect(taken.map(({ number }) => number).sort()).toEqual([2, 3, 4, 5, 6]);
      expect(seen(await sessions.read(who))).toEqual([[1, 1]]);
    });
  });

  describe("what a call builds upon", () => {
    test("is the last event that there is, or the call is refused", async () => {
      const { sessions, who } = await newSession();
      const refused = (last: number) => ({ code: "CONDITION_FAILED", details: { last } });
      await expect(sessions.append(who, { value: 1 }, { expect: 1 })).rejects.toMatchObject(refused(0));
      await sessions.append(who, { id: "a", value: 1 }, { expect: 0 });
      await expect(sessions.append(who, { value: 2 }, { expect: 0 })).rejects.toMatchObject(refused(1));
      // A retry of what was appended is a duplicate.
      expect(await sessions.append(who, { id: "a", value: 1 }, { expect: 0 })).toEqual({
        duplicate: true,
        numbers: [1],
      });
      await sessions.append(who, [{ value: 2 }, { value: 3 }], { expect: 1 });
      await sessions.pop(who, 1, { expect: 3 });
      await expect(sessions.pop(who, 1, { expect: 3 })).rejects.toMatchObject(refused(2));
      await expect(sessions.rewrite(who, [], { expect: 3 })).rejects.toMatchObject(refused(2));
      await expect(sessions.truncate(who, { after: 0 }, { expect: 3 })).rejects.toMatchObject(refused(2));
      await sessions.append(who, { value: 4 }, { expect: 2 });
      expect(seen(await sessions.read(who))).toEqual([
        [1, 1],
        [2, 2],
        [4, 4],
      ]);
      // Whoever reads a session that is trimmed empty knows no number; whoever appended knows one.
      await sessions.trim(who, 0);
      await sessions.append(who, { value: 5 }, { expect: 0 });
      await sessions.trim(who, 0);
      await sessions.append(who, { value: 6 }, { expect: 5 });
    });

    test("lets one of many go on", async () => {
      const { sessions, who } = await newSession(1);
      const runs = Array.from({ length: 8 }, (_, run) => sessions.append(who, { value: run }, { expect: 1 }));
      const outcomes = await Promise.allSettled(runs);
      expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
      for (const outcome of outcomes)
        if (outcome.status === "rejected")
          expect(outcome.reason).toMatchObject({ code: "CONDITION_FAILED", details: { last: 2 } });
      expect(await sessions.read(who)).toHaveLength(2);
    });
  });

  describe("an event is replaced", () => {
    test("and keeps its number, its id and its time", async () => {
      const { sessions, who } = await newSession("q", "Hel");
      const [, before] = await sessions.read(who);
      await sessions.replace(who, { number: 2, value: "Hello" });
      const [, after] = await sessions.read(who);
      expect(after).toEqual({ ...before, value: "Hello", replacedAt: expect.any(Date) });
      await sessions.replace(who, { number: 2, value: "Hello!" });
      expect((await sessions.read(who))[1]).toMatchObject({ ...before, value: "Hello!" });
      for (const number of [3, 100])
        await expect(sessions.replace(who, { number, value: 1 })).rejects.toMatchObject({
          code: "NOT_FOUND",
        });
      await sessions.append(who, { value: "q2" });
      await sessions.truncate(who, { after: 1 });
      for (const number of [2, 3])
        await expect(sessions.replace(who, { number, value: 1 })).rejects.toMatchObject({
          code: "NOT_FOUND",
        });
      await sessions.close(who);
      await expect(sessions.replace(who, { number: 1, value: 1 })).rejects.toMatchObject({
        code: "SESSION_CLOSED",
      });
    });

    test("once per id of the caller's, which never undoes a later one", async () => {
      const { sessions, who } = await newSession("a");
      const first = { number: 1, value: "ab", eventId: "r1" };
      expect(await sessions.replace(who, first)).toEqual({ eventId: "r1", duplicate: false });
      expect(await sessions.replace(who, first)).toEqual({ eventId: "r1", duplicate: true });
      await sessions.replace(who, { number: 1, value: "abc", eventId: "r2" });
      expect(await sessions.replace(who, first)).toEqual({ eventId: "r1", duplicate: true });
      await together(opened.store, async (unit) => {
        expect(await sessions.in(unit).replace(who, first)).toEqual({ eventId: "r1", duplicate: true });
      });
      await expect(sessions.replace(who, { ...first, value: "other" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect(seen(await sessions.read(who))).toEqual([[1, "abc"]]);
    });

    test("by many calls at once in few commits, in their order, and once per id", async () => {
      const { sessions, who } = await newSession("a", "b");
      let commits = 0;
      const counting = withMethods(opened.store, {
        commit: (...given: Parameters<typeof opened.store.commit>) => {
          commits++;
          return opened.store.commit(...given);
        },
      });
      const counted = createSessions(counting);
      const pieces = Array.from({ length: 100 }, (_, n) => n);
      await Promise.all(pieces.map((n) => counted.replace(who, { number: (n % 2) + 1, value: `${n}` })));
      expect(seen(await sessions.read(who))).toEqual([
        [1, "98"],
        [2, "99"],
      ]);
      expect(commits).toBeLessThan(10);
      // Of one event under ids of the caller's: the store has to learn of each.
      const named = ["x", "y", "z"].map((value) => ({ number: 1, value, eventId: `e-${value}` }));
      const receipts = await Promise.all([
        ...named.map((replacement) => counted.replace(who, replacement)),
        counted.append(who, { id: "c", value: "c" }),
      ]);
      expect(receipts.map(({ duplicate }) => duplicate)).toEqual(Array(4).fill(false));
      for (const again of named.slice(0, 2))
        expect(await counted.replace(who, again)).toEqual({ eventId: again.eventId, duplicate: true });
      expect(await counted.append(who, { id: "c", value: "c" })).toMatchObject({ duplicate: true });
      expect(seen(await sessions.read(who))).toEqual([
        [1, "z"],
        [2, "99"],
        [3, "c"],
      ]);
    });

    test("one after another: only the first one reads", async () => {
      const { who } = await newSession("a", "b");
      let reads = 0;
      let changes = 0;
      const counting = withMethods(opened.store, {
        find: (...given: Parameters<typeof opened.store.find>) => {
          reads++;
          return opened.store.find(...given);
        },
        list: ((...given: Parameters<typeof opened.store.list>) => {
          reads++;
          return opened.store.list(...given);
        }) as never,
        commit: (...given: Parameters<typeof opened.store.commit>) => {
          changes += given[0].length;
          return opened.store.commit(...given);
        },
      });
      const counted = createSessions(counting);
      const [before] = await counted.read(who);
      await counted.replace(who, { number: 1, value: "0" });
      reads = changes = 0;
      for (let n = 1; n <= 20; n++) await counted.replace(who, { number: 1, value: `${n}` });
      expect(reads).toBe(0);
      expect(changes).toBe(60);
      const [after] = await counted.read(who);
      expect(after).toMatchObject({ value: "20", id: before?.id, at: before?.at });
      // Of an event that the same commit appends, nobody knows the time yet.
      const { numbers } = await together(counting, async (unit) => {
        const appended = await counted.in(unit).append(who, { value: "new" });
        await counted.in(unit).replace(who, { number: 3, value: "newer" });
        return appended;
      });
      expect(numbers).toEqual([3]);
      await counted.replace(who, { number: 3, value: "newest" });
      const [last] = await counted.read(who, { from: 3 });
      expect(last?.value).toBe("newest");
      const appendedAt = last?.at.getTime() as number;
      await counted.replace(who, { number: 3, value: "newest of all" });
      expect((await counted.read(who, { from: 3 }))[0]?.at.getTime()).toBe(appendedAt);
    });

    test("and what others did meanwhile is found", async () => {
      const { sessions, who } = await newSession("a", "b");
      const other = createSessions(opened.store);
      const replace = (value: string) => sessions.replace(who, { number: 1, value });
      const first = async () => (await other.read(who)).map(({ value }) => value)[0];
      await replace("1");
      await other.append(who, { value: "c" });
      await replace("2");
      await other.replace(who, { number: 1, value: "theirs" });
      await replace("3");
      expect(await first()).toBe("3");
      await other.close(who);
      await expect(replace("4")).rejects.toMatchObject({ code: "SESSION_CLOSED" });
      await other.reopen(who);
      await replace("5");
      await opened.store.erase(who);
      await expect(replace("6")).rejects.toMatchObject({ code: "NOT_FOUND" });
      await other.create(who);
      await other.append(who, { id: "another", value: "x" });
      await replace("7");
      expect(await other.read(who)).toMatchObject([{ number: 1, id: "another", value: "7" }]);
      await replace("8");
      await other.redact(who, 1, BY);
      await expect(replace("9")).rejects.toMatchObject({ code: "INVALID_RECORD" });
      await other.append(who, { value: "y" });
      await sessions.replace(who, { number: 2, value: "z" });
      await other.trim(who, 0);
      await expect(sessions.replace(who, { number: 2, value: "late" })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
      expect(await other.read(who)).toEqual([]);
    });

    test("beside others that are refused, each with its own error", async () => {
      const { sessions, who } = await newSession("a", "b");
      await opened.store.save({
        eventId: newEventId(),
        identity: who,
        kind: kindOf(2),
        bytes: Buffer.from("no event"),
      });
      await sessions.append(who, { value: "c" });
      await sessions.redact(who, 3, BY);
      const [first, repaired, redacted, none] = await Promise.allSettled(
        [1, 2, 3, 4].map((number) => sessions.replace(who, { number, value: "new" })),
      );
      expect([first?.status, repaired?.status]).toEqual(["fulfilled", "fulfilled"]);
      expect([redacted, none]).toMatchObject([
        { reason: field("number") },
        { reason: { code: "NOT_FOUND" } },
      ]);
      expect(seen(await sessions.read(who))).toEqual([
        [1, "new"],
        [2, "new"],
        [3, undefined],
      ]);
    });

    test("piece by piece over an unreliable connection, and leaves one record", async () => {
      const { sessions, who } = await newSession("q", "");
      const before = await opened.store.count(who, "");
      const line = createSessions(losingAnswers(opened.store, { requests: 0.1, replies: 0.1 }));
      const pieces = isSoak ? 5000 : 60;
      let text = "";
      for (let piece = 0; piece < pieces; piece++) {
        text += `${piece} `;
        await untilAnswered(() => line.replace(who, { number: 2, value: text, eventId: `p-${piece}` }));
      }
      expect(seen(await sessions.read(who))).toEqual([
        [1, "q"],
        [2, text],
      ]);
      // The record of the edits is one more.
      expect(await opened.store.count(who, "")).toBe(before + 1);
    });
  });

  describe("the content of an event is removed", () => {
    test("and its number, who, when and why stay", async () => {
      const { sessions, who } = await newSession("hello", "card", "bye");
      await sessions.replace(who, { number: 2, value: "4111 1111" });
      const [, before] = await sessions.read(who);
      await sessions.redact(who, 2, BY);
      const redacted = {
        number: 2,
        id: "id-card",
        at: before?.at,
        redacted: { ...BY, at: expect.any(Date) },
      };
      expect((await sessions.read(who))[1]).toEqual(redacted);
      for (const { bytes } of await opened.store.list(who, ""))
        expect(Buffer.from(bytes).toString()).not.toContain("4111");
      await sessions.redact(who, 2, { by: "eve", reason: "another" });
      expect((await sessions.read(who))[1]).toEqual(redacted);
      // Nothing brings it back.
      await expect(sessions.append(who, { id: "id-card", value: "card" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await expect(sessions.replace(who, { number: 2, value: "4111" })).rejects.toMatchObject(
        field("number"),
      );
      await sessions.rewrite(who, [{ id: "id-card", value: "4111 1111" }, { value: "more" }]);
      expect((await sessions.read(who))[0]).toEqual({ ...redacted, number: 4 });
      await sessions.close(who);
      await sessions.redact(who, 5, BY);
      expect(await sessions.read(who)).toMatchObject([
        { number: 4, redacted: BY },
        { number: 5, redacted: BY },
      ]);
    });
  });

  describe("a history is written anew", () => {
    test("in one step, with ids and times kept", async () => {
      const { sessions, who } = await newSession("a", "b", "c");
      const [, , last] = await sessions.read(who);
      const { numbers } = await sessions.rewrite(who, [{ value: "summary" }, { id: "id-c", value: "c" }], {
        expect: 3,
      });
      expect(numbers).toEqual([4, 5]);
      expect(await sessions.read(who)).toEqual([
        { number: 4, id: expect.any(String), value: "summary", at: expect.any(Date) },
        { ...last, number: 5 },
      ]);
      expect(await opened.store.count(who, "session.events/")).toBe(2);
      // Once more, now with events that were written anew before.
      await sessions.rewrite(who, [
        { id: "id-c", value: "C" },
        { id: "new", value: "d" },
      ]);
      expect(await sessions.read(who)).toMatchObject([
        { ...last, number: 6, value: "C" },
        { number: 7, id: "new" },
      ]);
      expect(await sessions.append(who, { id: "new", value: "d" })).toMatchObject({
        duplicate: true,
        numbers: [7],
      });
      await expect(sessions.append(who, { id: "id-c", value: "c" })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await sessions.rewrite(who, []);
      expect(await sessions.read(who)).toEqual([]);
    });

    test("of 350 events at once, and what it replaces is removed", async () => {
      const { sessions, who } = await newSession();
      for (let n = 0; n < 2; n++)
        await sessions.append(
          who,
          Array.from({ length: 200 }, (_, index) => ({ value: index })),
        );
      await sessions.rewrite(
        who,
        Array.from({ length: 350 }, (_, index) => ({ value: index })),
      );
      expect(await sessions.read(who)).toHaveLength(350);
      expect(await opened.store.count(who, "session.events/")).toBe(350);
    });
  });

  test("edits are part of a unit, or have no effect", async () => {
    const { sessions, who } = await newSession(1, 2, 3);
    const edit = (fails: boolean) =>
      together(opened.store, async (unit) => {
        const mine = sessions.in(unit);
        expect(seen(await mine.pop(who))).toEqual([[3, 3]]);
        await mine.append(who, { value: "three" }, { expect: 2 });
        await mine.replace(who, { number: 4, value: "THREE" });
        await mine.redact(who, 1, BY);
        if (fails) throw new Error("stop");
      });
    await expect(edit(true)).rejects.toThrow("stop");
    expect(seen(await sessions.read(who))).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    await edit(false);
    expect(await sessions.read(who)).toMatchObject([
      { number: 1, redacted: BY },
      { number: 2, value: 2 },
      { number: 4, value: "THREE", at: expect.any(Date) },
    ]);
    await together(opened.store, async (unit) => {
      await sessions.in(unit).truncate(who, { after: 1 });
      await sessions.in(unit).rewrite(who, [{ value: "new" }]);
    });
    expect(seen(await sessions.read(who))).toEqual([[5, "new"]]);
  });

  describe("a damaged event", () => {
    const damage = async (who: SessionIdentity, number: number, text = "{") =>
      opened.store.save({
        eventId: newEventId(),
        identity: who,
        kind: kindOf(number),
        bytes: Buffer.from(text),
      });

    test("is marked for whoever asks, and stops nobody else's events", async () => {
      const { sessions, who } = await newSession(1, 2, 3, 4, 5);
      await damage(who, 2);
      await opened.store.delete(who, kindOf(4));
      await expect(sessions.read(who)).rejects.toMatchObject({ code: "CORRUPT" });
      const mark = (number: number) => ({ number, upTo: number, damage: { code: "CORRUPT" } });
      const all = [{ number: 1 }, mark(2), { number: 3 }, mark(4), { number: 5 }];
      expect(await sessions.read(who, { damaged: "mark" })).toMatchObject(all);
      expect(await sessions.read(who, { damaged: "mark", reverse: true })).toMatchObject([...all].reverse());
      expect(await sessions.read(who, { damaged: "mark", from: 2, limit: 2 })).toMatchObject(all.slice(1, 3));
      // Repaired, or removed.
      await sessions.replace(who, { number: 2, value: "two" });
      await sessions.redact(who, 4, BY);
      expect(await sessions.read(who)).toMatchObject([
        { value: 1 },
        { value: "two" },
        { value: 3 },
        { number: 4, redacted: BY },
        { value: 5 },
      ]);
    });

    test("at the end is taken back", async () => {
      const { sessions, who } = await newSession(1, 2);
      await damage(who, 2);
      await expect(sessions.pop(who)).rejects.toMatchObject({ code: "CORRUPT" });
      await sessions.truncate(who, { after: 1 });
      expect(seen(await sessions.read(who))).toEqual([[1, 1]]);
    });
  });

  test("the records of edits are read exactly, or CORRUPT", async () => {
    const { sessions, who } = await newSession(1, 2, 3);
    await sessions.truncate(who, { after: 2 });
    const save = (kind: string, text: string, version = 0) =>
      opened.store.save({ eventId: newEventId(), identity: who, kind, bytes: Buffer.from(text), version });
    const corrupt = (kind: string) => ({ code: "CORRUPT", details: { at: { identity: who, kind } } });
    const { version } = await opened.store.load(who, kindOf(3));
    for (const text of ["", "{}", '{"from":0}', '{"from":4}', '{"from":"3"}']) {
      await save(kindOf(3), text, version);
      await expect(sessions.read(who), text).rejects.toMatchObject(corrupt(kindOf(3)));
      await expect(sessions.pop(who), text).rejects.toMatchObject(corrupt(kindOf(3)));
    }
    await save(kindOf(3), '{"from":3}', version);
    for (const text of ["{", "[]", '{"count":1}', '{"count":1,"recent":[{}],"forgotten":0}']) {
      await save("session.edits", text);
      await expect(sessions.pop(who), text).rejects.toMatchObject(corrupt("session.edits"));
    }
  });
});

onSharedStores((opened) => {
  test("two processes take back, replace and append at once: no number means two events", async () => {
    const sessions = createSessions(opened.store);
    const who = { ...newUser(), session: "s" };
    await sessions.create(who);
    await sessions.append(who, { value: "first" });
    const reports = await inProcesses<{ appended: [number, string][]; popped: [number, string][] }>(
      2,
      opened.url,
      { who },
      `import { createSessions } from "groundstate/sessions";
      const sessions = createSessions(store);
      const appended = [], popped = [];
      for (let turn = 0; turn < 15; turn++) {
        const value = me + "-" + turn;
        const { numbers } = await sessions.append(args.who, { value });
        appended.push([numbers[0], value]);
        await sessions.replace(args.who, { number: numbers[0], value: value + "!" }).catch((error) => {
          if (error.code !== "NOT_FOUND") throw error;
        });
        if (turn % 3 === 0) for (const event of await sessions.pop(args.who, 2)) popped.push([event.number, event.value]);
      }
      console.log(JSON.stringify({ appended, popped }));`,
    );
    const appended = new Map(reports.flatMap((report) => report.appended));
    expect(appended.size).toBe(30);
    const popped = reports.flatMap((report) => report.popped);
    const left = (await sessions.read(who)).filter(({ number }) => number > 1);
    const all = [...popped, ...left.map(({ number, value }) => [number, value] as const)].filter(
      ([number]) => number > 1,
    );
    // Each event was taken back once, or is still there.
    expect(all.map(([number]) => number).sort((a, b) => a - b)).toEqual(
      [...appended.keys()].sort((a, b) => a - b),
    );
    for (const [number, value] of all) expect(String(value).replace("!", "")).toBe(appended.get(number));
  });
});
