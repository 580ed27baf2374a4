import type { CallOptions, Identity, StateStore } from "../contract/store.js";

/** Records per read and per commit. */
const PAGE_SIZE = 50;

/**
 * Deletes all records of an identity whose kinds begin with the prefix, in several commits. Returns how many. After an
 * interruption, call it again. Records that are written while it runs may stay.
 */
export async function deleteAll(
  store: StateStore,
  identity: Identity,
  prefix: string,
  options: CallOptions = {},
): Promise<number> {
  for (let deleted = 0; ; ) {
    const listed = await store.list(identity, prefix, { ...options, limit: PAGE_SIZE, bytes: false });
    if (listed.length === 0) return deleted;
    const changes = listed.map(({ kind }) => ({ op: "delete", identity, kind }) as const);
    await store.commit(changes, options);
    deleted += listed.length;
  }
}
