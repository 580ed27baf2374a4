import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { type Plan, plans } from "./client-plan.js";
import { play } from "./play.js";
import { newTenant } from "./races.js";
import type { Races } from "./run.js";
import type { StoreProcesses } from "./store-processes.js";

/** What happens to a process as soon as so many moves were made and it has something to do. */
export interface Incident {
  readonly what: "freeze" | "kill";
  readonly after: number;
  readonly place: number;
}

const FROZEN_MS = 20;

/** Clients of the stores of several processes, which meet with incidents, each history in a tenant of its own. */
export function racesAcross(
  processes: StoreProcesses,
  clients: number,
  most = 2,
): Races<[Plan, readonly Incident[]]> {
  const incident: fc.Arbitrary<Incident> = fc.record({
    what: fc.constantFrom("freeze", "kill"),
    after: fc.nat(clients * 5),
    place: fc.nat(processes.size - 1),
  });
  const incidents = fc.array(incident, { minLength: Math.min(1, most), maxLength: most });
  return (look) =>
    fc.asyncProperty(plans(clients, 12), incidents, async (plan, incidents) => {
      const course = new Course(processes, incidents);
      const calls = await play(plan, processes.seats(clients), newTenant(), () => course.goOn());
      await course.end();
      look({ calls, asksAgain: false });
    });
}

/** The moves of all clients, and the incidents between them. */
class Course {
  readonly #fleet: StoreProcesses;
  readonly #coming: Set<Incident>;
  readonly #underWay: Promise<void>[] = [];
  #moves = 0;

  constructor(processes: StoreProcesses, incidents: readonly Incident[]) {
    this.#fleet = processes;
    this.#coming = new Set(incidents);
  }

  async goOn(): Promise<void> {
    this.#moves++;
    for (const incident of this.#coming) {
      const { after, place } = incident;
      if (this.#moves > after && this.#fleet.isBusy(place)) this.#meet(incident);
    }
    await turn();
  }

  /** Whoever was killed has a successor, and nobody stands still. */
  async end(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  #meet(incident: Incident): void {
    this.#coming.delete(incident);
    const { what, place } = incident;
    this.#underWay.push(what === "kill" ? this.#fleet.kill(place) : this.#fleet.freeze(place, FROZEN_MS));
  }
}
