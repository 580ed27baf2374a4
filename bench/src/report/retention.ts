import type { Results } from "../results.js";
import { figure, mebibytes, table } from "./markdown.js";

/** What a tenant feels of retention that is applied to another, as Markdown. */
export function retentionTexts({ retentions }: Results): string[] {
  if (retentions.length === 0) return [];
  const rows = retentions.flatMap(({ driver, calls, removed, seconds, alone, beside, addedBytes }) => [
    [driver, figure(calls), "nothing", "", "", figure(alone.saves), figure(alone.p50), figure(alone.p99), ""],
    [
      driver,
      figure(calls),
      "retention",
      figure(removed),
      figure(removed / seconds),
      figure(beside.saves),
      figure(beside.p50),
      figure(beside.p99),
      mebibytes(addedBytes),
    ],
  ]);
  const head = [
    "driver",
    "calls",
    "beside",
    "removed",
    "removed/s",
    "lone saves",
    "p50 ms",
    "p99 ms",
    "memory added, MiB",
  ];
  return [
    "### A lone tenant beside retention of another",
    "Tool calls that ended over 400 days, in sessions of 50; payloads are kept for 30 days, records for 180, idle sessions for 90. " +
      "The other tenant makes a save of 256 bytes every 5 ms, beside nothing and beside a part of the retention in turn. " +
      "The p99 of few saves is the slowest of them. Memory is that of the process at its peak over that before.",
    table(head, rows),
  ];
}
