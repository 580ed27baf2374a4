import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { StateStore } from "../../src/index.js";
import { Choices } from "./choices.js";
import { seatAt } from "./client.js";
import { type ClientStep, type Plan, planOf } from "./client-plan.js";
import type { History } from "./history.js";
import { judge } from "./judge.js";
import { play } from "./play.js";
import { until } from "./smallest.js";

/** Callers who ask at the same time. With more of them a history has more orders than can be tried. */
export const CLIENTS = 4;

/** How many orders are tried: about a second's work. */
const MOST_ORDERS = 20_000;

/** What the clients of a seed do. */
export function racePlanOf(seed: number, operations: number): Plan {
  return planOf(new Choices(seed), CLIENTS, Math.max(2, Math.ceil(operations / CLIENTS)));
}

/** Lets the clients ask these stores, one of them each, and records what they were told. */
export async function raceOn(stores: readonly StateStore[], plan: Plan, tenant: string): Promise<History> {
  return { calls: await play(plan, stores.map(seatAt), tenant, aMoment), asksAgain: false };
}

/**
 * The part of a history that is judged: all of it, or its beginning where it has more orders than can be tried. What was
 * under way by then has no end.
 */
export function judged({ calls, asksAgain }: History): { history: History; isLinearizable: boolean } {
  for (let most = calls.length; ; most = Math.floor(most / 2)) {
    const history = { calls: beginning(calls, most), asksAgain };
    const { is } = judge(history, MOST_ORDERS);
    if (is !== "undecided") return { history, isLinearizable: is === "linearizable" };
  }
}

/** What was known when so many calls had ended. */
function beginning(calls: History["calls"], most: number): History["calls"] {
  const ends = calls.flatMap(({ ended }) => (ended === undefined ? [] : [ended])).sort((a, b) => a - b);
  return most >= ends.length ? calls : until(calls, ends[most - 1] ?? 0);
}

/** The steps of all clients in one list, and back. */
export function flat(plan: Plan): readonly (readonly [client: number, step: ClientStep])[] {
  return plan.flatMap((steps, client) => steps.map((step) => [client, step] as const));
}

export function unflat(list: ReturnType<typeof flat>, clients: number): Plan {
  return Array.from({ length: clients }, (_, client) =>
    list.filter(([of]) => of === client).map(([, step]) => step),
  );
}

/** Most often no more than a turn of the event loop. */
const aMoment = () => (Math.random() < 0.7 ? turn() : sleep(Math.random() * 2));
