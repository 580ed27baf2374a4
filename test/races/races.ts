import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { openMemory } from "../../drivers/memory/index.js";
import type { Driver } from "../../src/contract/driver.js";
import type { Pause } from "./bad-line.js";
import type { Break } from "./broken-drivers.js";
import type { Races } from "./run.js";
import { playOn, type Scenario, scenarios } from "./scenario.js";
import { Turns } from "./turns.js";

const asItIs: Break = (driver) => driver;

/** Clients of two stores on one driver in memory, each history on an empty one. A seed repeats all of it. */
export function racesInMemory(made: Break = asItIs): Races<[number, Scenario]> {
  const order = fc.noShrink(fc.nat());
  return (look) =>
    fc.asyncProperty(order, scenarios(4, 16), async (order, scenario) => {
      const turns = new Turns(order);
      const { pause } = turns;
      const time = { now: () => 0, elapsed: () => 0 };
      const runtime = { ...time, schedule: (pump: () => void) => void pause().then(pump) };
      const driver = made(await openMemory(), pause);
      look(await turns.until(playOn([driver, driver], scenario, "acme", pause, runtime)));
    });
}

/**
 * Clients of a store on each of these drivers, which have the same data, each history in a tenant of its own. What comes
 * next is up to the machine: a seed repeats who asks for what, and no more.
 */
export function racesOn(drivers: readonly Driver[], made: Break = asItIs): Races<[Scenario]> {
  const used = drivers.map((driver) => made(driver, aMoment));
  return (look) =>
    fc.asyncProperty(scenarios(5, 14), async (scenario) => {
      look(await playOn(used, scenario, newTenant(), aMoment));
    });
}

let tenants = 0;

export function newTenant(): string {
  return `tenant-${++tenants}`;
}

/** Most often no more than a turn of the event loop. */
const aMoment: Pause = () => (Math.random() < 0.7 ? turn() : sleep(Math.random() * 2));
