import { describe, expect, test } from "vitest";
import { ReadSlots } from "../../src/queue/read-slots.js";
import { CallTimes } from "../../src/timing/call-time.js";

const TIME = new CallTimes(60_000).begin();

/** Reads that begin when they have a place and end when told to, under their names. */
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

describe("places of reads", () => {
  test("no tenant has all of several, however long its reads last", async () => {
    const turns = new ReadSlots(3);
    const { ask, begun } = reads(turns);
    for (const name of ["a1", "a2", "a3", "a4"]) void ask("a", name);
    void ask("b", "b1");
    expect(begun).toEqual(["a1", "a2", "b1"]);
    expect(turns.depth).toEqual({ waiting: 2, underWay: 3 });
  });

  test("the only place goes to whoever asks", () => {
    const { ask, begun } = reads(new ReadSlots(1));
    void ask("a", "a1");
    void ask("b", "b1");
    expect(begun).toEqual(["a1"]);
  });

  test("one that ends lets its own tenant's next begin, and tenants take turns", async () => {
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

  test("one that is aborted while it waits takes no place", async () => {
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
