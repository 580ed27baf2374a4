import { describe, expect, test } from "vitest";
import type { StateStore, UserIdentity } from "../../src/index.js";
import { moveUser } from "../../src/move-user/index.js";
import { dyingAt } from "../sessions/rig.js";
import { isSoak } from "../soak.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { everythingOf, newVisitor, useAccount, useEverything, type Wrappers, wrappersOn } from "./visitor.js";

/** More than a commit takes, and in a soak more than a page of headers. */
const EVENTS = isSoak ? 5_000 : 600;

/** More than a commit takes: events, values of a checkpoint, steps of a run, values of the state. */
async function useMuch({ sessions, checkpoints, runs, ledger }: Wrappers, user: UserIdentity) {
  const who = { ...user, session: "large" };
  await sessions.create(who);
  for (let from = 1; from <= EVENTS; from += 200)
    await sessions.append(
      who,
      Array.from({ length: 200 }, (_, n) => ({ id: `m-${from + n}`, value: from + n })),
    );
  const values = Object.fromEntries(Array.from({ length: 60 }, (_, n) => [`c-${n}`, "v".repeat(100 + n)]));
  for (const id of ["p-1", "p-2"])
    await checkpoints.put(who, { lineage: "main", namespace: "", id, values: { ...values, id } });
  await runs.start(who, { id: "long" });
  const { lease } = await runs.claim(who, "long", { worker: "w", leaseMs: 60_000 });
  for (let n = 0; n < 5; n++) await runs.step(lease, `s-${n}`, () => n);
  await runs.complete(lease);
  await ledger.record(who, { provider: "p", model: "m", cost: "1" });
}

async function muchOf({ sessions, checkpoints, runs, ledger }: Wrappers, user: UserIdentity) {
  const who = { ...user, session: "large" };
  const found = {
    session: await sessions.get(who),
    events: await sessions.read(who),
    checkpoints: await checkpoints.list(who, { lineage: "main", namespace: "" }),
    latest: await checkpoints.latest(who, { lineage: "main", namespace: "" }),
    run: await runs.get(who, "long"),
    steps: await runs.steps(who, "long"),
    entries: await ledger.entries(who),
  };
  return JSON.parse(JSON.stringify(found).replaceAll(`"${user.user}"`, '"USER"'));
}

/** Moves by processes that die at a later commit each, until one does not. Returns how many have died. */
async function untilMoved(
  store: StateStore,
  visitor: UserIdentity,
  to: string,
  step: number,
): Promise<number> {
  for (let deaths = 0, at = 1; ; deaths++, at += step) {
    try {
      await moveUser(dyingAt(store, "commit", at), visitor, to);
      return deaths;
    } catch (error) {
      if ((error as Error).message !== "the process died") throw error;
    }
  }
}

onEveryStore((opened) => {
  test("a process that dies at any commit leaves what the next call finishes", async () => {
    const { store } = opened;
    const all = wrappersOn(store);
    const { visitor, member } = newVisitor();
    await useEverything(all, visitor, "s-1");
    await useMuch(all, visitor);
    await useAccount(all, store, visitor);
    const [before, much] = [await everythingOf(all, store, visitor), await muchOf(all, visitor)];
    const sums = await all.ledger.totals(visitor);
    // Each process makes some commits more than the one before.
    expect(await untilMoved(store, visitor, member.user, isSoak ? 1 : 5)).toBeGreaterThan(1);
    expect(await everythingOf(all, store, member)).toEqual(before);
    expect(await muchOf(all, member)).toEqual(much);
    expect(await all.ledger.totals(member)).toEqual(sums);
    expect(await store.listSessions(visitor)).toEqual([]);
  });
});

inMemory((opened) => {
  test("no commit is one after which a death loses something", async () => {
    for (let at = 1; ; at += isSoak ? 1 : 9) {
      const all = wrappersOn(opened.store);
      const { visitor, member } = newVisitor();
      await useEverything(all, visitor, "s-1");
      await useMuch(all, visitor);
      await useAccount(all, opened.store, visitor);
      const [before, much] = [await everythingOf(all, opened.store, visitor), await muchOf(all, visitor)];
      const died = await moveUser(dyingAt(opened.store, "commit", at), visitor, member.user).then(
        () => false,
        () => true,
      );
      await moveUser(opened.store, visitor, member.user);
      expect([at, await everythingOf(all, opened.store, member)]).toEqual([at, before]);
      expect([at, await muchOf(all, member)]).toEqual([at, much]);
      if (!died) break;
    }
  });

  describe("a session that is larger than a commit", () => {
    test("is whole wherever a reader sees it", async () => {
      const all = wrappersOn(opened.store);
      const { visitor, member } = newVisitor();
      await useMuch(all, visitor);
      const seen = new Set<string>();
      let isDone = false;
      const reading = (async () => {
        while (!isDone) {
          await nextTurn();
          const count = async (user: UserIdentity) => {
            const who = { ...user, session: "large" };
            return all.sessions.read(who).then(
              (events) => events.length,
              () => 0,
            );
          };
          // The new user first: what moves between the two reads is then seen by none.
          seen.add(`${await count(member)} ${await count(visitor)}`);
        }
      })();
      await moveUser(opened.store, visitor, member.user);
      isDone = true;
      await reading;
      for (const counts of seen) expect([`0 ${EVENTS}`, `${EVENTS} 0`, "0 0"]).toContain(counts);
    });

    test("loses no event that is appended meanwhile, and no two movers make two of it", async () => {
      const all = wrappersOn(opened.store);
      const { visitor, member } = newVisitor();
      await useMuch(all, visitor);
      let appended = 0;
      let isDone = false;
      const writing = (async () => {
        for (let n = 0; !isDone; n++) {
          const done = await all.sessions
            .append({ ...visitor, session: "large" }, { id: `late-${n}`, value: n })
            .then(
              () => true,
              () => false,
            );
          if (done) appended++;
          // In memory nothing else would get its turn.
          await nextTurn();
        }
      })();
      await Promise.all([
        moveUser(opened.store, visitor, member.user),
        moveUser(opened.store, visitor, member.user),
      ]);
      isDone = true;
      await writing;
      const events = await all.sessions.read({ ...member, session: "large" });
      expect(events.map(({ number }) => number)).toEqual(
        Array.from({ length: EVENTS + appended }, (_, n) => n + 1),
      );
      expect(await all.ledger.totals(member)).toMatchObject({ cost: "1" });
    });
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
