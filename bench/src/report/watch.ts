import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** What waiters cost, and how soon a change of another store is seen, as Markdown. */
export function watchTexts({ waitingCosts, seenChanges }: Results): string[] {
  if (seenChanges.length === 0) return [];
  const costs = waitingCosts.map((cost) => [
    cost.driver,
    figure(cost.waiters),
    cost.way,
    cost.isBusy ? "50 saves/s elsewhere" : "nothing changes",
    figure(cost.callsPerSecond),
    figure(cost.slotsPerSecond),
    figure(cost.payloadMiBPerSecond),
    figure(cost.cpuShare * 100),
  ]);
  const seen = seenChanges.map(({ driver, notify, pollMs, changes, p50, p99 }) => [
    notify ? `${driver}, notify` : driver,
    figure(pollMs),
    figure(changes),
    figure(p50),
    figure(p99),
  ]);
  return [
    "### Waiters of one slot each",
    "Each slot holds 1 KiB. A driver's call asks for many slots.",
    table(
      ["driver", "waiters", "by", "meanwhile", "driver calls/s", "slots/s", "payload MiB/s", "CPU %"],
      costs,
    ),
    "### A change of another store is seen",
    "From its acknowledgement to the notice.",
    table(["driver", "pollMs", "changes", "p50 ms", "p99 ms"], seen),
  ];
}
