import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** What replacing one event again and again takes, as Markdown. */
export function replaceTexts({ replaces }: Results): string[] {
  if (replaces.length === 0) return [];
  const rows = replaces.map(({ driver, count, replaced, saved }) => [
    driver,
    figure(count),
    figure(sumOf(replaced)),
    figure(sumOf(saved)),
    figure(sumOf(replaced) / sumOf(saved)),
    figure((replaced.at(-1) as number) / (replaced[0] as number)),
  ]);
  const head = [
    "driver",
    "calls of each",
    "replaces s",
    "bare saves s",
    "ratio of the times",
    "last tenth over first",
  ];
  return [
    "### One event replaced again and again",
    "One call after another, beside bare saves over one slot, a tenth of either at a time. The last column is of the replacements.",
    table(head, rows),
  ];
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
