import type { Round } from "./contestant.js";
import type { GrownCheckpointsResult } from "./jobs/grown-checkpoints.js";
import type { Stalls } from "./longest-stalls.js";

export interface EntrantResult {
  readonly name: string;
  readonly settings?: string;
  /** The most memory its process ever had, in bytes. */
  readonly peakBytes?: number;
  readonly failed?: string;
}

/** One operation at one number of callers; per entrant its rounds, the same ones side by side. */
export interface Cell {
  readonly operation: string;
  readonly callers: number;
  readonly rounds: ReadonlyMap<string, readonly Round[]>;
}

export interface RaceResult {
  readonly section: string;
  readonly title: string;
  readonly payloadBytes: number;
  /** The entrant that the others are compared with. */
  readonly reference: string;
  readonly entrants: readonly EntrantResult[];
  readonly cells: readonly Cell[];
}

export interface ScanMemory {
  readonly driver: string;
  readonly records: number;
  readonly addedBytes: number;
  readonly seconds: number;
}

export interface OverwriteResult {
  readonly overwrites: number;
  readonly slots: number;
  readonly windowMs: number;
  /** Of each tenth of the overwrites. */
  readonly tenths: readonly { readonly perSecond: number; readonly fileBytes: number }[];
  /** Event ids remembered at the end. */
  readonly remembered: number;
}

export interface BurstResult {
  readonly driver: string;
  readonly saves: number;
  readonly seconds: number;
  readonly acknowledged: number;
  /** Slots that do not hold the last save asked for. */
  readonly outOfOrder: number;
  /** Slots that hold nothing. */
  readonly lost: number;
  readonly peakBytes: number;
  readonly addedBytes: number;
  readonly loopMax: number;
}

/** Saves of a tenant, alone or beside a flood of another's calls. */
export interface NeighbourResult {
  readonly driver: string;
  /** What the other does: "nothing", or its flood. */
  readonly beside: string;
  readonly saves: number;
  /** In milliseconds. */
  readonly p50: number;
  readonly p99: number;
}

/** What waiters of one slot each cost their process and the driver. */
export interface WaitingCost {
  readonly driver: string;
  readonly way: string;
  /** Whether other slots of the database changed meanwhile. */
  readonly isBusy: boolean;
  readonly waiters: number;
  readonly callsPerSecond: number;
  readonly slotsPerSecond: number;
  readonly payloadMiBPerSecond: number;
  /** 1 is one core. */
  readonly cpuShare: number;
}

/** From the acknowledgement of a change to its notice at another store, in milliseconds. */
export interface SeenChanges {
  readonly driver: string;
  readonly notify: boolean;
  readonly pollMs: number;
  readonly changes: number;
  readonly p50: number;
  readonly p99: number;
}

/** How long an operation keeps the event loop to itself. */
export interface StallResult extends Stalls {
  readonly driver: string;
  readonly operation: string;
}

/** Runs that several processes claim from one queue and complete. */
export interface RunsResult {
  readonly driver: string;
  readonly processes: number;
  readonly runs: number;
  readonly startedPerSecond: number;
  /** Claimed and completed. */
  readonly donePerSecond: number;
  readonly bareCommitsPerSecond: number;
}

/** What calls on checkpoints take in a session of this size. */
export interface GrownCheckpoints {
  readonly driver: string;
  readonly size: number;
  readonly calls: readonly GrownCheckpointsResult[];
}

export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
}

/** Searches of one sort among the memories of a user. */
export interface SearchResult {
  readonly driver: string;
  readonly memories: number;
  /** By what it ranks. */
  readonly way: string;
  readonly query: string;
  readonly searches: number;
  /** By the clock on the wall, in milliseconds. */
  readonly ms: Percentiles;
  /** CPU time of the process with all its threads, in milliseconds. */
  readonly cpuMs: Percentiles;
}

/** Values past their time that are removed, beside bare records that commits delete. */
export interface CleanupResult {
  readonly driver: string;
  readonly values: number;
  readonly removedPerSecond: number;
  readonly deletedPerSecond: number;
  /** The median of the ratios of rounds side by side. */
  readonly ratio: number;
}

/** Calls on one tenant, of one process and of several at once. */
export interface SharedTenantResult {
  readonly driver: string;
  readonly work: string;
  readonly processes: number;
  /** Of each process. */
  readonly callers: number;
  readonly alonePerSecond: number;
  readonly togetherPerSecond: number;
  /** Together over alone: the median of the rounds side by side. */
  readonly ratio: number;
  /** The longest that a call has taken, in milliseconds. */
  readonly longestAloneMs: number;
  readonly longestTogetherMs: number;
}

/** One event replaced in sequence, beside as many bare saves, each in parts that took turns; in seconds. */
export interface ReplacesResult {
  readonly driver: string;
  readonly count: number;
  readonly replaced: readonly number[];
  readonly saved: readonly number[];
}

/** Saves of a tenant, one every few milliseconds; times in milliseconds. */
export interface LoneSaves {
  readonly saves: number;
  readonly p50: number;
  readonly p99: number;
}

/** Retention applied to a tenant, and lone saves of another. */
export interface RetentionResult {
  readonly driver: string;
  /** The calls that there were. */
  readonly calls: number;
  /** Payloads and records. */
  readonly removed: number;
  readonly seconds: number;
  readonly alone: LoneSaves;
  readonly beside: LoneSaves;
  readonly addedBytes: number;
}

export interface LedgerFill {
  readonly driver: string;
  readonly entries: number;
  readonly callers: number;
  readonly seconds: number;
}

export interface LedgerMemory {
  readonly driver: string;
  readonly entries: number;
  readonly how: "summaries" | "all entries at once";
  readonly addedBytes: number;
  readonly seconds: number;
}

/** What is stored so that event ids stay seen: tables and indexes without those of the records. */
export interface IdMemory {
  readonly driver: string;
  readonly saves: number;
  readonly bytes: number;
}

/** How long it takes to open a store on a database that is there. */
export interface Opening {
  readonly driver: string;
  /** The first in a process, which loads the client's package. */
  readonly firstMs: number;
  /** The median of later ones. */
  readonly laterMs: number;
  /** The median of connecting with the bare client, a first query included, where there is a server. */
  readonly connectMs?: number;
  /** Waits for the server beyond those of connecting. */
  readonly roundTrips?: number;
}

/** How long a new process takes to import entries of the package. */
export interface ImportTime {
  readonly entries: readonly string[];
  readonly ms: number;
}

/** What was left out, or went wrong, and why. */
export interface Remark {
  readonly what: string;
  readonly why: string;
}

export interface Results {
  readonly races: readonly RaceResult[];
  readonly scanMemory: readonly ScanMemory[];
  readonly overwrites: readonly OverwriteResult[];
  readonly bursts: readonly BurstResult[];
  readonly runs: readonly RunsResult[];
  readonly checkpoints: readonly GrownCheckpoints[];
  readonly searches: readonly SearchResult[];
  readonly cleanups: readonly CleanupResult[];
  readonly sharedTenants: readonly SharedTenantResult[];
  readonly replaces: readonly ReplacesResult[];
  readonly retentions: readonly RetentionResult[];
  readonly neighbours: readonly NeighbourResult[];
  readonly waitingCosts: readonly WaitingCost[];
  readonly seenChanges: readonly SeenChanges[];
  readonly stalls: readonly StallResult[];
  readonly ledgerFills: readonly LedgerFill[];
  readonly ledgerMemory: readonly LedgerMemory[];
  readonly idMemory: readonly IdMemory[];
  readonly openings: readonly Opening[];
  readonly imports: readonly ImportTime[];
  readonly skipped: readonly Remark[];
  readonly failed: readonly Remark[];
  /** Server settings and the like, name by name. */
  readonly settings: ReadonlyMap<string, string>;
}

/** What the sections fill. */
export interface Findings extends Results {
  readonly races: RaceResult[];
  readonly scanMemory: ScanMemory[];
  readonly overwrites: OverwriteResult[];
  readonly bursts: BurstResult[];
  readonly runs: RunsResult[];
  readonly checkpoints: GrownCheckpoints[];
  readonly searches: SearchResult[];
  readonly cleanups: CleanupResult[];
  readonly sharedTenants: SharedTenantResult[];
  readonly replaces: ReplacesResult[];
  readonly retentions: RetentionResult[];
  readonly neighbours: NeighbourResult[];
  readonly waitingCosts: WaitingCost[];
  readonly seenChanges: SeenChanges[];
  readonly stalls: StallResult[];
  readonly ledgerFills: LedgerFill[];
  readonly ledgerMemory: LedgerMemory[];
  readonly idMemory: IdMemory[];
  readonly openings: Opening[];
  readonly imports: ImportTime[];
  readonly skipped: Remark[];
  readonly failed: Remark[];
  readonly settings: Map<string, string>;
}

export function noFindings(): Findings {
  return {
    races: [],
    scanMemory: [],
    overwrites: [],
    bursts: [],
    runs: [],
    checkpoints: [],
    searches: [],
    cleanups: [],
    sharedTenants: [],
    replaces: [],
    retentions: [],
    neighbours: [],
    waitingCosts: [],
    seenChanges: [],
    stalls: [],
    ledgerFills: [],
    ledgerMemory: [],
    idMemory: [],
    openings: [],
    imports: [],
    skipped: [],
    failed: [],
    settings: new Map(),
  };
}
