import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openMemory } from "../../drivers/memory/index.js";
import { createStore, newEventId, safeName, validateIdentity } from "../../src/index.js";
import { isSoak } from "../soak.js";

const sha256 = (text: string) => createHash("sha256").update(text).digest("base64url");

/** The names of these texts are on disks: they stay as they are for ever. */
const FIXED: readonly (readonly [what: string, text: string, name: string])[] = [
  ["nothing", "", "%empty"],
  ["a plain name", "ada", "ada"],
  ["an address", "ada+x@example.com", "ada+x@example.com"],
  ["capitals", "Ada", "Ada"],
  ["a path", "reports/2026/01", "reports%2F2026%2F01"],
  ["slashes", "//", "%2F%2F"],
  ["a URL", "https://x.test/a?b=c#d", "https:%2F%2Fx.test%2Fa?b=c#d"],
  ["a per cent sign", "50 %", "50 %25"],
  ["what looks like an escape", "%2F", "%252F"],
  ["what looks like the empty text", "%empty", "%25empty"],
  ["a tilde at the beginning", "~", "%7E"],
  ["tildes", "~~a~", "%7E~a~"],
  ["a tilde elsewhere", "a~", "a~"],
  ["a NUL", "a\0b", "a%00b"],
  ["control characters", "\t\n\u001f\u007f\u0085\u009f", "%09%0A%1F%7F%85%9F"],
  ["no control characters", " \u00a0\u200b\u2028", " \u00a0\u200b\u2028"],
  ["a high surrogate", "a\ud83d", "a%uD83D"],
  ["a low surrogate", "\ude42b", "%uDE42b"],
  ["surrogates in the wrong order", "\ude42\ud83d", "%uDE42%uD83D"],
  ["a pair", "\ud83d\ude42", "🙂"],
  ["what a lone surrogate is often replaced by", "\ufffd", "\ufffd"],
  ["composed", "\u00e9", "\u00e9"],
  ["decomposed", "e\u0301", "e\u0301"],
  ["Greek", "Αθήνα", "Αθήνα"],
  ["Cyrillic", "Москва", "Москва"],
  ["Arabic", "القاهرة", "القاهرة"],
  ["Hebrew", "ירושלים", "ירושלים"],
  ["Devanagari", "दिल्ली", "दिल्ली"],
  ["Thai", "กรุงเทพ", "กรุงเทพ"],
  ["Chinese", "北京", "北京"],
  ["Japanese", "東京とカタカナ", "東京とカタカナ"],
  ["Korean", "서울", "서울"],
  ["a family", "👨‍👩‍👧", "👨‍👩‍👧"],
  ["the longest that stays", "n".repeat(255), "n".repeat(255)],
  ["the longest of two bytes", `${"ä".repeat(127)}n`, `${"ä".repeat(127)}n`],
  ["one byte more", "n".repeat(256), `${"n".repeat(210)}%.NCqq9aD8sYy6QT8A_0b_ybyqSWtUXgmYqBBWzHvsauo`],
  [
    "the same in letters of two bytes",
    "ä".repeat(128),
    `${"ä".repeat(105)}%.KQ2dgv9Fy_foneJhJrHG6Zb-FrzXh-KbEl8au4W_rWk`,
  ],
  [
    "emoji, cut between two of them",
    "🙂".repeat(64),
    `${"🙂".repeat(52)}%.JjfbUQlWxj6Bc59RS9KU1TOdWqXe9ziywZ3NYNy6asU`,
  ],
  [
    "slashes, cut between two escapes",
    "/".repeat(86),
    `${"%2F".repeat(70)}%.eBN3yjPHMNyX28_fDPL4gAZjjQszKXPb9YFXNfcb5Qk`,
  ],
  [
    "lone surrogates, cut between two escapes",
    "\ud800".repeat(43),
    `${"%uD800".repeat(35)}%.1fh_EAjozXRrBGl1C4-2weG4EX2mfDEi-PkbDW9n8mM`,
  ],
  [
    "a long text that begins with a tilde",
    `~${"n".repeat(255)}`,
    `%7E${"n".repeat(207)}%.eAkeGR8gYanvHmOS0N0MH8O3YewFWWUiCJFrEGJWDe8`,
  ],
];

describe("safeName", () => {
  test.each(FIXED)("of %s is the same for ever", (_, text, name) => {
    expect(safeName(text)).toBe(name);
  });

  test("ends a long text with the SHA-256 of all of it", () => {
    const text = `${"n".repeat(300)}/end`;
    expect(safeName(text)).toBe(`${"n".repeat(210)}%.${sha256(`${"n".repeat(300)}%2Fend`)}`);
  });

  test("is a name of the store, and a part of a kind that stays in its place", async () => {
    const store = createStore(await openMemory());
    for (const [, text] of FIXED) {
      const name = safeName(text);
      const identity = { tenant: name, user: name, session: name, run: name };
      await store.save({ eventId: newEventId(), identity, kind: `a/${name}/b`, bytes: Buffer.from(text) });
      const [found, ...more] = await store.list(identity, `a/${name}/`);
      expect([found?.kind.split("/"), more]).toEqual([["a", name, "b"], []]);
    }
    await store.close();
  });

  test("is a valid name of any text, and different texts have different names", () => {
    const names = new Map<string, string>();
    const piece = fc.oneof(
      fc.constantFrom("", "%", "%empty", "%.", "/", "~", "\0", "\ud800", "\udc00", "\ufffd", "%2F", "%uD800"),
      fc.string({ unit: "binary", maxLength: 8 }),
      fc.string({ unit: "grapheme", maxLength: 8 }),
      fc.string({
        unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
        maxLength: 8,
      }),
      fc
        .tuple(fc.constantFrom("a", "/", "ä", "🙂", "\ud800"), fc.integer({ min: 40, max: 300 }))
        .map(([character, count]) => character.repeat(count)),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join("")),
        (text) => {
          const name = safeName(text);
          expect(name).not.toContain("/");
          validateIdentity({ tenant: name, user: name, session: name, run: name });
          expect(safeName(text)).toBe(name);
          expect(names.get(name) ?? text).toBe(text);
          names.set(name, text);
        },
      ),
      { numRuns: isSoak ? 2_000 : 500 },
    );
  });

  test.each([undefined, null, 1, {}, Buffer.from("a")])("of %s, which is no text, is refused", (value) => {
    expect(() => safeName(value as never)).toThrow(
      expect.objectContaining({
        code: "INVALID_RECORD",
        details: expect.objectContaining({ field: "text" }),
      }),
    );
  });
});
