import { expect, test } from "vitest";
import { openStore, type SessionIdentity, StateError } from "../../src/index.js";
import { createSessions, type SessionFollow } from "../../src/sessions/index.js";
import { inProcesses } from "../typed/processes.js";
import { onEveryStore, onSharedStores } from "../typed/stores.js";
import { newUser, withMethods } from "./rig.js";

const BY = { by: "grace", reason: "private" };

/** The next changes, as short texts. */
async function told(follow: SessionFollow<unknown>, count: number): Promise<string[]> {
  const texts: string[] = [];
  for (let n = 0; n < count; n++) {
    const { value: change, done } = await follow.next();
    if (done) return [...texts, "end"];
    if (change.is === "event" || change.is === "changed") {
      const { event } = change;
      const what = "damage" in event ? "damaged" : event.redacted ? "redacted" : event.value;
      texts.push(`${change.is} ${event.number} ${what}`);
    } else if (change.is === "truncated") texts.push(`truncated after ${change.after} up to ${change.upTo}`);
    else if (change.is === "trimmed") texts.push(`trimmed up to ${change.upTo}`);
    else texts.push(change.is);
  }
  return texts;
}

onEveryStore((opened) => {
  const newSession = async (...values: readonly string[]) => {
    const sessions = createSessions(opened.store);
    const who: SessionIdentity = { ...newUser(), session: "s" };
    await sessions.create(who);
    if (values.length > 0)
      await sessions.append(
        who,
        values.map((value) => ({ value })),
      );
    return { sessions, who };
  };

  test("what may not be followed is refused, at the call where nothing has to be read", async () => {
    const { sessions, who } = await newSession();
    for (const [field, options] of [
      ["from", { from: 0 }],
      ["from", { from: undefined as never }],
      ["pollMs", { pollMs: 0 }],
      ["damaged", { damaged: "skip" as never }],
      ["options", { form: 1 } as never],
    ] as const) {
      expect(() => sessions.follow(who, options), field).toThrow(
        expect.objectContaining({ code: "INVALID_RECORD", details: expect.objectContaining({ field }) }),
      );
    }
    const nobody = sessions.follow({ ...who, session: "none" });
    await expect(nobody.next()).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(await nobody.next()).toEqual({ done: true, value: undefined });
  });

  test("events are told from a number on, then as they come, with what becomes of them", async () => {
    const { sessions, who } = await newSession("a", "b", "c");
    await using follow = sessions.follow(who, { from: 2 });
    expect(await told(follow, 2)).toEqual(["event 2 b", "event 3 c"]);
    const [next] = await Promise.all([told(follow, 1), sessions.append(who, { value: "d" })]);
    expect(next).toEqual(["event 4 d"]);
    // Of a message that grows, a reader that is slow is told the latest state.
    for (const text of ["do", "don", "done"]) await sessions.replace(who, { number: 4, value: text });
    await sessions.redact(who, 1, BY);
    await sessions.redact(who, 2, BY);
    expect(await told(follow, 2)).toEqual(["changed 4 done", "changed 2 redacted"]);
    await sessions.pop(who, 2);
    await sessions.append(who, { value: "e" });
    expect(await told(follow, 2)).toEqual(["truncated after 2 up to 4", "event 5 e"]);
    await sessions.rewrite(who, [{ value: "f" }]);
    expect(await told(follow, 2)).toEqual(["trimmed up to 5", "event 6 f"]);
    await sessions.delete(who);
    await sessions.create(who);
    expect(await told(follow, 2)).toEqual(["deleted", "end"]);
  });

  test("who has missed more edits than are kept is told everything anew", async () => {
    const { sessions, who } = await newSession(...Array.from({ length: 70 }, (_, n) => `v${n + 1}`));
    await using follow = sessions.follow(who);
    expect((await told(follow, 70)).at(-1)).toBe("event 70 v70");
    for (let number = 1; number <= 70; number++) await sessions.redact(who, number, BY);
    const anew = await told(follow, 71);
    expect([anew[0], anew[1], anew[70]]).toEqual(["reset", "event 1 redacted", "event 70 redacted"]);
  });

  test("it ends with its signal and when it is left, also while it waits; a slow reader is held nothing back", async () => {
    const { sessions, who } = await newSession("a");
    const ending = new AbortController();
    const follows = [sessions.follow(who, { signal: ending.signal }), sessions.follow(who)] as const;
    for (const follow of follows) expect(await told(follow, 1)).toEqual(["event 1 a"]);
    const waiting = follows.map((follow) => told(follow, 1));
    ending.abort();
    await follows[1].return();
    expect(await Promise.all(waiting)).toEqual([["end"], ["end"]]);
    expect(await told(follows[0], 1)).toEqual(["end"]);
  });

  test("a store that is unavailable for a while is asked again", async () => {
    const { who } = await newSession("a");
    let failures = 3;
    const flaky = withMethods(opened.store, {
      list: (async (...args: Parameters<typeof opened.store.list>) => {
        if (failures-- > 0)
          throw new StateError("UNAVAILABLE", "away", { details: { reason: "unreachable" } });
        return opened.store.list(...args);
      }) as typeof opened.store.list,
    });
    await using follow = createSessions(flaky).follow(who);
    expect(await told(follow, 1)).toEqual(["event 1 a"]);
    expect(failures).toBeLessThan(0);
  });

  test("a damaged event is told as such, or ends it", async () => {
    const { sessions, who } = await newSession("a", "b", "c");
    await opened.store.delete(who, "session.events/0000000000000002");
    await using marked = sessions.follow(who, { damaged: "mark" });
    expect(await told(marked, 3)).toEqual(["event 1 a", "event 2 damaged", "event 3 c"]);
    await sessions.replace(who, { number: 2, value: "B" });
    expect(await told(marked, 1)).toEqual(["changed 2 B"]);
    await opened.store.delete(who, "session.events/0000000000000002");
    await expect(told(sessions.follow(who), 3)).rejects.toMatchObject({ code: "CORRUPT" });
  });
});

test("it ends when the store is closed", async () => {
  const store = await openStore("memory:");
  const sessions = createSessions(store);
  const who = { ...newUser(), session: "s" };
  await sessions.create(who);
  const waiting = told(sessions.follow(who), 1);
  await store.close();
  expect(await waiting).toEqual(["end"]);
});

onSharedStores((opened) => {
  test("what another process appends, replaces and takes back is told, each number once and in order", async () => {
    const sessions = createSessions(opened.store);
    const who = { ...newUser(), session: "s" };
    await sessions.create(who);
    await using follow = sessions.follow(who, { pollMs: 5 });
    const writing = inProcesses(
      2,
      opened.url,
      { who },
      `import { createSessions } from "groundstate/sessions";
      const sessions = createSessions(store);
      for (let n = 0; n < 20; n++) {
        const { numbers } = await sessions.append(args.who, { value: me + "-" + n });
        if (n % 4 === 0) await sessions.replace(args.who, { number: numbers[0], value: "replaced" }).catch(() => {});
        if (n % 5 === 0) await sessions.pop(args.who);
      }
      console.log("null");`,
    );
    const finished = writing.then(() => sessions.append(who, { value: "last" }));
    const history = new Map<number, unknown>();
    let told = 0;
    for await (const change of follow) {
      if (change.is === "event") {
        const { number, value } = change.event as { number: number; value: unknown };
        expect(number).toBeGreaterThan(told);
        told = number;
        history.set(number, value);
        if (value === "last") break;
      } else if (change.is === "changed") {
        const { number, value } = change.event as { number: number; value: unknown };
        history.set(number, value);
      } else if (change.is === "truncated") {
        for (const number of history.keys())
          if (number > change.after && number <= change.upTo) history.delete(number);
      }
    }
    await finished;
    const stored = await sessions.read(who);
    expect([...history]).toEqual(stored.map(({ number, value }) => [number, value]));
  });
});
