import type { CallOptions, Identity, RecordHeader, StateStore } from "../contract/store.js";
import type { DamageLog } from "../typed/damage.js";
import { exportedValue } from "../typed/exporting/exported-value.js";
import type { UserData } from "../typed/moving/user-data.js";
import { lastUnder } from "../typed/names.js";
import type { Item } from "./lines.js";

/** How what is stored under an identity is exported. */
export interface OwnerExport extends CallOptions {
  readonly damage: DamageLog;
  /** The identity is that of the user. All sorts are asked: some have what is the user's under other identities. */
  readonly isUser: boolean;
}

const PAGE = 100;

/** Everything under an identity: the records that are no sort's as they are stored, then what each of the sorts has. */
export async function* exportOwner(
  store: StateStore,
  owner: Identity,
  data: readonly UserData[],
  { damage, isUser, signal }: OwnerExport,
): AsyncGenerator<Item, void, undefined> {
  const present = new Set<UserData>(isUser ? data : []);
  for await (const header of otherRecords(store, owner, data, present, signal)) {
    const json = await damage.skipIfDamaged(recordOf(store, owner, header, signal));
    if (json !== undefined) yield { of: "records", json };
  }
  for (const { name, exportOf } of data.filter((sort) => present.has(sort)))
    try {
      for await (const json of exportOf?.(owner, { signal }) ?? []) yield { of: name, json };
    } catch (error) {
      damage.add(error);
    }
}

/** The records that are no sort's. Of those of a sort, which may be many, one is asked for, and the sort is marked as present. */
async function* otherRecords(
  store: StateStore,
  owner: Identity,
  data: readonly UserData[],
  present: Set<UserData>,
  signal: AbortSignal | undefined,
): AsyncGenerator<RecordHeader, void, undefined> {
  for (let range: { after?: string } = {}; ; ) {
    const page = await store.list(owner, "", { ...range, limit: PAGE, bytes: false, signal });
    if (page.length === 0) return;
    for (const header of page) {
      const { kind } = header;
      const known = sortOf(kind, data);
      range = { after: known === undefined ? kind : lastOf(known.exported, kind) };
      if (known === undefined) yield header;
      else present.add(known.sort);
      // The rest of the page is left out where it has no more of others.
      if (known !== undefined && isPrefix(known.exported)) break;
    }
  }
}

function sortOf(kind: string, data: readonly UserData[]) {
  for (const sort of data)
    for (const exported of sort.exportedKinds ?? [])
      if (isPrefix(exported) ? kind.startsWith(exported) : kind === exported) return { sort, exported };
  return undefined;
}

function isPrefix(exported: string): boolean {
  return exported.endsWith("/") || exported.endsWith(".");
}

function lastOf(exported: string, kind: string): string {
  return isPrefix(exported) ? lastUnder(exported, kind) : kind;
}

/** A record as it is stored; `undefined` if it is gone. CORRUPT. */
async function recordOf(
  store: StateStore,
  owner: Identity,
  { kind }: RecordHeader,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const record = await store.find(owner, kind, { signal });
  if (record === undefined) return undefined;
  const { updatedAt, bytes, version } = record;
  return JSON.stringify({ kind, updatedAt, ...(await exportedValue(bytes, version)) });
}
