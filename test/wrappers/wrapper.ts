import { expect } from "vitest";
import {
  type Identity,
  type MaintenanceScope,
  type SessionIdentity,
  type StateRecord,
  type StateStore,
  tenantIdentity,
  userIdentity,
} from "../../src/index.js";
import { expectAllRejected } from "./rejections.js";

/** One of a wrapper's methods, on one record of a session. */
export type Method<W> = (wrapper: W, who: SessionIdentity, id: string) => Promise<unknown>;

/** What a list is about. */
export type Where = SessionIdentity | { readonly tenant: string };

/**
 * A wrapper whose records have an owner and an id, as the tests that all such wrappers share see it. They use a session
 * `newSession()` each, and ids of their own.
 */
export interface WrapperTable<W> {
  readonly open: (store: StateStore, options?: { readonly clock?: () => number }) => W;
  /** Whose the records are: those of a `session` (default), or of a `user` or a `tenant` whatever the session is. */
  readonly of?: "session" | "user" | "tenant";
  /** Whether the records of all sessions are in a list of their tenant. Default: those of sessions are. */
  readonly isListedByTenant?: boolean;
  /** Makes a record, under a caller's id. The same call again has to be a duplicate. */
  readonly make: Method<W>;
  /** The record as the wrapper shows it, with its id; `undefined` if there is none. */
  readonly find: (wrapper: W, who: SessionIdentity, id: string) => Promise<object | undefined>;
  /** The ids of the records in a list of the owner, and where that is a session, in one of the tenant. */
  readonly listed: (wrapper: W, where: Where) => Promise<readonly string[]>;
  /** Removes what points at erased sessions: `expireOverdue` with `erased`. */
  readonly sweep: (wrapper: W, scope: MaintenanceScope) => Promise<unknown>;
  /** Every other method about one record, by name. None may accept a record that does not exist. */
  readonly methods: Readonly<Record<string, Method<W>>>;
  /** Methods that say so in their answer where there is no such record, and what they answer. */
  readonly absent?: Readonly<Record<string, readonly [call: Method<W>, answer: unknown]>>;
  /**
   * What happens to a record in order, from `make` to a final status, each call with a token or id of the caller's: sent
   * again, it gets the same answer.
   */
  readonly walk: Readonly<Record<string, Method<W>>>;
  /** The kind under which the state of a record is stored. */
  readonly kindOf: (id: string) => string;
  /** Under whose identity that is. Default: the session's. */
  readonly storedUnder?: (who: SessionIdentity, id: string) => Identity;
  /** Methods that do not read that record, so that its damage is none of theirs. Default none. */
  readonly notReadBy?: readonly string[];
  /** The field that an error about an id names. Default `id`. */
  readonly idField?: string;
  /** What a record could hold after damage, made of the JSON that it holds. A string stands for itself. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests change stored JSON as they like.
  readonly damages: (stored: any) => readonly unknown[];
}

/** Every method finds no such record. */
export async function expectAbsent<W>(
  { methods, absent = {}, find }: WrapperTable<W>,
  wrapper: W,
  who: SessionIdentity,
  id: string,
): Promise<void> {
  const calls = Object.entries(methods).map(([name, act]) => [name, () => act(wrapper, who, id)]);
  await expectAllRejected(Object.fromEntries(calls), { code: "NOT_FOUND", details: {} });
  for (const [name, [act, answer]] of Object.entries(absent))
    expect(await act(wrapper, who, id), name).toEqual(answer);
  expect(await find(wrapper, who, id)).toBeUndefined();
}

type Place = Pick<WrapperTable<unknown>, "of" | "isListedByTenant" | "storedUnder">;

export function isListedByTenant({ of, isListedByTenant: isListed = of === undefined }: Place): boolean {
  return isListed;
}

/** The lists that a record of somebody's is in, the widest last. */
export function listsOf(table: Place, who: SessionIdentity): readonly Where[] {
  return isListedByTenant(table) ? [who, { tenant: who.tenant }] : [who];
}

export function widestListOf(table: Place, who: SessionIdentity): Where {
  return listsOf(table, who).at(-1) as Where;
}

/** The identity under which the state of a record is stored. */
export function placeOf({ storedUnder }: Place, who: SessionIdentity, id: string): Identity {
  return storedUnder?.(who, id) ?? who;
}

/** Everything that is stored for somebody: in the session, under the user and the tenant, and where the records are. */
export async function everythingOf(
  store: StateStore,
  table: Place,
  who: SessionIdentity,
  ids: readonly string[],
): Promise<StateRecord[]> {
  const own = [who, userIdentity(who.tenant, who.user), tenantIdentity(who.tenant)];
  const all = [...own, ...ids.map((id) => placeOf(table, who, id))];
  const places = new Map(all.map((place) => [JSON.stringify(place), place]));
  return (await Promise.all([...places.values()].map((place) => store.list(place, "")))).flat();
}
