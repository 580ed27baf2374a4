import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** No stall is to be longer, in milliseconds. */
const LONGEST_MS = 25;

/** How long operations keep the event loop to themselves, as Markdown. */
export function stallTexts({ stalls }: Results): string[] {
  if (stalls.length === 0) return [];
  const rows = stalls.map(({ driver, operation, medianMs, worstMs, seconds }) => [
    driver,
    operation,
    figure(medianMs),
    figure(worstMs),
    medianMs > LONGEST_MS ? "over" : worstMs > LONGEST_MS ? "at worst" : "",
    figure(seconds),
  ]);
  const head = ["driver", "operation", "stall ms", "worst ms", `above ${LONGEST_MS} ms`, "seconds"];
  return [
    "### The longest stall of the event loop",
    "The longest time for which nothing else had its turn while the operation was under way: median of the runs, and " +
      "the worst of them. One text of JSON is read in one piece, and so is what a driver sends as one message; what " +
      "another process takes from the processor meanwhile counts as a stall too.",
    table(head, rows),
  ];
}
