import { State } from "@google/adk";
import type { SessionIdentity } from "../../contract/store.js";
import { newEventId } from "../../process/event-id.js";
import type { StateEntry, StateInUnit } from "../../sessions/index.js";
import type { JsonValue } from "../../typed/json-value.js";
import { fromJsonWithBytes, toJsonWithBytes } from "../json-with-bytes.js";
import { isEscaped, shortName } from "./names.js";
import { stateOf } from "./place.js";
import { isTemporary } from "./stored-event.js";

export type AnyState = Readonly<Record<string, unknown>>;

/** The state of a session, of its user and of its app, each under the keys that it has there. */
export interface Scopes<T> {
  readonly session: T;
  readonly user: T;
  readonly app: T;
}

type Values = ReadonlyMap<string, unknown>;

/** When the session was updated last, as its last event says. Written with everything that changes the session. */
export const UPDATED = "%updated";
/** Another value once an event was put in the place of one. */
const HISTORY = "%history";

/** What is stored under a digest says which key it is of. */
interface Keyed {
  readonly key: string;
  readonly value: JsonValue;
}

/** Which values go where. Those of the invocation alone go nowhere. */
export function scopesOf(state: AnyState = {}): Scopes<Values> {
  const scopes = { session: new Map(), user: new Map(), app: new Map() };
  for (const [key, value] of Object.entries(state)) {
    if (key.startsWith(State.APP_PREFIX)) scopes.app.set(key.slice(State.APP_PREFIX.length), value);
    else if (key.startsWith(State.USER_PREFIX)) scopes.user.set(key.slice(State.USER_PREFIX.length), value);
    else if (!isTemporary(key)) scopes.session.set(key, value);
  }
  return scopes;
}

/** The maps of `groundstate/sessions` that hold the three states, in a unit or out of it. */
export function mapsOf<M>(
  sessions: {
    sessionState(identity: SessionIdentity): M;
    userState(user: { readonly tenant: string; readonly user: string }): M;
    tenantState(tenant: string): M;
  },
  identity: SessionIdentity,
): Scopes<M> {
  const { tenant, user } = identity;
  return {
    session: sessions.sessionState(identity),
    user: sessions.userState({ tenant, user }),
    app: sessions.tenantState(tenant),
  };
}

/** Writes what changes, with the marks by which a reader sees that something has changed. */
export async function writeScopes(
  maps: Scopes<StateInUnit>,
  { appName, delta, updated, edited }: Change,
): Promise<void> {
  const own = stateOf(appName);
  await maps.session.set(UPDATED, updated);
  if (edited) await maps.session.set(HISTORY, newEventId());
  if (delta.user.size > 0) await maps.user.set(own + UPDATED, updated);
  await writeValues(maps.session, "", delta.session);
  await writeValues(maps.user, own, delta.user);
  await writeValues(maps.app, own, delta.app);
}

/** What `writeScopes` writes. */
export interface Change {
  readonly appName: string;
  readonly delta: Scopes<Values>;
  readonly updated: number;
  /** The events before are other ones than a reader may have seen. */
  readonly edited: boolean;
}

async function writeValues(map: StateInUnit, prefix: string, values: Values): Promise<void> {
  for (const [key, value] of values) {
    const name = shortName(key);
    if (value === undefined) await map.delete(prefix + name);
    else {
      const stored = toJsonWithBytes(value, "state", "objects");
      await map.set(prefix + name, isEscaped(name) ? { key, value: stored } : stored);
    }
  }
}

/** The values of a map, as the state of a session has them, and the marks among them. */
export function readEntries(entries: readonly StateEntry[], prefix = "", shown = "") {
  const marks = new Map<string, StateEntry>();
  const values: [string, unknown][] = [];
  for (const entry of entries) {
    const name = entry.key.slice(prefix.length);
    if (name === UPDATED || name === HISTORY) marks.set(name, entry);
    else {
      const { key, value } = isEscaped(name)
        ? (entry.value as unknown as Keyed)
        : { key: name, value: entry.value };
      values.push([shown + key, fromJsonWithBytes(value)]);
    }
  }
  return { values, updated: marks.get(UPDATED), history: marks.get(HISTORY)?.value };
}
