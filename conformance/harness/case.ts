import type { Identity, NewRecord, RecordKey, StateStore } from "../../src/index.js";
import type { Child } from "./child-processes.js";
import type { ChildTaskName, ChildTasks } from "./child-tasks.js";

/** What a case may ask of the stores it opens. */
export interface SpaceOptions {
  /** As in the options of a store. */
  readonly maxBytes?: number;
  /** As in the options of a store. */
  readonly idempotencyWindowMs?: number;
}

/**
 * What a driver author hands to the suite. For a driver that keeps files, as the default export of a module that
 * other processes can import too (they must come to the same path, so no `mkdtemp`):
 *
 * ```ts
 * import { rm } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { join } from "node:path";
 * import { createStore } from "groundstate";
 * import type { Harness } from "groundstate/conformance";
 * import { openSqlite } from "groundstate/drivers/sqlite";
 *
 * const pathOf = (space: string) => join(tmpdir(), `my-driver-${space}`);
 *
 * export default {
 *   name: "my driver",
 *   durable: true,
 *   open: async (space, options) => createStore(await openSqlite({ path: pathOf(space) }), options),
 *   destroy: (space) => rm(pathOf(space), { recursive: true, force: true }),
 * } satisfies Harness;
 * ```
 */
export interface Harness {
  /** As it shall stand in the report. */
  readonly name: string;
  /**
   * Opens a store on the space of this name (letters, digits and `-`). Spaces are isolated from each other.
   * Opening one again, also while it is open, gives another store on the same data where `durable`, and an empty
   * one otherwise.
   */
  open(space: string, options: SpaceOptions): Promise<StateStore>;
  /** What was acknowledged outlives the store, and every store that is open on a space sees the same data. */
  readonly durable?: boolean;
  /**
   * A space can be open in one process at a time, as where a storage locks its folder. In that process `open` still
   * gives another store on the same data, also while the space is open: stores of one space share what holds the lock.
   */
  readonly exclusive?: boolean;
  /**
   * Removes a space and all that is in it. Called once no store of the suite is open on it. Without it, the spaces of
   * a durable harness pile up.
   */
  destroy?(space: string): Promise<void>;
  /**
   * Changes the payload of the record that this space holds under this key, in the storage itself, as a fault of the disk
   * would; nothing else of the record. With it the suite also asks what a damaged record does to its neighbours.
   */
  damage?(space: string, record: RecordKey): Promise<void>;
}

/**
 * What a case needs of a harness beyond `open`: a durable one (`durable`), which other processes can import too
 * (`processes`), and whose spaces several of them can have open at once (`sharing`); or one that can damage a record
 * (`damage`).
 */
export type Need = "durable" | "processes" | "sharing" | "damage";

/**
 * What a case scans though records of others lie there: with `listSessions` its users, with `listKind` its tenants or all
 * tenants of the store.
 */
export type Scans = "user" | "tenant" | "store";

/** One rule of the contract, and the proof that a store keeps it. */
export interface ConformanceCase {
  /** Stable: `<concern>/<what>`, in kebab-case. */
  readonly id: string;
  /** One sentence that stands alone. */
  readonly rule: string;
  /** What it needs of a harness; without it, `open` is enough. */
  readonly needs?: Need;
  /** Another's records are of other kinds or users then, where the scan would rightly show them. */
  readonly scans?: Scans;
  /**
   * It gives tenants names that are not its own, and brings their neighbours itself, or it counts all calls of a store:
   * another's records stay away.
   */
  readonly bringsNeighbours?: boolean;
  /** It judges by time or by turns: `runConformance` runs it when the cases that keep the process busy are over. */
  readonly needsQuiet?: boolean;
  /** It takes as long as it is told to: `runConformance` runs it after all others. */
  readonly isLast?: boolean;
  /** How long it may take, in milliseconds, where that is not up to the options of the run. */
  readonly timeLimitMs?: number;
  /** Rejects when the store breaks the rule. */
  run(context: CaseContext): Promise<void>;
}

/** What a case works with. Stores that it opens are closed after it. */
export interface CaseContext {
  /** What is tested, for a case that opens and removes spaces by itself. */
  readonly harness: Harness;
  /** Where other processes import the harness from: a file URL. */
  readonly module: string | undefined;
  /**
   * Opened for this case, with default options, on the space that all cases of the run share. A case that needs
   * `processes` has no store from the start and a space of its own, which nobody holds open until the case does.
   */
  readonly store: StateStore;
  /** One more store on the case's space. */
  open(options?: SpaceOptions): Promise<StateStore>;
  /** A store on a space of this case's own, for options that would be felt by others (a short window). */
  openAlone(options?: SpaceOptions): Promise<StateStore>;
  /** One more store on the space of one that `openAlone` has opened. For cases that need `durable`. */
  openAgain(store: StateStore, options?: SpaceOptions): Promise<StateStore>;
  /** Text that no other case and no other run uses: letters, digits and `-`, at most 40. */
  unique(): string;
  /** A tenant that no other case and no other run uses. */
  tenant(): string;
  /** A session of a fresh tenant, or the same with some fields given. */
  identity(fields?: Partial<Identity>): Identity;
  /** The next payload of the case's own deterministic sequence. */
  payload(size?: number): Uint8Array<ArrayBuffer>;
  /** A record with a fresh event id and the next payload, or the same with some fields given. */
  record(identity: Identity, kind: string, fields?: Partial<NewRecord>): NewRecord;
  /** Damages a record of the case's space. For cases that need `damage`. */
  damage(record: RecordKey): Promise<void>;
  /** Starts a role in another process, on the case's space. For cases that need `processes` or `sharing`. */
  spawn<R extends ChildTaskName>(
    role: R,
    task: Parameters<ChildTasks[R]>[1],
  ): Child<Awaited<ReturnType<ChildTasks[R]>>>;
}
