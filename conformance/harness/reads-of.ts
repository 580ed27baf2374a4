import {
  isStateError,
  maintenanceScope,
  type NewRecord,
  type StateRecord,
  type StateStore,
} from "../../src/index.js";

/** Reads under way, by how they ask. Each finds the record, another one that is current, or nothing. */
export type Reads = ReadonlyMap<string, Promise<StateRecord | undefined>>;

/** Asks for a record in every way there is, all at once. Its kind is no prefix of another in its tenant. */
export function readsOf(store: StateStore, { identity, kind, eventId }: NewRecord): Reads {
  const scope = maintenanceScope({ reason: "conformance", tenant: identity.tenant });
  const byEventId = store.loadByEventId(identity, eventId).catch((error: unknown) => {
    if (isStateError(error, "NOT_FOUND")) return undefined;
    throw error;
  });
  return new Map([
    ["find", store.find(identity, kind)],
    ["list", store.list(identity, kind).then(([first]) => first)],
    ["listKind", store.listKind(scope, kind).then(([first]) => first)],
    ["loadByEventId", byEventId],
  ]);
}

/** What reads found. */
export async function settled(
  reads: Reads,
): Promise<readonly (readonly [string, StateRecord | undefined])[]> {
  const found = await Promise.all(reads.values());
  return [...reads.keys()].map((how, index) => [how, found[index]] as const);
}
