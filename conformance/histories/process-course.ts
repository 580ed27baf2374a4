import { setImmediate as turn } from "node:timers/promises";
import type { Choices } from "./choices.js";
import type { Plan } from "./client-plan.js";
import type { History } from "./history.js";
import { play } from "./play.js";
import type { StoreProcesses } from "./store-processes.js";

/** What happens to a process as soon as so many moves were made and it has something to do. */
export interface Incident {
  readonly what: "freeze" | "kill";
  readonly after: number;
  readonly place: number;
}

const FROZEN_MS = 20;

/** One or two incidents, among so many clients of so many processes. */
export function incidentsOf(choices: Choices, clients: number, processes: number): readonly Incident[] {
  return Array.from({ length: choices.between(1, 2) }, () => ({
    what: choices.of(["freeze", "kill"] as const),
    after: choices.below(clients * 5),
    place: choices.below(processes),
  }));
}

/** What clients of several processes are told, while incidents happen to these. */
export async function playAcross(
  processes: StoreProcesses,
  plan: Plan,
  incidents: readonly Incident[],
  tenant: string,
): Promise<History["calls"]> {
  const course = new Course(processes, incidents);
  const calls = await play(plan, processes.seats(plan.length), tenant, () => course.goOn());
  await course.end();
  return calls;
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
