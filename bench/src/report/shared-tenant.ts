import type { Results } from "../results.js";
import { figure, table } from "./markdown.js";

/** What several processes on one tenant do together, as Markdown. */
export function sharedTenantTexts({ sharedTenants }: Results): string[] {
  if (sharedTenants.length === 0) return [];
  const rows = sharedTenants.map((found) => [
    found.driver,
    found.work,
    found.processes,
    found.callers,
    figure(found.alonePerSecond),
    figure(found.togetherPerSecond),
    figure(found.ratio),
    figure(found.longestAloneMs),
    figure(found.longestTogetherMs),
  ]);
  const head = [
    "driver",
    "work",
    "processes",
    "callers of each",
    "one alone/s",
    "all together/s",
    "together over alone",
    "longest wait alone ms",
    "longest wait together ms",
  ];
  return [
    "### Several processes on one tenant",
    "In 64 sessions of the tenant; each call of the ledger changes the tenant's sums. Rounds of one process and of all take turns.",
    table(head, rows),
  ];
}
