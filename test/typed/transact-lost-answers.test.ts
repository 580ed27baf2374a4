import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { isStateError, newEventId, openStore, StateError, type StateStore } from "../../src/index.js";
import { Collection, TypedSlot, transact } from "../../src/typed/index.js";
import { withMethods } from "../sessions/rig.js";
import { withCommit } from "./commits.js";
import { losingAnswers } from "./lost-answers.js";
import { newSession, onEveryStore } from "./stores.js";

const unknown = () =>
  new StateError("OUTCOME_UNKNOWN", "retry it with the same event ids", { details: {}, retryable: true });
const unavailable = () => new StateError("UNAVAILABLE", "no", { details: { reason: "unreachable" } });
const closed = () => new StateError("STORE_CLOSED", "closed", { details: {} });

onEveryStore((opened) => {
  const counter = (store = opened.store) => new TypedSlot<number>(store, "count");
  const increment = (n = 0) => n + 1;

  /** A store with a scripted result for each commit: applied, applied without an answer, or an error instead. */
  function scripted(...script: ("do" | "lose" | (() => Error))[]) {
    const commits: unknown[] = [];
    const store = withCommit(opened.store, async (changes, options) => {
      commits.push(changes);
      const next = script.shift() ?? "do";
      if (typeof next === "function") throw next();
      const receipt = await opened.store.commit(changes, options);
      if (next === "lose") throw unknown();
      return receipt;
    });
    return { store, commits };
  }

  test("after a lost answer the same commit is sent again, and is not applied twice", async () => {
    const who = newSession();
    const { store, commits } = scripted("lose", unknown, unavailable);
    expect(await counter(store).update(who, increment)).toBe(1);
    expect(await counter().get(who)).toBe(1);
    expect(commits).toHaveLength(4);
    expect(new Set(commits).size).toBe(1);
  });

  test("a set whose answer was lost is written once, and one that was overtaken does not return", async () => {
    const who = newSession();
    const store = withCommit(opened.store, async (changes, options) => {
      const receipt = await opened.store.commit(changes, options);
      if (!receipt.duplicate) {
        await counter().set(who, 2);
        throw unknown();
      }
      return receipt;
    });
    expect((await counter(store).set(who, 1)).duplicate).toBe(true);
    expect(await counter().get(who)).toBe(2);
  });

  describe("with a short idempotency window", () => {
    const WINDOW_MS = 300;

    async function shortLived<R>(work: (store: StateStore) => Promise<R>): Promise<R> {
      const store = await openStore(opened.url, { idempotencyWindowMs: WINDOW_MS });
      try {
        return await work(store);
      } finally {
        await store.close();
      }
    }

    test.each(["set", "update"] as const)(
      "a commit is not sent again once the store may have forgotten its id (%s): an old value does not come back",
      (method) =>
        shortLived(async (own) => {
          const who = newSession();
          const eventId = newEventId();
          let lost = false;
          const losing = withMethods(own, {
            commit: async (changes, options) => {
              const receipt = await own.commit(changes, options);
              if (lost || changes.every(({ op }) => op === "check")) return receipt;
              lost = true;
              await counter(own).set(who, 2);
              await sleep(WINDOW_MS + 100);
              // This save removes the forgotten event ids.
              await own.save({
                eventId: newEventId(),
                identity: who,
                kind: "other",
                bytes: Buffer.from("x"),
              });
              throw unknown();
            },
          });
          const slot = counter(losing);
          const call =
            method === "set"
              ? slot.set(who, 1, { eventId })
              : transact(losing, (t) => t.set(slot.at(who), 1, eventId), { repeatable: true });
          await expect(call).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
          expect(await counter(own).get(who)).toBe(2);
        }),
    );

    test("a repeated commit waits no longer than the store knows its id", () =>
      shortLived(async (own) => {
        let tries = 0;
        const waiting = withMethods(own, {
          commit: async (_, options) => {
            if (tries++ === 0) throw unknown();
            return new Promise((_resolve, reject) => {
              options?.signal?.addEventListener("abort", () => reject(options.signal?.reason));
            });
          },
        });
        const setting = counter(waiting).set(newSession(), 1);
        await expect(setting).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
        expect(tries).toBe(2);
      }));
  });

  describe("after an unknown outcome, an answer from the check of the event ids is final", () => {
    test("a condition that failed is tried anew", async () => {
      const who = newSession();
      const { store } = scripted(unknown);
      const updating = counter(store).update(who, async (n = 0) => {
        if (n === 0) await counter().set(who, 10);
        return n + 1;
      });
      expect(await updating).toBe(11);
    });

    test("a conflict is a conflict", async () => {
      const who = newSession();
      const eventId = newEventId();
      await counter().set(who, 1, { eventId });
      const { store, commits } = scripted(unknown);
      await expect(counter(store).set(who, 2, { eventId })).rejects.toMatchObject({
        code: "IDEMPOTENCY_CONFLICT",
      });
      expect(commits).toHaveLength(2);
    });
  });

  describe("an unknown outcome outlives refusals", () => {
    test.each([
      ["UNAVAILABLE", unavailable],
      ["STORE_CLOSED", closed],
      ["OUTCOME_UNKNOWN", unknown],
    ])("%s after it stays OUTCOME_UNKNOWN", async (_, refusal) => {
      const who = newSession();
      const other = newSession();
      const eventId = newEventId();
      const lost = () => scripted("lose", ...Array(5).fill(refusal)).store;
      const [update, set, transaction] = await Promise.allSettled([
        counter(lost()).update(who, increment),
        counter(lost()).set(other, 5, { eventId }),
        transact(lost(), async (t) => t.set(counter().at(newSession()), 6), { repeatable: true }),
      ]);
      const doubt = (retryable: boolean) => ({ reason: { code: "OUTCOME_UNKNOWN", retryable } });
      expect(update).toMatchObject(doubt(false));
      expect(String((update as PromiseRejectedResult).reason)).not.toContain("same event ids");
      expect(set).toMatchObject(doubt(true));
      expect(transaction).toMatchObject(doubt(true));
      expect(await counter().get(who)).toBe(1);
      expect(await counter().set(other, 5, { eventId })).toMatchObject({ duplicate: true });
    });

    test("but a refusal before any unknown outcome is reported at once", async () => {
      const { store, commits } = scripted(unavailable);
      await expect(counter(store).update(newSession(), increment)).rejects.toMatchObject({
        code: "UNAVAILABLE",
        details: { reason: "unreachable" },
      });
      expect(commits).toHaveLength(1);
    });
  });

  test("a commit of deletes alone has no event ids: its lost answer is OUTCOME_UNKNOWN, and it is not sent again", async () => {
    const who = newSession();
    await counter().set(who, 7);
    const { store, commits } = scripted("lose");
    const take = transact(store, async (transaction) => {
      const value = await transaction.get(counter().at(who));
      transaction.delete(counter().at(who));
      return value;
    });
    await expect(take).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN", retryable: false });
    expect(commits).toHaveLength(1);
    expect(await counter().get(who)).toBeUndefined();
  });

  describe("when others are faster each time", () => {
    test("the attempts are bound: UNAVAILABLE busy, with nothing written", async () => {
      const who = newSession();
      let tries = 0;
      const losing = counter().update(
        who,
        async () => {
          await counter().set(who, -++tries);
          return 1;
        },
        { attempts: 3 },
      );
      await expect(losing).rejects.toMatchObject({
        code: "UNAVAILABLE",
        details: { reason: "busy" },
        retryable: true,
      });
      expect([tries, await counter().get(who)]).toEqual([3, -3]);
    });

    test("an abort while pausing rejects with the reason", async () => {
      const who = newSession();
      const control = new AbortController();
      const reason = new Error("enough");
      let tries = 0;
      const losing = counter().update(
        who,
        async () => {
          await counter().set(who, -1);
          if (++tries === 10) setImmediate(() => control.abort(reason));
          return 1;
        },
        { signal: control.signal, attempts: 10_000 },
      );
      await expect(losing).rejects.toBe(reason);
      expect(await counter().get(who)).toBe(-1);
    });
  });

  test("an abort before the first attempt, or while waiting for the lock: the work does not begin", async () => {
    const who = newSession();
    const began = () => expect.unreachable("it began");
    await expect(counter().update(who, began, { signal: AbortSignal.abort("before") })).rejects.toBe(
      "before",
    );
    await expect(counter().set(who, 1, { signal: AbortSignal.abort("before") })).rejects.toBe("before");
    const control = new AbortController();
    const first = counter().update(who, async () => {
      await sleep(20);
      return 1;
    });
    const waiting = counter().update(who, began, { signal: control.signal });
    control.abort("meanwhile");
    await expect(waiting).rejects.toBe("meanwhile");
    expect(await first).toBe(1);
  });

  test("an abort after an unknown outcome does not hide it, and the commit is sent once more", async () => {
    const who = newSession();
    const control = new AbortController();
    const { store } = scripted(() => {
      control.abort("too late");
      return unknown();
    }, unknown);
    await expect(counter(store).set(who, 1, { signal: control.signal })).rejects.toMatchObject({
      code: "OUTCOME_UNKNOWN",
    });
  });

  test("a shared signal does not draw a warning from a crowd that pauses", async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on("warning", note);
    const { signal } = new AbortController();
    const { store } = scripted(...Array(30).fill(unknown));
    await Promise.all(Array.from({ length: 30 }, () => counter(store).set(newSession(), 1, { signal })));
    await sleep(1);
    process.off("warning", note);
    expect(warnings).toEqual([]);
  });

  describe("on a connection that loses 15 % of the requests and 15 % of the answers", () => {
    const lossy = () => losingAnswers(opened.store, { requests: 0.15, replies: 0.15 });

    /** Counts the calls that succeeded, and those with an unknown outcome. */
    async function tally(calls: Promise<unknown>[]) {
      const outcomes = await Promise.allSettled(calls);
      const errors = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
      for (const error of errors) if (!isStateError(error, "OUTCOME_UNKNOWN")) throw error;
      return { done: outcomes.length - errors.length, doubtful: errors.length };
    }

    test("each increment is counted once; without retries it is not", async () => {
      const who = newSession();
      const store = lossy();
      const { done, doubtful } = await tally(
        Array.from({ length: 64 }, () => counter(store).update(who, increment)),
      );
      const counted = (await counter().get(who)) ?? 0;
      expect(counted).toBeGreaterThanOrEqual(done);
      expect(counted).toBeLessThanOrEqual(done + doubtful);
      expect(doubtful).toBeLessThan(4);

      const other = newSession();
      const naive = async (): Promise<unknown> => {
        const current = await counter().find(other);
        const { kind, codec } = counter().at(other);
        const bytes = await codec.encode((current?.value ?? 0) + 1);
        const record = { eventId: newEventId(), identity: other, kind, bytes };
        return store.save(record, { expect: current?.eventId ?? null }).catch(naive);
      };
      for (let n = 0; n < 64; n++) await naive();
      expect(await counter().get(other)).toBeGreaterThan(64);
    });

    test("transfers between five accounts keep the sum", async () => {
      const who = newSession();
      const accounts = new Collection<number>(opened.store, "accounts");
      const ids = ["a", "b", "c", "d", "e"];
      for (const id of ids) await accounts.put(who, id, 100);
      const store: StateStore = lossy();
      const pick = () => ids[Math.floor(Math.random() * ids.length)] as string;
      const transfer = () => {
        const [from, to] = [accounts.at(who, pick()), accounts.at(who, pick())];
        return transact(store, async (transaction) => {
          await transaction.set(from, ((await transaction.get(from)) as number) - 1);
          await transaction.set(to, ((await transaction.get(to)) as number) + 1);
        });
      };
      const { done } = await tally(Array.from({ length: 48 }, transfer));
      expect(done).toBeGreaterThan(44);
      const balances = (await accounts.list(who)).map(({ value }) => value);
      expect(balances.reduce((sum, balance) => sum + balance)).toBe(500);
      expect(balances).not.toEqual([100, 100, 100, 100, 100]);
    });
  });
});

test("on a store that was closed", async () => {
  const store = await openStore("memory:");
  await store.close();
  await expect(new TypedSlot<number>(store, "s").update(newSession(), () => 1)).rejects.toMatchObject({
    code: "STORE_CLOSED",
  });
});
