import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** What searches of memories take, as Markdown. */
export function searchTexts({ searches }: Results): string[] {
  const [first] = searches;
  if (first === undefined) return [];
  const rows = searches.map(({ driver, way, query, searches: count, ms, cpuMs }) => [
    driver,
    way,
    query,
    figure(count),
    ...[ms.p50, ms.p95, cpuMs.p50, cpuMs.p95].map(figure),
  ]);
  const head = ["driver", "by", "query", "searches", "p50 ms", "p95 ms", "p50 CPU ms", "p95 CPU ms"];
  return [
    "### Searches of memories",
    `Among ${figure(first.memories)} of a user, one search after another, ten found at most. The words of the memories are ` +
      "as frequent as those of a language; each has a vector of 256 numbers, made by a function that stands in for a model. " +
      "The first search reads all of them.",
    table(head, rows),
  ];
}
