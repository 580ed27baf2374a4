import type { EventId } from "../../contract/store.js";
import type { Cell } from "../cell.js";

/** What the works of one commit read and write through: a transaction, or what a wrapper puts before one. */
export interface CombinedCommit {
  /** The value of a cell, as the works before have left it. The commit depends on it. */
  get<T>(cell: Cell<T>): Promise<T | undefined>;
  /** The same, but the commit does not depend on it. Absent where no work peeks. */
  peek?<T>(cell: Cell<T>): Promise<T | undefined>;
  /** Runs a part. If it rejects, what it wrote is dropped. */
  allOrNothing<R>(part: () => Promise<R>): Promise<R>;
  /** Passes what all parts wrote on to the transaction. Absent where they write to it themselves. */
  flush?(): Promise<void>;
}

/** Work of one caller that shares a commit with work of others. */
export interface CombinedWork<C, R> {
  /** The cells that it reads and may write. All are read before work begins. Works that name the same cell share it. */
  readonly reads: readonly Cell<unknown>[];
  /** Other cells that are read ahead with them. If that fails, the work itself finds out. */
  readonly peeks?: readonly Cell<unknown>[];
  /**
   * A slot that it writes over, which other works may have written too. The store would never learn of an id under which a
   * work before it in the same commit wrote there, so such work shares commits accordingly.
   */
  readonly overwrites?: Cell<unknown>;
  /** How many slots it changes beside these, at most. */
  readonly writes: number;
  /** About how many bytes it writes. Absent: few. */
  readonly bytes?: number;
  /** The ids of the caller's. An event id can be written only once in a commit. */
  readonly ids?: readonly EventId[];
  /** The caller brought an id, so the same call again cannot take effect twice. */
  readonly repeatable: boolean;
  /** Makes the writes. It runs again when other writers were faster. */
  apply(commit: C): Promise<R>;
  /**
   * Before anything is read, where all works of the commit write over the same slot: puts what this process knows in place of
   * reads. The commit depends on it, and only work that then always writes may do so.
   */
  assume?(commit: C): void;
  /** What an earlier call with the same ids answered. Absent where `apply` itself finds out. */
  recall?(commit: C): Promise<R | undefined>;
}
