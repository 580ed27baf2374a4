import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { tenantIdentity, userIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { onEveryStore } from "../typed/stores.js";
import { beginDeletion, dyingAt, manualClock, newUser } from "./rig.js";

onEveryStore((opened) => {
  const own = ({ tenant, user }: ReturnType<typeof newUser>) =>
    opened.store.list(userIdentity(tenant, user), "");

  const populated = async (count = 3) => {
    const clock = manualClock();
    const sessions = createSessions(opened.store, { clock });
    const user = newUser();
    const neighbour = { ...user, user: `${user.user}2` };
    for (const owner of [user, neighbour]) {
      for (let n = 0; n < count; n++) {
        const who = { ...owner, session: `s${n}` };
        await sessions.create(who);
        await sessions.append(who, { value: n });
        clock.forward(1);
      }
      const state = sessions.userState(owner);
      await Promise.all(Array.from({ length: 60 }, (_, n) => state.set(`k${n}`, n)));
    }
    return { clock, sessions, user, neighbour };
  };

  test("a forgotten user has no session and no state, and others keep theirs", async () => {
    const { sessions, user, neighbour } = await populated();
    // One that was erased through the store left its entry behind.
    await opened.store.erase({ ...user, session: "s1" });
    const before = await own(neighbour);
    expect(await sessions.forgetUser(user)).toBe(2);
    expect(await own(user)).toEqual([]);
    for (const session of ["s0", "s1", "s2"]) {
      expect(await opened.store.list({ ...user, session }, "")).toEqual([]);
    }
    expect(await own(neighbour)).toEqual(before);
    expect((await sessions.list(neighbour)).sessions).toHaveLength(3);
    expect(await sessions.forgetUser(user)).toBe(0);
  });

  test("a crash leaves the rest to the next call", async () => {
    const { clock, sessions, user } = await populated();
    const dying = createSessions(dyingAt(opened.store, "commit", 3), { clock });
    await expect(dying.forgetUser(user)).rejects.toThrow("the process died");
    expect(await sessions.forgetUser(user)).toBe(1);
    expect(await own(user)).toEqual([]);
  });

  test("waits for a deletion that version 0.2 has begun", async () => {
    const { clock, sessions, user } = await populated();
    await beginDeletion(opened.store, { ...user, session: "s1" }, clock());
    const busy = { code: "UNAVAILABLE", details: { reason: "busy" }, retryable: true };
    await expect(sessions.forgetUser(user)).rejects.toMatchObject(busy);
    clock.forward(60_000);
    expect(await sessions.forgetUser(user)).toBe(0);
    expect(await own(user)).toEqual([]);
  });

  test("beside a session that is touched all the time, all are gone", async () => {
    const { sessions, user } = await populated();
    let done = false;
    const touching = (async () => {
      while (!done) {
        await sessions.touch({ ...user, session: "s2" }).catch(() => {});
        await sleep(1);
      }
    })();
    await sessions.forgetUser(user);
    done = true;
    await touching;
    expect(await own(user)).toEqual([]);
  });

  test("an erase of a user's own identity is refused, and changes nothing", async () => {
    const { sessions, user } = await populated();
    const before = await own(user);
    for (const owner of [userIdentity(user.tenant, user.user), tenantIdentity(user.tenant)]) {
      await expect(opened.store.erase(owner)).rejects.toMatchObject({
        code: "INVALID_RECORD",
        details: { field: "session" },
      });
    }
    expect(await own(user)).toEqual(before);
    expect((await sessions.list(user)).sessions).toHaveLength(3);
  });
});
