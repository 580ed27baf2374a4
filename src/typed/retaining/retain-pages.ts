import { invalid, isStateError } from "../../contract/errors.js";
import type {
  Identity,
  MaintenanceScope,
  RecordHeader,
  RecordKey,
  StateRecord,
  StateStore,
} from "../../contract/store.js";
import { DamageLog } from "../damage.js";
import { type DuePage, duePage } from "../due-scan.js";
import type { Retained, RetainOptions } from "./retained-data.js";

/** What became of a record: its payload went, all of it did, or its session keeps it. `undefined`: it is not too old. */
export type Fate = "payload" | "record" | "kept" | undefined;

/** Which records are looked at. */
export interface RetainWalk {
  /** What their kinds begin with. */
  readonly prefixes: readonly string[];
  /** The kinds go on with a time, and only those before this one are looked at. Absent: all. */
  readonly before?: number;
  /** `false`: their payloads are not read. */
  readonly bytes?: false;
}

/** Looks at a record, and unless it is a dry run removes what is too old. `prefix` is that of its kind. */
export type Judge = (record: StateRecord, prefix: string) => Promise<Fate>;

/** Records read at a time. */
const PAGE = 100;
/** Records dealt with at a time: their commits share a batch, and those of others wait for it. */
const AT_ONCE = 25;
/** Then the piece ends, though hardly anything was too old. */
const MOST_PAGES = 50;

/** Where a piece ended. */
interface Position {
  readonly prefix: number;
  readonly after: RecordKey | undefined;
}

/** Goes over the records of one piece. Each page is dealt with before the next one is read. */
export async function retainPages(
  store: StateStore,
  scope: MaintenanceScope,
  walk: RetainWalk,
  { limit, after, signal }: RetainOptions,
  judge: Judge,
): Promise<Retained> {
  const damage = new DamageLog();
  const counts = { payload: 0, record: 0, kept: 0 };
  const ended = (next?: Position): Retained => ({
    payloads: counts.payload,
    records: counts.record,
    kept: counts.kept,
    ...(next && { next: textOf(next) }),
    ...(damage.first && { damage: damage.first }),
  });
  let { prefix: place, after: from } = after === undefined ? START : readPosition(after, walk);
  for (let pages = 0; place < walk.prefixes.length; pages++) {
    signal?.throwIfAborted();
    const left = limit - counts.payload - counts.record;
    if (left <= 0 || pages === MOST_PAGES) return ended({ prefix: place, after: from });
    const prefix = walk.prefixes[place] as string;
    const range = { after: from, limit: Math.min(PAGE, left), signal };
    const page = await readPage(store, scope, walk, prefix, range, damage);
    for (let start = 0; start < page.due.length; start += AT_ONCE) {
      const some = page.due.slice(start, start + AT_ONCE) as StateRecord[];
      const fates = await Promise.all(some.map((record) => damage.skipIfDamaged(judge(record, prefix))));
      for (const fate of fates) if (fate !== undefined) counts[fate]++;
    }
    from = page.next;
    if (from === undefined) place++;
  }
  return ended();
}

const START: Position = { prefix: 0, after: undefined };

interface PageRange {
  readonly after: RecordKey | undefined;
  readonly limit: number;
  readonly signal: AbortSignal | undefined;
}

/** A page, past the records of which not even the kind can be read. */
async function readPage(
  store: StateStore,
  scope: MaintenanceScope,
  { before, bytes }: RetainWalk,
  prefix: string,
  given: PageRange,
  damage: DamageLog,
): Promise<DuePage<RecordHeader>> {
  const read = (range: PageRange) => {
    // Entries without a time are all due.
    const window = { until: before === undefined ? Number.POSITIVE_INFINITY : before - 1 };
    const without = bytes === false ? { ...range, bytes } : range;
    return before === undefined
      ? allOf(store, scope, prefix, without as PageRange)
      : duePage(store, scope, prefix, window, without as PageRange);
  };
  for (let range = given; ; ) {
    try {
      return await read(range);
    } catch (error) {
      const after = damage.add(error);
      if (after === undefined) throw error;
      range = { ...given, after };
    }
  }
}

async function allOf(
  store: StateStore,
  scope: MaintenanceScope,
  prefix: string,
  range: PageRange,
): Promise<DuePage<RecordHeader>> {
  try {
    const due = await store.listKind(scope, prefix, range);
    const last = due.at(-1);
    return last === undefined || due.length < range.limit
      ? { due }
      : { due, next: { identity: last.identity, kind: last.kind } };
  } catch (error) {
    if (range.limit === 1 || !isStateError(error, "CORRUPT")) throw error;
    // A smaller page reaches the records before the damaged one.
    return allOf(store, scope, prefix, { ...range, limit: range.limit >> 1 });
  }
}

function textOf({ prefix, after }: Position): string {
  if (after === undefined) return JSON.stringify([prefix]);
  const { tenant, user, session, run = "" } = after.identity;
  return JSON.stringify([prefix, tenant, user, session, run, after.kind]);
}

/** INVALID_RECORD for what no piece returned. */
function readPosition(text: string, { prefixes }: RetainWalk): Position {
  try {
    const [prefix, tenant, user, session, run, kind] = JSON.parse(text) as [number, ...string[]];
    if (!Number.isInteger(prefix) || prefixes[prefix] === undefined) throw new Error("no place");
    if (tenant === undefined) return { prefix, after: undefined };
    const names = [tenant, user, session, run, kind];
    if (!names.every((name) => typeof name === "string")) throw new Error("no key");
    const identity = { tenant, user, session, run } as Identity;
    return { prefix, after: { identity, kind: kind as string } };
  } catch {
    throw invalid("after", "the `next` of the piece before");
  }
}
