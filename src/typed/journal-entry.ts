import { invalid } from "../contract/errors.js";
import type { EventId, RecordHeader, StateRecord } from "../contract/store.js";
import { optional, readLongText, readTime } from "../validation/fields.js";
import { readInteger, readObject } from "../validation/validate.js";
import { readEventId } from "../validation/validate-text.js";
import { corruptRecord } from "./cell.js";
import { mappedJson } from "./codec.js";
import { headedBytes } from "./headed-bytes.js";
import type { ValueDigest } from "./journal-elsewhere.js";
import type { JsonValue } from "./json-value.js";

/**
 * A record of this version and those after it was written by an edit, or its value lies elsewhere: a line of JSON that says what
 * is known of the entry, and then the value's bytes. The rest of the version is that of the value's codec. Code that does not know edits finds a
 * version that is too new.
 */
const EDITED = 2 ** 52;
/** A record of this version stands for numbers that were taken back. */
const REMOVED = EDITED + 2 ** 51;
/** The versions that a codec of a journal can have. */
export const MAX_CODEC_VERSION = 2 ** 51 - 1;

/** Who removed the content of an entry, why and when. */
export interface Redaction {
  /** Who removed the content. */
  readonly by: string;
  /** Why. */
  readonly reason: string;
  /** When, by the clock of who removed it. */
  readonly at: Date;
}

/** An entry with its encoded value. */
export interface ValueEntry {
  readonly is: "value";
  readonly number: number;
  readonly id: EventId;
  readonly at: Date;
  /** When its value was replaced last. */
  readonly replacedAt?: Date;
  /** None where the value lies elsewhere. */
  readonly bytes: Uint8Array;
  /** The version of the value's codec. */
  readonly version: number;
  /** Present if the value lies elsewhere. */
  readonly elsewhere?: ValueDigest;
}

/** An entry whose content was removed. */
export interface RedactedEntry {
  readonly is: "redacted";
  readonly number: number;
  readonly id: EventId;
  readonly at: Date;
  readonly redacted: Redaction;
}

/** Numbers that were taken back, `from` to `number`. */
export interface RemovedEntries {
  readonly is: "removed";
  readonly number: number;
  readonly from: number;
}

/** What the record of a number stands for. */
export type StoredEntry = ValueEntry | RedactedEntry | RemovedEntries;

/**
 * What the record of an entry says beside its value: of one that was written again, whose event and time are those of that write,
 * and of one whose value lies elsewhere.
 */
export interface EntryHeader {
  readonly id: EventId;
  /** When the entry was appended, in milliseconds since 1970. Absent where nobody knows: the time of the record. */
  readonly at?: number;
  /** `true`: this record replaced the value. A time: the record is a copy of one that was replaced then. */
  readonly replaced?: true | number;
  readonly redacted?: { readonly by: string; readonly reason: string; readonly at?: number };
  readonly elsewhere?: ValueDigest;
}

/** The bytes and the version of a record. */
export interface Written {
  readonly bytes: Uint8Array;
  readonly version: number;
}

/** The content of an entry that was redacted. */
export const NO_CONTENT: Written = { bytes: new Uint8Array(), version: 0 };

const EDITED_BYTES = headedBytes<EntryHeader>({
  write: (header) => ({ ...header }) as unknown as JsonValue,
  read(value) {
    const given = readObject(value, "header") as EntryHeader;
    return {
      id: readEventId(given.id, "id"),
      ...optional(given, "at", readTime),
      ...optional(given, "replaced", (replaced, field) =>
        replaced === true ? true : readTime(replaced, field),
      ),
      ...optional(given, "redacted", readRedacted),
      ...optional(given, "elsewhere", readDigest),
    };
  },
});

const REMOVED_BYTES = mappedJson<{ readonly from: number }>({
  write: ({ from }) => ({ from }),
  read: (value) => ({
    from: readInteger(
      (readObject(value, "removed") as RemovedEntries).from,
      "from",
      1,
      Number.MAX_SAFE_INTEGER,
    ),
  }),
});

/** Reads what a record stands for. CORRUPT. `id` is that of the record's own event. */
export async function readStoredEntry(
  record: StateRecord,
  number: number,
  id: EventId,
): Promise<StoredEntry> {
  const { bytes, version, updatedAt } = record;
  if (version < EDITED) return { is: "value", number, id, at: updatedAt, bytes, version };
  try {
    if (version === REMOVED) return await readRemoved(bytes, number);
    const { header, bytes: value } = await EDITED_BYTES.decode(bytes, 0);
    const known = { number, id: header.id, at: header.at === undefined ? updatedAt : new Date(header.at) };
    const { redacted, replaced, elsewhere } = header;
    if (redacted !== undefined) {
      const at = redacted.at === undefined ? updatedAt : new Date(redacted.at);
      return { is: "redacted", ...known, redacted: { by: redacted.by, reason: redacted.reason, at } };
    }
    const replacedAt = typeof replaced === "number" ? new Date(replaced) : updatedAt;
    return {
      is: "value",
      ...known,
      ...(replaced !== undefined && { replacedAt }),
      ...(elsewhere && { elsewhere }),
      bytes: value,
      version: version - EDITED,
    };
  } catch (error) {
    throw corruptRecord(record, "the record of an entry does not decode", error);
  }
}

/** The digest of the value of an entry that was never edited and lies elsewhere; `undefined` for any other record. */
export async function digestElsewhere({
  bytes,
  version,
}: Pick<StateRecord, "bytes" | "version">): Promise<ValueDigest | undefined> {
  if (version < EDITED || version === REMOVED) return undefined;
  try {
    const { replaced, redacted, elsewhere } = (await EDITED_BYTES.decode(bytes, 0)).header;
    return replaced === undefined && redacted === undefined ? elsewhere : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a record stands for numbers that were taken back. */
export function isRemoved({ version }: Pick<RecordHeader, "version">): boolean {
  return version === REMOVED;
}

/** The record of an entry that is written again. */
export async function writeEdited(header: EntryHeader, value: Written): Promise<Written> {
  return {
    bytes: await EDITED_BYTES.encode({ header, bytes: value.bytes }),
    version: EDITED + value.version,
  };
}

/** The record for numbers that are taken back. */
export async function writeRemoved(from: number): Promise<Written> {
  return { bytes: await REMOVED_BYTES.encode({ from }), version: REMOVED };
}

async function readRemoved(bytes: Uint8Array, number: number): Promise<RemovedEntries> {
  const { from } = await REMOVED_BYTES.decode(bytes, 0);
  return { is: "removed", number, from: readInteger(from, "from", 1, number) };
}

function readRedacted(value: unknown, field: string): NonNullable<EntryHeader["redacted"]> {
  const given = readObject(value, field) as NonNullable<EntryHeader["redacted"]>;
  return {
    by: readLongText(given.by, "by"),
    reason: readLongText(given.reason, "reason"),
    ...optional(given, "at", readTime),
  };
}

const SHA256 = /^[0-9a-f]{64}$/;

function readDigest(value: unknown, field: string): ValueDigest {
  const { sha256, size } = readObject(value, field) as ValueDigest;
  if (typeof sha256 !== "string" || !SHA256.test(sha256)) throw invalid("sha256", "64 hexadecimal digits");
  return { sha256, size: readInteger(size, "size", 1, Number.MAX_SAFE_INTEGER) };
}
