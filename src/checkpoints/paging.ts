import type {
  CallOptions,
  RecordHeader,
  SessionIdentity,
  StateRecord,
  StateStore,
} from "../contract/store.js";

const PAGE = 500;

/** Everything under a prefix, in pages, without the payloads. */
export async function* headersUnder(
  store: StateStore,
  owner: SessionIdentity,
  prefix: string,
  options: CallOptions,
): AsyncGenerator<RecordHeader[], void, undefined> {
  yield* inPages((range) => store.list(owner, prefix, { ...range, ...options, bytes: false }));
}

/** Everything under a prefix, in pages. */
export async function* recordsUnder(
  store: StateStore,
  owner: SessionIdentity,
  prefix: string,
  options: CallOptions,
  size = PAGE,
): AsyncGenerator<StateRecord[], void, undefined> {
  yield* inPages((range) => store.list(owner, prefix, { ...range, ...options }), size);
}

async function* inPages<R extends RecordHeader>(
  list: (range: { readonly after?: string; readonly limit: number }) => Promise<R[]>,
  size = PAGE,
): AsyncGenerator<R[], void, undefined> {
  for (let after: { readonly after?: string } = {}; ; ) {
    const page = await list({ ...after, limit: size });
    yield page;
    if (page.length < size) return;
    after = { after: page.at(-1)?.kind as string };
  }
}
