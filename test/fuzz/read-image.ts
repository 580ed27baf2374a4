import { isStateError } from "../../src/contract/errors.js";
import type { Identity, RecordKey, StateRecord, StateStore } from "../../src/contract/store.js";
import { maintenanceScope } from "../../src/identity/scope.js";
import { keyOf, SCANNED, type State } from "./image.js";
import { answerOf } from "./read-everything.js";

export type Found = ReadonlyMap<string, StateRecord | "nothing" | "corrupt">;

/** What a store says of the slots of some states. */
export interface Reading {
  readonly slots: Found;
  /** By their event ids, under the keys of their slots: the records of the latest state. */
  readonly events: Found;
  /** By owner. */
  readonly lists: ReadonlyMap<string, readonly StateRecord[] | "corrupt">;
  /** One scan, that went on behind damage as long as it was told where that is. */
  readonly scan: { readonly records: readonly StateRecord[]; readonly isDamaged: boolean };
}

/** Asks for every slot of these states by itself, in a list and in a scan. Throws what no read may throw. */
export async function readImage(store: StateStore, states: readonly State[]): Promise<Reading> {
  const places = new Map<string, RecordKey>();
  const owners = new Map<string, Identity>();
  for (const [key, { identity, kind }] of states.flatMap((state) => [...state])) {
    places.set(key, { identity, kind });
    owners.set(ownerOf({ identity }), identity);
  }
  const finding = [...places].map(async ([key, { identity, kind }]) =>
    found(key, store.find(identity, kind)),
  );
  const latest = [...(states.at(-1) as State)];
  const loading = latest.map(([key, { identity, eventId }]) =>
    found(key, store.loadByEventId(identity, eventId)),
  );
  const listing = [...owners].map(async ([key, identity]) => {
    const list = await unlessCorrupt(store.list(identity, ""));
    return [key, Array.isArray(list) ? list : "corrupt"] as const;
  });
  const [slots, events, lists] = await Promise.all([
    Promise.all(finding),
    Promise.all(loading),
    Promise.all(listing),
  ]);
  return {
    slots: new Map(slots),
    events: new Map(events),
    lists: new Map(lists),
    scan: await scanOn(store, places.size),
  };
}

/** One string per identity. */
export function ownerOf({ identity }: Pick<StateRecord, "identity">): string {
  return keyOf({ identity, kind: "" });
}

async function found(
  key: string,
  reading: Promise<StateRecord | undefined>,
): Promise<[string, StateRecord | "nothing" | "corrupt"]> {
  const answer = await answerOf(reading);
  return [key, answer.is === "record" ? answer.record : answer.is === "nothing" ? "nothing" : "corrupt"];
}

async function scanOn(store: StateStore, most: number): Promise<Reading["scan"]> {
  const scope = maintenanceScope({ reason: "looks for damage", allTenants: true });
  const records: StateRecord[] = [];
  let after: { after?: RecordKey } = {};
  let isDamaged = false;
  for (let round = 0; round <= most; round++) {
    const page = await unlessCorrupt(store.listKind(scope, SCANNED, { ...after, limit: 20 }));
    if (Array.isArray(page)) {
      records.push(...page);
      const last = page.at(-1);
      if (last === undefined) return { records, isDamaged };
      after = { after: last };
    } else {
      isDamaged = true;
      if (page.at === undefined) return { records, isDamaged };
      after = { after: page.at };
    }
  }
  throw new Error("a scan that goes on behind damage never ends");
}

async function unlessCorrupt<T>(reading: Promise<T>): Promise<T | { readonly at?: RecordKey }> {
  try {
    return await reading;
  } catch (error) {
    if (isStateError(error, "CORRUPT")) return error.details;
    throw error;
  }
}
