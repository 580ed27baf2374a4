import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore } from "../../src/index.js";
import { onEveryStore } from "../typed/stores.js";
import { type Answers, answersTo, CALLERS, type Caller, firstOf, lastOf } from "./crossed-names.js";

// A stack then has its title alone, and a hundred thousand of them cost little.
Error.stackTraceLimit = 0;

/** How many try everything at the same time. */
const AT_ONCE = 64;

const alone = new Map<Caller, Answers>();
for (const caller of CALLERS) {
  const store = createStore(await openMemory());
  await store.save(firstOf(caller));
  alone.set(caller, await answersTo(caller, store));
  await store.close();
}

test("alone, a caller is shown no payload by any error", () => {
  const refusals = [...alone.values()]
    .flat()
    .flatMap(([, answer]) => ("shows" in answer ? [answer.shows] : []));
  expect(refusals.length).toBeGreaterThan(10_000);
  expect(refusals.filter(Boolean)).toEqual([]);
});

onEveryStore((opened) => {
  test("among a thousand others, each is answered as if nobody else were there", async () => {
    const { store } = opened;
    await Promise.all(CALLERS.map((caller) => store.save(firstOf(caller), { expect: null })));
    const wrong: unknown[] = [];
    const callers = CALLERS.values();
    const some = async (): Promise<void> => {
      for (const caller of callers) {
        const due = alone.get(caller);
        for (const [index, answer] of (await answersTo(caller, store)).entries()) {
          if (isDeepStrictEqual(answer, due?.[index])) continue;
          wrong.push({ at: caller.place, answer, andAlone: due?.[index] });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
    expect(wrong.slice(0, 3)).toEqual([]);
    const found = await Promise.all(CALLERS.map(({ place }) => store.find(place.identity, place.kind)));
    expect(isDeepStrictEqual(found, CALLERS.map(lastOf)), "what everybody saved last").toBe(true);
  }, 120_000);
});
