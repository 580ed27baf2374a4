import type { Round } from "./contestant.js";
import { PEERS } from "./names.js";
import type { RaceResult, Results } from "./results.js";
import { median, medianRatio } from "./statistics.js";

/** A value and, where it is the worst of several, which one that is. */
export interface Reading {
  readonly value: number;
  /** The same figure by CPU time instead of the clock on the wall, where it is a ratio of speeds. */
  readonly cpu?: number;
  readonly where?: string;
}

/** Looks up what targets are about; `undefined` is what was not measured, or not to the end. */
export class Readings {
  readonly results: Results;

  constructor(results: Results) {
    this.results = results;
  }

  race(section: string, matches: (race: RaceResult) => boolean = () => true): RaceResult | undefined {
    return this.results.races.find((race) => race.section === section && matches(race));
  }

  raceOf(section: string, payloadBytes: number): RaceResult | undefined {
    return this.race(section, (race) => race.payloadBytes === payloadBytes);
  }

  /** How many times the operations per second of one entrant are those of the other. */
  ratio(
    race: RaceResult | undefined,
    operation: string,
    callers: number,
    over: string,
    under: string,
  ): Reading | undefined {
    const upper = roundsOf(race, operation, callers, over);
    const lower = roundsOf(race, operation, callers, under);
    if (upper === undefined || lower === undefined || upper.length !== lower.length) return undefined;
    const cpu = medianRatio(upper.map(perCpuSecond), lower.map(perCpuSecond));
    return {
      value: medianRatio(upper.map(perSecond), lower.map(perSecond)),
      ...(Number.isNaN(cpu) ? {} : { cpu }),
    };
  }

  /** How many times the server's CPU time per operation of the other that of one entrant is. */
  serverCpuRatio(
    race: RaceResult | undefined,
    operation: string,
    callers: number,
    over: string,
    under: string,
  ): Reading | undefined {
    const [upper, lower] = [over, under].map((name) =>
      roundsOf(race, operation, callers, name)?.map(({ serverCpu = Number.NaN }) => serverCpu),
    );
    if (upper === undefined || lower === undefined || upper.length !== lower.length) return undefined;
    return { value: medianRatio(upper, lower) };
  }

  loopP99(
    race: RaceResult | undefined,
    operation: string,
    callers: number,
    entrant: string,
  ): Reading | undefined {
    const delays = roundsOf(race, operation, callers, entrant)?.map(({ loopP99 }) => loopP99);
    const known = delays?.filter((delay) => delay !== undefined);
    if (known === undefined || known.length === 0 || known.length !== delays?.length) return undefined;
    return { value: median(known) };
  }

  /** The row in which an entrant is least ahead of a peer at equal durability. */
  leastAhead(section: string, entrant: string): Reading | undefined {
    let least: Reading | undefined;
    for (const race of this.results.races.filter((each) => each.section === section)) {
      for (const { operation, callers } of race.cells) {
        for (const peer of PEERS) {
          const reading = this.ratio(race, operation, callers, entrant, peer);
          if (reading === undefined || reading.value >= (least?.value ?? Number.POSITIVE_INFINITY)) continue;
          least = {
            ...reading,
            where: `${peer}: ${operation}, ${race.payloadBytes} bytes, ${callers} callers`,
          };
        }
      }
    }
    return least;
  }
}

/** The rounds of an entrant that did what it was asked. */
export function roundsOf(
  race: RaceResult | undefined,
  operation: string,
  callers: number,
  name: string,
): readonly Round[] | undefined {
  const entrant = race?.entrants.find((each) => each.name === name);
  if (entrant === undefined || entrant.failed !== undefined) return undefined;
  const cell = race?.cells.find((each) => each.operation === operation && each.callers === callers);
  const rounds = cell?.rounds.get(name);
  return rounds === undefined || rounds.length === 0 ? undefined : rounds;
}

export function perSecond(round: Round): number {
  return round.perSecond;
}

/** Operations per second of CPU time, the client's and the server's together; NaN where it is not known. */
export function perCpuSecond({ clientCpu = Number.NaN, serverCpu = 0 }: Round): number {
  return 1_000_000 / (clientCpu + serverCpu);
}
