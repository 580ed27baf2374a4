import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Remainder } from "./remainder.js";
import { type Casualty, choosePowerCuts, cutPower, type PowerCut, type Toll } from "./sqlite-power-cuts.js";
import { type Recording, recordingOf } from "./sqlite-recording.js";

/** How many casualties are told in full. */
const TOLD = 3;

/** Cuts the power of a recording so many times. When something is lost, it is kept, and the error says how to see it again. */
export async function expectSurvival(recording: Recording, images: number): Promise<Toll> {
  const cuts = choosePowerCuts(recording, images, recording.options.seed);
  const toll = await cutPower(recording, cuts);
  if (toll.casualties.length > 0) throw new Error(report(recording, toll));
  return toll;
}

/** The recording that GROUNDSTATE_REPLAY names, and what it says to do with it. */
export function powerCutToReplay(): { recording: Recording; cut: PowerCut } | undefined {
  const found = /^(?<folder>.*):(?<point>\d+):(?<remainder>\w+):(?<seed>\d+)$/.exec(
    process.env.GROUNDSTATE_REPLAY ?? "",
  )?.groups as Record<"folder" | "point" | "remainder" | "seed", string> | undefined;
  if (found === undefined) return undefined;
  const { folder, point, remainder, seed } = found;
  const cut = { point: Number(point), remainder: remainder as Remainder, seed: Number(seed) };
  return { recording: readKept(folder), cut };
}

/** How many images there were, by what was left in them. */
export function tellImages({ images }: Toll): string {
  return Object.entries(images)
    .map(([remainder, count]) => `${remainder}: ${count}`)
    .join(", ");
}

export function tell({ point, remainder, wrong }: Casualty): string {
  return `After ${point} events, with ${remainder} left of what was not synced:\n  ${wrong.join("\n  ")}`;
}

function report(recording: Recording, { images, casualties }: Toll): string {
  const folder = keep(recording);
  const told = casualties.slice(0, TOLD).map((casualty) => {
    const { point, remainder, seed } = casualty;
    return `${tell(casualty)}\nTo see this one alone: GROUNDSTATE_REPLAY=${folder}:${point}:${remainder}:${seed}`;
  });
  const count = Object.values(images).reduce((sum, each) => sum + each, 0);
  return [`${casualties.length} of ${count} images are not what they should be.`, ...told].join("\n\n");
}

function keep({ options, before, written }: Recording): string {
  const folder = mkdtempSync(join(tmpdir(), "groundstate-recording-"));
  writeFileSync(join(folder, "options.json"), JSON.stringify(options));
  writeFileSync(join(folder, "record"), written);
  mkdirSync(join(folder, "before"));
  for (const { names, bytes } of before) writeFileSync(join(folder, "before", names[0] as string), bytes);
  return folder;
}

function readKept(folder: string): Recording {
  const before = readdirSync(join(folder, "before")).map((name) => ({
    names: [name],
    bytes: readFileSync(join(folder, "before", name)),
  }));
  const options = JSON.parse(readFileSync(join(folder, "options.json"), "utf8"));
  return recordingOf(options, before, readFileSync(join(folder, "record")));
}
