import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { mutants } from "../../conformance/index.js";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, type StateStore } from "../../src/index.js";
import { onEveryStore } from "../typed/stores.js";
import { type Answers, answersTo, CALLERS, type Caller, firstOf, lastOf } from "./crossed-names.js";
import { takenFromOthers } from "./emptied-names.js";

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

test("alone, nobody is shown a payload by an error", () => {
  const answers = [...alone.values()].flat().map(([, answer]) => answer);
  const shows = answers.flatMap((answer) => ("shows" in answer ? [answer.shows] : []));
  expect(shows.length).toBeGreaterThan(5_000);
  expect(shows.filter(Boolean)).toEqual([]);
});

onEveryStore((opened) => {
  test("among all others, each is answered as if nobody else were there", async () => {
    const { store } = opened;
    expect((await wrongAnswers(store, CALLERS)).slice(0, 3)).toEqual([]);
    const found = await Promise.all(CALLERS.map(({ place }) => store.find(place.identity, place.kind)));
    expect(isDeepStrictEqual(found, CALLERS.map(lastOf)), "what each saved last").toBe(true);
    await Promise.all(CALLERS.map(({ place }) => store.delete(place.identity, place.kind)));
  }, 120_000);

  test("who overwrites, deletes or erases, one after another, takes nothing from anybody else", async () => {
    expect(
      await takenFromOthers(
        opened.store,
        CALLERS.map(({ place }) => place),
      ),
    ).toEqual([]);
  }, 120_000);
});

test.each([
  ["folds-names", "by user"],
  ["falls-back-to-look-alikes", "by user"],
  ["scans-tenants-like-sql", "%"],
])("control: a store that %s answers wrong", async (id, tenant) => {
  const callers = CALLERS.filter(({ place }) => tenant === "%" || place.identity.tenant === tenant);
  expect((await wrongAnswers(await openMutant(id), callers.slice(0, 200))).length).toBeGreaterThan(0);
});

test.each(["deletes-in-any-case", "erases-by-locale", "folds-names"])(
  "control: a store that %s takes from others",
  async (id) => {
    const places = CALLERS.map(({ place }) => place);
    const sessions = places.filter(({ identity }) => identity.tenant === "by session");
    expect((await takenFromOthers(await openMutant(id), sessions)).length).toBeGreaterThan(0);
  },
);

/** Where the answers in the crowd are not those that the caller had alone. */
async function wrongAnswers(store: StateStore, callers: readonly Caller[]): Promise<unknown[]> {
  await Promise.all(callers.map((caller) => store.save(firstOf(caller))));
  const wrong: unknown[] = [];
  const waiting = callers.values();
  const some = async (): Promise<void> => {
    for (const caller of waiting) {
      const due = alone.get(caller);
      for (const [index, answer] of (await answersTo(caller, store)).entries()) {
        if (isDeepStrictEqual(answer, due?.[index])) continue;
        wrong.push({ at: caller.place, answer, andAlone: due?.[index] });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, some));
  return wrong;
}

async function openMutant(id: string): Promise<StateStore> {
  const mutant = mutants.find((each) => each.id === id);
  if (mutant === undefined) throw new Error(`there is no mutant ${id}`);
  return mutant.harness.open("control", {});
}
