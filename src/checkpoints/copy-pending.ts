import { commitBytes } from "../content/keyed-value.js";
import { inCommits, recordsUnder } from "../content/paging.js";
import type { CallOptions, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { cellAt } from "../typed/cell.js";
import type { Codec } from "../typed/codec.js";
import { transact } from "../typed/transact.js";
import type { Transaction } from "../typed/transaction.js";
import { type Place, pendingKinds, writesFor, writesOf } from "./kinds.js";
import type { FoundCheckpoint } from "./records.js";

/** A checkpoint, and where its copy belongs. */
export interface Copy {
  readonly from: FoundCheckpoint;
  readonly to: Place;
}

/** Whether the copies may still be written, as a condition of their commit. */
type MayGoOn = (transaction: Transaction) => Promise<boolean>;

/** A record as it is to be written. */
type Copied = Pick<StateRecord, "kind" | "bytes" | "version">;

/** So many records are pending for a checkpoint at most if they are copied together with those of others. */
const FEW = 16;
const LISTS_AT_ONCE = 8;
const WRITES_AT_ONCE = 500;

/** The codec of bytes that are copied as they are. */
const AS_IT_IS: Codec<Uint8Array> = { version: 0, encode: (bytes) => bytes, decode: (bytes) => bytes };

/** Copies what is pending for checkpoints of one lineage. */
export async function copyPending(
  store: StateStore,
  copies: readonly Copy[],
  mayGoOn: MayGoOn,
  options: CallOptions,
): Promise<void> {
  const { owner, lineage } = copies[0]?.from.place ?? {};
  if (owner === undefined || lineage === undefined) return;
  if ((await store.count(owner, writesOf(lineage), { ...options, limit: 1 })) === 0) return;
  const few: Copied[] = [];
  for (let from = 0; from < copies.length; from += LISTS_AT_ONCE) {
    const some = copies.slice(from, from + LISTS_AT_ONCE);
    const found = await Promise.all(
      some.map(({ from: { place, id } }) =>
        store.list(owner, writesFor(place, id), { ...options, limit: FEW }),
      ),
    );
    for (const [at, records] of found.entries()) {
      const copy = some[at] as Copy;
      if (isFew(copy, records)) few.push(...records.map((record) => copied(copy, record)));
      else await copyMany(store, copy, mayGoOn, options);
    }
    if (few.length >= WRITES_AT_ONCE) await write(store, owner, few.splice(0), mayGoOn, options);
  }
  await write(store, owner, few, mayGoOn, options);
}

/** They are all, and none is large: what belongs to large values would be listed first. */
function isFew({ from }: Copy, records: readonly StateRecord[]): boolean {
  const { writes } = pendingKinds(writesFor(from.place, from.id));
  return records.length < FEW && records.every(({ kind }) => kind.startsWith(writes));
}

/** The writes come before the large values that they name, because a task may write meanwhile. */
async function copyMany(
  store: StateStore,
  copy: Copy,
  mayGoOn: MayGoOn,
  options: CallOptions,
): Promise<void> {
  const { place, id } = copy.from;
  const { writes, values, chunks } = pendingKinds(writesFor(place, id));
  for (const prefix of [writes, values, chunks])
    for await (const page of recordsUnder(store, place.owner, prefix, options)) {
      const copies = page.map((record) => copied(copy, record));
      await write(store, place.owner, copies, mayGoOn, options);
    }
}

function copied({ from: { place, id }, to }: Copy, { kind, bytes, version }: StateRecord): Copied {
  return { kind: writesFor(to, id) + kind.slice(writesFor(place, id).length), bytes, version };
}

/** Writes copies, in as many commits as they take. */
async function write(
  store: StateStore,
  owner: SessionIdentity,
  copies: readonly Copied[],
  mayGoOn: MayGoOn,
  options: CallOptions,
): Promise<void> {
  for (const part of inCommits(copies, commitBytes(store.limits)))
    await transact(
      store,
      async (transaction) => {
        if (!(await mayGoOn(transaction))) return;
        for (const { kind, bytes, version } of part)
          await transaction.set(cellAt(owner, kind, { ...AS_IT_IS, version }), bytes);
      },
      { ...options, repeatable: true },
    );
}
