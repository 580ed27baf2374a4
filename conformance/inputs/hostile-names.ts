import { byBytes } from "../assertions/expect.js";

/**
 * Names that a storage, query, path or comparison may confuse with each other or misread, grouped by the cause, the most
 * alike first. Each is a valid tenant, user, session, run, kind and prefix.
 */
export const CONFUSIONS: Readonly<Record<string, readonly string[]>> = {
  beginnings: ["a", "aa", "ab", "abc", "b"],
  joins: ["a:b", "a|b", "a,b", "a;b", "a b", "a\tb", "a\nb", "a\u001fb"],
  controls: ["a\r", "a\r\n", "\u007f", "\u0001", "\b", "\u001b", "\u0080", "\u0085"],
  spaces: ["a ", " a", "a\n", " ", "a  ", "a\t", "\u00a0a", "a\u3000", "a\u2028"],
  nothings: ["null", "NULL", "undefined", "\\N", "''", "[]", "{}", "[object Object]"],
  properties: ["__proto__", "constructor", "toString", "hasOwnProperty", "length"],
  truths: ["true", "TRUE", "t", "false"],
  numbers: ["1", "01", "1.0", "1e0", "+1", "0x1", "0", "00", "-0", "10", "1e3", "1000", "NaN"],
  largeNumbers: ["9007199254740992", "9007199254740993"],
  digits: ["\uff11", "\u00b9", "\u0661"],
  cases: ["A", "i", "I", "\u0130", "\u0131", "B", "\u00c9", "\u03c3", "\u03c2", "\u03a3"],
  longerInCapitals: ["\u00df", "ss", "SS", "\u1e9e", "\ufb01", "fi"],
  forms: ["\u00e9", "e\u0301", "\u212a", "K", "\u00c5", "\u212b", "A\u030a", "\uac00", "\u1100\u1161"],
  lookAlikes: ["\uff41", "\u0430", "\u00e0", "a\u0300", "\u0251", "\u{1d41a}"],
  invisible: ["a\u200d", "a\u200b", "\ufeffa", "a\ufeff", "\ufeff", "\u200b", "a\u00ad", "a\ufe0f"],
  directions: ["\u202ea", "a\u202e", "\u200fa"],
  ends: ["\uffff", "\u{10000}", "\ufffd", "\ud7ff", "\ue000", "\ufdd0", "\u{1f600}", "\u{10ffff}"],
  cutCharacters: ["a\u{1f600}", "a\u{1f601}", "\u00c3\u00a9"],
  statements: ["a'", "' OR '1'='1", "'; DROP TABLE record; --", "a' --", '"a"', "$1", "$$", "?1", ":a", "@a"],
  literals: ["\\x61", "%00", "{}a", "\\u0061", "\\'", '{"a"}', "%s", "&#97;"],
  hashes: ["Aa", "BB", "plumless", "buckeroo", "costarring", "liquid", "hetairas", "mentioner"],
  fullWidth: ["a.b", "a\uff0eb", "a$b", "a\uff04b", "a\uff0fb"],
  lines: ["x\na", "x\r\na"],
  paths: [
    "a/",
    "./a",
    "../a",
    "a/b",
    "a//b",
    "..",
    ".",
    "/",
    "//",
    "..\\a",
    "a%2fb",
    "C:\\a",
    "CON",
    "a/./b",
    "a/c/../b",
  ],
  wildcards: ["%", "_", "a%", "a_", "%a", "a\\%", "\\", "a\\"],
  patterns: ["*", "a*", ".*", "?", "a?", "[a-z]", "a.", "^a", "a$", "(a)", "a+", "a|"],
  reserved: ["\uff5e", "a~", "\uff5ea", "\u02dc"],
  longest: [...["a", "b", "A"].map((last) => "n".repeat(254) + last), "n".repeat(254)],
  longestByCharacters: [
    ...["a", "b"].map((last) => "\u00e9".repeat(127) + last),
    ...["\u{1f600}", "\u{1f601}"].map((last) => `abc${"\u{1f600}".repeat(62)}${last}`),
  ],
};

export const HOSTILE_NAMES: readonly string[] = Object.values(CONFUSIONS).flat();

/** Two names of each group, for checks that take long with each name. */
export const CLOSEST_NAMES: readonly string[] = Object.values(CONFUSIONS).flatMap((names) =>
  names.slice(0, 2),
);

/** Kinds of the greatest length, 512 bytes, which differ in their last character only. */
export const LONGEST_KINDS: readonly string[] = [
  ...["a", "b"].map((last) => "k".repeat(511) + last),
  ...["\u{1f600}", "\u{1f601}"].map((last) => "\u{1f600}".repeat(127) + last),
];

/** Kinds that are prefixes of each other, or look so, in the order of their bytes. */
export function kindsForPrefixes(): string[] {
  const kinds = [...CLOSEST_NAMES.flatMap((name) => [name, `${name}/1`]), ...LONGEST_KINDS];
  return [...new Set(kinds)].sort(byBytes);
}

/** Those names that are short enough for event ids, and event ids of the greatest length, 128 bytes. */
export const HOSTILE_EVENT_IDS: readonly string[] = [
  ...HOSTILE_NAMES.filter((name) => Buffer.byteLength(name) <= 128),
  ...["a", "b"].map((last) => "e".repeat(127) + last),
  ...["\u{1f600}", "\u{1f601}"].map((last) => "\u{1f600}".repeat(31) + last),
];

/** Separators that a driver may put between names that it joins. */
export const SEPARATORS: readonly string[] = [
  ...[":", "/", "|", ",", ";", ".", "-", "_", "::", "#", "&", "%", "~", "\\", " ", "\t", "\n"],
  ...["\u001f", "\u001e", "\u0001", "\uffff", '","', "','"],
];
