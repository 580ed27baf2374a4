import type {
  CallOptions,
  EventId,
  RecordHeader,
  SessionIdentity,
  StateRecord,
  UserIdentity,
} from "../../contract/store.js";
import type { ExportedData } from "../exporting/exported-data.js";
import type { RetainedData } from "../retaining/retained-data.js";
import type { Transaction } from "../transaction.js";

/** From which user to which the data of a tenant's user moves. */
export interface UserMove {
  /** The tenant of both. */
  readonly tenant: string;
  /** Whose the data is. */
  readonly from: string;
  /** Whose it becomes. */
  readonly to: string;
}

/** The session that moves, and the same session under its new user. */
export interface SessionMove {
  /** Where its records are. */
  readonly from: SessionIdentity;
  /** Where they will be. */
  readonly to: SessionIdentity;
}

/** What belongs to a record and moves in the same commit. */
export interface Attached {
  /** Kinds of the session. */
  readonly kinds: readonly string[];
  /** What further kinds of the session begin with, of which there may be many. */
  readonly prefixes: readonly string[];
}

/** Records of a session that more than their own slot depends on. All others move as they are. */
export interface MovingRecords {
  /** Their kind. One that ends with a slash stands for all kinds that begin with it. */
  readonly kind: string;
  /** Nobody moves them: `alongside` of another record writes them anew. What is left of them is removed. */
  readonly isIndex?: boolean;
  /**
   * They move with the records that they are attached to, of which there are fewer than of all others; those that are attached
   * to none move last.
   */
  readonly isAttached?: boolean;
  /** How many of them moved is told to the caller of `moveUser`. */
  readonly isCounted?: boolean;
  /** What else moves in the same commit. */
  readonly attached?: (record: RecordHeader) => Attached;
  /**
   * What the commit that moves the record writes beside it, such as the entries of lists: through the transaction alone. It
   * runs again when another writer was faster. It may refuse the move by an error.
   */
  readonly alongside?: (transaction: Transaction, record: StateRecord, move: SessionMove) => Promise<void>;
  /** The event id under its new user, of records that are found by it. */
  readonly eventId?: (record: RecordHeader, move: SessionMove) => Promise<EventId>;
}

/** Records of a session of which there may be more than a commit takes, and which nobody sees without a few others. */
export interface GatedRecords {
  /** Without these nobody sees the others; whoever changes the others changes one of these. Written as `MovingRecords.kind`. */
  readonly gates: readonly string[];
  /** What the kinds of the others begin with. */
  readonly bulk: readonly string[];
  /** The gate of one of the others, if only one shows it. */
  readonly gateOf?: (kind: string) => string | undefined;
  /**
   * The others are never written where there is no gate, so all of them are erased with the gates. Otherwise they are removed
   * one by one, as far as they were copied.
   */
  readonly isErased: boolean;
}

/**
 * Data of one sort. `forgetUser`, `moveUser`, `exportUser` and `retention.apply` go over all sorts that they know, and over those
 * that their callers add.
 */
export interface UserData extends RetainedData, ExportedData {
  /** What it is called: letters, such as `notes`. */
  readonly name: string;
  /** Removes what is the user's. Returns how many records. After an interruption, the same call goes on. */
  forgetUser?(user: UserIdentity, options: CallOptions): Promise<number>;
  /** Which records of sessions move in a way of their own. */
  readonly records?: readonly MovingRecords[];
  /** Which records of sessions may be too many for one commit. */
  readonly gated?: readonly GatedRecords[];
  /** What kinds under `userIdentity` begin with that only this sort moves or removes. */
  readonly ownPrefixes?: readonly string[];
  /** Refuses, by an error, that the user's data moves now. Called before anything has moved. */
  checkMove?(move: UserMove, options: CallOptions): Promise<void>;
  /**
   * Moves what is stored outside of sessions. Called once the sessions have moved. Returns how many. After an interruption, the
   * same call goes on.
   */
  moveOwn?(move: UserMove, options: CallOptions): Promise<number>;
}

/** Whether records of this kind are meant. */
export function isOfKind(kind: string, meant: string): boolean {
  return meant.endsWith("/") ? kind.startsWith(meant) : kind === meant;
}
