import { expect, test } from "vitest";
import { IndexCache } from "../../src/search/index-cache.js";

/** An index that is refreshed by hand. */
function byHand(size = 1) {
  const state = { refreshes: 0, size, asked: [] as number[], signal: undefined as AbortSignal | undefined };
  let finish: ((error?: Error) => void) | undefined;
  const index = {
    get size() {
      return state.size;
    },
    refresh: (signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        state.refreshes++;
        state.signal = signal;
        finish = (error) => (error ? reject(error) : resolve());
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
  };
  return { state, index, finish: (error?: Error) => finish?.(error) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("a query that comes during a refresh waits for the next one, which it shares", async () => {
  const { state, index, finish } = byHand();
  const cache = new IndexCache<typeof index>({ maxSize: 10, maxCount: 10 });
  const ask = () => state.refreshes;
  const first = cache.query("a", () => index, ask, undefined);
  const later = [1, 2, 3].map(() => cache.query("a", () => index, ask, undefined));
  expect(state.refreshes).toBe(1);
  finish();
  expect(await first).toBe(1);
  await turn();
  expect(state.refreshes).toBe(2);
  finish();
  expect(await Promise.all(later)).toEqual([2, 2, 2]);
});

test("a refresh that fails fails the queries that wait for it, and no others", async () => {
  const { index, finish } = byHand();
  const cache = new IndexCache<typeof index>({ maxSize: 10, maxCount: 10 });
  const ask = () => "answer";
  const first = cache.query("a", () => index, ask, undefined);
  const second = cache.query("a", () => index, ask, undefined);
  finish(new Error("unavailable"));
  await expect(first).rejects.toThrow("unavailable");
  await turn();
  finish();
  expect(await second).toBe("answer");
  await turn();
  const failing = cache.query(
    "a",
    () => index,
    () => {
      throw new Error("a query of its own");
    },
    undefined,
  );
  finish();
  await expect(failing).rejects.toThrow("a query of its own");
});

test("a query that is aborted rejects at once, and a refresh for which nobody waits ends", async () => {
  const { state, index } = byHand();
  const cache = new IndexCache<typeof index>({ maxSize: 10, maxCount: 10 });
  const [one, two] = [new AbortController(), new AbortController()];
  const first = cache.query(
    "a",
    () => index,
    () => 1,
    one.signal,
  );
  one.abort(new Error("no more"));
  await expect(first).rejects.toThrow("no more");
  expect(state.signal?.aborted).toBe(true);
  await turn();
  const second = cache.query(
    "a",
    () => index,
    () => 2,
    two.signal,
  );
  two.abort(new Error("nor this"));
  await expect(second).rejects.toThrow("nor this");
  await expect(
    cache.query(
      "a",
      () => index,
      () => 3,
      AbortSignal.abort(new Error("late")),
    ),
  ).rejects.toThrow("late");
});

test("the indexes used last are kept, by size and by number", async () => {
  const made: string[] = [];
  const query = (cache: IndexCache<{ size: number; refresh(): Promise<void> }>, name: string) =>
    cache.query(
      name,
      () => {
        made.push(name);
        return { size: 4, refresh: async () => {} };
      },
      () => name,
      undefined,
    );
  const bySize = new IndexCache<{ size: number; refresh(): Promise<void> }>({ maxSize: 10, maxCount: 10 });
  for (const name of ["a", "b", "a", "c", "a", "b"]) {
    await query(bySize, name);
    await turn();
  }
  expect(made).toEqual(["a", "b", "c", "b"]);
  bySize.forget("b");
  await query(bySize, "b");
  expect(made).toEqual(["a", "b", "c", "b", "b"]);
  made.length = 0;
  const byCount = new IndexCache<{ size: number; refresh(): Promise<void> }>({ maxSize: 1000, maxCount: 1 });
  for (const name of ["a", "a", "b", "a"]) {
    await query(byCount, name);
    await turn();
  }
  expect(made).toEqual(["a", "b", "a"]);
});
