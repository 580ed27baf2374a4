import { expect, test } from "vitest";
import { createExpiring } from "../../src/expiring/index.js";
import { forgetUser } from "../../src/forget-user/index.js";
import { maintenanceScope, newEventId, openStore, type StateStore, userIdentity } from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { together } from "../../src/typed/index.js";
import { manualClock, withMethods } from "../sessions/rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { everythingOf } from "../wrappers/wrapper.js";
import { EXPIRING, GROUP, HOUR } from "./table.js";

const MINUTE = 60_000;

onEveryStore((opened) => {
  /** A new tenant, with a clock that is moved by hand. */
  function some() {
    const clock = manualClock();
    const expiring = createExpiring(opened.store, { clock });
    const who = newSession();
    const scope = maintenanceScope({ reason: "test", tenant: who.tenant });
    const set = (key: string, ttlMs = MINUTE, value: string | number = key) =>
      expiring.set(who, GROUP, key, value, { ttlMs });
    const keys = async () => (await expiring.list(who, GROUP)).values.map(({ key }) => key).join("");
    const stored = async () => (await everythingOf(opened.store, EXPIRING, who, [])).length;
    return { clock, expiring, who, scope, set, keys, stored };
  }

  test("a value is there until its time and not a millisecond longer, for every method", async () => {
    const { clock, expiring, who, set, keys } = some();
    const { eventId, duplicate } = await set("a");
    expect(duplicate).toBe(false);
    clock.forward(MINUTE - 1);
    expect(await expiring.get(who, GROUP, "a")).toBe("a");
    expect(await expiring.find(who, GROUP, "a")).toEqual({
      key: "a",
      value: "a",
      eventId,
      updatedAt: new Date(clock() - MINUTE + 1),
      expiresAt: new Date(clock() + 1),
    });
    expect([await keys(), await expiring.count(who, GROUP)]).toEqual(["a", 1]);
    clock.forward(1);
    expect(await expiring.get(who, GROUP, "a")).toBeUndefined();
    expect(await expiring.find(who, GROUP, "a")).toBeUndefined();
    expect([await keys(), await expiring.count(who, GROUP)]).toEqual(["", 0]);
    // What has ended takes no room of a page.
    for (const key of "bcd") await set(key);
    const page = await expiring.list(who, GROUP, { limit: 2 });
    expect([page.values.map(({ key }) => key), page.next]).toEqual([["b", "c"], "c"]);
    expect(await expiring.touch(who, GROUP, "a", { ttlMs: HOUR })).toBeUndefined();
    await expect(set("a").then(() => expiring.get(who, GROUP, "a"))).resolves.toBe("a");
    clock.forward(MINUTE);
    expect(await expiring.update(who, GROUP, "a", (was) => [was ?? "none"], { ttlMs: 1 })).toEqual(["none"]);
    clock.forward(1);
    expect(await expiring.delete(who, GROUP, "a")).toBe(false);
  });

  test("owners, groups and keys have values of their own, in the order of their keys", async () => {
    const { expiring, who, keys } = some();
    const { tenant, user } = who;
    const owners = [who, { tenant, user }, { tenant }, { ...who, session: "s2" }];
    for (const [n, owner] of owners.entries())
      for (const group of ["g", "g/h", "h"])
        await expiring.set(owner, group, "k", `${n} ${group}`, { ttlMs: MINUTE });
    for (const [n, owner] of owners.entries())
      for (const group of ["g", "g/h", "h"])
        expect(await expiring.get(owner, group, "k")).toBe(`${n} ${group}`);
    for (const key of ["c", "a", "b/1", "b"]) await expiring.set(who, GROUP, key, 1, { ttlMs: MINUTE });
    expect(await keys()).toBe("abb/1c");
    const first = await expiring.list(who, GROUP, { limit: 2 });
    expect([first.values.map(({ key }) => key), first.next]).toEqual([["a", "b"], "b"]);
    const rest = await expiring.list(who, GROUP, { limit: 2, after: first.next });
    expect([rest.values.map(({ key }) => key), rest.next]).toEqual([["b/1", "c"], undefined]);
    const begun = await expiring.list(who, GROUP, { prefix: "b" });
    expect(begun.values.map(({ key }) => key)).toEqual(["b", "b/1"]);
  });

  test("a touch moves the end either way, and keeps the value", async () => {
    const { clock, expiring, who, set, stored } = some();
    const { eventId } = await set("a", MINUTE, 7);
    clock.forward(MINUTE - 1);
    expect(await expiring.touch(who, GROUP, "a", { ttlMs: HOUR })).toEqual(new Date(clock() + HOUR));
    clock.forward(HOUR - 1);
    const found = await expiring.find(who, GROUP, "a");
    expect(found?.value).toBe(7);
    expect(found?.eventId).not.toBe(eventId);
    await expiring.touch(who, GROUP, "a", { ttlMs: 2 });
    clock.forward(2);
    expect(await expiring.get(who, GROUP, "a")).toBeUndefined();
    // The value, and an entry in each index.
    expect(await stored()).toBe(3);
  });

  test("expect holds against other writers, and a value past its time counts as none", async () => {
    const { clock, expiring, who, set } = some();
    const { eventId } = await set("a");
    const put = (expected: string | null) =>
      expiring.set(who, GROUP, "a", "new", { ttlMs: MINUTE, expect: expected });
    const refused = (current: string | null) => ({ code: "CONDITION_FAILED", details: { current } });
    await expect(put(null)).rejects.toMatchObject(refused(eventId));
    await expect(put("another")).rejects.toMatchObject(refused(eventId));
    await expect(expiring.delete(who, GROUP, "a", { expect: "another" })).rejects.toMatchObject(
      refused(eventId),
    );
    const next = await put(eventId);
    clock.forward(MINUTE);
    await expect(put(next.eventId)).rejects.toMatchObject(refused(null));
    const last = await put(null);
    expect(await expiring.delete(who, GROUP, "a", { expect: last.eventId })).toBe(true);
    await expect(put(last.eventId)).rejects.toMatchObject(refused(null));
  });

  test("of many who expect the same, one writes; many updates are all counted", async () => {
    const { expiring, who, set } = some();
    // As another process has it, which shares no lock.
    const isShared = opened.url !== "memory:";
    await using other = await openStore(opened.url);
    const wrappers = [expiring, createExpiring(isShared ? other : opened.store, { clock: manualClock() })];
    const { eventId } = await set("a", MINUTE, 0);
    const puts = Array.from({ length: 6 }, (_, n) =>
      wrappers[n % 2]?.set(who, GROUP, "a", 0, { ttlMs: MINUTE, expect: eventId }),
    );
    const outcomes = await Promise.allSettled(puts);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const add = (n: unknown) => (n as number) + 1;
    await Promise.all(
      Array.from({ length: 10 }, (_, n) => wrappers[n % 2]?.update(who, GROUP, "a", add, { ttlMs: MINUTE })),
    );
    expect(await expiring.get(who, GROUP, "a")).toBe(10);
    expect(await expiring.count(who, GROUP)).toBe(1);
  });

  test("an id makes a set happen once, also when the value has ended, was removed or is another", async () => {
    const { clock, expiring, who, scope, set } = some();
    const call = { ttlMs: MINUTE, id: "call-1" };
    const first = await expiring.set(who, GROUP, "a", 1, call);
    clock.forward(5);
    expect(await expiring.set(who, GROUP, "a", 1, call)).toEqual({ ...first, duplicate: true });
    expect((await expiring.find(who, GROUP, "a"))?.expiresAt).toEqual(new Date(clock() - 5 + MINUTE));
    await expect(expiring.set(who, GROUP, "a", 2, call)).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await expect(expiring.set(who, GROUP, "b", 1, call)).rejects.toMatchObject({
      code: "IDEMPOTENCY_CONFLICT",
    });
    await set("a", MINUTE, 3);
    expect((await expiring.set(who, GROUP, "a", 1, call)).duplicate).toBe(true);
    expect(await expiring.get(who, GROUP, "a")).toBe(3);
    clock.forward(MINUTE);
    await expiring.cleanup(scope);
    expect((await expiring.set(who, GROUP, "a", 1, call)).duplicate).toBe(true);
    expect(await expiring.get(who, GROUP, "a")).toBeUndefined();
  });

  test("together with other calls it takes effect, or not at all", async () => {
    const { expiring, who, set, stored } = some();
    await set("gone");
    const failure = new Error("no");
    const unit = (fails: boolean) =>
      together(opened.store, async (unit) => {
        const mine = expiring.in(unit);
        await mine.set(who, GROUP, "a", 1, { ttlMs: MINUTE, id: "once" });
        expect(await mine.touch(who, GROUP, "a", { ttlMs: HOUR })).toBeDefined();
        expect(await mine.update(who, GROUP, "a", (n) => Number(n) + 1, { ttlMs: HOUR })).toBe(2);
        await mine.delete(who, GROUP, "gone");
        if (fails) throw failure;
      });
    await expect(unit(true)).rejects.toBe(failure);
    expect(await expiring.count(who, GROUP)).toBe(1);
    await unit(false);
    expect([await expiring.get(who, GROUP, "a"), await expiring.count(who, GROUP)]).toEqual([2, 1]);
    expect(await stored()).toBe(3);
  });

  test("clean-up removes what has ended and nothing else, of sessions, users and the tenant", async () => {
    const { clock, expiring, who, scope, set, keys, stored } = some();
    const { tenant, user } = who;
    for (const owner of [{ tenant }, { tenant, user }])
      await expiring.set(owner, "others", "x", 1, { ttlMs: MINUTE });
    for (const key of "abc") await set(key);
    await set("d", HOUR);
    await set("e", MINUTE);
    await expiring.touch(who, GROUP, "e", { ttlMs: HOUR });
    clock.forward(MINUTE - 1);
    expect(await expiring.cleanup(scope)).toEqual({ removed: 0 });
    clock.forward(1);
    expect(await expiring.cleanup(scope)).toEqual({ removed: 5 });
    expect(await expiring.cleanup(scope)).toEqual({ removed: 0 });
    expect([await keys(), await stored()]).toEqual(["de", 6]);
  });

  test("clean-up is bounded, takes the oldest first, and goes on where it stopped", async () => {
    const { clock, expiring, who, scope, set } = some();
    for (const [n, key] of [..."hgfedcba"].entries()) await set(key, MINUTE - n);
    clock.forward(MINUTE);
    const left = async () =>
      (await opened.store.list(who, "expiring/")).map(({ kind }) => kind.slice(-1)).join("");
    let after: string | undefined;
    const seen: unknown[] = [];
    do {
      const { removed, next } = await expiring.cleanup(scope, { limit: 3, after });
      after = next;
      seen.push([removed, await left()]);
    } while (after !== undefined);
    expect(seen.slice(0, 3)).toEqual([
      [3, "defgh"],
      [3, "gh"],
      [2, ""],
    ]);
    expect(seen.length).toBeLessThan(5);
  });

  test("a value that is touched or set after the clean-up has looked stays", async () => {
    const { clock, expiring, who, scope, set, keys } = some();
    for (const key of "abc") await set(key);
    // Another process, whose clock is behind, still has the values.
    const slow = createExpiring(opened.store, { clock: manualClock(clock()) });
    clock.forward(MINUTE);
    let looked = false;
    const listKind = (async (...args: Parameters<StateStore["listKind"]>) => {
      const page = await opened.store.listKind(...args);
      if (!looked) {
        looked = true;
        await slow.touch(who, GROUP, "a", { ttlMs: HOUR });
        await slow.set(who, GROUP, "b", "again", { ttlMs: HOUR });
      }
      return page;
    }) as StateStore["listKind"];
    const late = createExpiring(withMethods(opened.store, { listKind }), { clock });
    expect(await late.cleanup(scope)).toEqual({ removed: 1 });
    expect(await keys()).toBe("ab");
    clock.forward(HOUR);
    expect((await expiring.cleanup(scope)).removed).toBe(2);
  });

  test("a clock that jumps, forward and back, serves nothing late and loses nothing for ever", async () => {
    const { clock, expiring, who, scope, set, keys, stored } = some();
    await set("a", HOUR);
    clock.forward(10 * HOUR);
    expect(await keys()).toBe("");
    // Set while the clock is ahead, and looked at when it is right again.
    await set("b", MINUTE);
    clock.forward(-10 * HOUR);
    expect(await keys()).toBe("ab");
    clock.forward(HOUR);
    expect([await keys(), await expiring.cleanup(scope)]).toEqual(["b", { removed: 1 }]);
    expect(await expiring.touch(who, GROUP, "b", { ttlMs: MINUTE })).toEqual(new Date(clock() + MINUTE));
    clock.forward(MINUTE);
    expect([await keys(), await expiring.cleanup(scope)]).toEqual(["", { removed: 1 }]);
    expect(await stored()).toBe(0);
  });

  test("a damaged value is replaced or deleted, and what is left of it goes in its time", async () => {
    const { clock, expiring, who, scope, set, stored } = some();
    for (const key of "abc") await set(key);
    for (const { identity, kind } of await opened.store.list(who, "expiring/"))
      await opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from("{") });
    await set("a", HOUR);
    expect(await expiring.delete(who, GROUP, "b")).toBe(true);
    expect(await expiring.get(who, GROUP, "a")).toBe("a");
    clock.forward(MINUTE);
    expect((await expiring.cleanup(scope)).removed).toBe(0);
    expect(await expiring.get(who, GROUP, "a")).toBe("a");
    expect(await expiring.count(who, GROUP)).toBe(1);
    // The one that nobody replaced stays, for somebody to look at.
    expect(await stored()).toBe(4);
  });

  test.each([false, true])(
    "a user who moves takes values along, which are cleaned up there; a forgotten one has none",
    async (fromData) => {
      const { clock, expiring, who, scope, set, stored } = some();
      const { tenant, user } = who;
      await set("a");
      await expiring.set({ tenant, user }, GROUP, "b", 1, { ttlMs: MINUTE });
      await expiring.set({ tenant, user }, GROUP, "c", 1, { ttlMs: HOUR });
      const [moved, theirs] = [
        { ...who, user: "grace" },
        { tenant, user: "grace" },
      ];
      // Of two under one key the one that ends later stays, and nobody is refused for a copy of a page.
      await expiring.set({ tenant, user }, GROUP, "b", 2, { ttlMs: MINUTE, id: "once" });
      await expiring.set(theirs, GROUP, "b", "hers", { ttlMs: 1 });
      await expiring.set(theirs, GROUP, "c", "hers", { ttlMs: 2 * HOUR });
      expect(await moveUser(opened.store, { tenant, user }, "grace")).toMatchObject({
        expiring: 1,
        records: 0,
      });
      const values = [expiring.get(theirs, GROUP, "b"), expiring.get(theirs, GROUP, "c")];
      expect(await Promise.all(values)).toEqual([2, "hers"]);
      expect([await expiring.get(moved, GROUP, "a"), await expiring.count(theirs, GROUP)]).toEqual(["a", 2]);
      const again = await expiring.set(theirs, GROUP, "b", 2, { ttlMs: MINUTE, id: "once" });
      expect(again.duplicate).toBe(true);
      expect(await opened.store.count(who, "expiring")).toBe(0);
      clock.forward(MINUTE);
      // The entries name the events of the values that moved.
      const noReads = withMethods(opened.store, {
        find: () => Promise.reject(new Error("a value was read")),
      });
      expect(await createExpiring(noReads, { clock }).cleanup(scope)).toEqual({ removed: 2 });
      expect(await expiring.count(theirs, GROUP)).toBe(1);
      const forgotten = { data: [expiring.userData] };
      await (fromData ? forgetUser(opened.store, theirs, forgotten) : forgetUser(opened.store, theirs));
      expect(await opened.store.count(userIdentity(tenant, "grace"), "expiring")).toBe(0);
      expect(await stored()).toBeLessThan(2);
    },
  );
});
