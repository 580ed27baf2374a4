import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** What removing values past their time costs, as Markdown. */
export function cleanupTexts({ cleanups }: Results): string[] {
  if (cleanups.length === 0) return [];
  const rows = cleanups.map((found) => [
    found.driver,
    figure(found.values),
    figure(found.removedPerSecond),
    figure(found.deletedPerSecond),
    figure(found.ratio),
  ]);
  return [
    "### Values past their time are removed",
    "By `cleanup` of expiring, 1,000 in a call; beside commits of 1,000 deletes, each of a bare record that is not read.",
    table(["driver", "values", "removed/s", "bare deletes/s", "ratio"], rows),
  ];
}
