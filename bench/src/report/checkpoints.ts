import type { Results } from "../results.js";
import { figure, NONE, table } from "./markdown.js";

/** What calls on checkpoints take in sessions of two sizes, as Markdown. */
export function checkpointTexts({ checkpoints }: Results): string[] {
  const drivers = [...new Set(checkpoints.map(({ driver }) => driver))];
  return drivers.flatMap((driver) => {
    const [small, large] = checkpoints.filter((found) => found.driver === driver);
    if (small === undefined || large === undefined) return [];
    const rows = small.calls.map(({ operation, ms, of }) => {
      const grown = large.calls.find((call) => call.operation === operation);
      const each = (ms: number | undefined, of: number | undefined) =>
        ms === undefined || of === undefined ? NONE : figure((ms * 1_000) / of);
      const ratio = grown === undefined ? NONE : figure(grown.ms / ms);
      return [
        operation,
        figure(ms),
        figure(grown?.ms ?? Number.NaN),
        ratio,
        each(ms, of),
        each(grown?.ms, grown?.of),
      ];
    });
    const head = [
      "call",
      `ms at ${small.size}`,
      `ms at ${large.size}`,
      "ratio",
      "µs for each",
      "µs for each, large",
    ];
    return [
      `### Checkpoints as they grow, ${driver}`,
      `Lineages of ${figure(small.size)} and ${figure(large.size)} checkpoints; as many pending writes, a tenth as many lineages ` +
        "of a session, a hundredth as many namespaces. A call without figures for each should take the same at both sizes.",
      table(head, rows),
    ];
  });
}
