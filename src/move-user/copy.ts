import { headersUnder } from "../content/paging.js";
import { isStateError } from "../contract/errors.js";
import type { Change, RecordHeader, SessionIdentity, StateRecord, StateStore } from "../contract/store.js";
import { commitWithRetries } from "../typed/commit-with-retries.js";
import type { SessionMove } from "../typed/moving/user-data.js";
import { wereHereBefore } from "./errors.js";
import type { MovedKinds } from "./kinds.js";
import { MOST_BYTES } from "./session-pages.js";

type Signal = AbortSignal | undefined;

/** Records that are compared at a time. */
const HEADERS = 500;

/** What is copied before the commit that shows it. */
export interface CopiedPrefix {
  readonly prefix: string;
  /** The gate of a record, if one alone shows it. While the other user has it, nothing is copied. */
  readonly gateOf: (kind: string) => string | undefined;
  /** The gates that are where the session was. */
  readonly gates: ReadonlySet<string>;
}

/** Another call copies the same session. */
export class CopiedByAnother extends Error {}

const MOST_CHANGES = 1000;
/** Payloads read at a time. */
const READ_AT_ONCE = 50;

/**
 * Makes the copies of a session's records equal to them: adds those that lack or that have changed, and removes what is no more.
 * A copy has an event id that follows from its original, so only headers are compared, and an interrupted copy is gone on with.
 * Returns how many it changed.
 */
export async function copyPrefix(
  store: StateStore,
  kinds: MovedKinds,
  move: SessionMove,
  copied: CopiedPrefix,
  signal: Signal,
): Promise<number> {
  const { from, to } = move;
  let changed = 0;
  let last: string | undefined;
  for await (const page of headersUnder(store, from, copied.prefix, { signal }, HEADERS)) {
    const end = page.at(-1) as RecordHeader;
    const there = await headersBetween(store, to, copied.prefix, last, end.kind, signal);
    const ids = await Promise.all(page.map((header) => kinds.eventId(header, move)));
    const missing = page.filter(({ kind }, index) => there.get(kind) !== ids[index]);
    const gone = goneIn(there, page, copied);
    changed += await write(store, kinds, move, copied, { missing, gone, there }, signal);
    last = end.kind;
  }
  const there = await headersBetween(store, to, copied.prefix, last, undefined, signal);
  const gone = goneIn(there, [], copied);
  return changed + (await write(store, kinds, move, copied, { missing: [], gone, there }, signal));
}

/** The event ids of the records after a kind, up to and with another. */
async function headersBetween(
  store: StateStore,
  owner: SessionIdentity,
  prefix: string,
  after: string | undefined,
  upTo: string | undefined,
  signal: Signal,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const before = upTo === undefined ? undefined : `${upTo}\u0001`;
  for (let from = after; ; ) {
    const range = { after: from, before, limit: MOST_CHANGES, bytes: false, signal } as const;
    const page = await store.list(owner, prefix, range);
    for (const { kind, eventId } of page) found.set(kind, eventId);
    if (page.length < MOST_CHANGES) return found;
    from = page.at(-1)?.kind;
  }
}

/** The copies whose originals are gone. Those that another gate shows are the other user's. */
function goneIn(
  there: ReadonlyMap<string, string>,
  page: readonly RecordHeader[],
  { gateOf, gates }: CopiedPrefix,
): string[] {
  const kept = new Set(page.map(({ kind }) => kind));
  return [...there.keys()].filter((kind) => !kept.has(kind) && gates.has(gateOf(kind) ?? ""));
}

interface Difference {
  readonly missing: readonly RecordHeader[];
  readonly gone: readonly string[];
  readonly there: ReadonlyMap<string, string>;
}

/** Writes in commits of bounded size. None takes effect once the other user has the gates. */
async function write(
  store: StateStore,
  kinds: MovedKinds,
  move: SessionMove,
  { gateOf }: CopiedPrefix,
  { missing, gone, there }: Difference,
  signal: Signal,
): Promise<number> {
  const { to } = move;
  let changes: Change[] = gone.map((kind) => ({
    op: "delete",
    identity: to,
    kind,
    expect: there.get(kind) as string,
  }));
  let bytes = 0;
  const commit = async () => {
    if (changes.length === 0) return;
    const gates = new Set(
      changes.map((change) => gateOf(kindOf(change))).filter((gate) => gate !== undefined),
    );
    const checks = [...gates].map((kind): Change => ({ op: "check", identity: to, kind, expect: null }));
    await commitCopies(store, to, [...checks, ...changes], signal);
    changes = [];
    bytes = 0;
  };
  for await (const record of readAll(store, missing, signal)) {
    if (changes.length >= MOST_CHANGES || bytes + record.bytes.byteLength > MOST_BYTES) await commit();
    const { kind, version, updatedAt } = record;
    bytes += record.bytes.byteLength;
    const saved = { eventId: await kinds.eventId(record, move), identity: to, kind, bytes: record.bytes };
    changes.push({
      op: "save",
      record: { ...saved, version, updatedAt },
      expect: there.get(kind) ?? null,
    });
  }
  await commit();
  return missing.length + gone.length;
}

async function commitCopies(
  store: StateStore,
  to: SessionIdentity,
  changes: readonly Change[],
  signal: Signal,
): Promise<void> {
  const isCopied = async (change: Change | undefined) =>
    change?.op === "save" &&
    (await store.find(to, change.record.kind, { signal }))?.eventId === change.record.eventId;
  try {
    const { duplicate } = await commitWithRetries(store, changes, { signal, repeatable: true });
    const copy = changes.find(({ op }) => op === "save");
    if (duplicate && !(await isCopied(copy))) throw wereHereBefore(to.session);
  } catch (error) {
    if (!isStateError(error, "IDEMPOTENCY_CONFLICT")) throw error;
    throw (await isCopied(changes[error.details.change])) ? new CopiedByAnother() : error;
  }
}

function kindOf(change: Change): string {
  return change.op === "save" ? change.record.kind : "kind" in change ? change.kind : "";
}

async function* readAll(
  store: StateStore,
  headers: readonly RecordHeader[],
  signal: Signal,
): AsyncGenerator<StateRecord> {
  for (let start = 0; start < headers.length; start += READ_AT_ONCE) {
    const some = headers.slice(start, start + READ_AT_ONCE);
    const records = await Promise.all(
      some.map(({ identity, kind }) => store.find(identity, kind, { signal })),
    );
    for (const record of records) if (record !== undefined) yield record;
  }
}
