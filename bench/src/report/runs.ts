import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** How many runs processes claim and complete from one queue, as Markdown. */
export function runTexts({ runs }: Results): string[] {
  if (runs.length === 0) return [];
  const rows = runs.map((found) => [
    found.driver,
    found.processes,
    figure(found.runs),
    figure(found.startedPerSecond),
    figure(found.donePerSecond),
    figure(2 * found.donePerSecond),
    figure(found.bareCommitsPerSecond),
    figure((2 * found.donePerSecond) / found.bareCommitsPerSecond),
  ]);
  const head = [
    "driver",
    "processes",
    "runs",
    "started/s",
    "claimed and completed/s",
    "claims and completions/s",
    "bare commits/s",
    "claims and completions to bare commits",
  ];
  return [
    "### Runs of one queue",
    "Each process makes one call after another. A bare commit has eight saves, as many changes as a claim or a completion.",
    table(head, rows),
  ];
}
