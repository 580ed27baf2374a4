import { describe, expect, test } from "vitest";
import { type ListOptions, StateError, userIdentity } from "../../src/index.js";
import { createSessions, type ListSessionsOptions, type Sessions } from "../../src/sessions/index.js";
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
      const stale = withMethods(opened.store, {
        find: async (identity, kind, options) =>
          kind === "session" ? undefined : opened.store.find(identity, kind, options),
      });
      expect(await names(createSessions(stale, { clock }), user)).toEqual(["s3", "s2", "s1"]);
      expect(await entries(user)).toHaveLength(3);
      expect(await names(sessions, user)).toEqual(["s3", "s2", "s1"]);
    });

    test("are not those that a read found as they were before they were touched", async () => {
      const { clock, sessions, user } = await newSessions(1);
      const who = { ...user, session: "s1" };
      const before = await opened.store.load(who, "session");
      clock.forward(1000);
      await sessions.touch(who);
      const stale = withMethods(opened.store, { find: async () => before });
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
      expect(await names(createSessions(slow, { clock }), user)).toEqual(["s3", "s2"]);
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
});
