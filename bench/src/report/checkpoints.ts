import type { GrownCheckpointsResult } from "../jobs/grown-checkpoints.js";
import type { Results } from "../results.js";
import { figure, NONE, table } from "./markdown.js";

const HEAD = ["call", "takes the size", "ms", "ms, large", "ratio", "ratio by CPU of the client"];

/** What calls on checkpoints take in sessions of two sizes, as Markdown. */
export function checkpointTexts({ checkpoints }: Results): string[] {
  const drivers = [...new Set(checkpoints.map(({ driver }) => driver))];
  return drivers.flatMap((driver) => {
    const [small, large] = checkpoints.filter((found) => found.driver === driver);
    if (small === undefined || large === undefined) return [];
    return [
      `### Checkpoints as they grow, ${driver}`,
      `Lineages of ${figure(small.size)} and of ${figure(large.size)} checkpoints; as many pending writes, a tenth as many ` +
        "lineages of a session, a hundredth as many namespaces. The ratio is that of the times, for a call that goes over " +
        "all of them that of the times for each: 1 means that size costs nothing more.",
      table(
        HEAD,
        small.calls.map((call) =>
          row(
            call,
            large.calls.find(({ operation }) => operation === call.operation),
          ),
        ),
      ),
    ];
  });
}

function row(small: GrownCheckpointsResult, large: GrownCheckpointsResult | undefined): (string | number)[] {
  const over = small.of === undefined ? "" : "yes";
  if (large === undefined) return [small.operation, over, figure(small.ms), NONE, NONE, NONE];
  const growth = (large.of ?? 1) / (small.of ?? 1);
  const ratios = [large.ms / small.ms / growth, large.cpuMs / small.cpuMs / growth];
  return [small.operation, over, figure(small.ms), figure(large.ms), ...ratios.map(figure)];
}
