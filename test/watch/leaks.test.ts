import { execFile } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, type StateStore } from "../../src/index.js";
import { collectGarbage, methods } from "../store/store-rig.js";
import { newSession, onEveryStore } from "../typed/stores.js";
import { nextOf, note } from "./watching.js";

/** The built package, for child processes. */
const built = (path: string) => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);

/** Outlives the watches that it could end. */
const lasting = new AbortController();

onEveryStore((opened) => {
  test("watches that have ended leave no timer, no listener and no memory", async () => {
    const timers = activeTimers();
    const ended = await endedWatches(opened.store);
    await allCollected(ended);
    expect(activeTimers()).toBeLessThanOrEqual(timers);
  });

  test("an open watch that nobody waits for, and one with ref: false, let the process end", async () => {
    const script = (rest: string) => `
      import { openStore } from ${built("src/index.js")};
      import ${built("drivers/index.js")};
      const store = await openStore(${JSON.stringify(opened.url)});
      const places = [{ identity: ${JSON.stringify(newSession())}, kind: "a" }];
      ${rest}
      console.log("end");
    `;
    for (const rest of [
      "await store.watch(places).next();",
      "const watch = store.watch(places, { ref: false }); await watch.next(); void watch.next();",
    ])
      expect(await run(script(rest))).toEqual({ stdout: "end\n", stderr: "" });
  });
});

test("a process that waits for a change stays alive until it comes", async () => {
  const script = `
    import { openStore } from ${built("src/index.js")};
    import ${built("drivers/index.js")};
    const [store, other] = [await openStore("sqlite::memory:"), await openStore("memory:")];
    const places = [{ identity: ${JSON.stringify(newSession())}, kind: "a" }];
    const watch = store.watch(places);
    await watch.next();
    setTimeout(() => store.save({ eventId: "e", kind: "a", bytes: new Uint8Array(1), ...places[0] }), 300).unref();
    console.log((await watch.next()).value.record.eventId);
  `;
  expect(await run(script)).toEqual({ stdout: "e\n", stderr: "" });
});

test("a watch that the caller has dropped ends, and one whose next is under way does not", async () => {
  let asked = 0;
  const memory = await openMemory();
  const store = createStore({
    ...methods(memory),
    async readEventIds(slots) {
      asked++;
      return (await memory.read(slots)).map((record) => record?.eventId);
    },
  });
  const who = newSession();
  const places = [{ identity: who, kind: "a" }];
  const dropped = await droppedWatch(() => store.watch(places, { pollMs: 1 }));
  await expect.poll(() => asked).toBeGreaterThan(2);
  await allCollected([dropped]);
  const isQuiet = async () => {
    const before = asked;
    await sleep(30);
    return asked === before;
  };
  await expect.poll(isQuiet, { timeout: 60_000 }).toBe(true);
  const waiting = nextAfterFirst(() => store.watch(places, { pollMs: 1 }));
  await sleep(20);
  for (let n = 0; n < 5; n++) {
    collectGarbage();
    await sleep(5);
  }
  await store.save(note(who, "a"));
  expect((await waiting).done).toBe(false);
  await store.close();
});

/** Starts watches and ends them, half of them while `next` waits. */
async function endedWatches(store: StateStore): Promise<WeakRef<object>[]> {
  const places = [{ identity: newSession(), kind: "a" }];
  const ended: WeakRef<object>[] = [];
  for (let n = 0; n < 20; n++) {
    const watch = store.watch(places, { signal: lasting.signal, pollMs: 60_000 });
    ended.push(new WeakRef(watch));
    await nextOf(watch);
    if (n % 2 === 0) void watch.next();
    await watch.return();
  }
  return ended;
}

/** Starts a watch, and keeps nothing of it. */
async function droppedWatch(open: () => ReturnType<ReturnType<typeof createStore>["watch"]>) {
  const watch = open();
  await nextOf(watch);
  return new WeakRef<object>(watch);
}

/** The promise of the second notice, and nothing else of the watch. */
async function nextAfterFirst(open: () => ReturnType<ReturnType<typeof createStore>["watch"]>) {
  const watch = open();
  await nextOf(watch);
  return watch.next();
}

async function allCollected(refs: readonly WeakRef<object>[]): Promise<void> {
  const isCollected = async () => {
    collectGarbage();
    await sleep(5);
    return refs.every((ref) => ref.deref() === undefined);
  };
  await expect.poll(isCollected, { timeout: 60_000 }).toBe(true);
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

/** A process that does not end is killed, and fails the test. */
function run(script: string) {
  return promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { timeout: 60_000 });
}
