import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import {
  type CommitReceipt,
  isStateError,
  StateError,
  type StateStore,
  userIdentity,
} from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { losingAnswers } from "../typed/lost-answers.js";
import { onEveryStore } from "../typed/stores.js";
import { beginDeletion, dyingAt, manualClock, newUser, withMethods } from "./rig.js";

const LEASE_MS = 60_000;
const notFound = { code: "NOT_FOUND" };

/** A promise with its `resolve`. */
function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((open) => {
    resolve = open;
  });
  return { promise, resolve };
}

onEveryStore((opened) => {
  /** A session with records of all kinds, and a process that will delete it. */
  const newSession = async (through: (store: StateStore) => StateStore = (store) => store) => {
    const clock = manualClock();
    const sessions = createSessions(opened.store, { clock });
    const who = { ...newUser(), session: "a/b" };
    await sessions.create(who, { eventId: "e" });
    await sessions.append(who, [{ id: "1", value: 1 }, { value: 2 }]);
    await sessions.saveSummary(who, { upTo: 1, value: "short" });
    await sessions.sessionState(who).set("k", 1);
    await sessions.userState(who).set("k", "kept");
    const left = async () => {
      const user = userIdentity(who.tenant, who.user);
      const records = await Promise.all([opened.store.list(who, ""), opened.store.list(user, "session.")]);
      return records.flat().map(({ kind }) => kind);
    };
    const deleting = createSessions(through(opened.store), { clock });
    return { clock, sessions, deleting, who, left };
  };
  /** A process of version 0.2 has died in the middle of a deletion. */
  const crashed = async () => {
    const made = await newSession();
    await beginDeletion(opened.store, made.who, made.clock());
    return made;
  };

  test("a session is gone with everything under it, and a second delete finds none", async () => {
    const { sessions, who, left } = await newSession();
    const run = { ...who, run: "r" };
    await opened.store.save({ eventId: "other", identity: run, kind: "x", bytes: Buffer.from("x") });
    expect((await left()).length).toBeGreaterThan(5);
    expect(await sessions.delete(who)).toBe(true);
    expect(await left()).toEqual([]);
    expect(await opened.store.list(run, "")).toEqual([]);
    expect(await sessions.delete(who)).toBe(false);
    for (const call of [
      () => sessions.get(who),
      () => sessions.touch(who),
      () => sessions.close(who),
      () => sessions.reopen(who),
      () => sessions.changeMetadata(who, () => ({})),
      () => sessions.append(who, { id: "1", value: 1 }),
      () => sessions.append(who, { id: "late", value: 1 }),
      () => sessions.read(who),
      () => sessions.trim(who, 0),
      () => sessions.saveSummary(who, { upTo: 1, value: 1 }),
      () => sessions.sessionState(who).get("k"),
      () => sessions.create(who, { eventId: "e" }),
    ]) {
      await expect(call()).rejects.toMatchObject(notFound);
    }
    expect(await left()).toEqual([]);
    expect(await sessions.userState(who).get("k")).toBe("kept");
    await sessions.create(who);
    expect(await sessions.read(who)).toEqual([]);
    expect(await sessions.summaries(who)).toEqual([]);
  });

  test("of many callers that delete it, one gets true", async () => {
    const { sessions, who, left } = await newSession();
    const deleted = await Promise.all(Array.from({ length: 8 }, () => sessions.delete(who)));
    expect(deleted.filter(Boolean)).toHaveLength(1);
    expect(await left()).toEqual([]);
  });

  test.each([1, 2])("one that is gone after read %i of a call is not there for that call", async (last) => {
    const { sessions, who, left } = await newSession();
    let reads = 0;
    const overtaken = withMethods(opened.store, {
      find: async (identity, kind, options) => {
        const found = await opened.store.find(identity, kind, options);
        if (++reads === last) expect(await sessions.delete(who)).toBe(true);
        return found;
      },
    });
    expect(await createSessions(overtaken).delete(who)).toBe(false);
    expect(reads).toBeGreaterThanOrEqual(last);
    expect(await left()).toEqual([]);
  });

  test("over an unreliable connection it is deleted", async () => {
    for (let round = 0; round < 5; round++) {
      const lossy = (store: StateStore) => losingAnswers(store, { requests: 0.15, replies: 0.15 });
      const { deleting, sessions, who, left } = await newSession(lossy);
      await deleting.delete(who).catch((error) => {
        if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
      });
      await sessions.delete(who);
      expect(await left()).toEqual([]);
    }
  });

  test("it takes one commit, and a crash before that leaves the session as it was", async () => {
    let commits = 0;
    const counting = (store: StateStore) =>
      withMethods(store, {
        commit: (changes, options) => {
          commits++;
          return store.commit(changes, options);
        },
      });
    const { sessions, deleting, who, left } = await newSession(counting);
    const before = await left();
    const dying = createSessions(dyingAt(opened.store, "commit"));
    await expect(dying.delete(who)).rejects.toThrow("the process died");
    expect(await left()).toEqual(before);
    expect((await sessions.list(who)).sessions).toHaveLength(1);
    expect(await deleting.delete(who)).toBe(true);
    expect(commits).toBe(1);
    expect(await left()).toEqual([]);
  });

  test("one whose entry in the list is missing is deleted too", async () => {
    const { sessions, who, left } = await newSession();
    const user = userIdentity(who.tenant, who.user);
    for (const { kind } of await opened.store.list(user, "session.index/"))
      await opened.store.delete(user, kind);
    expect(await sessions.delete(who)).toBe(true);
    expect(await left()).toEqual([]);
  });

  describe("a deletion that version 0.2 has begun", () => {
    test("is gone for everybody, and erased by a list when the lease is over", async () => {
      const { clock, sessions, who, left } = await crashed();
      await expect(sessions.get(who)).rejects.toMatchObject(notFound);
      await expect(sessions.append(who, { value: 1 })).rejects.toMatchObject(notFound);
      await expect(sessions.read(who)).rejects.toMatchObject(notFound);
      await expect(sessions.sessionState(who).get("k")).rejects.toMatchObject(notFound);
      await expect(sessions.latestSummary(who)).rejects.toMatchObject(notFound);
      clock.forward(LEASE_MS - 1);
      expect(await sessions.list(who)).toEqual({ sessions: [] });
      expect(await sessions.delete(who)).toBe(false);
      expect(await left()).toContain("session.events/0000000000000001");
      expect(await left()).toContain("session.deleting/a/b");
      clock.forward(1);
      expect(await sessions.list(who)).toEqual({ sessions: [] });
      expect(await left()).toEqual([]);
    });

    test("nobody creates the session anew until the lease is over", async () => {
      const { clock, sessions, who, left } = await crashed();
      await expect(sessions.create(who)).rejects.toMatchObject({
        code: "UNAVAILABLE",
        details: { reason: "busy" },
        retryable: true,
      });
      expect(await left()).toContain("session.events/0000000000000001");
      clock.forward(LEASE_MS);
      await sessions.create(who);
      expect(await sessions.read(who)).toEqual([]);
      expect((await left()).sort()).toEqual([
        "session",
        expect.stringMatching(/^session\.by-event\//),
        "session.events",
        expect.stringMatching(/^session\.index\//),
      ]);
    });

    test("another delete finishes it, and says that there was no session", async () => {
      const { clock, sessions, who, left } = await crashed();
      clock.forward(LEASE_MS);
      expect(await sessions.delete(who)).toBe(false);
      expect(await left()).toEqual([]);
    });

    test("is finished once, though many find it, and nothing that is created anew is erased", async () => {
      const { clock, who, sessions } = await crashed();
      clock.forward(LEASE_MS);
      let erased = 0;
      const counting = withMethods(opened.store, {
        commit: async (changes, options) => {
          await sleep(20);
          const receipt = await opened.store.commit(changes, options);
          if (receipt.erased !== undefined) erased++;
          return receipt;
        },
      });
      const others = Array.from({ length: 6 }, () => createSessions(counting, { clock }));
      const [created] = await Promise.all([
        sessions.create(who),
        ...others.map((other) => other.list(who)),
        ...others.map((other) => other.delete({ ...who, session: "none" })),
      ]);
      expect(created).toMatchObject({ duplicate: false });
      await sessions.append(who, { value: "new" });
      expect(erased).toBeLessThanOrEqual(1);
      expect(await sessions.read(who)).toMatchObject([{ number: 1, value: "new" }]);
    });

    test("is finished by the next, if the one who finishes it dies", async () => {
      const { clock, sessions, who, left } = await crashed();
      clock.forward(LEASE_MS);
      const dying = createSessions(dyingAt(opened.store, "commit"), { clock });
      await expect(dying.list(who)).rejects.toThrow("the process died");
      expect(await left()).toContain("session.deleting/a/b");
      await sessions.list(who);
      expect(await left()).toEqual([]);
    });
  });

  /** Replaces the commits that erase. */
  const erasingBy =
    (how: (erase: () => Promise<CommitReceipt>) => Promise<CommitReceipt>) => (store: StateStore) =>
      withMethods(store, {
        commit: (changes, options) => {
          const commit = () => store.commit(changes, options);
          return changes.some(({ op }) => op === "erase") ? how(commit) : commit();
        },
      });
  const lost = () => new StateError("OUTCOME_UNKNOWN", "the line broke", { details: {} });

  /** A deletion that is stopped right before its commit, until `go` is called. */
  const stopped = async () => {
    const [reached, released] = [gate(), gate()];
    let tries = 0;
    const made = await newSession(
      erasingBy(async (erase) => {
        if (tries++ > 0) return erase();
        reached.resolve();
        await released.promise;
        return erase();
      }),
    );
    const deletion = made.deleting.delete(made.who);
    await reached.promise;
    return { ...made, deletion, go: released.resolve };
  };

  test("stopped for however long before it erases, it takes nothing of a session created anew", async () => {
    const { clock, sessions, who, left, deletion, go } = await stopped();
    expect(await sessions.delete(who)).toBe(true);
    clock.forward(1);
    await sessions.create(who);
    await sessions.append(who, { value: "new" });
    await sessions.sessionState(who).set("k", "new");
    const before = await left();
    go();
    expect(await deletion).toBe(false);
    expect(await left()).toEqual(before);
    expect(await sessions.read(who)).toMatchObject([{ number: 1, value: "new" }]);
    expect(await sessions.sessionState(who).get("k")).toBe("new");
  });

  test("a session that is changed right before it is erased is deleted as it is then", async () => {
    for (const ms of [0, 1, 1000]) {
      const { clock, sessions, who, left, deletion, go } = await stopped();
      clock.forward(ms);
      await sessions.append(who, { value: "late" });
      go();
      expect(await deletion).toBe(true);
      expect(await left()).toEqual([]);
    }
  });

  test("an erase whose answer was lost, and that lands late, takes nothing of a session created anew", async () => {
    const landing = gate();
    let landed: Promise<unknown> | undefined;
    const late = erasingBy((erase) => {
      if (landed !== undefined) return erase();
      landed = landing.promise.then(erase);
      return Promise.reject(lost());
    });
    const { deleting, sessions, who } = await newSession(late);
    expect(await deleting.delete(who)).toBe(true);
    await sessions.create(who);
    await sessions.append(who, { value: "new" });
    landing.resolve();
    await expect(landed).rejects.toMatchObject({ code: "CONDITION_FAILED" });
    expect(await sessions.read(who)).toMatchObject([{ number: 1, value: "new" }]);
  });

  test("an erase that happened, though its answer was lost, is known by the entry that is gone", async () => {
    let tries = 0;
    const { deleting, who, left } = await newSession(
      erasingBy(async (erase) => {
        tries++;
        await erase();
        throw lost();
      }),
    );
    expect(await deleting.delete(who)).toBe(true);
    expect(tries).toBe(2);
    expect(await left()).toEqual([]);
  });

  test("an erase whose answer was lost, of a session that was changed then, is OUTCOME_UNKNOWN", async () => {
    let change = async () => {};
    let tries = 0;
    const { clock, deleting, sessions, who, left } = await newSession(
      erasingBy(async (erase) => {
        if (tries++ > 0) return erase();
        await change();
        throw lost();
      }),
    );
    change = async () => {
      clock.forward(1000);
      await sessions.append(who, { value: "late" });
    };
    await expect(deleting.delete(who)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(await sessions.read(who)).toHaveLength(3);
    expect(await deleting.delete(who)).toBe(true);
    expect(await left()).toEqual([]);
  });

  test("an erase whose answers are all lost is OUTCOME_UNKNOWN, and may be asked for again", async () => {
    const { deleting, sessions, who, left } = await newSession(erasingBy(() => Promise.reject(lost())));
    await expect(deleting.delete(who)).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(await sessions.read(who)).toHaveLength(2);
    expect(await sessions.delete(who)).toBe(true);
    expect(await left()).toEqual([]);
  });

  test("a failure while a list finishes a deletion is left to the next list, and this one is answered", async () => {
    const { clock, sessions, who, left } = await crashed();
    clock.forward(LEASE_MS);
    const lost = losingAnswers(opened.store, { requests: 1, replies: 0 });
    const failing = withMethods(opened.store, { commit: lost.commit });
    expect(await createSessions(failing, { clock }).list(who)).toEqual({ sessions: [] });
    expect(await left()).toContain("session.deleting/a/b");
    clock.forward(LEASE_MS);
    await sessions.list(who);
    expect(await left()).toEqual([]);
  });
});
