import type { NeighbourResult, Results } from "../results.js";
import { figure, NONE, table } from "./markdown.js";

/** A lone tenant's p99 may be this beside others, in milliseconds, or so many times what it is alone. */
const P99_MS = 20;
const P99_TIMES = 5;

/** What a tenant feels of floods of another, as Markdown. */
export function neighbourTexts({ neighbours }: Results): string[] {
  if (neighbours.length === 0) return [];
  const rows = neighbours.map((result) => {
    const idle = neighbours.find(({ driver, beside }) => driver === result.driver && beside === "nothing");
    const { driver, beside, saves, p50, p99 } = result;
    const shown = [driver, beside, figure(saves), figure(p50), figure(p99)];
    if (idle === undefined || idle === result) return [...shown, NONE, NONE, ""];
    const limit = limitOf(idle);
    return [...shown, figure(p99 / idle.p99), figure(limit), p99 > limit ? "over" : ""];
  });
  const head = ["driver", "beside another's", "saves", "p50 ms", "p99 ms", "p99 over idle", "at most ms", ""];
  return [
    "### A lone tenant beside floods of another",
    "One save of 256 bytes every 5 ms, beside nothing and beside floods whose calls are all made at once, in turn. " +
      `The p99 is to be at most ${P99_MS} ms, or ${P99_TIMES} times what it is beside nothing; of few saves it is ` +
      "the slowest of them.",
    table(head, rows),
  ];
}

function limitOf({ p99 }: NeighbourResult): number {
  return Math.max(P99_MS, P99_TIMES * p99);
}
