import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { openStore, type StateError, type StateStore, userIdentity } from "../../src/index.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onEveryStore, onSharedStores } from "../typed/stores.js";
import { nextOf, note, textsUntil, told, within } from "./watching.js";

/** So long that no poll happens in a test. */
const NEVER = { pollMs: 3_600_000 };

onEveryStore((opened) => {
  test("slots are yielded as they are, then whenever they change, with copies of their own", async () => {
    const who = newSession();
    await opened.store.save(note(who, "a", "one"));
    const watch = opened.store.watch(
      ["a", "b"].map((kind) => ({ identity: who, kind })),
      NEVER,
    );
    const first = await nextOf(watch);
    expect(first).toEqual({ place: 0, identity: who, kind: "a", record: await opened.store.find(who, "a") });
    expect(await nextOf(watch)).toEqual({ place: 1, identity: who, kind: "b", record: undefined });
    first.record?.bytes.fill(0);
    await opened.store.save(note(who, "b", "two"));
    expect(told(await nextOf(watch))).toEqual(["b", "two"]);
    await opened.store.delete(who, "a");
    expect(told(await nextOf(watch))).toEqual(["a", undefined]);
    await opened.store.erase(who);
    expect(told(await nextOf(watch))).toEqual(["b", undefined]);
    await watch.return();
  });

  test("a change of this store waits in the watch before its caller goes on, whatever the operation", async () => {
    const who = newSession();
    const watch = opened.store.watch([{ identity: who, kind: "a" }], NEVER);
    await nextOf(watch);
    const saved = note(who, "a", "committed");
    await opened.store.commit([{ op: "save", record: saved }]);
    expect(told(await nextOf(watch))).toEqual(["a", "committed"]);
    await opened.store.commit([{ op: "erase", identity: who }]);
    expect(told(await nextOf(watch))).toEqual(["a", undefined]);
    await watch.return();
  });

  test("a slow caller gets the latest state of each slot and no backlog", async () => {
    const who = newSession();
    const watch = opened.store.watch(
      ["a", "b"].map((kind) => ({ identity: who, kind })),
      NEVER,
    );
    await nextOf(watch);
    for (const text of ["1", "2", "3"]) {
      await opened.store.save(note(who, "a", text));
      await opened.store.save(note(who, "b", text));
    }
    const notices = [told(await nextOf(watch)), told(await nextOf(watch))];
    expect(notices.sort()).toEqual([
      ["a", "3"],
      ["b", "3"],
    ]);
    await expectNothing(watch.next());
    await watch.return();
  });

  test("writes that change nothing, and other slots, are not yielded", async () => {
    const who = newSession();
    const saved = note(who, "a");
    await opened.store.save(saved);
    const watch = opened.store.watch([{ identity: who, kind: "a" }], { pollMs: 10 });
    await nextOf(watch);
    await opened.store.save(saved);
    await opened.store.save(note(who, "b"));
    await opened.store.save(note({ ...who, run: "r" }, "a"));
    await opened.store.save(note({ ...who, user: "bob" }, "a"));
    await opened.store.save(note(newSession(), "a"));
    await opened.store.commit([{ op: "check", identity: who, kind: "a", expect: saved.eventId }]);
    await opened.store.delete(who, "c");
    await expectNothing(watch.next());
    await watch.return();
  });

  test("a user's own state can be watched, and a hundred watches of one slot see each change", async () => {
    const { tenant, user } = newSession();
    const own = userIdentity(tenant, user);
    const watches = Array.from({ length: 100 }, () =>
      opened.store.watch([{ identity: own, kind: "a" }], NEVER),
    );
    await Promise.all(watches.map((watch) => nextOf(watch)));
    await opened.store.save(note(own, "a", "new"));
    for (const watch of watches) {
      const notice = await nextOf(watch);
      expect(told(notice)).toEqual(["a", "new"]);
      expect(await opened.store.find(notice.identity, "a")).toEqual(notice.record);
      await watch.return();
    }
  });

  test("256 slots are yielded in order, and each change once", async () => {
    const who = newSession();
    const kinds = Array.from({ length: 256 }, (_, n) => `kind/${n}`);
    await opened.store.commit(kinds.map((kind) => ({ op: "save", record: note(who, kind, kind) })));
    const watch = opened.store.watch(
      kinds.map((kind) => ({ identity: who, kind })),
      { pollMs: 10 },
    );
    for (const [place, kind] of kinds.entries()) {
      const notice = await nextOf(watch);
      expect([notice.place, ...told(notice)]).toEqual([place, kind, kind]);
    }
    await opened.store.commit(kinds.map((kind) => ({ op: "delete", identity: who, kind })));
    const emptied = new Set<string>();
    for (const _ of kinds) emptied.add((await nextOf(watch)).kind);
    expect(emptied.size).toBe(256);
    await expectNothing(watch.next());
    await watch.return();
  });

  describe("the end", () => {
    test("comes with the signal, return, disposal, break and an error in the loop", async () => {
      const who = newSession();
      const places = [{ identity: who, kind: "a" }];
      const controller = new AbortController();
      const ends: ((watch: ReturnType<StateStore["watch"]>) => unknown)[] = [
        (watch) => watch.return(),
        (watch) => watch[Symbol.asyncDispose](),
        () => controller.abort(),
      ];
      for (const end of ends) {
        const { signal } = controller;
        const watch = opened.store.watch(places, { ...NEVER, signal });
        await nextOf(watch);
        const waiting = watch.next();
        await end(watch);
        expect(await within(waiting)).toEqual({ done: true, value: undefined });
        expect(await watch.next()).toEqual({ done: true, value: undefined });
      }
      for await (const _ of opened.store.watch(places, { signal: controller.signal }))
        throw new Error("the signal had aborted before");
      for await (const _ of opened.store.watch(places)) break;
      const failing = async () => {
        for await (const _ of opened.store.watch(places)) throw new Error("in the loop");
      };
      await expect(failing()).rejects.toThrow("in the loop");
    });

    test("several calls of next wait for each other", async () => {
      const who = newSession();
      const watch = opened.store.watch(
        ["a", "b"].map((kind) => ({ identity: who, kind })),
        NEVER,
      );
      const notices = [watch.next(), watch.next(), watch.next(), watch.next()];
      await Promise.all(notices.slice(0, 2));
      await opened.store.save(note(who, "b", "new"));
      expect((await within(notices[2] as (typeof notices)[0])).value).toMatchObject({ place: 1 });
      await watch.return();
      expect(await within(notices[3] as (typeof notices)[0])).toEqual({ done: true, value: undefined });
    });
  });

  describe("refused at the call", () => {
    const who = newSession();
    const place = { identity: who, kind: "a" };
    const many = Array.from({ length: 257 }, (_, n) => ({ identity: who, kind: `${n}` }));
    test.each<readonly [name: string, places: unknown, options: unknown, code: string, field: string]>([
      ["nothing", undefined, {}, "INVALID_RECORD", "places"],
      ["an empty list", [], {}, "INVALID_RECORD", "places"],
      ["257 slots", many, {}, "INVALID_RECORD", "places"],
      ["one slot twice", [place, { ...place }], {}, "INVALID_RECORD", "places"],
      [
        "one slot twice, with an empty run",
        [place, { identity: { ...who, run: "" }, kind: "a" }],
        {},
        "INVALID_RECORD",
        "places",
      ],
      ["two tenants", [place, { identity: newSession(), kind: "a" }], {}, "INVALID_RECORD", "tenant"],
      ["a place that is none", [place, null], {}, "INVALID_RECORD", "places[1]"],
      ["a hole", new Array(2), {}, "INVALID_RECORD", "places[0]"],
      [
        "no tenant",
        [{ identity: { user: "u", session: "s" }, kind: "a" }],
        {},
        "IDENTITY_REQUIRED",
        "tenant",
      ],
      ["an empty kind", [{ identity: who, kind: "" }], {}, "INVALID_RECORD", "kind"],
      [
        "a reserved session",
        [{ identity: { ...who, session: "~" }, kind: "a" }],
        {},
        "INVALID_RECORD",
        "session",
      ],
      ["pollMs 0", [place], { pollMs: 0 }, "INVALID_RECORD", "pollMs"],
      ["pollMs undefined", [place], { pollMs: undefined }, "INVALID_RECORD", "pollMs"],
      ["pollMs of more than an hour", [place], { pollMs: 3_600_001 }, "INVALID_RECORD", "pollMs"],
      ["ref that is no boolean", [place], { ref: 1 }, "INVALID_RECORD", "ref"],
      ["a signal that is none", [place], { signal: {} }, "INVALID_RECORD", "signal"],
      ["a misspelt option", [place], { pollMS: 10 }, "INVALID_RECORD", "options"],
    ])("%s", (_, places, options, code, field) => {
      const refused = expect.objectContaining({
        code,
        details: expect.objectContaining({ field }),
      }) as StateError;
      expect(() => opened.store.watch(places as never, options as never)).toThrow(refused);
    });
  });
});

onSharedStores((opened) => {
  test("the change of another store shows within the smallest pollMs wanted", async () => {
    const other = await openStore(opened.url);
    const who = newSession();
    const places = [{ identity: who, kind: "a" }];
    const patient = opened.store.watch(places, NEVER);
    await nextOf(patient);
    const quick = opened.store.watch(places, { pollMs: 20 });
    await nextOf(quick);
    await other.save(note(who, "a", "saved"));
    expect(told(await nextOf(quick))).toEqual(["a", "saved"]);
    expect(told(await nextOf(patient))).toEqual(["a", "saved"]);
    await other.delete(who, "a");
    expect(told(await nextOf(patient))).toEqual(["a", undefined]);
    await other.save(note(who, "a", "again"));
    await other.erase(who);
    expect(told(await nextOf(quick))).toEqual(["a", undefined]);
    await quick.return();
    await patient.return();
    await other.close();
  });

  test("a watch that closes its store ends, and calls after that are refused", async () => {
    const store = await openStore(opened.url);
    const places = [{ identity: newSession(), kind: "a" }];
    const loop = (async () => {
      let notices = 0;
      for await (const _ of store.watch(places, NEVER)) notices++;
      return notices;
    })();
    const unused = store.watch(places);
    await sleep(50);
    await store.close();
    expect(await within(loop)).toBe(1);
    expect(await unused.next()).toEqual({ done: true, value: undefined });
    expect(() => store.watch(places)).toThrow(expect.objectContaining({ code: "STORE_CLOSED" }));
  });

  test("each process sees the last of what another process and two stores write into one slot", async () => {
    const other = await openStore(opened.url);
    const who = newSession();
    const places = [{ identity: who, kind: "a" }];
    const inThisProcess = [opened.store, other].map((store) =>
      textsUntil(store.watch(places, { pollMs: 5 }), "last"),
    );
    const writer = `
      const save = (text) => store.save({
        eventId: me + "-" + text, identity: args.who, kind: "a", bytes: new TextEncoder().encode(text),
      });
      for (let n = 0; n < 50; n++) await save(String(n));
      console.log(JSON.stringify("done"));
    `;
    const watcher = `
      for await (const { record } of store.watch([{ identity: args.who, kind: "a" }], { pollMs: 5 })) {
        if (record !== undefined && new TextDecoder().decode(record.bytes) === "last") break;
      }
      console.log(JSON.stringify("seen"));
    `;
    const watching = inProcesses(1, opened.url, { who }, watcher);
    const writing = inProcesses(1, opened.url, { who }, writer);
    const here = [opened.store, other].map(async (store) => {
      for (let n = 0; n < 50; n++) await store.save(note(who, "a", String(n)));
    });
    await Promise.all([writing, ...here]);
    await other.save(note(who, "a", "last"));
    expect(await within(watching, 30_000)).toEqual(["seen"]);
    for (const texts of await within(Promise.all(inThisProcess))) expect(texts.at(-1)).toBe("last");
    await other.close();
  });
});

/** Fails if the promise resolves, after time for several polls. */
async function expectNothing(promise: Promise<unknown>): Promise<void> {
  const nothing = Symbol();
  expect(await Promise.race([promise, sleep(80, nothing)])).toBe(nothing);
}
