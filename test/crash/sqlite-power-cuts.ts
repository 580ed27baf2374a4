import { linkSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Random, seeded } from "../../conformance/inputs/seeded.js";
import { Disk, FOLDER, type LeftFile } from "./disk.js";
import { REMAINDERS, type Remainder } from "./remainder.js";
import { judge, positions } from "./sqlite-judge.js";
import { DATABASE, fastFolder, type Recording } from "./sqlite-recording.js";
import { Answers } from "./sqlite-writer.js";

/** A moment at which the power goes, and what that leaves. */
export interface PowerCut {
  /** How many events of the recording came before. */
  readonly point: number;
  readonly remainder: Remainder;
  readonly seed: number;
}

export interface Casualty extends PowerCut {
  readonly wrong: readonly string[];
}

export interface Toll {
  readonly images: Readonly<Record<Remainder, number>>;
  readonly casualties: readonly Casualty[];
}

/**
 * Moments of a recording, in its order, as many as asked for if there are: before its syncs and at the end, with nothing
 * left of what is not synced; and with more left where the log, the database or the folder is not synced, by turns.
 */
export function choosePowerCuts(recording: Recording, count: number, seed: number): readonly PowerCut[] {
  const random = seeded(seed);
  const { latest, unsynced } = moments(recording);
  const chosen = new Map<string, PowerCut>();
  const choose = (point: number, remainder: Remainder) => {
    const cut = { point, remainder, seed: random(2 ** 31) };
    const isRandom = remainder === "sectors" || remainder === "beginning";
    chosen.set(`${point} ${remainder} ${isRandom ? cut.seed : ""}`, cut);
  };
  for (const point of some(latest, Math.ceil(count / 3), random)) choose(point, "nothing");
  for (let turn = 0; chosen.size < count && turn < 2 * count; turn++) {
    const points = unsynced[turn % unsynced.length] as readonly number[];
    const remainder = REMAINDERS[1 + (Math.floor(turn / unsynced.length) % 3)] as Remainder;
    choose(points[random(points.length)] as number, remainder);
  }
  return [...chosen.values()].sort((a, b) => a.point - b.point);
}

/** Has what each power cut would leave judged, until there are so many casualties. */
export async function cutPower(
  recording: Recording,
  cuts: readonly PowerCut[],
  mostCasualties = Number.POSITIVE_INFINITY,
): Promise<Toll> {
  const images: Record<Remainder, number> = { nothing: 0, everything: 0, sectors: 0, beginning: 0 };
  const casualties: Casualty[] = [];
  const folder = fastFolder();
  try {
    for (const { cut, files, answers } of imagesAfter(recording, cuts)) {
      images[cut.remainder]++;
      fill(folder, files, cut.seed);
      const wrong = await judge(join(folder, DATABASE), positions(recording.scripts, answers.acknowledged));
      if (wrong.length > 0) casualties.push({ ...cut, wrong });
      if (casualties.length >= mostCasualties) break;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return { images, casualties };
}

/** The points just before a sync, and those at which the log, the database or the folder is not synced. */
function moments({ events, before, options }: Recording) {
  const latest = [events.length];
  const log: number[] = [];
  const database: number[] = [];
  const folder: number[] = [];
  const disk = new Disk(before, seeded(options.seed));
  for (const [point, event] of events.entries()) {
    if (event.is === "said") continue;
    const names = disk.unsynced();
    if (event.is.endsWith("sync")) latest.push(point);
    if (names.includes(FOLDER)) folder.push(point);
    if (names.includes(DATABASE)) database.push(point);
    if (names.includes(`${DATABASE}-wal`)) log.push(point);
    disk.carryOut(event);
  }
  return { latest, unsynced: [log, database, folder].filter((points) => points.length > 0) };
}

/** So many of them at most, chosen at random. */
function some<T>(all: readonly T[], most: number, random: Random): readonly T[] {
  const left = [...all];
  while (left.length > most) left.splice(random(left.length), 1);
  return left;
}

function* imagesAfter({ events, before, options }: Recording, cuts: readonly PowerCut[]) {
  const disk = new Disk(before, seeded(options.seed));
  const answers = new Answers();
  let point = 0;
  for (const cut of cuts) {
    for (const event of events.slice(point, cut.point)) {
      if (event.is === "said") answers.hear(...event.lines);
      else disk.carryOut(event);
    }
    point = cut.point;
    yield { cut, files: disk.after(cut.remainder, seeded(cut.seed)), answers };
  }
}

function fill(folder: string, files: readonly LeftFile[], seed: number): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name));
  for (const { names, bytes } of files) {
    const [name, ...others] = names as [string, ...string[]];
    writeFileSync(join(folder, name), bytes);
    for (const other of others) linkSync(join(folder, name), join(folder, other));
  }
  // Of what processes share in memory anything may have reached the disk.
  if (seed % 2 === 0) writeFileSync(join(folder, `${DATABASE}-shm`), Buffer.alloc(32 * 1024, `${seed}`));
}
