import { expect, test } from "vitest";
import {
  HOSTILE_EVENT_IDS,
  HOSTILE_NAMES,
  LONGEST_KINDS,
  SEPARATORS,
} from "../../conformance/inputs/hostile-names.js";
import { keysDifferingIn, keysThatJoinAlike } from "../../conformance/inputs/hostile-record-keys.js";
import { readEventId, readKind, readName } from "../../src/validation/validate-text.js";

const bytes = (text: string) => Buffer.byteLength(text);

test("every name is one that a caller may use, in every field, and none is there twice", () => {
  for (const name of HOSTILE_NAMES) expect(readName(name, "tenant")).toBe(name);
  for (const kind of [...HOSTILE_NAMES, ...LONGEST_KINDS]) expect(readKind(kind)).toBe(kind);
  for (const id of HOSTILE_EVENT_IDS) expect(readEventId(id)).toBe(id);
  for (const list of [HOSTILE_NAMES, HOSTILE_EVENT_IDS, SEPARATORS])
    expect(new Set(list).size).toBe(list.length);
  expect(Math.max(...HOSTILE_NAMES.map(bytes))).toBe(255);
  expect(LONGEST_KINDS.map(bytes)).toEqual([512, 512, 512, 512]);
  expect(Math.max(...HOSTILE_EVENT_IDS.map(bytes))).toBe(128);
});

test("no two places are the same", () => {
  const places = [...keysDifferingIn("user", HOSTILE_NAMES), ...keysThatJoinAlike(SEPARATORS)];
  expect(new Set(places.map((place) => JSON.stringify(place))).size).toBe(places.length);
});

/** What drivers have done to names, and how many names at least are then another's. */
const CONFUSED: [string, (name: string) => string, number][] = [
  ["small letters", (name) => name.toLowerCase(), 4],
  ["capitals", (name) => name.toUpperCase(), 6],
  ["composed", (name) => name.normalize("NFC"), 4],
  ["decomposed", (name) => name.normalize("NFD"), 4],
  ["compatible", (name) => name.normalize("NFKC"), 10],
  ["trimmed", (name) => name.trim(), 8],
  ["trimmed at the end", (name) => name.trimEnd(), 6],
  ["numbers", (name) => String(Number(name)), 6],
  ["whole numbers", (name) => String(Number.parseInt(name, 10)), 4],
  ["cut to 254 bytes", (name) => Buffer.from(name).subarray(0, 254).toString("latin1"), 3],
  ["cut to 191 characters", (name) => name.slice(0, 191), 3],
  ["one byte per character", (name) => Buffer.from(name, "latin1").toString("latin1"), 4],
  ["ASCII", (name) => name.replaceAll(/\P{ASCII}/gu, "?"), 20],
  ["without what is invisible", (name) => name.replaceAll(/\p{Cf}/gu, ""), 6],
  ["without accents", (name) => name.normalize("NFD").replaceAll(/\p{M}/gu, ""), 5],
  ["one line", (name) => name.replaceAll(/\s+/g, " "), 4],
  ["a path", (name) => name.replaceAll(/\/+|\\/g, "/").replace(/^\.\/|\/$/g, ""), 4],
];

test.each(CONFUSED)("as %s, some names are another's", (_, confuse, least) => {
  const confused = new Set(HOSTILE_NAMES.map(confuse));
  expect(HOSTILE_NAMES.length - confused.size).toBeGreaterThanOrEqual(least);
});

test("in a locale's order, some names are equal to another", () => {
  const equal = (sensitivity: "base" | "variant") => {
    const { compare } = new Intl.Collator("en", { sensitivity });
    return HOSTILE_NAMES.filter((name) =>
      HOSTILE_NAMES.some((other) => other !== name && compare(name, other) === 0),
    );
  };
  expect(equal("variant").length).toBeGreaterThan(10);
  expect(equal("base").length).toBeGreaterThan(30);
});
