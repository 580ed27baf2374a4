import { headersUnder } from "../content/paging.js";
import type { RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { userOf } from "./owners.js";
import { FIELD_LISTS, fieldListAt, namedBy, SESSION_LISTS, type SessionList } from "./session-lists.js";

/**
 * The entries of a session in all lists, by its name alone: for one whose head does not say where they are. It reads the keys
 * of all entries of the user.
 */
export async function entriesByName(
  store: StateStore,
  owner: SessionIdentity,
  signal: AbortSignal | undefined,
): Promise<RecordHeader[]> {
  const found: RecordHeader[] = [];
  const collect = async (prefix: string, listAt: (kind: string) => SessionList) => {
    for await (const page of headersUnder(store, userOf(owner), prefix, { signal }))
      found.push(...page.filter((header) => namedBy(listAt(header.kind), header)?.session === owner.session));
  };
  for (const list of SESSION_LISTS)
    for (const prefix of [list.prefix, list.closedPrefix]) await collect(prefix, () => list);
  for (const list of FIELD_LISTS) await collect(list.prefix, (kind) => fieldListAt(list, kind));
  return found;
}
