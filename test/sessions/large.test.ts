import { expect, test } from "vitest";
import { maintenanceScope, newEventId, type SessionIdentity, type StateStore } from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { createRetention } from "../../src/retention/index.js";
import { createSessions, type SessionsOptions } from "../../src/sessions/index.js";
import { together } from "../../src/typed.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { inMemory, newSession, onEveryStore } from "../typed/stores.js";
import { dyingAt, manualClock, untilAnswered, withMethods } from "./rig.js";

const KIB = 1024;
/** Small, so that little is large. */
const MAX_BYTES = 8 * KIB;
const HOUR = 3_600_000;
const BY = { by: "grace", reason: "a card number" };

const text = (fill: string, size = 20 * KIB) => fill.repeat(size / Buffer.byteLength(fill));
const [A, B, C] = [text("é"), text("ß", 30 * KIB), { parts: [text("c"), { n: 1 }] }];

type Value = string | number | { readonly parts: readonly unknown[] };

onEveryStore(
  (opened, driver) => {
    const on = (options: SessionsOptions<object, Value> = {}, store = opened.store) =>
      createSessions<object, Value>(store, options as never);
    const scopeOf = ({ tenant }: SessionIdentity) => maintenanceScope({ reason: "test", tenant });
    const count = (who: SessionIdentity, kind: string) => opened.store.count(who, kind);
    /** Contents, chunks and uploads that are stored. */
    const stored = async (who: SessionIdentity) => {
      const kinds = ["session.content/", "session.chunk/", "session.upload/"];
      return Promise.all(kinds.map((kind) => count(who, kind)));
    };
    const created = async () => {
      const who = newSession();
      await on().create(who);
      return who;
    };
    const values = async (who: SessionIdentity) => (await on().read(who)).map(({ value }) => value);
    const exported = async (who: SessionIdentity) => {
      const lines: string[] = [];
      for await (const line of on().export(who)) lines.push(line);
      return lines;
    };

    test("large events come back whole wherever they are read", async () => {
      const who = await created();
      const receipt = await on().append(who, [
        { id: "a", value: A },
        { id: "b", value: 1 },
        { id: "c", value: C },
      ]);
      expect(receipt).toEqual({ duplicate: false, numbers: [1, 2, 3] });
      const events = await on().read(who);
      expect(events).toMatchObject([
        { number: 1, id: "a", value: A, at: expect.any(Date) },
        { number: 2, id: "b", value: 1 },
        { number: 3, id: "c", value: C },
      ]);
      expect(Object.keys(events[0] as object).sort()).toEqual(["at", "id", "number", "value"]);
      expect(await on().read(who, { from: 1, limit: 1 })).toEqual(events.slice(0, 1));
      expect(await on().read(who, { reverse: true, limit: 1, damaged: "mark" })).toEqual(events.slice(2));
      expect(await on().read(who, { maxBytes: 21 * KIB })).toEqual(events.slice(0, 2));
      expect(await on().read(who, { from: 3, maxBytes: 1 })).toEqual(events.slice(2));
      await expect(on().read(who, { maxBytes: 0 })).rejects.toMatchObject({ details: { field: "maxBytes" } });
      const told: unknown[] = [];
      for await (const change of on().follow(who)) {
        told.push(change.is === "event" ? change.event : change);
        if (told.length === 3) break;
      }
      expect(told).toEqual(events);
      expect(await on().overview(who)).toEqual({ events: 3, firstText: A.slice(0, 200) });
      expect(await stored(who)).toEqual([2, 6, 0]);
      expect(await on().delete(who)).toBe(true);
      expect(await count(who, "")).toBe(0);
    });

    test("calls that come again write nothing, and those that are refused leave nothing", async () => {
      const who = await created();
      const sent = [
        { id: "a", value: A },
        { id: "b", value: 1 },
      ];
      const first = await on().append(who, sent);
      const before = await stored(who);
      const again = { ...first, duplicate: true };
      expect(await on().append(who, sent)).toEqual(again);
      // Nothing is stored a second time, not even to be removed again.
      expect(await on({}, dyingAt(opened.store, "commit")).append(who, sent)).toEqual(again);
      // Another process may have less room in a record.
      const narrow = withMethods(opened.store, { limits: { ...opened.store.limits, maxBytes: 4 * KIB } });
      const medium = { value: "m".repeat(6 * KIB) };
      const other = await created();
      for (const [index, stores] of [
        [opened.store, narrow],
        [narrow, opened.store],
      ].entries())
        for (const [place, store] of stores.entries())
          expect(await on({}, store).append(other, { id: `m${index}`, ...medium })).toEqual({
            duplicate: place === 1,
            numbers: [index + 1],
          });
      expect([await values(other), (await stored(other))[0]]).toEqual([[medium.value, medium.value], 1]);
      for (const other of [
        [{ id: "a", value: B }],
        [{ id: "a", value: 2 }],
        [sent[0], { id: "c", value: B }],
      ])
        await expect(on().append(who, other as never)).rejects.toMatchObject({
          code: "IDEMPOTENCY_CONFLICT",
        });
      await expect(on().append(who, { value: B }, { expect: 7 })).rejects.toMatchObject({
        code: "CONDITION_FAILED",
      });
      await on().close(who);
      expect(await on().append(who, sent)).toEqual(again);
      for (const refused of [
        () => on().append(who, { value: B }),
        () => on().replace(who, { number: 1, value: B }),
      ])
        await expect(refused()).rejects.toMatchObject({ code: "SESSION_CLOSED" });
      await expect(on().append({ ...who, session: "no" }, { value: B })).rejects.toMatchObject({
        code: "NOT_FOUND",
      });
      expect([await stored(who), await count({ ...who, session: "no" }, "")]).toEqual([before, 0]);
      await on().reopen(who);
      const replacement = { number: 1, value: B, eventId: "r" };
      expect(await on().replace(who, replacement)).toMatchObject({ duplicate: false });
      expect(await on().replace(who, replacement)).toMatchObject({ duplicate: true });
      await on().replace(who, { number: 1, value: C });
      expect(await on().replace(who, replacement)).toMatchObject({ duplicate: true });
      await expect(on().replace(who, { ...replacement, value: A })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      await expect(on().append(who, sent)).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      expect(await values(who)).toEqual([C, 1]);
      expect((await stored(who)).slice(0, 1)).toEqual([1]);
      expect(await count(who, "session.upload/")).toBe(0);
    });

    test("a replaced event takes its content with it, over the limit and back, and so do redact and truncate", async () => {
      const who = await created();
      await on().append(
        who,
        [1, A, B, C, "s"].map((value) => ({ value })),
      );
      for (const value of [A, "small", B, C, 2]) {
        await on().replace(who, { number: 1, value });
        expect((await values(who))[0]).toEqual(value);
      }
      const [contents, chunks] = await stored(who);
      expect([contents, await count(who, "session.upload/")]).toEqual([3, 0]);
      await on().redact(who, 2, BY);
      await on().redact(who, 5, BY);
      expect((await stored(who))[0]).toBe(2);
      expect((await stored(who))[1]).toBeLessThan(chunks as number);
      expect(await on().pop(who, 2)).toMatchObject([{ value: C }, { redacted: BY }]);
      expect((await stored(who))[0]).toBe(1);
      await on().truncate(who, { after: 2 });
      expect(await stored(who)).toEqual([0, 0, 0]);
      expect(await values(who)).toEqual([2, undefined]);
      await on().append(
        who,
        [A, B].map((value) => ({ value })),
      );
      await on().trim(who, { upTo: 6 });
      expect([await values(who), (await stored(who))[0]]).toEqual([[B], 1]);
      await on().append(who, { value: C });
      await on().saveSummary(who, { upTo: 7, value: "s" }, { trim: true });
      expect([await values(who), await stored(who)]).toEqual([[C], [1, 3, 0]]);
    });

    test("a rewritten history has its large events, with ids kept, and nothing of the old ones", async () => {
      const who = await created();
      await on().append(who, [
        { id: "a", value: A },
        { id: "b", value: B },
        { id: "c", value: 3 },
      ]);
      const [first] = await on().read(who);
      await on().redact(who, 2, BY);
      const anew = [{ id: "c", value: C }, { id: "b", value: A }, { id: "a", value: B }, { value: A }];
      expect(await on().rewrite(who, anew)).toEqual({ numbers: [4, 5, 6, 7] });
      const events = await on().read(who);
      expect(events.map(({ value }) => value)).toEqual([C, undefined, B, A]);
      expect(events[2]).toMatchObject({ id: "a", at: first?.at });
      expect((await stored(who)).filter((_, index) => index !== 1)).toEqual([3, 0]);
      await on().rewrite(who, [{ value: 1 }]);
      expect(await stored(who)).toEqual([0, 0, 0]);
    });

    test("in a unit a large event is seen with the rest of it, or not at all", async () => {
      const who = await created();
      const step = (fails: boolean) =>
        together(opened.store, async (unit) => {
          const sessions = on().in(unit);
          await sessions.append(who, [{ id: "a", value: A }, { value: B }, { value: C }]);
          await sessions.replace(who, { number: 1, value: B });
          await sessions.replace(who, { number: 2, value: A });
          await sessions.replace(who, { number: 2, value: 2 });
          expect(await sessions.pop(who)).toMatchObject([{ value: C }]);
          if (fails) throw new Error("no");
        });
      await expect(step(true)).rejects.toThrow("no");
      expect(await values(who)).toEqual([]);
      expect(await stored(who)).toEqual([0, 0, 0]);
      await step(false);
      expect(await values(who)).toEqual([B, 2]);
      expect((await stored(who)).filter((_, index) => index !== 1)).toEqual([1, 0]);
      await expect(
        together(opened.store, (unit) => on().in(unit).append(who, { id: "a", value: A })),
      ).rejects.toMatchObject({ code: "IDEMPOTENCY_CONFLICT" });
      await together(opened.store, (unit) => on().in(unit).truncate(who, { after: 0 }));
      expect(await stored(who)).toEqual([0, 0, 0]);
    });

    test("a fork, an import and a move to another user carry large events along", async () => {
      const who = await created();
      await on().append(who, [
        { id: "a", value: A },
        { id: "b", value: 1 },
        { id: "c", value: C },
      ]);
      await on().replace(who, { number: 2, value: B });
      const events = await on().read(who);
      const lines = await exported(who);
      const copies = [
        (await on().fork(who, { ...who, session: "fork" })).session.identity,
        (await on().import({ ...who, user: "eve" }, lines)).session.identity,
      ];
      for (const copy of copies) {
        expect(await on().read(copy)).toEqual(events);
        expect((await exported(copy)).slice(2, 5)).toEqual(lines.slice(2, 5));
        expect((await stored(copy)).filter((_, index) => index !== 1)).toEqual([3, 0]);
        // What was appended there before is known by its id, and what is taken back leaves nothing.
        await expect(on().append(copy, { id: "b", value: 1 })).rejects.toMatchObject({
          code: "IDEMPOTENCY_CONFLICT",
        });
        expect(await on().append(copy, { id: "a", value: A })).toMatchObject({ duplicate: true });
        await on().truncate(copy, { after: 0 });
        expect(await stored(copy)).toEqual([0, 0, 0]);
      }
      const limited = on({ maxJsonBytes: 10_000 });
      await expect(limited.import({ ...who, user: "eve" }, lines)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "value", line: 3 },
      });
      for (const others of driver === "memory" ? [0, 260] : [260]) {
        const [from, to] = [
          { ...who, user: `u${others}` },
          { ...who, user: `v${others}` },
        ];
        await on().import(from, lines);
        const save = (n: number) =>
          ({
            op: "save",
            record: { eventId: newEventId(), identity: from, kind: `z/${n}`, bytes: new Uint8Array(9) },
          }) as const;
        if (others > 0) await opened.store.commit(Array.from({ length: others }, (_, n) => save(n)));
        // An upload that was cut off.
        await expect(on({}, dyingAt(opened.store, "commit", 3)).append(from, { value: A })).rejects.toThrow();
        const before = await count(from, "");
        await moveUser(opened.store, { tenant: who.tenant, user: from.user }, to.user);
        expect(await on().read(to)).toEqual(events);
        expect([await count(from, ""), await count(to, "")]).toEqual([0, before]);
        expect(await on().append(to, { id: "a", value: A })).toMatchObject({ duplicate: true });
        expect(await on().cleanup(scopeOf(to), { abandonedMs: 0 })).toBe(1);
        await on().truncate(to, { after: 0 });
        expect(await stored(to)).toEqual([0, 0, 0]);
      }
    });
  },
  { maxBytes: MAX_BYTES },
);

inMemory(
  (opened) => {
    const clock = manualClock();
    const on = (store: StateStore = opened.store, options: SessionsOptions<object, Value> = {}) =>
      createSessions<object, Value>(store, { clock, ...options } as never);
    const values = async (who: SessionIdentity) => (await on().read(who)).map(({ value }) => value);
    const exported = async (who: SessionIdentity) => {
      const lines: string[] = [];
      for await (const line of on().export(who)) lines.push(line);
      return lines;
    };
    const scopeOf = ({ tenant }: SessionIdentity) => maintenanceScope({ reason: "test", tenant });
    const count = (who: SessionIdentity, kind: string) => opened.store.count(who, kind);
    const left = async (who: SessionIdentity) => {
      const kinds = ["session.content/", "session.chunk/", "session.upload/"];
      return Promise.all(kinds.map((kind) => count(who, kind)));
    };
    const created = async () => {
      const who = newSession();
      await on().create(who);
      return who;
    };

    test("sizes about that of a record are all accepted; beyond `maxJsonBytes` none, with what to do", async () => {
      const who = await created();
      const sizes = [MAX_BYTES + 2, MAX_BYTES, MAX_BYTES - 2, MAX_BYTES - 900, MAX_BYTES - 1_100];
      const id = "\u0001".repeat(100);
      for (const [index, size] of sizes.entries()) {
        await on().append(who, { id: id + index, value: "x".repeat(size) });
        await on().replace(who, { number: index + 1, value: "y".repeat(size) });
      }
      await on().rewrite(
        who,
        sizes.map((size, index) => ({ id: id + index, value: "z".repeat(size) })),
      );
      expect(await values(who)).toEqual(sizes.map((size) => "z".repeat(size)));
      const limited = on(opened.store, { maxJsonBytes: 10_000 });
      await limited.append(who, { value: "x".repeat(9_998) });
      for (const value of ["x".repeat(9_999), "é".repeat(5_000)])
        for (const refused of [
          () => limited.append(who, { value }),
          () => limited.replace(who, { number: 6, value }),
          () => limited.rewrite(who, [{ value }]),
        ])
          await expect(refused()).rejects.toMatchObject({
            code: "INVALID_RECORD",
            details: {
              field: "value",
              rule: expect.stringContaining("10000 bytes of JSON: keep more as an artifact"),
            },
          });
      for (const wrong of [0, 1.5, "1", 257 * KIB * KIB])
        expect(() => on(opened.store, { maxJsonBytes: wrong as number })).toThrow(/maxJsonBytes/);
    });

    test("a missing or changed chunk damages its event alone, and repairing removes what is left", async () => {
      const [content, event] = ["session.content/0000000000000002", "session.events/0000000000000002"];
      const write = (who: SessionIdentity, kind: string, bytes: Uint8Array, version = 0) =>
        opened.store.save({ eventId: newEventId(), identity: who, kind, bytes, version });
      const changed = async (who: SessionIdentity, kind: string) => {
        const { bytes, version } = await opened.store.load(who, kind);
        await write(who, kind, Buffer.from(bytes).fill("x", 0, 1), version);
      };
      /** Where the record is damaged that says where the chunks are, they stay until the session goes. */
      const damages: [string, (who: SessionIdentity, chunks: string[]) => Promise<unknown>][] = [
        ["gone", (who, [first]) => opened.store.delete(who, first as string)],
        ["gone", (who, chunks) => changed(who, chunks.at(-1) as string)],
        ["gone", (who) => opened.store.delete(who, event)],
        ["gone", (who) => write(who, event, Buffer.from("{"), 2 ** 52)],
        ["left", (who) => opened.store.delete(who, content)],
        ["left", (who) => changed(who, content)],
      ];
      for (const [chunks, damage] of damages) {
        const who = await created();
        await on().append(
          who,
          [1, A, 3].map((value) => ({ value })),
        );
        const kinds = await opened.store.list(who, "session.chunk/", { bytes: false });
        await damage(
          who,
          kinds.map(({ kind }) => kind),
        );
        await expect(on().read(who)).rejects.toMatchObject({ code: "CORRUPT" });
        expect(await on().read(who, { damaged: "mark" })).toMatchObject([
          { value: 1 },
          { number: 2, upTo: 2, damage: { code: "CORRUPT" } },
          { value: 3 },
        ]);
        expect((await exported(who))[3]).toBe('{"event":{"number":2,"upTo":2,"damage":"CORRUPT"}}');
        const fork = { ...who, session: "fork" };
        await on().fork(who, fork);
        expect(await on().read(fork, { damaged: "mark" })).toMatchObject([{}, { number: 2, damage: {} }, {}]);
        await on().replace(who, { number: 2, value: B });
        expect(await values(who)).toEqual([1, B, 3]);
        await on().redact(who, 2, BY);
        expect((await on().read(who))[1]).toMatchObject({ redacted: BY });
        expect(await left(who)).toEqual([0, chunks === "gone" ? 0 : 3, 0]);
      }
    });

    test("a process that dies in any commit leaves the events as they were or whole, and what cleanup removes", async () => {
      const steps: ((store: StateStore, who: SessionIdentity) => Promise<unknown>)[] = [
        (store, who) => on(store).append(who, { value: A }),
        (store, who) => on(store).replace(who, { number: 1, value: B }),
        (store, who) => on(store).rewrite(who, [{ value: C }, { value: 1 }]),
        (store, who) => on(store).truncate(who, { after: 0 }),
        (store, who) => on(store).fork(who, { ...who, session: "fork" }),
      ];
      for (const [place, step] of steps.entries())
        for (let call = 1, isDone = false; !isDone; call++) {
          const who = await created();
          await on().append(
            who,
            [A, B].map((value) => ({ value })),
          );
          const before = await on().read(who);
          isDone = await step(dyingAt(opened.store, "commit", call), who).then(
            () => true,
            () => false,
          );
          const after = await on().read(who);
          const isAsBefore =
            after.length === before.length && after.every(({ value }, n) => value === before[n]?.value);
          expect([isAsBefore, place === 4].includes(true) || after.length === [3, 2, 2, 0][place]).toBe(true);
          clock.forward(HOUR);
          await on().cleanup(scopeOf(who));
          const large = after.filter(({ value }) => typeof value !== "number").length;
          const [contents, , uploads] = await left(who);
          expect([contents, uploads]).toEqual([large, 0]);
          await on().truncate(who, { after: 0 });
          expect(await left(who)).toEqual([0, 0, 0]);
        }
    });

    test("imports and forks that are cut off go on, and several at once make one session", async () => {
      const who = await created();
      await on().append(
        who,
        [A, 1, B].map((value, index) => ({ id: `e${index}`, value })),
      );
      const events = await on().read(who);
      const lines = await exported(who);
      const copies: ((store: StateStore, to: SessionIdentity) => Promise<unknown>)[] = [
        (store, to) => on(store).import(to, lines),
        (store, to) => on(store).fork(who, to),
      ];
      for (const [place, copy] of copies.entries()) {
        for (let call = 1, isDone = false; !isDone; call++) {
          const to = { ...who, session: `${place} ${call}` };
          isDone = await copy(dyingAt(opened.store, "commit", call), to).then(
            () => true,
            () => false,
          );
          expect((await on().find(to)) === undefined).toBe(!isDone);
          if (call % 2 === 0) {
            await copy(opened.store, to);
            expect(await on().read(to)).toEqual(events);
            expect(await left(to)).toEqual(await left(who));
          }
          await on().delete(to);
          expect(await count(to, "")).toBe(0);
        }
        const to = { ...who, session: `${place}` };
        const store = losingAnswers(opened.store, { requests: 0.1, replies: 0.1, mostPerWrite: 2 });
        await Promise.all([store, opened.store, opened.store].map((own) => copy(own, to)));
        expect([await on().read(to), await left(to)]).toEqual([events, await left(who)]);
      }
    });

    test("a fork copies a large event again that is edited meanwhile, and keeps nothing of what it was", async () => {
      const who = await created();
      await on().append(
        who,
        [A, 1].map((value) => ({ value })),
      );
      const edits: Value[] = [B, "small", C];
      const store = withMethods(opened.store, {
        async commit(changes, options) {
          const receipt = await opened.store.commit(changes, options);
          const isContent = changes.some(
            (change) => change.op === "save" && change.record.kind.startsWith("session.chunk/filled/"),
          );
          const value = isContent ? edits.shift() : undefined;
          if (value !== undefined) await on().replace(who, { number: 1, value });
          return receipt;
        },
      });
      const to = { ...who, session: "fork" };
      await on(store).fork(who, to);
      expect([await on().read(to), await left(to)]).toEqual([await on().read(who), [0, 0, 0]]);
      await on().replace(who, { number: 1, value: A });
      edits.splice(0, edits.length, B);
      await on(store).fork(who, { ...who, session: "second" });
      const second = { ...who, session: "second" };
      expect([await on().read(second), await left(second)]).toEqual([await on().read(who), await left(who)]);
    });

    test("a move that is cut off leaves each session whole, under one user or the other", async () => {
      for (let call = 1, isDone = false; !isDone; call++) {
        const who = await created();
        await on().append(
          who,
          [A, 1, B].map((value) => ({ value })),
        );
        const others = Array.from({ length: 260 }, (_, n) => ({
          op: "save" as const,
          record: { eventId: newEventId(), identity: who, kind: `z/${n}`, bytes: new Uint8Array(9) },
        }));
        await opened.store.commit(others);
        const events = await on().read(who);
        const user = { tenant: who.tenant, user: who.user };
        isDone = await moveUser(dyingAt(opened.store, "commit", call), user, "bob").then(
          () => true,
          () => false,
        );
        const owners = [who, { ...who, user: "bob" }];
        const found = await Promise.all(owners.map((owner) => on().find(owner)));
        const owner = owners[found.findIndex((session) => session !== undefined)] as SessionIdentity;
        expect(await on().read(owner)).toEqual(events);
        await moveUser(opened.store, user, "bob");
        expect([await on().read({ ...who, user: "bob" }), await count(who, "")]).toEqual([events, 0]);
      }
    });

    test("a message that grows over the limit, with lost answers, leaves no chunks of what it was", async () => {
      const who = await created();
      await on().append(who, [{ value: "" }, { value: 2 }]);
      const store = losingAnswers(opened.store, { requests: 0.1, replies: 0.1, mostPerWrite: 2 });
      const part = text("x", 2 * KIB);
      for (let n = 0; n < 20; n++) {
        const value = part.repeat(n % 10);
        await untilAnswered(() => on(store).replace(who, { number: 1, value, eventId: `r${n}` }));
        if (n % 8 === 0) expect((await on().read(who))[0]?.value).toBe(value);
      }
      clock.forward(HOUR);
      await on().cleanup(scopeOf(who));
      expect((await left(who))[2]).toBe(0);
      await on().replace(who, { number: 1, value: 1 });
      expect(await left(who)).toEqual([0, 0, 0]);
    });

    test("readers beside a message that is replaced all the time see whole values", async () => {
      const who = await created();
      await on().append(who, { value: A });
      let isOver = false;
      const seen = new Set<unknown>();
      const reading = (async () => {
        while (!isOver) for (const { value } of await on().read(who)) seen.add(value);
      })();
      for (let n = 0; n < 15; n++)
        await on().replace(who, { number: 1, value: [B, A, "small"][n % 3] as Value });
      isOver = true;
      await reading;
      for (const value of seen) expect([A, B, "small"]).toContain(value);
      await Promise.all([A, B, C, A].map((value) => on().replace(who, { number: 1, value })));
      expect((await left(who)).filter((_, index) => index !== 1)).toEqual([1, 0]);
    });

    test("a search finds large events by their beginning, and goes with what they become", async () => {
      const who = await created();
      const user = { tenant: who.tenant, user: who.user };
      await on().append(who, [{ value: `albatross ${A} ` }, { value: `pelican ${A}` }]);
      const sessions = on();
      const found = async (query: string) =>
        (await sessions.search(user, query)).found.map(({ events }) => events);
      expect(await found("albatross")).toEqual([[1]]);
      await sessions.replace(who, { number: 1, value: `heron ${B}` });
      await sessions.pop(who);
      expect([await found("albatross"), await found("pelican"), await found("heron")]).toEqual([
        [],
        [],
        [[1]],
      ]);
    });

    test("a session whose head was lost is repaired with its large events, and they go with a trim", async () => {
      const who = await created();
      await on().append(
        who,
        [A, 1].map((value) => ({ value })),
      );
      await opened.store.delete(who, "session.events");
      await on().repair(who);
      expect((await on().read(who)).map(({ value }) => value)).toEqual([A, 1]);
      await on().trim(who, { upTo: 1 });
      expect(await left(who)).toEqual([0, 0, 0]);
    });

    /** Events whose records say that they are large, as if they were. */
    const pretended = async (who: SessionIdentity, count: number, size: number) => {
      const { numbers } = await on().append(
        who,
        Array.from({ length: count }, (_, n) => ({ value: n })),
      );
      const sha256 = "0".repeat(64);
      const save = (kind: string, text: string, version = 0) =>
        ({
          op: "save",
          record: { eventId: newEventId(), identity: who, kind, bytes: Buffer.from(text), version },
        }) as const;
      const changes = numbers.map((n) => {
        const number = String(n).padStart(16, "0");
        const ref = { sha256, size, chunks: `none/${n}`, chunkBytes: size };
        return [
          save(`session.content/${number}`, JSON.stringify(ref)),
          save(
            `session.events/${number}`,
            `${JSON.stringify({ id: `e${n}`, elsewhere: { sha256, size } })}\n`,
            2 ** 52,
          ),
        ];
      });
      await opened.store.commit(changes.flat());
    };

    test("what is too much for one call is refused, with what to do, or done in pieces", async () => {
      const who = await created();
      const user = { tenant: who.tenant, user: who.user };
      await on().append(who, { value: `albatross ${A}` });
      await pretended(who, 2, 130 * KIB * KIB);
      await expect(on().read(who)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "limit" },
      });
      expect(await on().read(who, { maxBytes: 64 * KIB, damaged: "mark" })).toHaveLength(1);
      expect(await on().read(who, { limit: 2, damaged: "mark" })).toHaveLength(2);
      expect((await on().search(user, "albatross")).notSearched).toEqual({ damaged: 0, beyondMemory: 1 });
      await on().replace(who, { number: 3, value: "small" });
      await expect(on().pop(who, 2)).rejects.toMatchObject({ details: { field: "count" } });
      const many = Array.from({ length: 501 }, () => ({ value: "x".repeat(MAX_BYTES) }));
      await expect(on().rewrite(who, many)).rejects.toMatchObject({ details: { field: "events" } });
      expect((await left(who))[2]).toBe(0);
    });

    test("more large events than a commit has room for are taken back in several, and in no unit", async () => {
      const who = await created();
      await on().append(who, { value: A });
      for (const count of [200, 200, 5]) await pretended(who, count, 9);
      const unit = together(opened.store, (own) => on().in(own).truncate(who, { after: 0 }));
      await expect(unit).rejects.toMatchObject({ code: "INVALID_RECORD", details: { field: "after" } });
      expect((await left(who))[0]).toBe(406);
      expect(await on().truncate(who, { after: 0 })).toEqual({ last: 0 });
      expect(await left(who)).toEqual([0, 0, 0]);
    });

    test("retention takes the content of sessions that are idle, and later all of them", async () => {
      const who = await created();
      const sessions = on();
      await sessions.append(who, { value: A });
      const retention = createRetention(opened.store, { clock });
      clock.forward(10 * 24 * HOUR);
      await retention.apply(scopeOf(who), { payloads: "5d" });
      expect([await sessions.read(who), await left(who)]).toEqual([[], [0, 0, 0]]);
    });

    test("small events cost nothing more, also of a session that had large ones", async () => {
      const who = await created();
      await on().append(who, { value: A });
      const calls: string[] = [];
      const counted = new Proxy(opened.store, {
        get(target, name) {
          const real = Reflect.get(target, name);
          if (typeof real !== "function") return real;
          return (...args: unknown[]) => {
            calls.push(name as string);
            return Reflect.apply(real, target, args);
          };
        },
      });
      await on(counted).append(who, { value: 1 });
      expect(calls).toEqual(["find", "commit"]);
    });
  },
  { maxBytes: MAX_BYTES },
);
