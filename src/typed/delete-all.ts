import type { CallOptions, Identity, StateStore } from "../contract/store.js";

/** In one commit, and read at once. */
const AT_ONCE = 50;

/**
 * Deletes whatever an identity holds under kinds that begin with the prefix, piece by piece; how many records.
 * Interrupted, it may be called again. What is written meanwhile may stay.
 */
export async function deleteAll(
  store: StateStore,
  identity: Identity,
  prefix: string,
  options: CallOptions = {},
): Promise<number> {
  for (let deleted = 0; ; ) {
    const records = await store.list(identity, prefix, { ...options, limit: AT_ONCE });
    if (records.length === 0) return deleted;
    const changes = records.map(({ kind }) => ({ op: "delete", identity, kind }) as const);
    await store.commit(changes, options);
    deleted += records.length;
  }
}
