import type {
  CallOptions,
  Identity,
  ListOptions,
  RecordHeader,
  StateRecord,
  StateStore,
} from "../contract/store.js";

/** Which records of a prefix are read, and in which order. */
export type PageRange = Pick<ListOptions, "from" | "after" | "before" | "reverse">;

const HEADERS = 1_000;
/** A payload may have a mebibyte, so the first page is small. The next ones grow as far as the payloads are small. */
export const FIRST_RECORDS = 16;
const MOST_RECORDS = 1_000;
const GROWTH = 4;
const PAGE_BYTES = 4 * 1024 * 1024;

/** Everything under a prefix, in pages, without the payloads. A page may be removed before the next is read. */
export async function* headersUnder(
  store: StateStore,
  owner: Identity,
  prefix: string,
  options: CallOptions & PageRange,
  size = HEADERS,
): AsyncGenerator<RecordHeader[], void, undefined> {
  for (let range: PageRange = options; ; ) {
    const page = await store.list(owner, prefix, { ...options, ...range, limit: size, bytes: false });
    if (page.length > 0) yield page;
    if (page.length < size) return;
    range = pastLast(options, page);
  }
}

/** Everything under a prefix, in pages of some mebibytes at most, unless the first has larger payloads. */
export async function* recordsUnder(
  store: StateStore,
  owner: Identity,
  prefix: string,
  options: CallOptions & PageRange,
  first = FIRST_RECORDS,
): AsyncGenerator<StateRecord[], void, undefined> {
  let size = first;
  for (let range: PageRange = options; ; ) {
    const page = await store.list(owner, prefix, { ...options, ...range, limit: size });
    yield page;
    if (page.length < size) return;
    range = pastLast(options, page);
    size = nextSize(size, page);
  }
}

/** How many records to read next, so that they have some mebibytes at most if they are as large as these. */
export function nextSize(size: number, page: readonly Pick<StateRecord, "bytes">[]): number {
  const bytes = page.reduce((sum, record) => sum + record.bytes.length, 1);
  const fitting = Math.floor((PAGE_BYTES * page.length) / bytes);
  return Math.max(1, Math.min(size * GROWTH, fitting, MOST_RECORDS));
}

function pastLast({ reverse = false }: PageRange, page: readonly RecordHeader[]): PageRange {
  const { kind } = page.at(-1) as RecordHeader;
  return reverse ? { before: kind } : { after: kind };
}

/** Parts of a list that fit into one commit each. */
export function* inCommits<R extends Pick<StateRecord, "bytes">>(
  records: readonly R[],
  mostBytes: number,
): Generator<R[]> {
  let part: R[] = [];
  let size = 0;
  for (const record of records) {
    if (part.length > 0 && size + record.bytes.length > mostBytes) {
      yield part;
      part = [];
      size = 0;
    }
    part.push(record);
    size += record.bytes.length;
  }
  if (part.length > 0) yield part;
}
