import { describe, expect, test } from "vitest";
import { isStateError } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { onEveryStore } from "../typed/stores.js";
import { dyingAt, manualClock, newUser, untilAnswered, withMethods } from "./rig.js";

onEveryStore((opened) => {
  const newSession = async (clock = Date.now) => {
    const sessions = createSessions(opened.store, { clock });
    const who = { ...newUser(), session: "s" };
    await sessions.create(who);
    return { sessions, who };
  };

  describe("events", () => {
    test("that may not be appended, read or trimmed", async () => {
      const { sessions, who } = await newSession();
      const field = (name: string) => ({ code: "INVALID_RECORD", details: { field: name } });
      await expect(sessions.append(who, [])).rejects.toMatchObject(field("entries"));
      await expect(sessions.append(who, undefined as never)).rejects.toMatchObject(field("entries"));
      await expect(sessions.append(who, { value: undefined as never })).rejects.toMatchObject(field("value"));
      await expect(sessions.append(who, { id: undefined as never, value: 1 })).rejects.toMatchObject(
        field("id"),
      );
      await expect(
        sessions.append(who, { value: 1 }, { also: async () => {} } as never),
      ).rejects.toMatchObject(field("options"));
      await expect(sessions.read(who, { from: 0 })).rejects.toMatchObject(field("from"));
      await expect(sessions.trim(who, -1)).rejects.toMatchObject(field("keep"));
      // What is wrong with the arguments comes before what is not there.
      const nobody = { ...who, session: "none" };
      await expect(sessions.append(nobody, [])).rejects.toMatchObject(field("entries"));
      await expect(sessions.trim(nobody, -1)).rejects.toMatchObject(field("keep"));
      for (const call of [
        () => sessions.append(nobody, { value: 1 }),
        () => sessions.read(nobody),
        () => sessions.trim(nobody, 1),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "NOT_FOUND" });
      }
      expect(await opened.store.list(nobody, "")).toEqual([]);
    });

    test("are appended, read from any number, and trimmed", async () => {
      const clock = manualClock();
      const { sessions, who } = await newSession(clock);
      clock.forward(5000);
      expect(await sessions.append(who, { id: "a", value: { n: 1 } })).toEqual({
        duplicate: false,
        numbers: [1],
      });
      expect((await sessions.get(who)).updatedAt).toEqual(new Date(clock()));
      expect(await sessions.append(who, [{ value: 2 }, { value: 3 }])).toMatchObject({ numbers: [2, 3] });
      expect(await sessions.read(who)).toMatchObject([
        { number: 1, id: "a", value: { n: 1 }, at: expect.any(Date) },
        { number: 2, value: 2 },
        { number: 3, value: 3 },
      ]);
      expect(await sessions.read(who, { from: 2, limit: 1 })).toMatchObject([{ number: 2 }]);
      expect(await sessions.read(who, { reverse: true, limit: 2 })).toMatchObject([
        { number: 3 },
        { number: 2 },
      ]);
      expect(await sessions.trim(who, 1)).toBe(2);
      expect(await sessions.read(who)).toMatchObject([{ number: 3 }]);
      expect(await sessions.append(who, { value: 4 })).toMatchObject({ numbers: [4] });
    });

    test("with an id are appended once, and a retry after the close is a duplicate", async () => {
      const { sessions, who } = await newSession();
      const event = { id: "a", value: 1 };
      await sessions.append(who, event);
      expect(await sessions.append(who, event)).toEqual({ duplicate: true, numbers: [1] });
      await expect(sessions.append(who, { id: "a", value: 2 })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await sessions.close(who);
      expect(await sessions.append(who, event)).toEqual({ duplicate: true, numbers: [1] });
      const closed = { code: "SESSION_CLOSED" };
      await expect(sessions.append(who, { id: "a", value: 2 })).rejects.toMatchObject(closed);
      await expect(sessions.append(who, [event, { id: "b", value: 2 }])).rejects.toMatchObject(closed);
      await expect(sessions.append(who, { value: 1 })).rejects.toMatchObject(closed);
      await sessions.delete(who);
      await expect(sessions.append(who, event)).rejects.toMatchObject({ code: "NOT_FOUND" });
      // Nor does it come back in a session that is created anew, or is acknowledged without being there.
      await sessions.create(who);
      await expect(sessions.append(who, event)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      expect(await sessions.read(who)).toEqual([]);
      expect(await sessions.append(who, { id: "c", value: 1 })).toMatchObject({ numbers: [1] });
    });

    test("of many callers over an unreliable connection are all stored, once, without a gap", async () => {
      const { sessions, who } = await newSession();
      const line = losingAnswers(opened.store, { requests: 0.1, replies: 0.1 });
      const callers = Array.from({ length: 6 }, (_, caller) => ({ caller, sessions: createSessions(line) }));
      const append = async ({ caller, sessions: mine }: (typeof callers)[number]) => {
        for (let n = 0; n < 8; n++) {
          await untilAnswered(() => mine.append(who, { id: `${caller}-${n}`, value: n }));
        }
      };
      await Promise.all(callers.map(append));
      const events = await sessions.read(who);
      expect(events.map(({ number }) => number)).toEqual(Array.from({ length: 48 }, (_, i) => i + 1));
      expect(new Set(events.map(({ id }) => id)).size).toBe(48);
      expect((await sessions.list(who)).sessions).toEqual([await sessions.get(who)]);
    });

    test("of 64 callers of one process share commits: in order, without a gap, each with its own answer", async () => {
      const { sessions, who } = await newSession();
      await sessions.append(who, [
        { id: "known", value: 1 },
        { id: "other", value: 1 },
      ]);
      let commits = 0;
      const counted = withMethods(opened.store, {
        commit: (changes, options) => {
          commits++;
          return opened.store.commit(changes, options);
        },
      });
      // As a server does that makes its wrapper for each request.
      const append = (event: Parameters<typeof sessions.append>[1], signal?: AbortSignal) =>
        createSessions(counted, { maxJsonBytes: opened.store.limits.maxBytes }).append(who, event, {
          signal,
        });
      const large = "x".repeat(opened.store.limits.maxBytes);
      const aborted = AbortSignal.abort(new Error("no longer wanted"));
      const special = new Map<number, () => Promise<unknown>>([
        [5, () => append({ id: "known", value: 1 })],
        [10, () => append({ id: "known", value: 2 })],
        [
          15,
          () =>
            append([
              { id: "known", value: 1 },
              { id: "n15", value: 1 },
            ]),
        ],
        [20, () => append({ value: large })],
        [25, () => append({ value: 25 }, aborted)],
        [30, () => append([])],
        [35, () => append([{ value: 35 }, { value: "and" }])],
        [41, () => append({ id: "n40", value: 40 })],
        [42, () => append({ id: "n40", value: 42 })],
      ]);
      const calls = Array.from({ length: 64 }, (_, n) => n);
      const outcomes = await Promise.allSettled(
        calls.map((n) => special.get(n)?.() ?? append({ id: `n${n}`, value: n })),
      );
      const answer = (n: number) => outcomes[n];
      expect(answer(5)).toMatchObject({ value: { duplicate: true, numbers: [1] } });
      for (const n of [10, 15, 42])
        expect(answer(n)).toMatchObject({ reason: { code: "IDEMPOTENCY_CONFLICT" } });
      expect(answer(20)).toMatchObject({ reason: { code: "INVALID_RECORD", details: { field: "value" } } });
      expect(answer(25)).toMatchObject({ reason: { message: "no longer wanted" } });
      expect(answer(30)).toMatchObject({ reason: { code: "INVALID_RECORD", details: { field: "entries" } } });
      const before = answer(40) as PromiseFulfilledResult<{ numbers: number[] }>;
      expect(answer(41)).toMatchObject({ value: { duplicate: true, numbers: before.value.numbers } });

      const events = await sessions.read(who);
      expect(events.map(({ number }) => number)).toEqual(events.map((_, index) => index + 1));
      const appended = calls.filter((n) => n === 35 || !special.has(n));
      expect(events.slice(2).map(({ value }) => value)).toEqual(
        appended.flatMap((n) => (n === 35 ? [35, "and"] : [n])),
      );
      for (const n of appended) {
        const { duplicate, numbers } = (
          answer(n) as PromiseFulfilledResult<{ duplicate: boolean; numbers: number[] }>
        ).value;
        expect([duplicate, events[(numbers[0] as number) - 1]?.value]).toEqual([false, n]);
      }
      expect(commits).toBeLessThan(24);
    });

    test("that were all appended before are answered as they were then", async () => {
      const { sessions, who } = await newSession();
      const ids = Array.from({ length: 40 }, (_, n) => `e${n}`);
      const first = await Promise.all(ids.map((id) => sessions.append(who, { id, value: id })));
      const again = await Promise.all(ids.map((id) => sessions.append(who, { id, value: id })));
      expect(again).toEqual(first.map(({ numbers }) => ({ duplicate: true, numbers })));
      expect(await sessions.read(who)).toHaveLength(40);
    });

    test("is refused inside a change of the same session, and not inside one of another", async () => {
      const { sessions, who } = await newSession();
      const other = { ...who, session: "other" };
      await sessions.create(other);
      await sessions.changeMetadata(who, async (metadata) => {
        await expect(sessions.append(who, { value: 1 })).rejects.toMatchObject({
          code: "INVALID_RECORD",
          details: { field: "work" },
        });
        await sessions.append(other, { value: 1 });
        return metadata;
      });
      expect(await sessions.append(who, { value: 2 })).toEqual({ duplicate: false, numbers: [1] });
      expect(await sessions.read(other)).toHaveLength(1);
    });

    test.each(["close", "delete"] as const)("race a %s: none is acknowledged after it", async (end) => {
      for (let round = 0; round < 8; round++) {
        const { sessions, who } = await newSession();
        const acknowledged: string[] = [];
        const append = async (caller: number) => {
          for (let n = 0; ; n++) {
            const id = `${caller}-${n}`;
            try {
              await sessions.append(who, { id, value: n });
              acknowledged.push(id);
            } catch (error) {
              const code = end === "close" ? "SESSION_CLOSED" : "NOT_FOUND";
              if (isStateError(error, code)) return;
              throw error;
            }
          }
        };
        const appending = Promise.all([append(0), append(1), append(2)]);
        await new Promise((resolve) => setTimeout(resolve, round));
        await sessions[end](who);
        await appending;
        if (end === "close") {
          const events = await sessions.read(who);
          expect(events.map(({ id }) => id).sort()).toEqual(acknowledged.sort());
        } else {
          expect(await opened.store.list(who, "")).toEqual([]);
          expect(await sessions.list(who)).toEqual({ sessions: [] });
        }
      }
    });

    test("a stream of them does not starve callers that change the session", async () => {
      const { sessions, who } = await newSession();
      let done = false;
      const stream = async () => {
        while (!done) await sessions.append(who, { value: 1 });
      };
      const streams = Promise.all([stream(), stream(), stream()]);
      for (let round = 0; round < 5; round++) {
        await sessions.touch(who);
        await sessions.changeMetadata(who, () => ({ round }));
        await sessions.sessionState(who).set("round", round);
        await sessions.saveSummary(who, { upTo: 1, value: round });
        await sessions.trim(who, 1);
      }
      done = true;
      await streams;
      expect((await sessions.get(who)).metadata).toEqual({ round: 4 });
    });

    test("an append during which the session is closed is refused by the commit", async () => {
      const { sessions, who } = await newSession();
      let commits = 0;
      const slow = withMethods(opened.store, {
        commit: async (changes, options) => {
          if (commits++ === 0) await sessions.close(who);
          return opened.store.commit(changes, options);
        },
      });
      await expect(createSessions(slow).append(who, { value: 1 })).rejects.toMatchObject({
        code: "SESSION_CLOSED",
      });
      expect(commits).toBe(1);
      expect(await sessions.read(who)).toEqual([]);
    });
  });

  describe("summaries", () => {
    test("that may not be saved", async () => {
      const { sessions, who } = await newSession();
      await sessions.append(who, { value: 1 });
      const field = (name: string) => ({ code: "INVALID_RECORD", details: { field: name } });
      const save = (summary: object) => sessions.saveSummary(who, summary as never);
      await expect(save({ upTo: 0, value: 1 })).rejects.toMatchObject(field("upTo"));
      await expect(save({ upTo: 2, value: 1 })).rejects.toMatchObject(field("upTo"));
      await expect(save({ upTo: 1.5, value: 1 })).rejects.toMatchObject(field("upTo"));
      await expect(save({ upTo: 1, value: undefined })).rejects.toMatchObject(field("value"));
      await expect(save({ upTo: 1, value: 1, at: 1 })).rejects.toMatchObject(field("summary"));
      await expect(save({ upTo: 1, value: 1, eventId: undefined })).rejects.toMatchObject(field("eventId"));
      const nobody = { ...who, session: "none" };
      for (const call of [
        () => sessions.saveSummary(nobody, { upTo: 1, value: 1 }),
        () => sessions.latestSummary(nobody),
        () => sessions.summaries(nobody),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "NOT_FOUND" });
      }
      expect(await sessions.latestSummary(who)).toBeUndefined();
      expect(await sessions.summaries(who)).toEqual([]);
    });

    test("are kept by what they cover, also of a closed session", async () => {
      const { sessions, who } = await newSession();
      await sessions.append(
        who,
        Array.from({ length: 12 }, (_, value) => ({ value })),
      );
      for (const upTo of [10, 2, 9]) await sessions.saveSummary(who, { upTo, value: `up to ${upTo}` });
      await sessions.close(who);
      await sessions.saveSummary(who, { upTo: 2, value: "anew" });
      await sessions.trim(who, 1);
      expect(await sessions.latestSummary(who)).toEqual({
        upTo: 10,
        value: "up to 10",
        at: expect.any(Date),
      });
      expect(await sessions.summaries(who)).toMatchObject([
        { upTo: 2, value: "anew" },
        { upTo: 9, value: "up to 9" },
        { upTo: 10 },
      ]);
    });

    test("take the events they cover with them, and none that was appended meanwhile", async () => {
      const { sessions, who } = await newSession();
      const append = (count: number) =>
        sessions.append(
          who,
          Array.from({ length: count }, (_, value) => ({ value })),
        );
      for (let count = 0; count < 450; count += 150) await append(150);
      const { length } = await sessions.read(who);
      await append(5);
      const lossy = createSessions(losingAnswers(opened.store, { requests: 0.2, replies: 0.2 }));
      const summary = { upTo: length, value: "all of it", eventId: "e" };
      for (const duplicate of [false, true]) {
        const receipt = await untilAnswered(() => lossy.saveSummary(who, summary, { trim: true }));
        if (duplicate) expect(receipt).toEqual({ eventId: "e", duplicate });
        expect((await sessions.read(who)).map(({ number }) => number)).toEqual([451, 452, 453, 454, 455]);
        expect(await sessions.latestSummary(who)).toMatchObject({ upTo: 450, value: "all of it" });
      }
      await sessions.trim(who, { upTo: 450 });
      expect(await opened.store.list(who, "session.events/")).toHaveLength(5);
    });

    test("and the trim of what they cover are one commit: a crash leaves both or none", async () => {
      const { sessions, who } = await newSession();
      for (let count = 0; count < 300; count += 100) {
        await sessions.append(
          who,
          Array.from({ length: 100 }, (_, value) => ({ value })),
        );
      }
      for (const [call, left] of [
        [1, 300],
        [2, 10],
      ] as const) {
        const dying = createSessions(dyingAt(opened.store, "commit", call));
        const saving = dying.saveSummary(who, { upTo: 290, value: "s" }, { trim: true });
        await expect(saving).rejects.toThrow("the process died");
        expect(await sessions.read(who)).toHaveLength(left);
        expect(await sessions.summaries(who)).toHaveLength(call - 1);
      }
      for (const trim of [undefined, 1, "true"]) {
        const saving = sessions.saveSummary(who, { upTo: 1, value: 1 }, { trim: trim as never });
        await expect(saving).rejects.toMatchObject({ details: { field: "trim" } });
      }
    });

    test("with an event id are saved once", async () => {
      const { sessions, who } = await newSession();
      await sessions.append(who, [{ value: 1 }, { value: 2 }]);
      const summary = { upTo: 1, value: "a", eventId: "e" };
      expect(await sessions.saveSummary(who, summary)).toEqual({ eventId: "e", duplicate: false });
      await sessions.saveSummary(who, { upTo: 1, value: "b" });
      expect(await sessions.saveSummary(who, summary)).toEqual({ eventId: "e", duplicate: true });
      expect(await sessions.summaries(who)).toMatchObject([{ upTo: 1, value: "b" }]);
      for (const other of [{ value: "c" }, { upTo: 2 }]) {
        await expect(sessions.saveSummary(who, { ...summary, ...other })).rejects.toMatchObject({
          code: "IDEMPOTENCY_CONFLICT",
        });
      }
      await sessions.delete(who);
      await expect(sessions.saveSummary(who, summary)).rejects.toMatchObject({ code: "NOT_FOUND" });
      expect(await opened.store.list(who, "")).toEqual([]);
    });
  });
});
