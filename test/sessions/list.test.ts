import { describe, expect, test } from "vitest";
import {
  type ListOptions,
  type SessionIdentity,
  StateError,
  type StateStore,
  userIdentity,
} from "../../src/index.js";
import { createSessions, type ListSessionsOptions, type Sessions } from "../../src/sessions/index.js";
import { together } from "../../src/typed/index.js";
import { withDice } from "../random.js";
import { isSoak, soak } from "../soak.js";
import { onEveryStore } from "../typed/stores.js";
import { manualClock, newUser, withMethods } from "./rig.js";

type AnySessions = Sessions<unknown, unknown>;

async function names(sessions: AnySessions, user: ReturnType<typeof newUser>, options?: ListSessionsOptions) {
  const page = await sessions.list(user, options);
  return page.sessions.map(({ identity }) => identity.session);
}

/** All pages, with something done between each and the next. */
async function pages(
  sessions: AnySessions,
  user: ReturnType<typeof newUser>,
  options: ListSessionsOptions,
  between: () => Promise<unknown> = async () => {},
): Promise<string[][]> {
  const found: string[][] = [];
  for (let next: string | undefined, first = true; first || next !== undefined; first = false) {
    const page = await sessions.list(user, { ...options, ...(next === undefined ? {} : { after: next }) });
    found.push(page.sessions.map(({ identity }) => identity.session));
    next = page.next;
    await between();
  }
  return found;
}

onEveryStore((opened) => {
  const newSessions = async (count: number) => {
    const clock = manualClock();
    const sessions = createSessions(opened.store, { clock });
    const user = newUser();
    for (let n = 1; n <= count; n++) {
      clock.forward(1000);
      await sessions.create({ ...user, session: `s${n}` });
    }
    return { clock, sessions, user };
  };

  test("invalid arguments", async () => {
    const { sessions, user } = await newSessions(1);
    for (const [options, field] of [
      [{ limit: 0 }, "limit"],
      [{ limit: 1001 }, "limit"],
      [{ limit: undefined }, "limit"],
      [{ after: "" }, "after"],
      [{ after: "s1" }, "after"],
      [{ after: "9999" }, "after"],
      [{ status: "deleted" }, "status"],
      [{ status: undefined }, "status"],
      [{ after: "pinned.2026-01-01T00:00:00.000Z.s" }, "after"],
      [{ after: "pinned.s", pinned: "first" }, "after"],
      [{ orderBy: "createdAt" }, "orderBy"],
      [{ orderBy: undefined }, "orderBy"],
      [{ order: "reverse" }, "order"],
      [{ pinned: "last" }, "pinned"],
      [{ pinned: undefined }, "pinned"],
      [{ cursor: "x" }, "options"],
    ] as const) {
      const asked = sessions.list(user, options as ListSessionsOptions);
      await expect(asked, JSON.stringify(options)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field },
      });
    }
    await expect(sessions.list({ ...user, user: "" })).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
    await expect(sessions.list(undefined as never)).rejects.toMatchObject({ code: "IDENTITY_REQUIRED" });
    await expect(sessions.list({ ...user, user: "~" })).rejects.toMatchObject({ code: "INVALID_RECORD" });
  });

  test("the one touched last comes first, whatever touched it", async () => {
    const { clock, sessions, user } = await newSessions(6);
    expect(await names(sessions, user)).toEqual(["s6", "s5", "s4", "s3", "s2", "s1"]);
    const session = (n: number) => ({ ...user, session: `s${n}` });
    const acts = [
      () => sessions.touch(session(1)),
      () => sessions.append(session(2), { value: 1 }),
      () => sessions.changeMetadata(session(3), () => ({ n: 1 })),
      () => sessions.close(session(4)),
      () => sessions.reopen(session(4)),
    ];
    const moved: string[] = [];
    for (const [n, act] of acts.entries()) {
      clock.forward(1000);
      await act();
      moved.push((await names(sessions, user, { limit: 1 }))[0] as string);
      expect(await names(sessions, user), `act ${n}`).toHaveLength(6);
    }
    expect(moved).toEqual(["s1", "s2", "s3", "s4", "s4"]);
    // Neither reading nor keeping something is activity.
    clock.forward(1000);
    await sessions.read(session(6));
    await sessions.saveSummary(session(2), { upTo: 1, value: 1 });
    await sessions.sessionState(session(6)).set("k", 1);
    expect(await names(sessions, user)).toEqual(["s4", "s3", "s2", "s1", "s6", "s5"]);
  });

  test("pages end exactly, and those of one millisecond are all there", async () => {
    const { sessions, user } = await newSessions(4);
    expect(await pages(sessions, user, { limit: 2 })).toEqual([
      ["s4", "s3"],
      ["s2", "s1"],
    ]);
    expect(await pages(sessions, user, { limit: 3 })).toEqual([["s4", "s3", "s2"], ["s1"]]);
    expect(await pages(sessions, newUser(), { limit: 3 })).toEqual([[]]);
    const still = manualClock();
    const frozen = createSessions(opened.store, { clock: still });
    const other = newUser();
    await Promise.all(["c", "a", "b", "a.b"].map((session) => frozen.create({ ...other, session })));
    await frozen.touch({ ...other, session: "a" });
    expect(await pages(frozen, other, { limit: 1 })).toEqual([["c"], ["b"], ["a.b"], ["a"]]);
  });

  test("the first page is the one after undefined", async () => {
    const { sessions, user } = await newSessions(3);
    const found: string[] = [];
    let next: string | undefined;
    do {
      const page = await sessions.list(user, { limit: 2, after: next });
      found.push(...page.sessions.map(({ identity }) => identity.session));
      next = page.next;
    } while (next !== undefined);
    expect(found).toEqual(["s3", "s2", "s1"]);
  });

  describe("sessions that were erased through the store", () => {
    const entries = (user: ReturnType<typeof newUser>) =>
      opened.store.list(userIdentity(user.tenant, user.user), "session.index/");

    test("are passed over and forgotten, and the page is full all the same", async () => {
      const { sessions, user } = await newSessions(9);
      for (const n of [9, 7, 6, 5, 1]) await opened.store.erase({ ...user, session: `s${n}` });
      expect(await entries(user)).toHaveLength(9);
      expect(await pages(sessions, user, { limit: 2 })).toEqual([
        ["s8", "s4"],
        ["s3", "s2"],
      ]);
      expect(await entries(user)).toHaveLength(4);
    });

    test("are there once when they were created anew", async () => {
      const { clock, sessions, user } = await newSessions(2);
      const who = { ...user, session: "s1" };
      await opened.store.erase(who);
      clock.forward(1000);
      await sessions.create(who, { metadata: { is: "new" } });
      expect(await names(sessions, user)).toEqual(["s1", "s2"]);
      expect((await sessions.list(user)).sessions).toContainEqual(await sessions.get(who));
      expect(await entries(user)).toHaveLength(2);
    });

    test.each(["UNAVAILABLE", "OUTCOME_UNKNOWN"] as const)(
      "are passed over where they cannot be forgotten (%s)",
      async (code) => {
        const { clock, user } = await newSessions(2);
        await opened.store.erase({ ...user, session: "s2" });
        const failing = withMethods(opened.store, {
          commit: async () => {
            throw new StateError(code, "no", { details: {} as never });
          },
        });
        expect(await names(createSessions(failing, { clock }), user)).toEqual(["s1"]);
        expect(await entries(user)).toHaveLength(2);
      },
    );

    test("are not those that a stale read missed", async () => {
      const { clock, sessions, user } = await newSessions(3);
      const staleFor = (reads: number) => {
        const seen = new Map<string, number>();
        const find: StateStore["find"] = async (identity, kind, options) => {
          const key = `${identity.session} ${kind}`;
          const before = seen.get(key) ?? 0;
          seen.set(key, before + 1);
          const isOfSession = kind === "session" || kind === "session.events";
          return isOfSession && before < reads ? undefined : opened.store.find(identity, kind, options);
        };
        return createSessions(withMethods(opened.store, { find }), { clock });
      };
      // Two reads of the head are behind; the record is read twice in vain with them.
      expect(await names(staleFor(2), user)).toEqual(["s3", "s2", "s1"]);
      await expect(staleFor(9).list(user)).rejects.toMatchObject({ code: "UNAVAILABLE" });
      expect(await entries(user)).toHaveLength(3);
      expect(await names(sessions, user)).toEqual(["s3", "s2", "s1"]);
    });

    test("are not those that a read found as they were before they were touched", async () => {
      const { clock, sessions, user } = await newSessions(1);
      const who = { ...user, session: "s1" };
      const before = await opened.store.load(who, "session.events");
      clock.forward(1000);
      await sessions.touch(who);
      const stale = withMethods(opened.store, {
        find: async (identity, kind, options) =>
          kind === "session.events" ? before : opened.store.find(identity, kind, options),
      });
      expect(await names(createSessions(stale, { clock }), user)).toEqual(["s1"]);
      expect(await entries(user)).toHaveLength(1);
    });

    test("are not those that are touched, or deleted, while they are listed", async () => {
      const { clock, sessions, user } = await newSessions(3);
      let first = true;
      const slow = withMethods(opened.store, {
        list: async (identity, prefix, options) => {
          const listed = await opened.store.list(identity, prefix, options as ListOptions);
          if (prefix === "session.index/" && first) {
            first = false;
            clock.forward(1000);
            await sessions.touch({ ...user, session: "s2" });
            await sessions.delete({ ...user, session: "s1" });
          }
          return listed;
        },
      });
      expect(await names(createSessions(slow, { clock }), user)).toEqual(["s2", "s3"]);
      expect(await names(sessions, user)).toEqual(["s2", "s3"]);
      expect(await entries(user)).toHaveLength(2);
    });
  });

  test("without a limit there are 50", async () => {
    const { sessions, user } = await newSessions(51);
    const found = await pages(sessions, user, {});
    expect(found.map(({ length }) => length)).toEqual([50, 1]);
  });

  test("open and closed sessions are listed separately, also when they are rare", async () => {
    const { sessions, user } = await newSessions(220);
    for (const session of ["s2", "s100", "s3"]) await sessions.close({ ...user, session });
    const closed = await pages(sessions, user, { status: "closed", limit: 2 });
    expect(closed).toEqual([["s3", "s2"], ["s100"]]);
    const open = await pages(sessions, user, { status: "open", limit: 100 });
    expect(open.map(({ length }) => length)).toEqual([100, 100, 17]);
  });

  test("a page of few open among many closed sessions reads what it shows, and a count no entry", async () => {
    const { clock, user } = await newSessions(0);
    let read = 0;
    const counting = withMethods(opened.store, {
      list: (async (...given: Parameters<typeof opened.store.list>) => {
        const found = await opened.store.list(...given);
        read += found.length;
        return found;
      }) as never,
      listKind: (async (...given: Parameters<typeof opened.store.listKind>) => {
        const found = await opened.store.listKind(...given);
        read += found.length;
        return found;
      }) as never,
    });
    const sessions = createSessions(counting, { clock, fields: ["plan"] });
    const many = Array.from({ length: isSoak ? soak(300) : 150 }, (_, n) => ({ ...user, session: `s${n}` }));
    for (const who of many) {
      clock.forward(1000);
      await sessions.create(who, { metadata: { plan: "free" } });
    }
    const open = [many[7], many[2], many[1]] as SessionIdentity[];
    for (const who of many) if (!open.includes(who)) await sessions.close(who);
    for (const status of ["open", "closed"] as const)
      await sessions.list(user, { status, orderBy: "lastEventAt" });
    const tenant = { tenant: user.tenant };
    const found = open.map(({ session }) => session);
    for (const orderBy of ["updatedAt", "lastEventAt"] as const)
      for (const by of [{}, { metadata: { plan: "free" } }]) {
        const options = { ...by, status: "open", orderBy } as const;
        read = 0;
        expect(await names(sessions, user, options)).toEqual(found);
        expect((await sessions.list(tenant, options)).sessions.map((one) => one.identity)).toEqual(open);
        expect(read, JSON.stringify(options)).toBeLessThan(20);
      }
    for (const by of [{}, { metadata: { plan: "free" } }]) {
      read = 0;
      expect(await sessions.count(user, { ...by, status: "open" })).toBe(3);
      expect(await sessions.count(user, { ...by, status: "closed" })).toBe(many.length - 3);
      expect(await sessions.count(user, by)).toBe(many.length);
      expect(read).toBe(0);
      expect(await sessions.count(tenant, { ...by, status: "open" })).toBe(3);
      expect(read).toBe(3);
    }
    // The other way round.
    for (const who of many) if (!open.includes(who)) await sessions.reopen(who);
    for (const who of open) await sessions.close(who);
    read = 0;
    expect((await names(sessions, user, { status: "closed" })).sort()).toEqual([...found].sort());
    expect(read).toBe(3);
    expect(await sessions.count(tenant)).toBe(many.length);
    expect(await names(sessions, user, { limit: 1000 })).toHaveLength(many.length);
  });

  test.each(["updatedAt", "lastEventAt"] as const)(
    "one that is closed or reopened between the reads of a page is on it once (%s)",
    async (orderBy) => {
      const { clock, user } = await newSessions(0);
      let between: (() => Promise<unknown>)[] = [];
      const slow = withMethods(opened.store, {
        list: (async (...given: Parameters<typeof opened.store.list>) => {
          const found = await opened.store.list(...given);
          if (/^session\.(index|by-event)/.test(given[1])) await between.shift()?.();
          return found;
        }) as never,
      });
      const sessions = createSessions(slow, { clock });
      const [a, b] = ["a", "b"].map((session) => ({ ...user, session })) as [
        SessionIdentity,
        SessionIdentity,
      ];
      for (const who of [a, b]) await sessions.create(who);
      await names(sessions, user, { orderBy: "lastEventAt" });
      for (let reads = 0; reads < 3; reads++)
        for (const act of ["close", "reopen"] as const) {
          clock.forward(1000);
          between = [...Array<() => Promise<void>>(reads).fill(async () => {}), () => sessions[act](a)];
          const found = await names(sessions, user, { orderBy });
          expect(found.sort(), `${act} after ${reads + 1} reads`).toEqual(["a", "b"]);
          await sessions[act](a);
        }
    },
  );

  test.each([undefined, "open"] as const)(
    "paging while others touch neither repeats nor loses the rest (status %s)",
    async (status) => {
      const { clock, sessions, user } = await newSessions(20);
      const restless = ["s3", "s9", "s12", "s18"];
      const between = async () => {
        clock.forward(1000);
        await Promise.all(restless.map((session) => sessions.touch({ ...user, session })));
      };
      const found = (await pages(sessions, user, { limit: 3, ...(status && { status }) }, between)).flat();
      const rest = found.filter((session) => !restless.includes(session));
      const untouched = Array.from({ length: 20 }, (_, n) => `s${20 - n}`);
      expect(rest).toEqual(untouched.filter((session) => !restless.includes(session)));
      expect(new Set(found).size).toBe(found.length);
    },
  );

  test("a list is one snapshot: a session that is touched all the time is always there, once", async () => {
    const user = newUser();
    const sessions = createSessions(opened.store);
    for (const session of ["a", "b", "c"]) await sessions.create({ ...user, session });
    let done = false;
    const touching = (async () => {
      while (!done) await sessions.touch({ ...user, session: "b" });
    })();
    for (let round = 0; round < 30; round++) {
      expect((await names(sessions, user)).sort()).toEqual(["a", "b", "c"]);
    }
    done = true;
    await touching;
  });

  describe("orders and pins", () => {
    /** What a user sees of a session, as a model keeps it. */
    interface Expected {
      readonly session: string;
      readonly updatedAt: number;
      readonly lastEventAt: number;
      readonly isClosed: boolean;
      readonly isPinned: boolean;
    }

    /** The names in the order of a list, going by the times alone. */
    function inOrder(
      all: Iterable<Expected>,
      { orderBy = "updatedAt", order = "newest", status, pinned }: ListSessionsOptions,
    ): string[] {
      const rank = (expected: Expected) => `${new Date(expected[orderBy]).toISOString()}.${expected.session}`;
      const sign = order === "newest" ? -1 : 1;
      const isFirst = ({ isPinned }: Expected) => (pinned === "first" && isPinned ? 0 : 1);
      return [...all]
        .filter(({ isClosed }) => status === undefined || isClosed === (status === "closed"))
        .filter(({ isPinned }) => typeof pinned !== "boolean" || isPinned === pinned)
        .sort((a, b) => isFirst(a) - isFirst(b) || (rank(a) < rank(b) ? -sign : sign))
        .map(({ session }) => session);
    }

    test("whatever happens and however close together, every list is in the order of its times", async () => {
      await withDice(async (dice) => {
        const clock = manualClock();
        const sessions = createSessions(opened.store, { clock });
        const user = newUser();
        const model = new Map<string, Expected>();
        const acts: Record<string, (who: SessionIdentity, was: Expected) => Promise<Partial<Expected>>> = {
          append: async (who) => {
            await sessions.append(who, [{ value: 1 }, { value: 2 }]);
            return { updatedAt: clock(), lastEventAt: clock() };
          },
          touch: async (who) => ({ updatedAt: (await sessions.touch(who)).updatedAt.getTime() }),
          changeMetadata: async (who) => {
            await sessions.changeMetadata(who, () => ({ n: 1 }));
            return { updatedAt: clock() };
          },
          close: async (who) => {
            await sessions.close(who);
            return { updatedAt: clock(), isClosed: true };
          },
          pin: async (who) => {
            await sessions.pin(who);
            return { isPinned: true };
          },
          unpin: async (who) => {
            await sessions.unpin(who);
            return { isPinned: false };
          },
        };
        const check = async (options: ListSessionsOptions) => {
          const found = (await pages(sessions, user, options)).flat();
          expect(found, JSON.stringify(options)).toEqual(inOrder(model.values(), options));
        };
        for (let step = 0; step < (isSoak ? soak(80) : 30); step++) {
          clock.forward(dice.pick([0, 1, 30, 60, 99, 100, 101, 700, 999, 1_000, 2_000]));
          const session = `s${dice.below(9)}`;
          const who = { ...user, session };
          const was = model.get(session);
          if (was === undefined) {
            await sessions.create(who);
            const [updatedAt, lastEventAt] = [clock(), clock()];
            model.set(session, { session, updatedAt, lastEventAt, isClosed: false, isPinned: false });
          } else if (was.isClosed) {
            if (dice.chance(0.2)) {
              await sessions.delete(who);
              model.delete(session);
            } else {
              await sessions.reopen(who);
              model.set(session, { ...was, updatedAt: clock(), isClosed: false });
            }
          } else {
            const act = dice.pick([
              "append",
              "append",
              "append",
              "touch",
              "changeMetadata",
              "close",
              "pin",
              "unpin",
            ]);
            model.set(session, { ...was, ...(await acts[act]?.(who, was)) });
          }
          const status = dice.pick([undefined, undefined, "open", "closed"] as const);
          const pinned = dice.pick([undefined, undefined, true, false, "first"] as const);
          await check({
            limit: dice.pick([1, 2, 5, 50]),
            orderBy: dice.pick(["updatedAt", "lastEventAt"] as const),
            order: dice.pick(["newest", "oldest"] as const),
            ...(status && { status }),
            ...(pinned !== undefined && { pinned }),
          });
        }
        const left = await opened.store.list(userIdentity(user.tenant, user.user), "session.");
        const pinned = [...model.values()].filter(({ isPinned }) => isPinned).length;
        const listed = left.filter(({ kind }) => kind !== "session.all-listed");
        expect(listed).toHaveLength(2 * (model.size + pinned));
      });
    });

    test("a session knows its last event apart from its last touch", async () => {
      const { clock, sessions, user } = await newSessions(1);
      const who = { ...user, session: "s1" };
      expect((await sessions.get(who)).lastEventAt).toBeUndefined();
      clock.forward(1000);
      const at = new Date(clock());
      await sessions.append(who, { value: 1 });
      clock.forward(1000);
      const touched = await sessions.touch(who);
      expect(touched).toMatchObject({ updatedAt: new Date(clock()), lastEventAt: at });
      expect(await sessions.get(who)).toEqual(touched);
      expect((await sessions.list(user)).sessions).toEqual([touched]);
    });

    test("what has been idle for longest comes first, page by page, while others are used", async () => {
      const { clock, sessions, user } = await newSessions(20);
      for (let n = 20; n > 10; n--) {
        clock.forward(1000);
        await sessions.append({ ...user, session: `s${n}` }, { value: n });
      }
      // A touch is no event.
      clock.forward(1000);
      await sessions.touch({ ...user, session: "s1" });
      const restless = ["s2", "s15"];
      const between = async () => {
        clock.forward(100);
        for (const session of restless) await sessions.append({ ...user, session }, { value: 0 });
      };
      const oldest = { orderBy: "lastEventAt", order: "oldest", limit: 3 } as const;
      const found = (await pages(sessions, user, oldest, between)).flat();
      const expected = [1, 3, 4, 5, 6, 7, 8, 9, 10, 20, 19, 18, 17, 16, 14, 13, 12, 11].map((n) => `s${n}`);
      expect(found.filter((session) => !restless.includes(session))).toEqual(expected);
    });

    test("pinned ones come first, or alone, or not at all; a pin is no touch and outlives a close", async () => {
      const { clock, sessions, user } = await newSessions(5);
      const who = { ...user, session: "s2" };
      const before = await sessions.get(who);
      clock.forward(1000);
      const pinned = await sessions.pin(who);
      expect(pinned).toEqual({ ...before, pinnedAt: new Date(clock()) });
      clock.forward(1000);
      expect(await sessions.pin(who)).toEqual(pinned);
      await sessions.pin({ ...user, session: "s4" });
      expect(await names(sessions, user)).toEqual(["s5", "s4", "s3", "s2", "s1"]);
      expect(await names(sessions, user, { pinned: true })).toEqual(["s4", "s2"]);
      expect(await names(sessions, user, { pinned: false })).toEqual(["s5", "s3", "s1"]);
      for (const limit of [1, 2, 3, 4, 5])
        expect((await pages(sessions, user, { pinned: "first", limit })).flat()).toEqual([
          "s4",
          "s2",
          "s5",
          "s3",
          "s1",
        ]);
      await sessions.close(who);
      expect(await names(sessions, user, { pinned: true, status: "closed" })).toEqual(["s2"]);
      clock.forward(1000);
      const { pinnedAt: _, ...unpinned } = await sessions.unpin(who);
      expect(await sessions.unpin(who)).toEqual(unpinned);
      expect(await names(sessions, user, { pinned: true })).toEqual(["s4"]);
      await sessions.delete({ ...user, session: "s4" });
      expect(await sessions.list(user, { pinned: true })).toEqual({ sessions: [] });
      await expect(sessions.pin({ ...user, session: "s4" })).rejects.toMatchObject({ code: "NOT_FOUND" });
    });

    test("pins and touches of a unit take effect with it, or not at all", async () => {
      const { sessions, user } = await newSessions(2);
      const [first, second] = [1, 2].map((n) => ({ ...user, session: `s${n}` })) as [
        SessionIdentity,
        SessionIdentity,
      ];
      await together(opened.store, async (unit) => {
        await sessions.in(unit).pin(first);
        await sessions.in(unit).append(first, { value: 1 });
        await sessions.in(unit).pin(second);
        await sessions.in(unit).unpin(second);
      });
      expect(await names(sessions, user, { pinned: true })).toEqual(["s1"]);
      const failing = together(opened.store, async (unit) => {
        await sessions.in(unit).unpin(first);
        throw new Error("no");
      });
      await expect(failing).rejects.toThrow("no");
      expect(await names(sessions, user, { pinned: true })).toEqual(["s1"]);
    });
  });

  test("an event writes neither the metadata nor, right after another, any entry of a list", async () => {
    const clock = manualClock();
    let saved: number[] = [];
    const observed = withMethods(opened.store, {
      commit: (changes, options) => {
        saved = changes.map((change) => (change.op === "save" ? change.record.bytes.byteLength : 0));
        return opened.store.commit(changes, options);
      },
    });
    const sessions = createSessions(observed, { clock });
    const who = { ...newUser(), session: "s" };
    await sessions.create(who, { metadata: { text: "x".repeat(100_000) } });
    clock.forward(900);
    await sessions.append(who, { value: 1 });
    expect(Math.max(...saved)).toBeLessThan(1000);
    expect(saved).toHaveLength(4);
    clock.forward(19);
    await sessions.append(who, { value: 2 });
    expect(saved).toHaveLength(2);
    expect((await sessions.get(who)).updatedAt).toEqual(new Date(clock()));
  });
});
