import fc from "fast-check";
import { Choices } from "../../conformance/histories/choices.js";
import { planOf } from "../../conformance/histories/client-plan.js";
import { incidentsOf, playAcross } from "../../conformance/histories/process-course.js";
import type { StoreProcesses } from "../../conformance/histories/store-processes.js";
import { newTenant } from "./races.js";
import type { Races } from "./run.js";

/** Clients of the stores of several processes, which meet with incidents if they `areHit`, each history in a tenant of its own. */
export function racesAcross(processes: StoreProcesses, clients: number, areHit = true): Races<[number]> {
  return (look) =>
    fc.asyncProperty(fc.noShrink(fc.nat()), async (seed) => {
      const choices = new Choices(seed);
      const plan = planOf(choices, clients, 12);
      const incidents = areHit ? incidentsOf(choices, clients, processes.size) : [];
      look({ calls: await playAcross(processes, plan, incidents, newTenant()), asksAgain: false });
    });
}
