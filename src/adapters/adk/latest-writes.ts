import type { AppendEventRequest, Event, Session } from "@google/adk";
import type { AnyState } from "./scoped-state.js";
import { isTemporary } from "./stored-event.js";

/**
 * What an event changes, but for values that code of this process has written again since: of nodes that run side by side, the one
 * that wrote first may append last. ADK knows the order of writes and says it only by what it applies. So where the session holds
 * another value, `apply` is tried, and taken back.
 */
export async function latestWrites(
  session: Session,
  event: Event,
  apply: (request: AppendEventRequest) => Promise<unknown>,
): Promise<AnyState> {
  const { state } = session;
  const delta: AnyState = event.actions?.stateDelta ?? {};
  const keys = Object.keys(delta).filter((key) => !isTemporary(key));
  const isOther = (key: string) => Object.hasOwn(state, key) && state[key] !== delta[key];
  if (!keys.some(isOther)) return delta;
  const before = new Map(keys.map((key) => [key, Object.getOwnPropertyDescriptor(state, key)]));
  await apply({ session: { ...session, events: [] }, event: { ...event, actions: { ...event.actions } } });
  const latest = Object.entries(delta).filter(([key]) => !isOther(key));
  for (const [key, descriptor] of before) {
    if (isOther(key)) continue;
    if (descriptor === undefined) delete state[key];
    else Object.defineProperty(state, key, descriptor);
  }
  return Object.fromEntries(latest);
}
