import type { MaintenanceScope, SessionIdentity, StateStore } from "../../src/index.js";

/** One of a wrapper's methods, on one record of a session. */
export type Method<W> = (wrapper: W, who: SessionIdentity, id: string) => Promise<unknown>;

/**
 * A wrapper whose records belong to a session and have an id, as the tests that all such wrappers share see it. They use a
 * session `newSession()` each, and ids of their own.
 */
export interface WrapperTable<W> {
  readonly open: (store: StateStore, options?: { readonly clock?: () => number }) => W;
  /** Makes a record, under a caller's id. The same call again has to be a duplicate. */
  readonly make: Method<W>;
  /** The record as the wrapper shows it; `undefined` if there is none. */
  readonly find: (wrapper: W, who: SessionIdentity, id: string) => Promise<object | undefined>;
  /** The ids of the records in a list of the session, and in one of the tenant. */
  readonly listed: (
    wrapper: W,
    where: SessionIdentity | { readonly tenant: string },
  ) => Promise<readonly string[]>;
  /** Removes what points at erased sessions: `expireOverdue` with `erased`. */
  readonly sweep: (wrapper: W, scope: MaintenanceScope) => Promise<unknown>;
  /** Every other method about one record, by name. None may accept a record that does not exist. */
  readonly methods: Readonly<Record<string, Method<W>>>;
  /**
   * What happens to a record in order, from `make` to a final status, each call with a token or id of the caller's: sent
   * again, it gets the same answer.
   */
  readonly walk: Readonly<Record<string, Method<W>>>;
  /** The kind under which the state of a record is stored. */
  readonly kindOf: (id: string) => string;
  /** What a record could hold after damage, made of the JSON that it holds. A string stands for itself. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests change stored JSON as they like.
  readonly damages: (stored: any) => readonly unknown[];
}
