import type { CallOptions, Identity, StateRecord, StateStore } from "../contract/store.js";
import { mapInSlices } from "../typed/slices.js";
import { FIRST_RECORDS, nextSize } from "./paging.js";

/** Which part of what lies under a prefix is read, in the order of the kinds. */
export interface PageUnder extends CallOptions {
  /** What the kinds begin with. */
  readonly prefix: string;
  /** Only kinds behind this one. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A page ends where its records have as much as a commit may have, though there are more. */
const PAGE_BYTES = 16 * 1024 * 1024;
/** So many records are read for one page at most. */
const MOST_READ = 10_000;

/**
 * A page that is bounded in number and in bytes, of the records of which `read` makes something. `next`: the kind behind which
 * the next page begins; `undefined` on the last one.
 */
export async function pageUnder<V>(
  store: StateStore,
  owner: Identity,
  { prefix, after, limit, signal }: PageUnder,
  read: (record: StateRecord) => Promise<V | undefined>,
): Promise<{ readonly values: readonly V[]; readonly next: string | undefined }> {
  const found: { readonly kind: string; readonly value: V }[] = [];
  const most = limit + 1;
  let size = Math.min(FIRST_RECORDS, most);
  let [bytes, records] = [0, 0];
  for (let last = after; ; ) {
    const page = await store.list(owner, prefix, { after: last, limit: size, signal });
    const made = await mapInSlices(page, async (record) => ({
      kind: record.kind,
      value: await read(record),
    }));
    for (const { kind, value } of made) if (value !== undefined) found.push({ kind, value });
    records += page.length;
    for (const record of page) bytes += record.bytes.length;
    last = page.at(-1)?.kind;
    // One more than the limit shows that there is a next page.
    if (found.length === most) return pageOf(found.slice(0, limit), found[limit - 1]?.kind);
    if (page.length < size) return pageOf(found, undefined);
    if (bytes >= PAGE_BYTES || records >= MOST_READ) return pageOf(found, last);
    size = Math.min(nextSize(size, page), most - found.length);
  }
}

function pageOf<V>(found: readonly { readonly value: V }[], next: string | undefined) {
  return { values: found.map(({ value }) => value), next };
}
