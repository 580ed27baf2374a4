import type { Choices } from "./choices.js";
import { type Edit, NotUtf8, type RawEvent, type RawRecord, type Rows, type Value } from "./raw-rows.js";

/** What may be done to rows; it decides on nothing but what it is given. */
export type Damage = (rows: Rows, choices: Choices) => readonly Edit[];

const MOST = 2n ** 63n - 1n;
const LEAST = -(2n ** 63n);
const BEYOND_SAFE = 2n ** 53n;
const YEAR_10000 = 253_402_300_800_000n;
const BEFORE_YEAR_1 = -62_135_596_800_001n;
const DAY = 86_400_000;

/** What the tables take as they are. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  "a payload's bit": payload((bytes, choices) => {
    const at = choices.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ (1 << choices.below(8));
    return bytes;
  }),
  "a payload, cut": payload((bytes, choices) => bytes.subarray(0, choices.below(bytes.length))),
  "a payload, lengthened": payload((bytes, choices) =>
    Buffer.concat([bytes, Buffer.alloc(choices.between(1, 9_000))]),
  ),
  "a payload, emptied": payload(() => Buffer.alloc(0)),
  "a payload, zeroed in part": payload((bytes, choices) => bytes.fill(0, choices.below(bytes.length))),
  "a payload of another record": swap("bytes"),

  "a fingerprint's character": record(({ fingerprint }, choices) => {
    const at = choices.below(43);
    const before = String(fingerprint);
    const other = before[at] === "A" ? "B" : "A";
    return { fingerprint: before.slice(0, at) + other + before.slice(at + 1) };
  }),
  "a fingerprint of another record": swap("fingerprint"),
  "a fingerprint, emptied": record(() => ({ fingerprint: "" })),
  "a fingerprint, cut": record(({ fingerprint }, choices) => ({
    fingerprint: String(fingerprint).slice(0, choices.below(43)),
  })),
  "a fingerprint, lengthened": record(({ fingerprint }) => ({ fingerprint: `${fingerprint}A` })),
  "a fingerprint of other case": record(({ fingerprint }) => ({
    fingerprint: String(fingerprint).toLowerCase(),
  })),

  "an event id, changed": record(({ eventId }) => ({ eventId: `${eventId}!` })),
  "an event id, emptied": record(() => ({ eventId: "" })),
  "an event id, too long": record(() => ({ eventId: "e".repeat(600) })),
  "event ids, swapped": swap("eventId"),
  "an event id of another record": copy("eventId"),
  "an event id that was overwritten": (rows, choices) => {
    const overwritten = rows.events.filter(({ eventId }) => String(eventId).endsWith("/before"));
    const event = choices.one(overwritten);
    const holder = rows.records.find(({ id }) => id === event.record) as RawRecord;
    return [{ record: holder, set: { eventId: event.eventId } }];
  },

  "a version, negative": record((_, choices) => ({ version: choices.one([-1n, -(2n ** 31n), LEAST]) })),
  "a version, another": record(({ version }) => ({ version: (version as bigint) + 1n })),
  "a version beyond the safe": record((_, choices) => ({
    version: choices.one([BEYOND_SAFE, BEYOND_SAFE + 1n, MOST]),
  })),

  "a time out of range": record((_, choices) => ({
    updatedAt: choices.one([YEAR_10000, BEFORE_YEAR_1, MOST, LEAST]),
  })),
  "a time in range": record(({ updatedAt }, choices) => ({
    updatedAt: (updatedAt as bigint) + BigInt(choices.between(1, DAY)),
  })),

  "a kind, changed": record(({ kind }, choices) => ({
    kind: choices.one([`${kind}!`, "note/!", "other/!", "zzz", ""]),
  })),
  "a kind, too long": record(() => ({ kind: `note/${"\u{FFFD}".repeat(400)}` })),
  "a run, changed": record((_, choices) => ({ run: choices.one(["r2", "~", "~r", "r".repeat(400)]) })),
  "a session, changed": record((_, choices) => ({
    session: choices.one(["s9", "~s", "", "s".repeat(400)]),
  })),
  "a user, changed": record((_, choices) => ({ user: choices.one(["eve", "~u", "", "u".repeat(400)]) })),
  "a tenant, changed": record((_, choices) => ({
    tenant: choices.one(["initech", "~t", "", "t".repeat(400)]),
  })),
  "a record under another of the same tenant": (rows, choices) => {
    const [taken, left] = choices.two(rows.records.filter(({ tenant }) => tenant === "acme"));
    const { user, session, run, kind } = left;
    return [{ record: left }, { record: taken, set: { user, session, run, kind } }];
  },
  "slots, swapped": (rows, choices) => {
    const [one, other] = choices.two(rows.records);
    const place = ({ tenant, user, session, run, kind }: RawRecord) => ({ tenant, user, session, run, kind });
    return [
      { record: one, set: { tenant: "between" } },
      { record: other, set: place(one) },
      { record: one, set: place(other) },
    ];
  },
  "a record, gone": (rows, choices) => [{ record: choices.one(rows.records) }],

  "an event, gone": (rows, choices) => [{ event: choices.one(rows.events) }],
  "an event id in the memory, changed": event(({ eventId }) => ({ eventId: `${eventId}!` })),
  "an event of another tenant": event((_, choices) => ({ tenant: choices.one(["initech", ""]) })),
  "an event's fingerprint, changed": event((_, choices) => ({
    fingerprint: choices.one(["", "A".repeat(43), null]),
  })),
  "an event that points nowhere": event((_, choices) => ({ record: choices.one([0n, -1n, MOST]) })),
  "an event that points at another record": (rows, choices) => {
    const event = choices.one(rows.events);
    return [{ event, set: { record: choices.one(rows.records).id } }];
  },
  "an event saved long ago": event(() => ({ savedAt: 0n })),
  "an event saved in a time to come": event((_, choices) => ({
    savedAt: choices.one([MOST, BigInt(Date.now() + DAY)]),
  })),
  "an event lined up at another time": event((_, choices) => ({
    linedUpAt: choices.one([MOST, LEAST, 0n, BigInt(Date.now() + DAY)]),
  })),
};

/** What a file may say instead of text and of numbers without the database minding. */
export const SQLITE_DAMAGES: Readonly<Record<string, Damage>> = {
  "a place that is not UTF-8": record((row, choices) => {
    const column = choices.one(["tenant", "user", "session", "kind"] as const);
    const broken = Buffer.concat([Buffer.from(String(row[column])), Buffer.from([0xff])]);
    return { [column]: new NotUtf8(broken) };
  }),
  "an event id that is not UTF-8": record(({ eventId }) => ({
    eventId: new NotUtf8(Buffer.concat([Buffer.from(String(eventId)), Buffer.from([0xc3])])),
  })),
  "a fingerprint that is not UTF-8": record(() => ({ fingerprint: new NotUtf8(Buffer.alloc(43, 0x80)) })),
  "a place with a NUL": record((row, choices) => {
    const column = choices.one(["tenant", "user", "session", "run", "kind"] as const);
    return { [column]: `${row[column]}\0x` };
  }),
  "an event's place in the line": event((_, choices) => ({
    id: choices.one([MOST, MOST - 1n, LEAST, 0n, -1n, BEYOND_SAFE + 1n]),
  })),
  "a record's number": record((_, choices) => ({
    id: choices.one([MOST, LEAST, 0n, -1n, BEYOND_SAFE + 1n]),
  })),
};

/** What tables hold that were made, or changed, without their types. */
export const UNTYPED_DAMAGES: Readonly<Record<string, Damage>> = {
  ...ofOtherType("record", ["bytes"], ["text", 7n, 0.5, null]),
  ...ofOtherType("record", ["fingerprint", "eventId"], [Buffer.from("blob"), null]),
  ...ofOtherType(
    "record",
    ["version", "updatedAt"],
    ["text", "", 0.5, Number.POSITIVE_INFINITY, Buffer.from("7"), null],
  ),
  ...ofOtherType("record", ["tenant", "user", "session", "run", "kind"], [Buffer.from("note/blob"), null]),
  ...ofOtherType("event", ["tenant", "eventId"], [Buffer.from("blob"), null]),
  ...ofOtherType("event", ["fingerprint"], [Buffer.from("blob")]),
  ...ofOtherType("event", ["record", "savedAt", "linedUpAt"], ["text", 0.5, Buffer.from("7"), null]),
};

/** What a driver may be given back from whatever it stores in, of a record that it found. */
export const CONTENT_DAMAGES: Readonly<Record<string, Damage>> = {
  ...Object.fromEntries(
    Object.entries(DAMAGES).filter(([kind]) => /^a (payload|fingerprint|version|time)/.test(kind)),
  ),
  ...ofOtherType("record", ["bytes", "version", "updatedAt"], ["text", 0.5, Number.NaN, null]),
  ...ofOtherType("record", ["fingerprint"], [7, Buffer.from("blob"), null]),
};

/** What Postgres holds in tables that lost their NOT NULL. */
export const NULL_DAMAGES: Readonly<Record<string, Damage>> = {
  ...ofOtherType("record", ["bytes", "fingerprint", "eventId", "version", "updatedAt"], [null]),
  ...ofOtherType("event", ["record", "savedAt", "linedUpAt"], [null]),
};

function record(set: (row: RawRecord, choices: Choices) => Partial<RawRecord>): Damage {
  return (rows, choices) => {
    const row = choices.one(rows.records);
    return [{ record: row, set: set(row, choices) }];
  };
}

function event(set: (row: RawEvent, choices: Choices) => Partial<RawEvent>): Damage {
  return (rows, choices) => {
    const row = choices.one(rows.events);
    return [{ event: row, set: set(row, choices) }];
  };
}

/** Of records whose payload is not empty. */
function payload(change: (bytes: Buffer, choices: Choices) => Buffer): Damage {
  return (rows, choices) => {
    const filled = rows.records.filter(({ bytes }) => (bytes as Buffer).length > 0);
    const row = choices.one(filled);
    return [{ record: row, set: { bytes: change(Buffer.from(row.bytes as Buffer), choices) } }];
  };
}

function swap(column: keyof RawRecord): Damage {
  return (rows, choices) => {
    const [one, other] = choices.two(rows.records);
    return [
      { record: one, set: { [column]: other[column] } },
      { record: other, set: { [column]: one[column] } },
    ];
  };
}

function copy(column: keyof RawRecord): Damage {
  return (rows, choices) => {
    const [one, other] = choices.two(rows.records);
    return [{ record: one, set: { [column]: other[column] } }];
  };
}

function ofOtherType(table: "record", columns: readonly (keyof RawRecord)[], values: readonly Value[]): Kinds;
function ofOtherType(table: "event", columns: readonly (keyof RawEvent)[], values: readonly Value[]): Kinds;
function ofOtherType(table: "record" | "event", columns: readonly string[], values: readonly Value[]): Kinds {
  const damage = (column: string): Damage => {
    const set = (_: unknown, choices: Choices) => ({ [column]: choices.one(values) });
    return table === "record" ? record(set) : event(set);
  };
  return Object.fromEntries(columns.map((column) => [`${table}.${column} of another type`, damage(column)]));
}

type Kinds = Readonly<Record<string, Damage>>;
