import { headersUnder } from "../content/paging.js";
import type { Identity, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import type { GatedRecords } from "../typed/moving/user-data.js";
import { lastUnder } from "../typed/names.js";
import type { MovedKinds } from "./kinds.js";

type Signal = AbortSignal | undefined;

/** What one commit moves: each record may have a dozen entries in lists. */
export const MOST_RECORDS = 250;
export const MOST_BYTES = 6 * 1024 * 1024;

const PAGE = 50;

/** Records of a session, in the order of their kinds. */
export interface SomeRecords {
  readonly records: readonly StateRecord[];
  /** There are no others. */
  readonly isAll: boolean;
}

/** The records of a session, as far as one commit moves them; without those that are `left`. */
export async function someRecords(
  store: StateStore,
  from: Identity,
  leftPrefixOf: (kind: string) => string | undefined,
  signal: Signal,
): Promise<SomeRecords> {
  const records: StateRecord[] = [];
  let bytes = 0;
  for (let after: string | undefined; ; ) {
    const page = await store.list(from, "", { after, limit: PAGE, signal });
    after = page.at(-1)?.kind;
    for (const record of page) {
      const left = leftPrefixOf(record.kind);
      if (left !== undefined) {
        after = lastUnder(left, record.kind);
        break;
      }
      bytes += record.bytes.byteLength;
      if (records.length === MOST_RECORDS || (records.length > 0 && bytes > MOST_BYTES))
        return { records, isAll: false };
      records.push(record);
    }
    if (after === undefined || (page.length < PAGE && after === page.at(-1)?.kind))
      return { records, isAll: true };
  }
}

/** The gates of a session, by kind, with their event ids. */
export async function gatesOf(
  store: StateStore,
  kinds: MovedKinds,
  owner: SessionIdentity,
  gated: GatedRecords,
  signal: Signal,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const gate of gated.gates) {
    if (!gate.endsWith("/")) {
      // Of all kinds that begin so, it is the first.
      const [first] = await store.list(owner, gate, { limit: 1, bytes: false, signal });
      if (first?.kind === gate) found.set(gate, first.eventId);
      continue;
    }
    for await (const page of headersUnder(store, owner, gate, { signal }))
      for (const { kind, eventId } of page) if (kinds.isGate(kind, gated)) found.set(kind, eventId);
  }
  return found;
}
