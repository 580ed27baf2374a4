import { describe, expect, test, vi } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { openSqlite } from "../../drivers/sqlite/index.js";
import { createStore } from "../../src/store/driver-store.js";
import { steadyClock, steadyNow } from "../../src/timing/clock.js";
import { IDENTITY } from "../store/store-rig.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const START = Date.UTC(2030, 0, 1);

/** A clock of a simulated machine: time passes, it sleeps, and its time of day is set. */
function machine() {
  const time = { wall: START, elapsed: 0, uptime: 500 };
  const now = steadyClock({
    wall: () => time.wall,
    elapsed: () => time.elapsed,
    uptime: () => time.uptime,
  });
  return {
    now,
    pass(ms: number) {
      for (const source of ["wall", "elapsed", "uptime"] as const) time[source] += ms;
    },
    sleep(ms: number) {
      time.wall += ms;
      time.uptime += ms;
    },
    set(ms: number) {
      time.wall += ms;
    },
    /** The clock minus the time of day. */
    off: () => now() - time.wall,
  };
}

describe("a steady clock", () => {
  test("begins with the time of day and goes with it", () => {
    const { now, pass, off } = machine();
    expect(now()).toBe(START);
    for (const ms of [1, 250, HOUR, 30 * 24 * HOUR]) {
      pass(ms);
      expect(off()).toBe(0);
    }
  });

  test.each([HOUR, 365 * 24 * HOUR, -HOUR])(
    "is not moved by a time of day that is %i ms off for ten seconds",
    (jump) => {
      const { now, pass, set, off } = machine();
      now();
      set(jump);
      for (let n = 0; n < 10; n++) {
        const before = now();
        pass(SECOND);
        const step = now() - before;
        expect(step).toBeGreaterThanOrEqual(SECOND / 2);
        expect(step).toBeLessThanOrEqual(1.5 * SECOND);
      }
      set(-jump);
      expect(Math.abs(off())).toBeLessThanOrEqual(5 * SECOND);
      pass(11 * SECOND);
      expect(off()).toBe(0);
    },
  );

  test("approaches a time of day that was set ahead, at one and a half times the speed", () => {
    const { now, pass, set, off } = machine();
    now();
    set(25 * HOUR);
    pass(10 * HOUR);
    expect(off()).toBe(-20 * HOUR);
    pass(40 * HOUR);
    expect(off()).toBe(0);
  });

  test("takes over a time of day that has been set back for a minute", () => {
    const { now, pass, set, off } = machine();
    set(-365 * 24 * HOUR);
    now();
    pass(MINUTE);
    expect(off()).toBe(0);
  });

  test("jumps by as much as the machine has slept, and no further", () => {
    const { now, pass, sleep, set, off } = machine();
    now();
    sleep(8 * HOUR);
    expect(off()).toBe(0);
    pass(MINUTE);
    now();
    set(HOUR);
    expect(off()).toBe(-HOUR);
    sleep(8 * HOUR);
    expect(off()).toBe(-HOUR);
  });

  test("follows the monotonic clock if there is no time of day", () => {
    const time = { wall: START, elapsed: 0 };
    const now = steadyClock({
      wall: () => time.wall,
      elapsed: () => time.elapsed,
      uptime: () => time.elapsed,
    });
    now();
    time.wall = Number.NaN;
    time.elapsed = 5;
    expect(now()).toBe(START + 5);
  });
});

test("the process's clock goes on under a test runner's fake time", async () => {
  vi.useFakeTimers({ now: 0 });
  try {
    const before = steadyNow();
    expect(before).toBeGreaterThan(Date.UTC(2020, 0, 1));
    await vi.waitUntil(() => steadyNow() > before);
  } finally {
    vi.useRealTimers();
  }
});

test.each([
  ["memory", () => openMemory()],
  ["sqlite", () => openSqlite({ path: ":memory:" })],
])(
  "a late retry stays one while the time of day is wrong for a moment, and after, in %s",
  async (_, open) => {
    const time = { ms: START };
    const store = createStore(
      await open(),
      { idempotencyWindowMs: 30 * MINUTE },
      {
        now: () => time.ms,
        schedule: setImmediate,
      },
    );
    const record = (eventId: string, kind = "note") => ({
      eventId,
      identity: IDENTITY,
      kind,
      bytes: Buffer.from(eventId),
    });
    await store.save(record("old"));
    await store.save(record("new"));
    for (const ahead of [HOUR, -HOUR, 0]) {
      time.ms = START + ahead;
      for (const kind of ["a", "b", "c"]) await store.save(record(`${kind} ${ahead}`, kind));
      expect((await store.save(record("old"))).duplicate).toBe(true);
      expect((await store.save(record("a 3600000", "a"))).duplicate).toBe(true);
    }
    expect((await store.load(IDENTITY, "note")).eventId).toBe("new");
    await store.close();
  },
);
