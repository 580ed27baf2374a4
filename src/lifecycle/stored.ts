import type { SessionIdentity } from "../contract/store.js";

/** Which record of a lifecycle: its session and its id. */
export interface LifecycleKey {
  /** The session that it belongs to. It need not exist or be open. */
  readonly identity: SessionIdentity;
  /** Unique within the session. */
  readonly id: string;
}

/** The part of a record that changes. A wrapper adds its own fields. Times are in milliseconds since 1970. */
export interface LifecycleState<Status extends string = string> {
  /** The status that was last written. */
  readonly status: Status;
  /** When the record was created. Lists are in the order of these times. */
  readonly createdAt: number;
  /** When it expires, if it does. */
  readonly expiresAt?: number;
  /** When retention removed its payload. */
  readonly payloadRemovedAt?: number;
}

/** The part of a record that never changes, as it is stored. */
export interface ContentRecord<C> {
  /** That of the state to which it belongs. */
  readonly createdAt: number;
  /** What the caller gave. */
  readonly content: C;
}

/** Both parts of a record. */
export interface Whole<S, C> {
  /** The part that changes. */
  readonly state: S;
  /** The part that never changes. */
  readonly content: C;
}

/** What a transition is told besides the state. */
export interface Moment<S extends LifecycleState, C> {
  /** The time by the clock of the records, in milliseconds since 1970. */
  readonly now: number;
  /** The status now: the expired one also if nobody has marked the record yet. */
  readonly status: S["status"];
  /** The content of the record. */
  readonly content: C;
}

/**
 * Returns the state after a change, or the same object if there is nothing to write: the same call came again. Throws if
 * the change is not allowed. It is called again when another writer was faster.
 */
export type Transition<S extends LifecycleState, C> = (state: S, moment: Moment<S, C>) => S;
