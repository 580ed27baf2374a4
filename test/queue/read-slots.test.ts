import { describe, expect, test } from "vitest";
import { ReadSlots } from "../../src/queue/read-slots.js";
import { CallTimes } from "../../src/timing/call-time.js";

/** Longer than a run of all tests: nobody waits for the reads that are left. */
const TIME = new CallTimes(86_400_000).begin();

/** Reads that start when they get a slot and end when the test says so, by name. */
function reads(slots: ReadSlots) {
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    started,
    ask: (tenant: string, name: string, signal?: AbortSignal) =>
      slots.run(
        tenant,
        () => {
          started.push(name);
          return new Promise<void>((resolve) => ends.set(name, resolve));
        },
        signal,
        TIME,
      ),
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      for (let tick = 0; tick < 10; tick++) await undefined;
    },
  };
}

describe("slots of reads", () => {
  test("no tenant holds all of several slots, however long its reads last", async () => {
    const slots = new ReadSlots(3);
    const { ask, started } = reads(slots);
    for (const name of ["a1", "a2", "a3", "a4"]) void ask("a", name);
    void ask("b", "b1");
    expect(started).toEqual(["a1", "a2", "b1"]);
    expect(slots.depth).toEqual({ waiting: 2, underWay: 3 });
  });

  test("a single slot goes to any tenant", () => {
    const { ask, started } = reads(new ReadSlots(1));
    void ask("a", "a1");
    void ask("b", "b1");
    expect(started).toEqual(["a1"]);
  });

  test("a read that ends lets its own tenant's next start, and tenants are served in round robin", async () => {
    const slots = new ReadSlots(2);
    const { ask, started, end } = reads(slots);
    void ask("a", "a1");
    void ask("a", "a2");
    void ask("b", "b1");
    void ask("c", "c1");
    void ask("c", "c2");
    expect(started).toEqual(["a1", "b1"]);
    await end("b1");
    expect(started).toEqual(["a1", "b1", "c1"]);
    await end("a1");
    expect(started).toEqual(["a1", "b1", "c1", "a2"]);
    await end("a2");
    expect(slots.depth).toEqual({ waiting: 1, underWay: 1 });
    await end("c1");
    expect(started.at(-1)).toBe("c2");
    await end("c2");
    expect(slots.depth).toEqual({ waiting: 0, underWay: 0 });
  });

  test("a read that is aborted while it waits takes no slot", async () => {
    const slots = new ReadSlots(2);
    const { ask, started, end } = reads(slots);
    const abort = new AbortController();
    void ask("a", "a1");
    const aborted = ask("a", "a2", abort.signal);
    void ask("a", "a3");
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await end("a1");
    expect(started).toEqual(["a1", "a3"]);
  });
});
