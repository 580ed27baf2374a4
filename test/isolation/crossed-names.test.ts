import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { mutants } from "../../conformance/index.js";
import { CLOSEST_NAMES } from "../../conformance/inputs/hostile-names.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, type StateStore } from "../../src/index.js";
import { isSoak } from "../soak.js";
import { onEveryStore } from "../typed/stores.js";
import { type Answers, answersTo, CALLERS, type Caller, firstOf, lastOf } from "./crossed-names.js";
import { PLACES, takenFromOthers } from "./emptied-names.js";

// A stack then has its title alone, and a hundred thousand of them cost little.
Error.stackTraceLimit = 0;

/** In a short run the store in memory meets half of the confusions, with the names that are close to one another still side by side. */
const MANY = isSoak ? CALLERS : CALLERS.filter((_, index) => index % 16 < 8);

/** The databases meet an eighth of them. */
const SOME = isSoak ? CALLERS : CALLERS.filter((_, index) => index % 16 < 2);

/** How many try everything at the same time. */
const AT_ONCE = isSoak ? 64 : 16;

const alone = new Map<Caller, Answers>();
for (const caller of new Set([...MANY, ...CALLERS.slice(0, CLOSEST_NAMES.length)])) {
  const store = createStore(await openMemory());
  await store.save(firstOf(caller));
  alone.set(caller, await answersTo(caller, store));
  await store.close();
}

test("alone, nobody is shown a payload by an error", () => {
  const answers = [...alone.values()].flat().map(([, answer]) => answer);
  const shows = answers.flatMap((answer) => ("shows" in answer ? [answer.shows] : []));
  expect(shows.length).toBeGreaterThan(isSoak ? 4_000 : 2_000);
  expect(shows.filter(Boolean)).toEqual([]);
});

onEveryStore((opened) => {
  test("among all others, each is answered as if nobody else were there", async () => {
    const { store, url } = opened;
    const callers = url === "memory:" ? MANY : SOME;
    expect((await wrongAnswers(store, callers)).slice(0, 3)).toEqual([]);
    const found = await Promise.all(callers.map(({ place }) => store.find(place.identity, place.kind)));
    expect(isDeepStrictEqual(found, callers.map(lastOf)), "what each saved last").toBe(true);
    await Promise.all(callers.map(({ place }) => store.delete(place.identity, place.kind)));
  }, 120_000);

  test("who overwrites, deletes or erases, one after another, takes nothing from anybody else", async () => {
    expect(await takenFromOthers(opened.store, PLACES)).toEqual([]);
  }, 120_000);
});

test.each(["folds-names", "falls-back-to-look-alikes", "scans-tenants-like-sql"])(
  "control: a store that %s answers wrong",
  async (id) => {
    const wrong = await wrongAnswers(await openMutant(id), CALLERS.slice(0, CLOSEST_NAMES.length));
    expect(wrong.length).toBeGreaterThan(0);
  },
);

test.each(["folds-names", "deletes-in-any-case", "erases-by-locale"])(
  "control: a store that %s takes from others",
  async (id) => {
    const sessions = PLACES.filter(({ identity }) => identity.tenant === "by session");
    expect((await takenFromOthers(await openMutant(id), sessions)).length).toBeGreaterThan(0);
  },
);

/**
 * Where the answers in the crowd are not those that the caller had alone. Half of the callers ask, while the others have
 * their records there; then the other half. Names that are close to one another are in different halves.
 */
async function wrongAnswers(store: StateStore, callers: readonly Caller[]): Promise<unknown[]> {
  await Promise.all(callers.map((caller) => store.save(firstOf(caller))));
  const wrong: unknown[] = [];
  const compare = async (caller: Caller): Promise<void> => {
    const due = alone.get(caller);
    for (const [index, answer] of (await answersTo(caller, store)).entries()) {
      if (isDeepStrictEqual(answer, due?.[index])) continue;
      wrong.push({ at: caller.place, answer, andAlone: due?.[index] });
    }
  };
  for (const half of [0, 1]) {
    const asking = callers.filter((_, index) => index % 2 === half).values();
    const some = async (): Promise<void> => {
      for (const caller of asking) await compare(caller);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, some));
  }
  return wrong;
}

async function openMutant(id: string): Promise<StateStore> {
  const mutant = mutants.find((each) => each.id === id);
  if (mutant === undefined) throw new Error(`there is no mutant ${id}`);
  return mutant.harness.open("control", {});
}
