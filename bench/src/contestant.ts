/** What one round of an operation came to. */
export interface Round {
  /** Operations finished per second, by the clock on the wall. */
  readonly perSecond: number;
  /** How many operations were finished. */
  readonly count: number;
  /** CPU time of the entrant's own process with all its threads, in microseconds per operation. */
  readonly clientCpu?: number;
  /** The same of the database server, where there is one on this machine. */
  readonly serverCpu?: number;
  /** Latency of a call, in microseconds. */
  readonly p50?: number;
  readonly p99?: number;
  readonly max?: number;
  /** Delay of the event loop, in milliseconds; absent where calls do not overlap and hold the loop all the time. */
  readonly loopP99?: number;
  readonly loopMax?: number;
}

export interface Operation {
  run(): unknown;
  /** How many operations one call counts for. Default 1. */
  readonly counts?: number;
}

/** What takes part in a race, in a process of its own. */
export interface Contestant {
  /** Whether its calls are asynchronous. Callers that wait add nothing to a client that is not. */
  readonly overlaps: boolean;
  readonly operations: Readonly<Record<string, Operation>>;
  /** What it runs at, read back where that can be asked. */
  readonly settings: string;
  /** Rejects when what was asked to be stored is not there. */
  check(): Promise<void>;
  close(): unknown;
}

/** What a contestant is told. */
export interface Setting {
  /** Its own folder. */
  readonly folder: string;
  readonly payloadBytes: number;
  /** The address of the Postgres database. */
  readonly url?: string;
  readonly driver?: "sqlite" | "postgres";
  /** What the names of its files and schemas begin with, where those of a section are set apart from others. */
  readonly name?: string;
  readonly variant?: string;
  /** The size of the database, where it was filled before. */
  readonly records?: number;
}

/** A module in `contestants/`. */
export interface ContestantModule {
  open(setting: Setting): Promise<Contestant>;
}
