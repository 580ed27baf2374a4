import { setTimeout as sleep } from "node:timers/promises";
import { type Identity, newEventId, type StateStore } from "../../../dist/src/index.js";
import { openFresh, type Place } from "../fresh-store.js";
import type { NeighbourResult } from "../results.js";
import { percentile } from "../statistics.js";

export interface NeighboursInput extends Place {
  readonly rounds: number;
  /** How many calls a flood has. */
  readonly calls: Readonly<Record<Flood, number>>;
}

export type Flood = "saves of 256 B" | "saves of 64 KiB" | "erases" | "lists";

const FLOODS: readonly Flood[] = ["saves of 256 B", "saves of 64 KiB", "erases", "lists"];
/** In a round. A flood may be over after a few, and is made again then. */
const SAVES = 100;
const MOST_FLOODS = 20;
const EVERY_MS = 5;
const ALONE: Identity = { tenant: "alone", user: "ada", session: "session" };
const LISTED: Identity = { tenant: "crowd", user: "ada", session: "listed" };

/** Saves of one tenant, alone and beside floods of another, in turn. */
export async function run(input: NeighboursInput): Promise<NeighbourResult[]> {
  const store = await openFresh(input);
  for (let index = 0; index < 20; index++) await save(store, LISTED, `kind/${index}`, 256);
  const took = new Map<string, number[]>(["nothing", ...FLOODS].map((beside) => [beside, []]));
  let floods = 0;
  for (let round = 1; round <= input.rounds; round++) {
    for (const [beside, latencies] of took) {
      const wanted = round * SAVES;
      if (beside === "nothing") await saveAlone(store, latencies, () => latencies.length >= wanted);
      for (let tries = 0; latencies.length < wanted && tries < MOST_FLOODS; tries++)
        await saveBeside(store, latencies, await prepared(store, beside as Flood, input, floods++));
    }
  }
  await store.close();
  return [...took].map(([beside, latencies]) => {
    const sorted = latencies.sort((a, b) => a - b);
    const times = { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
    return { driver: input.driver, beside, saves: sorted.length, ...times };
  });
}

/** All calls of a flood at once, when they are asked for. */
async function prepared(
  store: StateStore,
  flood: Flood,
  { calls }: NeighboursInput,
  number: number,
): Promise<() => Promise<unknown>[]> {
  const numbers = Array.from({ length: calls[flood] }, (_, index) => index);
  const sessionOf = (index: number): Identity => ({ ...LISTED, session: `${number}-${index}` });
  switch (flood) {
    case "saves of 256 B":
      return () => numbers.map((index) => save(store, sessionOf(index % 100), `kind/${index}`, 256));
    case "saves of 64 KiB":
      return () => numbers.map((index) => save(store, sessionOf(index % 100), `large/${index % 7}`, 65_536));
    case "erases": {
      const erased = numbers.map((index): Identity => ({ ...sessionOf(index), user: "erased" }));
      await Promise.all(erased.map((session) => save(store, session, "kind", 256)));
      return () => erased.map((session) => store.erase(session));
    }
    case "lists":
      return () => numbers.map(() => store.list(LISTED, ""));
  }
}

async function saveBeside(
  store: StateStore,
  latencies: number[],
  flood: () => Promise<unknown>[],
): Promise<void> {
  let isOver = false;
  const flooding = Promise.all(flood()).finally(() => {
    isOver = true;
  });
  await Promise.all([flooding, saveAlone(store, latencies, () => isOver)]);
}

async function saveAlone(store: StateStore, latencies: number[], isEnough: () => boolean): Promise<void> {
  do {
    const started = performance.now();
    await save(store, ALONE, "kind", 256);
    latencies.push(performance.now() - started);
    await sleep(EVERY_MS);
  } while (!isEnough());
}

function save(store: StateStore, identity: Identity, kind: string, bytes: number): Promise<unknown> {
  return store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.alloc(bytes, 7) });
}
