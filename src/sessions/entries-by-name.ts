import type { RecordHeader, SessionIdentity, StateStore } from "../contract/store.js";
import { userOf } from "./owners.js";
import { FIELD_LISTS, fieldListAt, namedBy, SESSION_LISTS, type SessionList } from "./session-lists.js";

const PAGE_SIZE = 1_000;

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
    for (let after: string | undefined; ; ) {
      const page = await store.list(userOf(owner), prefix, { after, limit: PAGE_SIZE, bytes: false, signal });
      found.push(...page.filter((header) => namedBy(listAt(header.kind), header)?.session === owner.session));
      after = page.at(-1)?.kind;
      if (page.length < PAGE_SIZE) return;
    }
  };
  for (const list of SESSION_LISTS) await collect(list.prefix, () => list);
  for (const list of FIELD_LISTS) await collect(list.prefix, (kind) => fieldListAt(list, kind));
  return found;
}
