import type { StateStore } from "../../../src/index.js";
import type { Caller, Findings, Work } from "../load.js";
import { event, sessionOf } from "./records.js";

const SESSION = sessionOf("counters");

/** Counters that many count up by compare-and-swap: they stand where those who counted say. */
export class Counters implements Work {
  readonly #counted = new Map<string, number>();

  constructor(counters = 4) {
    for (let n = 0; n < counters; n++) this.#counted.set(`counter/${n}`, 0);
  }

  async step({ store, random, findings, insist, commit }: Caller): Promise<void> {
    const kind = random.pick([...this.#counted.keys()]);
    const least = this.#count(kind);
    const current = await insist(() => store.find(SESSION, kind));
    const version = current?.version ?? 0;
    if (version < least) findings.lost.push(`${kind} read as ${version} after ${least}`);
    if (random.chance(0.25)) return;
    const record = event(SESSION, kind, String(version + 1), version + 1);
    const happened = await commit([{ op: "save", record, expect: current?.eventId ?? null }]);
    if (happened) this.#counted.set(kind, this.#count(kind) + 1);
  }

  async look(store: StateStore, findings: Findings): Promise<void> {
    for (const [kind, counted] of this.#counted) {
      const version = (await store.find(SESSION, kind))?.version ?? 0;
      if (version < counted) findings.lost.push(`${kind} is ${version}, counted ${counted}`);
      if (version > counted) findings.twice.push(`${kind} is ${version}, counted ${counted}`);
    }
  }

  #count(kind: string): number {
    return this.#counted.get(kind) ?? 0;
  }
}
