import { expect, test } from "vitest";
import { userIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { isSoak } from "../soak.js";
import { inProcesses } from "../typed/processes.js";
import { onSharedStores } from "../typed/stores.js";
import { newUser } from "./rig.js";

/** In each process: the store behind an unreliable connection, and a function that repeats a call until it is answered. */
const UNRELIABLE_STORE = `
  import { isStateError, StateError } from "groundstate";
  import { createSessions } from "groundstate/sessions";
  const broken = () => {
    if (Math.random() < 0.1) throw new StateError("OUTCOME_UNKNOWN", "the line broke", { details: {} });
  };
  const line = new Proxy(store, {
    get(target, name) {
      if (name !== "commit") return typeof target[name] === "function" ? target[name].bind(target) : target[name];
      return async (...given) => {
        broken();
        const receipt = await target.commit(...given);
        broken();
        return receipt;
      };
    },
  });
  const sessions = createSessions(line);
  const untilAnswered = async (call) => {
    for (;;) {
      try {
        return await call();
      } catch (error) {
        if (!isStateError(error, "OUTCOME_UNKNOWN") && !isStateError(error, "UNAVAILABLE")) throw error;
      }
    }
  };
`;

interface Appended {
  readonly numbers: readonly number[];
  readonly retried: readonly unknown[];
}

onSharedStores((opened) => {
  const newSession = async () => {
    const sessions = createSessions(opened.store);
    const who = { ...newUser(), session: "s" };
    await sessions.create(who, { metadata: { n: 0 } });
    return { sessions, who };
  };

  test("two processes append to one session over an unreliable connection: nothing lost, nothing twice, no gap", async () => {
    const { sessions, who } = await newSession();
    const each = 30;
    const appended = await inProcesses<Appended>(
      2,
      opened.url,
      { who, each },
      `${UNRELIABLE_STORE}
      const events = Array.from({ length: args.each }, (_, n) => ({ id: me + "-" + n, value: [me, n] }));
      const numbers = [], retried = [];
      for (const event of events) {
        numbers.push(...(await untilAnswered(() => sessions.append(args.who, event))).numbers);
      }
      for (const event of events) retried.push(await untilAnswered(() => sessions.append(args.who, event)));
      console.log(JSON.stringify({ numbers, retried }));`,
    );
    const events = await sessions.read(who);
    expect(events.map(({ number }) => number)).toEqual(Array.from({ length: 2 * each }, (_, n) => n + 1));
    for (const [me, { numbers, retried }] of appended.entries()) {
      const mine = events.filter(({ value }) => (value as number[])[0] === me);
      expect(mine.map(({ value }) => (value as number[])[1])).toEqual(
        Array.from({ length: each }, (_, n) => n),
      );
      expect(mine.map(({ number }) => number)).toEqual(numbers);
      expect(retried).toEqual(numbers.map((number) => ({ duplicate: true, numbers: [number] })));
    }
    expect((await sessions.list(who)).sessions).toEqual([await sessions.get(who)]);
  });

  test("processes with eight callers each append to one session: none is refused, each caller's events are in order", async () => {
    const { sessions, who } = await newSession();
    const [callers, each] = [8, isSoak ? 40 : 4];
    const processes = isSoak ? 8 : 3;
    const appended = await inProcesses<number[]>(
      processes,
      opened.url,
      { who, callers, each },
      `import { createSessions } from "groundstate/sessions";
      const sessions = createSessions(store);
      const append = async (caller) => {
        const numbers = [];
        for (let n = 0; n < args.each; n++)
          numbers.push(...(await sessions.append(args.who, { value: [me, caller, n] })).numbers);
        return numbers;
      };
      const numbers = await Promise.all(Array.from({ length: args.callers }, (_, caller) => append(caller)));
      console.log(JSON.stringify(numbers.flat()));`,
    );
    const events = await sessions.read(who);
    expect(events.map(({ number }) => number)).toEqual(events.map((_, index) => index + 1));
    expect(appended.flat().sort((a, b) => a - b)).toEqual(events.map(({ number }) => number));
    for (let me = 0; me < processes; me++)
      for (let caller = 0; caller < callers; caller++) {
        const own = events.flatMap(({ value }) => {
          const [by, of, n] = value as [number, number, number];
          return by === me && of === caller ? [n] : [];
        });
        expect(own).toEqual(Array.from({ length: each }, (_, n) => n));
      }
  });

  test("of a process that is killed while many append, all that was acknowledged is there, without a gap", async () => {
    const { sessions, who } = await newSession();
    const [acknowledged = []] = await inProcesses<number[]>(
      1,
      opened.url,
      { who },
      `import { writeSync } from "node:fs";
      import { createSessions } from "groundstate/sessions";
      const commit = store.commit.bind(store);
      const numbers = [];
      let commits = 0;
      store.commit = (...given) => {
        const committing = commit(...given);
        // Under way, and nobody will learn of it.
        if (++commits === 6) {
          writeSync(1, JSON.stringify(numbers));
          process.exit();
        }
        return committing;
      };
      const sessions = createSessions(store);
      await Promise.all(Array.from({ length: 16 }, async (_, caller) => {
        for (;;) numbers.push(...(await sessions.append(args.who, { value: caller })).numbers);
      }));`,
    );
    expect(acknowledged.length).toBeGreaterThan(16);
    const stored = (await sessions.read(who)).map(({ number }) => number);
    expect(stored).toEqual(stored.map((_, index) => index + 1));
    expect(stored).toEqual(expect.arrayContaining(acknowledged));
    expect((await sessions.append(who, { value: "after" })).numbers).toEqual([stored.length + 1]);
  });

  test("two processes do append at the same time: their events are mixed (control)", async () => {
    const { sessions, who } = await newSession();
    await inProcesses(
      2,
      opened.url,
      { who },
      `${UNRELIABLE_STORE}
      const mine = createSessions(store);
      let last = 0;
      // Until the other came in between three times, or is done.
      for (let between = 0, alone = 0; between < 3 && alone < (between ? 50 : 1000); ) {
        const { numbers: [number] } = await mine.append(args.who, { value: me });
        if (number === last + 1) alone++;
        else [between, alone] = [between + 1, 0];
        last = number;
      }
      console.log("0");`,
    );
    const writers = (await sessions.read(who)).map(({ value }) => value);
    const turns = writers.filter((writer, n) => n > 0 && writer !== writers[n - 1]).length;
    expect(turns).toBeGreaterThan(1);
  });

  test("of many processes that create one session, one succeeds, and its retries are duplicates", async () => {
    const sessions = createSessions(opened.store);
    for (let round = 0; round < (isSoak ? 2 : 1); round++) {
      const who = { ...newUser(), session: "s" };
      const outcomes = await inProcesses<string>(
        5,
        opened.url,
        { who },
        `${UNRELIABLE_STORE}
        const once = me < 3 ? { eventId: "e", metadata: { by: "e" } } : { metadata: { by: String(me) } };
        const create = () => createSessions(me < 3 ? line : store).create(args.who, once);
        const outcome = await untilAnswered(create).then(
          ({ session, duplicate }) => (duplicate ? "duplicate of " : "created ") + session.metadata.by,
          ({ code }) => code,
        );
        console.log(JSON.stringify(outcome));`,
      );
      const { by } = (await sessions.get(who)).metadata as { by: string };
      const made = outcomes.filter((outcome) => outcome === `created ${by}`);
      const known = outcomes.filter((outcome) => outcome === `duplicate of ${by}`);
      const refused = outcomes.filter((outcome) => outcome === "ALREADY_EXISTS");
      // Over an unreliable connection the winner's own retry may be the duplicate.
      expect(made.length).toBeLessThanOrEqual(1);
      expect(made.length + known.length).toBe(by === "e" ? 3 : 1);
      expect(refused.length).toBe(by === "e" ? 2 : 4);
      expect((await sessions.list(who)).sessions).toHaveLength(1);
    }
  });

  test.each(["close", "delete"] as const)("processes append while another's %s comes", async (end) => {
    const { sessions, who } = await newSession();
    const outcomes = await inProcesses<{ acknowledged: string[]; code: string }>(
      3,
      opened.url,
      { who, end },
      `${UNRELIABLE_STORE}
      const acknowledged = [];
      let code = "";
      if (me === 0) {
        const others = createSessions(store);
        while ((await others.read(args.who, { limit: 1 })).length === 0)
          await new Promise((resolve) => setTimeout(resolve, 10));
        await untilAnswered(() => sessions[args.end](args.who));
      } else {
        for (let n = 0; code === ""; n++) {
          const id = me + "-" + n;
          await untilAnswered(() => sessions.append(args.who, { id, value: n })).then(
            () => acknowledged.push(id),
            (error) => (code = error.code),
          );
        }
      }
      console.log(JSON.stringify({ acknowledged, code }));`,
    );
    const code = end === "close" ? "SESSION_CLOSED" : "NOT_FOUND";
    expect(outcomes.map((outcome) => outcome.code)).toEqual(["", code, code]);
    const acknowledged = outcomes.flatMap((outcome) => outcome.acknowledged);
    expect(acknowledged.length).toBeGreaterThan(0);
    if (end === "close") {
      const events = await sessions.read(who);
      expect(events.map(({ id }) => id).sort()).toEqual(acknowledged.sort());
    } else {
      const user = userIdentity(who.tenant, who.user);
      expect(await opened.store.list(who, "")).toEqual([]);
      // A lost answer to the last commit leaves the mark of the deletion to a later list.
      expect(await opened.store.list(user, "session.index/")).toEqual([]);
    }
  });

  test("metadata that several processes count up is exact", async () => {
    const { sessions, who } = await newSession();
    await inProcesses(
      3,
      opened.url,
      { who },
      `${UNRELIABLE_STORE}
      for (let n = 0; n < 15; n++) {
        await createSessions(store).changeMetadata(args.who, ({ n }) => ({ n: n + 1 }));
      }
      console.log("0");`,
    );
    expect((await sessions.get(who)).metadata).toEqual({ n: 45 });
  });

  test("a process that is killed before its delete is committed leaves the session as it was", async () => {
    const { sessions, who } = await newSession();
    await sessions.append(who, { value: 1 });
    await inProcesses(
      1,
      opened.url,
      { who },
      `import { createSessions } from "groundstate/sessions";
      store.commit = () => {
        console.log("0");
        process.exit();
      };
      await createSessions(store).delete(args.who);`,
    );
    expect(await sessions.read(who)).toHaveLength(1);
    expect((await sessions.list(who)).sessions).toHaveLength(1);
    expect(await sessions.delete(who)).toBe(true);
    expect(await opened.store.list(who, "")).toEqual([]);
    expect(await opened.store.list(userIdentity(who.tenant, who.user), "session.")).toEqual([]);
  });
});
