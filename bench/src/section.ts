import type { Plan } from "./plan.js";
import type { BenchPostgres } from "./postgres-server.js";
import type { RacePlan } from "./race.js";
import type { Findings } from "./results.js";

/** What a section works with. */
export interface Context {
  readonly plan: Plan;
  readonly findings: Findings;
  /** A new, empty folder. */
  folder(name: string): string;
  /** The server, started when it is first asked for. */
  postgres(): Promise<BenchPostgres>;
  /** A database filled to this size, filled when it is first asked for. */
  filled(driver: "sqlite" | "postgres", records: number): Promise<Filled>;
  /** Tells how far the run is. */
  say(line: string): void;
}

/** Where a filled database lies. */
export interface Filled {
  readonly folder: string;
  readonly url?: string;
  readonly records: number;
}

/** How a race reads the CPU time of the server at this address, if there is one. */
export async function serverCpu(
  context: Context,
  url: string | undefined,
): Promise<Pick<RacePlan, "serverCpu">> {
  return url === undefined ? {} : { serverCpu: (await context.postgres()).cpu };
}

export type Section = (context: Context) => Promise<void>;
