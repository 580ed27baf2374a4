import { hash } from "node:crypto";
import { wrongType } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";

/** Begins every escape, so it is escaped itself. What follows it tells the escapes apart. */
const ESCAPE = "%";
const EMPTY = `${ESCAPE}empty`;
/** Between the beginning of a long text and its digest. No escape begins like this. */
const CUT = `${ESCAPE}.`;
const DIGEST_LENGTH = 43;

/**
 * The separator of kinds, control characters (they spoil logs), lone surrogates, and the escape itself. Unicode guarantees
 * that the two categories never change, and so the name of a text does not.
 */
const UNSAFE = /[%/\p{Cc}\p{Cs}]/gu;

/**
 * Turns any text into a name: 1 to 255 UTF-8 bytes, not beginning with `~`, without a slash. It can be a tenant, a user, a
 * session, a run, or a part of a kind between slashes. Different texts have different names, and a text has the same name
 * in every version. It is for names from outside that follow other rules than the store's: addresses, paths, user input.
 *
 * Text that could be a name stays as it is. Otherwise `%` and two hexadecimal digits stand for a `%`, a slash, a control
 * character, and a `~` at the beginning, as in URLs; `%u` and four digits for a lone surrogate; `%empty` for the empty text.
 * A name that would be longer than 255 bytes is cut, and ends with `%.` and a SHA-256 of the whole in base64url. So apply
 * it once: the name of a name is another name, if it holds a `%`.
 *
 * INVALID_RECORD if it is not given a string.
 *
 * @example
 * ```ts
 * import { safeName } from "groundstate";
 *
 * console.log(safeName("ada@example.com")); // ada@example.com
 * console.log(safeName("reports/2026")); // reports%2F2026
 * const notes = await store.list({ ...identity, run: safeName("reports/2026") }, `note/${safeName("50 %")}/`);
 * console.log(notes.length);
 * ```
 */
export function safeName(text: string): string {
  if (typeof text !== "string") throw wrongType("text", "a string", text);
  if (text === "") return EMPTY;
  const escaped = text.replace(UNSAFE, escapeOf);
  const name = escaped.startsWith("~") ? hexEscape("~") + escaped.slice(1) : escaped;
  return Buffer.byteLength(name) <= LIMITS.nameBytes ? name : shortened(name);
}

function escapeOf(character: string): string {
  return character.isWellFormed() ? hexEscape(character) : `${ESCAPE}u${hex(character, 4)}`;
}

function hexEscape(character: string): string {
  return ESCAPE + hex(character, 2);
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(digits, "0");
}

/** The escaped text is hashed: it is well-formed, so no two texts are the same bytes. */
function shortened(name: string): string {
  const room = LIMITS.nameBytes - CUT.length - DIGEST_LENGTH;
  let beginning = "";
  let bytes = 0;
  for (const [piece] of name.matchAll(/%u.{4}|%.{2}|./gsu)) {
    bytes += Buffer.byteLength(piece);
    if (bytes > room) break;
    beginning += piece;
  }
  return beginning + CUT + hash("sha256", name, "base64url");
}
