import type { NeighboursInput } from "./jobs/neighbours.js";
import type { SearchMemoriesInput } from "./jobs/search-memories.js";
import type { StallsInput } from "./jobs/stalls.js";
import type { WatchInput } from "./jobs/watch.js";

/** How much is measured. */
export interface Plan {
  readonly payloads: readonly number[];
  /** How many callers wait for their saves and loads at the same time. */
  readonly callers: readonly number[];
  readonly postgresCallers: readonly number[];
  /** After one round to warm up. */
  readonly rounds: number;
  /** The length of a round. */
  readonly ms: number;
  readonly slowDiskMs: number;
  /** Many clients need longer until all have prepared their statement. */
  readonly pgbenchSeconds: (callers: number) => number;
  /** The sizes of the growing databases; the scans read the largest. */
  readonly sizes: readonly [number, ...number[]];
  readonly overwrites: number;
  /** Saves whose event ids are remembered. */
  readonly remembered: number;
  readonly burst: number;
  readonly watch: Pick<WatchInput, "waiters" | "ms" | "changes">;
  readonly neighbours: Pick<NeighboursInput, "rounds" | "calls">;
  readonly stalls: Pick<StallsInput, "listMiB" | "records" | "tenants" | "times">;
  /** The entries of a year. */
  readonly ledger: number;
  /** Runs in one queue. */
  readonly runs: number;
  /** The sizes of the sessions whose checkpoints are measured. */
  readonly checkpoints: readonly [number, number];
  /** Where wrappers are raced one section each. */
  readonly wrapperCallers: readonly number[];
  /** Values past their time that are removed in a round. */
  readonly cleanup: number;
  readonly memories: Pick<SearchMemoriesInput, "count" | "searches">;
  /** The length of a round of several processes on one tenant. */
  readonly sharedMs: number;
  /** How often one event is replaced. */
  readonly replaces: number;
  /** Calls to which retention is applied. */
  readonly retained: number;
}

export const FULL: Plan = {
  payloads: [256, 4096],
  callers: [1, 8, 64, 512],
  postgresCallers: [1, 8, 64, 512],
  rounds: 7,
  ms: 400,
  slowDiskMs: 1_000,
  pgbenchSeconds: (callers) => (callers >= 512 ? 3 : callers >= 64 ? 2 : 1),
  sizes: [10_000, 100_000, 1_000_000],
  overwrites: 1_000_000,
  remembered: 100_000,
  burst: 100_000,
  watch: { waiters: 5_000, ms: 5_000, changes: 300 },
  neighbours: {
    rounds: 5,
    calls: { "saves of 256 B": 5_000, "saves of 64 KiB": 2_000, erases: 2_000, lists: 12_000 },
  },
  stalls: { listMiB: 128, records: 100_000, tenants: 5_000, times: 5 },
  ledger: 200_000,
  runs: 4_000,
  checkpoints: [10_000, 100_000],
  wrapperCallers: [1, 64],
  cleanup: 10_000,
  memories: { count: 10_000, searches: 300 },
  sharedMs: 1_000,
  replaces: 5_000,
  retained: 50_000,
};

export const QUICK: Plan = {
  payloads: [256],
  callers: [1, 64],
  postgresCallers: [1, 64, 512],
  rounds: 3,
  ms: 200,
  slowDiskMs: 300,
  pgbenchSeconds: (callers) => (callers >= 512 ? 3 : 1),
  sizes: [10_000, 1_000_000],
  overwrites: 100_000,
  remembered: 50_000,
  burst: 20_000,
  watch: { waiters: 1_000, ms: 1_000, changes: 30 },
  neighbours: {
    rounds: 2,
    calls: { "saves of 256 B": 2_000, "saves of 64 KiB": 300, erases: 300, lists: 1_000 },
  },
  stalls: { listMiB: 128, records: 100_000, tenants: 500, times: 3 },
  ledger: 20_000,
  runs: 500,
  checkpoints: [200, 2_000],
  wrapperCallers: [64],
  cleanup: 2_000,
  memories: { count: 2_000, searches: 30 },
  sharedMs: 300,
  replaces: 5_000,
  retained: 1_000,
};
