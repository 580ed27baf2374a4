import type { StoredRecord } from "../../src/contract/driver.js";
import type { Choices } from "./choices.js";

/** What may happen to a record that a wrapper wrote, the others being there to take something from. */
export type RecordDamage = (
  record: StoredRecord,
  choices: Choices,
  others: readonly StoredRecord[],
) => StoredRecord;

/** Bytes that are no longer what was written, whether or not they are JSON by chance. */
const OF_BYTES: Readonly<Record<string, RecordDamage>> = {
  cut: bytes((given, choices) => given.subarray(0, choices.below(given.length))),
  emptied: bytes(() => Buffer.alloc(0)),
  "a bit": bytes((given, choices) => {
    const at = choices.below(given.length);
    given[at] = (given[at] as number) ^ (1 << choices.below(8));
    return given;
  }),
  "a byte more": bytes((given, choices) => {
    const at = choices.below(given.length + 1);
    const byte = choices.one([0, 0x22, 0x2c, 0x5b, 0x7b, 0x80, 0xff, choices.below(256)]);
    return Buffer.concat([given.subarray(0, at), Buffer.from([byte]), given.subarray(at)]);
  }),
  "a tail": bytes((given, choices) =>
    Buffer.concat([given, Buffer.from(choices.one(["\0", "x", "{}", "\uFEFF", " "]))]),
  ),
  "a byte order mark": bytes((given) => Buffer.concat([Buffer.from("\uFEFF"), given])),
  "another encoding": bytes((given) => Buffer.from(given.toString("utf8"), "utf16le")),
  "another record's": (record, choices, others) => ({ ...record, bytes: choices.one(others).bytes }),
};

/** Values that no wrapper writes, or not there, as JSON has them. */
const ODD = [
  ...[
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-1",
    "0.5",
    "1e308",
    "1e999",
    "-1e999",
    "9007199254740992",
    "9007199254740991",
  ],
  ...[
    '""',
    '"x"',
    '"\\u0000"',
    '"\\ud800"',
    '"~"',
    '"-5"',
    '"0x10"',
    '"1e5"',
    '" 1"',
    '"NaN"',
    '"2026-01-01T00:00:00.000Z"',
  ],
  ...[
    "[]",
    "{}",
    "[[]]",
    "[null]",
    '{"__proto__":{"a":1}}',
    '{"constructor":1,"toString":2}',
    '[["a"]]',
    '[["a","b","c"],1]',
  ],
  `"${"9".repeat(5_000)}"`,
  `"${"x".repeat(70_000)}"`,
  `${"[".repeat(20_000)}${"]".repeat(20_000)}`,
  `${'{"a":'.repeat(10_000)}1${"}".repeat(10_000)}`,
  JSON.stringify(Array.from({ length: 3_000 }, (_, index) => index)),
];

const OF_VALUES: Readonly<Record<string, RecordDamage>> = {
  "an odd value for all of it": bytes((_, choices) => Buffer.from(choices.one(ODD))),
  "an odd value inside": inside((place, choices) => place.put(choices.one(ODD))),
  "an odd value inside, near the top": inside((place, choices) => place.put(choices.one(ODD)), 1),
  "a number as text, or text as a number": inside((place) => {
    const { value } = place;
    if (typeof value === "number") place.put(JSON.stringify(String(value)));
    else if (typeof value === "string") place.put(String(Number(value) || 7));
    else place.put("7");
  }),
  "a number, far off": inside((place, choices) => {
    const { value } = place;
    const off = choices.one([2 ** 53, -(2 ** 53), 8.64e15, 1e17, -1, 0.5, 1]);
    place.put(typeof value === "number" ? JSON.stringify(value + off) : String(off));
  }),
  "a field, gone": inside((place) => place.drop()),
  "a field, gone from the top": inside((place) => place.drop(), 1),
  "a field under another name": inside((place) => place.rename()),
  "a value of another place": inside((place, choices) => place.put(JSON.stringify(choices.one(place.all)))),
};

const OF_VERSIONS: Readonly<Record<string, RecordDamage>> = {
  "a newer version": (record, choices) => ({
    ...record,
    version: record.version + choices.one([1, 7, Number.MAX_SAFE_INTEGER - 7]),
  }),
  "an older version": (record) => ({ ...record, version: Math.max(0, record.version - 1) }),
};

export const RECORD_DAMAGES = { ...OF_BYTES, ...OF_VALUES, ...OF_VERSIONS };

/** Whether anything can be made of it. */
export function isJson(given: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(given));
    return true;
  } catch {
    return false;
  }
}

interface Place {
  readonly value: unknown;
  /** Every value of the record. */
  readonly all: readonly unknown[];
  /** JSON, as it is to be written. */
  put(json: string): void;
  drop(): void;
  rename(): void;
}

type Holder = Record<string, unknown>;

function bytes(change: (given: Buffer, choices: Choices) => Buffer): RecordDamage {
  return (record, choices) => ({ ...record, bytes: change(Buffer.from(record.bytes), choices) });
}

/** In the place of what is to be written: what JSON cannot be made of by itself. */
const MARK = "the place where it goes";

/** Changes one value somewhere in the record, at most so deep. */
function inside(change: (place: Place, choices: Choices) => void, depth = 10): RecordDamage {
  return bytes((given, choices) => {
    const root: Holder = { "": JSON.parse(given.toString()) };
    const places = placesIn(root, depth);
    const [holder, name] = choices.one(places);
    let written = "";
    change(
      {
        value: holder[name],
        all: places.map(([holder, name]) => holder[name]),
        put(json) {
          written = json;
          holder[name] = MARK;
        },
        drop() {
          if (holder !== root) delete holder[name];
        },
        rename() {
          holder[`${name}!`] = holder[name];
          if (holder !== root) delete holder[name];
        },
      },
      choices,
    );
    return Buffer.from(JSON.stringify(root[""]).replace(JSON.stringify(MARK), () => written));
  });
}

function placesIn(holder: Holder, depth: number): readonly (readonly [Holder, string])[] {
  return Object.keys(holder).flatMap((name) => {
    const value = holder[name];
    const inner =
      depth > 0 && typeof value === "object" && value !== null ? placesIn(value as Holder, depth - 1) : [];
    return [[holder, name] as const, ...inner];
  });
}
