import canonicalize from "canonicalize";
import type { JsonValue } from "../typed/json-value.js";

/** The bounds of one piece: UTF-16 units of its strings, and values in it. */
const MAX_UNITS = 32 * 1024;
const MAX_PARTS = 1000;

type JsonObject = { readonly [name: string]: JsonValue };

/**
 * Yields the canonical JSON (RFC 8785) of a value in pieces, each of which takes a short time. Large arrays and objects
 * are divided into groups of members, and long strings are cut.
 */
export function* canonicalPieces(value: JsonValue): Generator<string, void> {
  if (typeof value === "string") yield* piecesOfText(value);
  else if (new PieceBudget().fits(value)) yield canonicalize(value) as string;
  else if (Array.isArray(value)) yield* piecesOfArray(value);
  else yield* piecesOfObject(value as JsonObject);
}

function* piecesOfText(text: string): Generator<string, void> {
  yield '"';
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + MAX_UNITS, text.length);
    // A surrogate pair must not be cut.
    if (end < text.length && isHighSurrogate(text.charCodeAt(end - 1))) end--;
    yield withoutDelimiters(text.slice(at, end));
    at = end;
  }
  yield '"';
}

function* piecesOfArray(array: readonly JsonValue[]): Generator<string, void> {
  let separator = "[";
  for (const { from, to, isLarge } of groups(array)) {
    yield separator;
    if (isLarge) yield* canonicalPieces(array[from] as JsonValue);
    else yield withoutDelimiters(array.slice(from, to));
    separator = ",";
  }
  yield "]";
}

function* piecesOfObject(object: JsonObject): Generator<string, void> {
  // RFC 8785 orders names by UTF-16 units, as `sort` does.
  const names = Object.keys(object).sort();
  const member = (name: string) => object[name] as JsonValue;
  let separator = "{";
  for (const { from, to, isLarge } of groups(names.map(member), names)) {
    const group = names.slice(from, to);
    yield separator;
    if (isLarge) {
      yield `${canonicalize(group[0])}:`;
      yield* canonicalPieces(member(group[0] as string));
    } else yield withoutDelimiters(Object.fromEntries(group.map((name) => [name, member(name)])));
    separator = ",";
  }
  yield "}";
}

/** Divides members into groups that fit into one piece. A member that does not fit alone is a group with `isLarge`. */
function* groups(members: readonly JsonValue[], names: readonly string[] = []) {
  let from = 0;
  let budget = new PieceBudget();
  for (const [index, member] of members.entries()) {
    if (budget.fits(member, names[index])) continue;
    if (index > from) yield { from, to: index, isLarge: false };
    from = index;
    budget = new PieceBudget();
    if (budget.fits(member, names[index])) continue;
    yield { from, to: index + 1, isLarge: true };
    from = index + 1;
    budget = new PieceBudget();
  }
  if (members.length > from) yield { from, to: members.length, isLarge: false };
}

/** How much one piece may still take. */
class PieceBudget {
  #units = MAX_UNITS;
  #parts = MAX_PARTS;

  /** Takes a value, and returns whether it fits. Stops reading the value as soon as it does not. */
  fits(part: JsonValue, name = ""): boolean {
    this.#units -= name.length + (typeof part === "string" ? part.length : 0);
    this.#parts--;
    if (this.#units < 0 || this.#parts < 0) return false;
    if (typeof part !== "object" || part === null) return true;
    if (Array.isArray(part)) return part.length <= this.#parts && part.every((element) => this.fits(element));
    const names = Object.keys(part);
    return (
      names.length <= this.#parts &&
      names.every((name) => this.fits((part as JsonObject)[name] as JsonValue, name))
    );
  }
}

/** Canonical JSON without the first and last character: quotes, brackets or braces. */
function withoutDelimiters(value: JsonValue): string {
  return (canonicalize(value) as string).slice(1, -1);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit < 0xdc00;
}
