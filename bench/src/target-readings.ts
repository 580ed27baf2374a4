import { ENTRANT, FIRST_SEARCH } from "./names.js";
import type { Reading, Readings } from "./readings.js";
import type { BurstResult, OverwriteResult, RaceResult } from "./results.js";
import { sizeName } from "./sections/growth.js";
import { ledgerTitle } from "./sections/ledger.js";
import { scansTitle } from "./sections/scans.js";
import { slowDiskTitle } from "./sections/slow-disk.js";

const { floor, sqliteRaw, rawRange, summaries, readEntries } = ENTRANT;
const MIB = 1024 * 1024;

/** A quick run works with less, and says nothing about targets that name these. */
const MILLION = 1_000_000;
const BURST = 100_000;
const YEAR = 200_000;
const MEMORIES = 10_000;

/** The floor's operations per second over another's, in one row. */
export function over(section: string, bytes: number, operation: string, callers: number, other: string) {
  return (r: Readings) => r.ratio(r.raceOf(section, bytes), operation, callers, floor, other);
}

export function slow(delayMs: number) {
  const title = slowDiskTitle(delayMs);
  return (r: Readings) =>
    r.ratio(
      r.race("slow-disk", (race) => race.title === title),
      "save",
      64,
      floor,
      sqliteRaw,
    );
}

/** How many times the time of the raw range a scan takes. */
export function scanCost(driver: string, operation: string) {
  return (r: Readings) => {
    const race = ofDriver(r, "scans", driver);
    if (race?.title !== scansTitle(driver, MILLION)) return undefined;
    return r.ratio(race, operation, 1, rawRange, floor);
  };
}

/** How many times the time that it takes in the smallest database an operation takes in the largest. */
export function growthCost(driver: string, operation: string, callers: number) {
  return (r: Readings) => {
    const race = ofDriver(r, "growth", driver);
    const largest = race?.entrants.at(-1)?.name;
    if (race === undefined || largest !== sizeName(MILLION)) return undefined;
    return r.ratio(race, operation, callers, sizeName(10_000), largest);
  };
}

function ofDriver(r: Readings, section: string, driver: string): RaceResult | undefined {
  return r.race(section, (race) => race.title.includes(driver));
}

export function scanMemory(driver: string) {
  return (r: Readings) => {
    const found = r.results.scanMemory.find((scan) => scan.driver === driver && scan.records === MILLION);
    return found === undefined ? undefined : { value: found.addedBytes / MIB };
  };
}

export function overwriting(read: (result: OverwriteResult) => number) {
  return (r: Readings): Reading | undefined => {
    const result = r.results.overwrites.find((each) => each.overwrites === MILLION);
    return result === undefined ? undefined : { value: read(result) };
  };
}

export function tenth<K extends "perSecond" | "fileBytes">(
  { tenths }: OverwriteResult,
  which: number,
  of: K,
): number {
  return tenths[which]?.[of] ?? Number.NaN;
}

export function bursting(driver: string, read: (result: BurstResult) => number) {
  return (r: Readings) => {
    const found = r.results.bursts.find((burst) => burst.driver === driver && burst.saves === BURST);
    return found === undefined ? undefined : { value: read(found) };
  };
}

export const missing = ({ saves, acknowledged, lost, outOfOrder }: BurstResult): number =>
  saves - acknowledged + lost + outOfOrder;
export const added = ({ addedBytes }: BurstResult): number => addedBytes / MIB;

/** How many times as often a year is summarized as its entries are read. */
export function summarizing(driver: string, operation: string) {
  return (r: Readings) => {
    const race = r.race("ledger", ({ title }) => title === ledgerTitle(driver, YEAR));
    return r.ratio(race, operation, 1, summaries, readEntries);
  };
}

export function summaryMemory(driver: string) {
  return (r: Readings) => {
    const found = r.results.ledgerMemory.find(
      (each) => each.driver === driver && each.entries === YEAR && each.how === "summaries",
    );
    return found === undefined ? undefined : { value: found.addedBytes / MIB };
  };
}

/** Writes made as commits over the same ones as single saves. */
export function commits(driver: string) {
  return (r: Readings) =>
    r.ratio(ofDriver(r, "commits", driver), "write", 64, ENTRANT.commits, ENTRANT.singleSaves);
}

/** The p95 of the sort of searches that takes longest, once the index is there. */
export function searching(driver: string) {
  return (r: Readings): Reading | undefined => {
    const warm = r.results.searches.filter(
      (each) => each.driver === driver && each.memories === MEMORIES && each.query !== FIRST_SEARCH,
    );
    const [longest] = warm.sort((a, b) => b.ms.p95 - a.ms.p95);
    if (longest === undefined) return undefined;
    return { value: longest.ms.p95, where: `by ${longest.way}: ${longest.query}` };
  };
}

export function bytesPerSave(driver: string) {
  return (r: Readings): Reading | undefined => {
    const found = r.results.idMemory.find((each) => each.driver === driver);
    return found === undefined ? undefined : { value: found.bytes / found.saves };
  };
}

export function opening(driver: string, what: "firstMs" | "laterMs" | "roundTrips") {
  return (r: Readings): Reading | undefined => {
    const value = r.results.openings.find((each) => each.driver === driver)?.[what];
    return value === undefined ? undefined : { value };
  };
}

/** All entries of the package that a program with a store needs. */
export function importing({ results }: Readings): Reading | undefined {
  const whole = results.imports.find(({ entries }) => entries.length > 1);
  return whole === undefined ? undefined : { value: whole.ms };
}
