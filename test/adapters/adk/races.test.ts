import { createEvent, createSession, type Event, type EventActions, type Session } from "@google/adk";
import { expect, test, vi } from "vitest";
import { GroundstateSessionService } from "../../../src/adapters/adk/index.js";
import { newEventId, openStore, type StateStore } from "../../../src/index.js";
import { withMethods } from "../../sessions/rig.js";
import { isSoak, soak } from "../../soak.js";
import { losingAnswers } from "../../typed/lost-answers.js";
import { inProcesses } from "../../typed/processes.js";
import { onEveryStore, onSharedStores } from "../../typed/stores.js";

const newOwner = () => ({ tenant: `tenant-${newEventId()}` });
const newService = (store: StateStore, owner: { readonly tenant: string }) =>
  new GroundstateSessionService(store, { owner });
const changing = (stateDelta: EventActions["stateDelta"], id = newEventId()) =>
  createEvent({ id, author: "agent", actions: { stateDelta } });
const key = { appName: "shop", userId: "ann", sessionId: "s-1" };

/** What each of two processes does, from when both are there. It is sent to the other as text. */
async function appendAll(
  service: GroundstateSessionService,
  { keys, rounds }: { readonly keys: readonly (typeof key)[]; readonly rounds: number },
  me: number,
): Promise<void> {
  const sessions = await Promise.all(keys.map((key) => service.getSession(key)));
  const append = (at: number, id: string, stateDelta: object) =>
    service.appendEvent({
      session: sessions[at] as Session,
      event: { id, timestamp: 1, invocationId: "", actions: { stateDelta } } as Event,
    });
  await append(3, `${me}`, {});
  while ((await service.getSession(keys[3] as typeof key))?.events.length !== 2)
    await new Promise((resolve) => setTimeout(resolve, 20));
  for (let n = 0; n < rounds; n++)
    await Promise.all([
      append(0, `same-${n}`, { [`same${n}`]: n }),
      append(0, `${me}-${n}`, { [`k${me}-${n}`]: n, [`app:k${me}-${n}`]: n, "app:last": n }),
      append(1 + me, `${me}-${n}`, { [`app:j${me}-${n}`]: n, [`user:j${me}-${n}`]: n, "app:last": n }),
    ]);
}

onSharedStores((opened) => {
  test("processes that append to one session, and change one app, lose nothing and append nothing twice", async () => {
    const owner = newOwner();
    const service = newService(opened.store, owner);
    const keys = [key, { ...key, sessionId: "s-2" }, { ...key, userId: "bob" }, { ...key, sessionId: "s-4" }];
    for (const each of keys) await service.createSession(each);
    const [processes, rounds] = [2, soak(8)];
    const child = inProcesses(
      1,
      opened.url,
      { owner, keys, rounds },
      `
      import { GroundstateSessionService } from "groundstate/adk";
      await (${appendAll})(new GroundstateSessionService(store, { owner: args.owner }), args, 0);
      console.log("null");
      `,
    );
    await Promise.all([child, appendAll(service, { keys, rounds }, 1)]);
    const all = Array.from({ length: processes }, (_, me) =>
      Array.from({ length: rounds }, (_, n) => [me, n] as const),
    ).flat();
    const found = await Promise.all(keys.map((each) => service.getSession(each)));
    const idsOf = (session: Session | undefined) => session?.events.map(({ id }) => id).sort();
    const own = (of: (me: number) => boolean) => all.filter(([me]) => of(me)).map(([me, n]) => `${me}-${n}`);
    const same = Array.from({ length: rounds }, (_, n) => `same-${n}`);
    expect(idsOf(found[0])).toEqual([...own(() => true), ...same].sort());
    expect(idsOf(found[1])).toEqual(own((me) => me === 0).sort());
    expect(idsOf(found[2])).toEqual(own((me) => me === 1).sort());
    const ofApp = Object.fromEntries(
      all.flatMap(([me, n]) => [
        [`app:k${me}-${n}`, n],
        [`app:j${me}-${n}`, n],
      ]),
    );
    for (const session of found)
      expect({ ...session?.state }).toMatchObject({ ...ofApp, "app:last": rounds - 1 });
    for (const [me, n] of all) {
      expect(found[0]?.state[`k${me}-${n}`]).toBe(n);
      expect(found[1 + me]?.state[`user:j${me}-${n}`]).toBe(n);
    }
  });
});

onEveryStore((opened) => {
  test("an event and what it changes in the three states are seen together, by readers of any session", async () => {
    const owner = newOwner();
    const [writer, reader] = [newService(opened.store, owner), newService(opened.store, owner)];
    const session = await writer.createSession(key);
    const beside = { ...key, sessionId: "s-2" };
    await writer.createSession(beside);
    let isOver = false;
    const numbersOf = (found: Session | undefined) =>
      ["n", "user:n", "app:n", "user:m", "app:m"].map((name) => found?.state[name]);
    const seen = new Set<unknown>();
    let read = 0;
    const reading = (async () => {
      while (!isOver) {
        const [own, last, other] = await Promise.all([
          reader.getSession(key),
          reader.getSession({ ...key, config: { numRecentEvents: 1 } }),
          reader.getSession(beside),
        ]);
        for (const found of [own, last]) {
          const { n } = (found?.events.at(-1)?.actions.stateDelta ?? {}) as { n?: number };
          expect(numbersOf(found)).toEqual(Array(5).fill(n));
          expect(found?.events.length).toBe(found === own ? (n ?? 0) : n === undefined ? 0 : 1);
          seen.add(n);
        }
        const [, user, app, ...more] = numbersOf(other);
        expect([user, ...more]).toEqual([app, app, app]);
        read++;
      }
    })();
    const rounds = isSoak ? 300 : 36;
    for (let n = 1; n <= rounds; n++) {
      const delta = { n, "user:n": n, "app:n": n, "user:m": n, "app:m": n };
      await writer.appendEvent({ session, event: changing(delta) });
      // Who writes without a pause lets nobody read.
      const before = read;
      if (n % 6 === 0)
        await Promise.race([reading, vi.waitUntil(() => read > before, { timeout: 60_000, interval: 1 })]);
    }
    isOver = true;
    await reading;
    expect(seen.size).toBeGreaterThanOrEqual(rounds / 6);
  });

  test("answers that are lost lose no event, and no event happens twice", async () => {
    const owner = newOwner();
    const lossy = losingAnswers(opened.store, { requests: 0.2, replies: 0.3 });
    const service = newService(lossy, owner);
    const session = await newService(opened.store, owner).createSession(key);
    const events = Array.from({ length: 15 }, (_, n) => changing({ [`k${n}`]: n, "user:last": n }, `e${n}`));
    for (const event of events)
      for (let isDone = false; !isDone; )
        isDone = await service.appendEvent({ session, event }).then(
          () => true,
          (error) => {
            expect(error).toMatchObject({ code: "OUTCOME_UNKNOWN" });
            return false;
          },
        );
    const found = await service.getSession(key);
    expect(found?.events.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    expect(found?.state).toMatchObject({ k0: 0, k14: 14, "user:last": 14 });
    expect(session.events).toHaveLength(15);
  });
});

/** Runs the intruder before the read of a number, and once. */
function intruded(store: StateStore, number: number, intruder: () => Promise<unknown>) {
  let reads = 0;
  const before = <A extends unknown[], R>(read: (...given: A) => Promise<R>) => {
    return async (...given: A): Promise<R> => {
      if (++reads === number) await intruder();
      return read(...given);
    };
  };
  const find = before(store.find.bind(store));
  const list = before(store.list.bind(store)) as StateStore["list"];
  return { store: withMethods(store, { find, list }), reads: () => reads };
}

test("whatever is written before whichever read, a session is of one moment", async () => {
  const store = await openStore("memory:");
  const intruders = {
    "an event of the session": [key, "e4"],
    "another event in the place of one": [key, "e1"],
    "an event of the user's other session": [{ ...key, sessionId: "s-2" }, "e4"],
  } as const;
  for (const [at, id] of Object.values(intruders))
    for (let number = 1, isOver = false; !isOver; number++) {
      const service = newService(store, newOwner());
      await service.createSession(key);
      await service.createSession({ ...key, sessionId: "s-2" });
      const change = async (of: typeof key, n: number, id: string) => {
        const event = changing({ n, "user:n": n, "app:n": n }, id);
        await service.appendEvent({ session: createSession({ ...of, id: of.sessionId }), event });
      };
      for (const n of [1, 2, 3]) await change(key, n, `e${n}`);
      const before = await service.getSession(key);
      const owner = { tenant: service.identityOf(key).tenant };
      const reader = intruded(store, number, () => change(at, 4, id));
      const found = await newService(reader.store, owner).getSession(key);
      const after = await service.getSession(key);
      isOver = reader.reads() < number;
      const isAfter = found?.state["app:n"] === 4;
      expect(found).toEqual(isAfter ? after : before);
      expect(after).not.toEqual(isOver ? null : before);
    }
  await store.close();
});
