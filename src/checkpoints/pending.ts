import { changedAllTheTime } from "../content/outdated.js";
import { recordsUnder } from "../content/paging.js";
import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { CallOptions, RecordHeader, StateRecord, StateStore } from "../contract/store.js";
import { compareText } from "../rules/order.js";
import { headedBytes } from "../typed/headed-bytes.js";
import type { JsonValue } from "../typed/json-value.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readKind, readText } from "../validation/validate-text.js";
import type { PendingWrite } from "./checkpoint.js";
import { type Place, pendingKinds, writesFor } from "./kinds.js";
import { readChannel } from "./new-checkpoint.js";

/** What the record of a write says before the bytes of its value. */
interface WriteHeader {
  readonly task: string;
  readonly path?: string;
  readonly channel: string;
  readonly index: number;
  readonly version: number;
  /** The key of the value, which begins with its digest. */
  readonly key: string;
}

const LOWEST_INDEX = -100;
const HIGHEST_INDEX = 99_999;
/** So much is read at once at most. */
const MAX_WRITES = 10_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** Mostly one page is all. */
const FIRST_PAGE = 128;
const MAX_ATTEMPTS = 20;

export const WRITE_CODEC = headedBytes<WriteHeader>({
  write: ({ task, path, channel, index, version, key }) =>
    ({
      t: task,
      ...(path !== undefined && { p: path }),
      c: channel,
      i: index,
      v: version,
      k: key,
    }) as JsonValue,
  read(value) {
    const { t, p, c, i, v, k } = readObject(value, "header") as Readonly<Record<string, unknown>>;
    return {
      task: readKind(t, "task"),
      ...(p !== undefined && { path: readText(p, "path", LIMITS.kindBytes) }),
      channel: readChannel(c, "channel"),
      index: readIndex(i),
      version: readInteger(v, "version", 0, Number.MAX_SAFE_INTEGER),
      key: readText(k, "key", LIMITS.nameBytes),
    };
  },
});

/**
 * The records of all writes that are pending for a checkpoint, as they were at one moment. INVALID_RECORD of `writes` if they
 * are too many. UNAVAILABLE (`busy`) if they changed all the time.
 */
export async function listWrites(
  store: StateStore,
  place: Place,
  id: string,
  options: CallOptions,
): Promise<StateRecord[]> {
  const { writes } = pendingKinds(writesFor(place, id));
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    const records: StateRecord[] = [];
    let [pages, bytes] = [0, 0];
    for await (const page of recordsUnder(store, place.owner, writes, options, FIRST_PAGE)) {
      pages++;
      records.push(...page);
      bytes += page.reduce((sum, record) => sum + record.bytes.length, 0);
      if (records.length > MAX_WRITES || bytes > MAX_BYTES) throw tooManyWrites();
    }
    if (pages === 1) return records;
    // Pages are of several moments. If all is still as it was read, it was so at this one.
    const now = await store.list(place.owner, writes, { ...options, bytes: false });
    if (isSame(records, now)) return records;
  }
  throw changedAllTheTime();
}

function isSame(read: readonly RecordHeader[], now: readonly RecordHeader[]): boolean {
  return read.length === now.length && read.every(({ eventId }, at) => eventId === now[at]?.eventId);
}

function tooManyWrites(): Error {
  const most = `at most ${MAX_WRITES} pending writes of ${MAX_BYTES >> 20} MiB`;
  return invalid("writes", `${most}; read more with pendingWrites`);
}

export function byPathTaskIndex(one: PendingWrite<unknown>, other: PendingWrite<unknown>): number {
  return (
    compareText(one.path ?? "", other.path ?? "") ||
    compareText(one.task, other.task) ||
    one.index - other.index
  );
}

export function readIndex(value: unknown): number {
  return readInteger(value, "index", LOWEST_INDEX, HIGHEST_INDEX);
}
