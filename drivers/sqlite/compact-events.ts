import { CROCKFORD, FINGERPRINT_CHARACTERS, ULID_CHARACTERS } from "./event-key.js";

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** An expression that is an error, whose message says what to do. */
export const REFUSE_EARLIER_VERSION =
  "json_extract('{}', 'the database has schema version 3: upgrade groundstate in this process, too')";

/**
 * `seen` remembers every saved event id; `event_id` and `fingerprint` are as `eventKey` and `storedFingerprint` make them.
 * `record` points at the record that the event was saved as, which may be gone by now or hold another event.
 *
 * `expiry` is the queue in which they wait to be forgotten, in the order of `id`: each row holds some events, as
 * `PackedEvents` packs them, and when the last of them was added. Each row of `seen` is in it once.
 *
 * A process of an earlier version that still has the file open must not write any more. Each of its writes reads `event`,
 * and reading this view is an error. It comes before the tables: with a view at the end,
 * SQLite's integrity_check does not look for lost pages.
 */
export const COMPACT_EVENTS = `
ALTER TABLE event RENAME TO old_event;

CREATE VIEW event (id, tenant, event_id, record, fingerprint, saved_at, lined_up_at) AS
SELECT 0, '', '', 0, NULL, 0, 0
WHERE ${REFUSE_EARLIER_VERSION};

CREATE TABLE tenant (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE seen (
  event_id ANY NOT NULL,
  tenant INTEGER NOT NULL,
  record INTEGER NOT NULL,
  saved_at INTEGER NOT NULL,
  fingerprint ANY,
  PRIMARY KEY (event_id, tenant)
) STRICT, WITHOUT ROWID;

CREATE TABLE expiry (
  id INTEGER PRIMARY KEY,
  lined_up_at INTEGER NOT NULL,
  events BLOB NOT NULL
) STRICT;

INSERT INTO tenant (name) SELECT DISTINCT tenant FROM old_event;

INSERT OR REPLACE INTO seen (event_id, tenant, record, saved_at, fingerprint)
SELECT ${keyOf("event_id")}, (SELECT id FROM tenant WHERE name = old_event.tenant), record, saved_at,
  ${fingerprintOf("fingerprint")}
FROM old_event ORDER BY old_event.id;

INSERT INTO expiry (lined_up_at, events)
SELECT lined_up_at, unhex(number || CASE
  WHEN typeof(key) = 'blob' THEN '00'
  ELSE printf('%02X', length(CAST(key AS BLOB))) END || hex(key))
FROM (
  SELECT lined_up_at, ${keyOf("event_id")} AS key,
    (SELECT ${leb128("id")} FROM tenant WHERE name = old_event.tenant) AS number
  FROM old_event ORDER BY old_event.id);

DROP TABLE old_event;
`;

/** The key of an event id, as \`eventKey\` makes it. */
function keyOf(eventId: string): string {
  const isUlid = `${eventId} GLOB '[0-7]${"[0-9A-HJKMNP-TV-Z]".repeat(ULID_CHARACTERS - 1)}'`;
  const digit = (index: number) => digitAt(eventId, CROCKFORD, index);
  // Two characters make the first byte, and four each make 20 bits.
  const first = `${digit(1)} * 32 + ${digit(2)}`;
  const rest = [3, 7, 11, 15, 19, 23].map((at) =>
    bitsOf(
      [0, 1, 2, 3].map((index) => digit(at + index)),
      5,
    ),
  );
  return `CASE WHEN ${isUlid} THEN unhex(printf('%02X${"%05X".repeat(6)}', ${[first, ...rest].join(", ")}))
    ELSE ${eventId} END`;
}

/** The first 16 bytes of a fingerprint; text of another form as it is. */
function fingerprintOf(fingerprint: string): string {
  const isUsual = `length(${fingerprint}) = ${FINGERPRINT_CHARACTERS} AND ${fingerprint} NOT GLOB '*[^-_0-9A-Za-z]*'`;
  const digit = (index: number) => digitAt(fingerprint, BASE64URL, index);
  const groups = [1, 5, 9, 13, 17].map((at) =>
    bitsOf(
      [0, 1, 2, 3].map((index) => digit(at + index)),
      6,
    ),
  );
  const last = `${digit(21)} * 4 + ${digit(22)} / 16`;
  return `CASE WHEN ${isUsual} THEN unhex(printf('${"%06X".repeat(5)}%02X', ${[...groups, last].join(", ")}))
    ELSE ${fingerprint} END`;
}

function digitAt(text: string, alphabet: string, index: number): string {
  return `(instr('${alphabet}', substr(${text}, ${index}, 1)) - 1)`;
}

/** The number that these digits make, with so many bits each. */
function bitsOf(digits: readonly string[], bits: number): string {
  return digits.reduce((number, digit) => `(${number} << ${bits} | ${digit})`);
}

/** A number in bytes of seven bits, in hexadecimal: enough for 34 thousand million tenants. */
function leb128(number: string): string {
  const byte = (index: number, more: boolean) => `(${number} >> ${7 * index} & 127)${more ? " | 128" : ""}`;
  const cases = [1, 2, 3, 4, 5].map((length) => {
    const bytes = Array.from({ length }, (_, index) => byte(index, index < length - 1));
    return `WHEN ${number} < ${2 ** (7 * length)} THEN printf('${"%02X".repeat(length)}', ${bytes.join(", ")})`;
  });
  return `CASE ${cases.join(" ")} END`;
}
