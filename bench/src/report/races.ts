import type { Round } from "../contestant.js";
import { perCpuSecond, perSecond, roundsOf } from "../readings.js";
import type { Cell, RaceResult } from "../results.js";
import { median, medianRatio, spread } from "../statistics.js";
import { FAILED, figure, mebibytes, NONE, table } from "./markdown.js";

const HEAD = [
  "callers",
  "entrant",
  "per second",
  "from – to",
  "× reference",
  "client CPU µs",
  "server CPU µs",
  "CPU × reference",
  "p50 µs",
  "p99 µs",
  "loop p99 ms",
  "loop max ms",
];

/** A race as Markdown: a table for each operation, and one of its entrants. */
export function raceText(race: RaceResult): string {
  const operations = [...new Set(race.cells.map(({ operation }) => operation))];
  return [
    `### ${race.title}`,
    `Reference: ${race.reference}.`,
    ...operations.flatMap((operation) => [`**${operation}**`, operationTable(race, operation)]),
    entrantTable(race),
  ].join("\n\n");
}

function operationTable(race: RaceResult, operation: string): string {
  const cells = race.cells.filter((cell) => cell.operation === operation);
  return table(
    HEAD,
    cells.flatMap((cell) => [...cell.rounds.keys()].map((name) => row(race, cell, name))),
  );
}

function row(race: RaceResult, cell: Cell, name: string): string[] {
  const start = [String(cell.callers), name];
  const rounds = roundsOf(race, cell.operation, cell.callers, name);
  if (rounds === undefined) return [...start, FAILED, ...Array<string>(HEAD.length - 3).fill(NONE)];
  const speed = spread(rounds.map(perSecond));
  return [
    ...start,
    figure(speed.median),
    `${figure(speed.min)} – ${figure(speed.max)}`,
    figure(ratioToReference(race, cell, rounds, perSecond)),
    ...(["clientCpu", "serverCpu"] as const).map((name) => figure(medianOf(rounds, name))),
    figure(ratioToReference(race, cell, rounds, perCpuSecond)),
    ...(["p50", "p99", "loopP99", "loopMax"] as const).map((name) => figure(medianOf(rounds, name))),
  ];
}

function ratioToReference(
  race: RaceResult,
  cell: Cell,
  rounds: readonly Round[],
  speed: (round: Round) => number,
): number | undefined {
  const reference = roundsOf(race, cell.operation, cell.callers, race.reference);
  if (reference === undefined || reference.length !== rounds.length) return undefined;
  return medianRatio(rounds.map(speed), reference.map(speed));
}

function medianOf(rounds: readonly Round[], name: keyof Round): number | undefined {
  const values = rounds.map((round) => round[name]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : median(values);
}

function entrantTable({ entrants }: RaceResult): string {
  return table(
    ["entrant", "settings", "peak memory MiB"],
    entrants.map(({ name, settings, peakBytes, failed }) => [
      name,
      failed === undefined ? settings || NONE : `failed: ${failed}`,
      mebibytes(peakBytes),
    ]),
  );
}
