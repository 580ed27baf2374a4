import { describe, expect, test } from "vitest";
import { ReadSlots } from "../../src/queue/read-slots.js";
import { CallTimes } from "../../src/timing/call-time.js";

const TIME = new CallTimes(60_000).begin();

/** Reads that start when they get a slot and end when the test says so, by name. */
function reads(turns: ReadSlots) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    ask: (tenant: string, name: string, signal?: AbortSignal) =>
      turns.run(
        tenant,
        () => {
          begun.push(name);
          return new Promise<void>((resolve) => ends.set(name, resolve));
        },
        signal,
        TIME,
      ),
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      for (let turn = 0; turn < 10; turn++) await undefined;
    },
  };
}

describe("slots of reads", () => {
  test("no tenant holds all of several slots, however long its reads last", async () => {
    const turns = new ReadSlots(3);
    const { ask, begun } = reads(turns);
    for (const name of ["a1", "a2", "a3", "a4"]) void ask("a", name);
    void ask("b", "b1");
    expect(begun).toEqual(["a1", "a2", "b1"]);
    expect(turns.depth).toEqual({ waiting: 2, underWay: 3 });
  });

  test("a single slot goes to any tenant", () => {
    const { ask, begun } = reads(new ReadSlots(1));
    void ask("a", "a1");
    void ask("b", "b1");
    expect(begun).toEqual(["a1"]);
  });

  test("a read that ends lets its own tenant's next start, and tenants are served in round robin", async () => {
    const turns = new ReadSlots(2);
    const { ask, begun, end } = reads(turns);
    void ask("a", "a1");
    void ask("a", "a2");
    void ask("b", "b1");
    void ask("c", "c1");
    void ask("c", "c2");
    expect(begun).toEqual(["a1", "b1"]);
    await end("b1");
    expect(begun).toEqual(["a1", "b1", "c1"]);
    await end("a1");
    expect(begun).toEqual(["a1", "b1", "c1", "a2"]);
    await end("a2");
    expect(turns.depth).toEqual({ waiting: 1, underWay: 1 });
    await end("c1");
    expect(begun.at(-1)).toBe("c2");
    await end("c2");
    expect(turns.depth).toEqual({ waiting: 0, underWay: 0 });
  });

  test("a read that is aborted while it waits takes no slot", async () => {
    const turns = new ReadSlots(2);
    const { ask, begun, end } = reads(turns);
    const abort = new AbortController();
    void ask("a", "a1");
    const aborted = ask("a", "a2", abort.signal);
    void ask("a", "a3");
    abort.abort(new Error("enough"));
    await expect(aborted).rejects.toThrow("enough");
    await end("a1");
    expect(begun).toEqual(["a1", "a3"]);
  });
});
