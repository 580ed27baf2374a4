import { invalid } from "../contract/errors.js";
import { LIMITS } from "../contract/limits.js";
import type { RecordKey } from "../contract/store.js";
import { corruptRecord } from "../typed/cell.js";
import { itemPrefix } from "../typed/names.js";
import { readKind, readText } from "../validation/validate-text.js";
import type { Namespace } from "./fact.js";

/** What the kinds of all facts begin with. */
export const FACTS = itemPrefix("facts");

/** Ends a namespace: no part is empty, so none has two slashes. The key follows, as it is. */
const END = "/";
/** The next character after the slash: what begins with a path and this, and what follows, is behind all its own facts. */
const PAST_END = "0";

/** Reads a namespace; `least` is how many parts it has at least. INVALID_RECORD. */
export function readNamespace(value: unknown, least: number): Namespace {
  if (!Array.isArray(value) || value.length < least)
    throw invalid("namespace", `a list of ${least === 0 ? "" : "one or more "}parts`);
  const parts = Array.from(value, (part) => readKind(part, "namespace"));
  if (Buffer.byteLength(FACTS + pathOf(parts) + END) >= LIMITS.kindBytes)
    throw invalid("namespace", "shorter: with its key it has about 500 UTF-8 bytes");
  return Object.freeze(parts);
}

/** Each part and a slash, so that the path of a namespace begins those of all namespaces with the same first parts, and no others. */
export function pathOf(namespace: Namespace): string {
  return namespace.map((part) => `${part.replaceAll("%", "%25").replaceAll("/", "%2F")}/`).join("");
}

/** What the kinds of a namespace's facts begin with, or with `nested` also those of all namespaces below it. */
export function prefixOf(namespace: Namespace, nested = false): string {
  return FACTS + pathOf(namespace) + (nested ? "" : END);
}

/** The kind of a fact. INVALID_RECORD. */
export function kindOf(namespace: Namespace, key: string): string {
  const kind = prefixOf(namespace) + key;
  if (Buffer.byteLength(kind) > LIMITS.kindBytes)
    throw invalid(
      "key",
      `shorter: with its namespace it has at most ${LIMITS.kindBytes} UTF-8 bytes as it is stored`,
    );
  return kind;
}

/** The path of the namespace in a kind. CORRUPT. */
export function pathIn(record: RecordKey): string {
  const { kind } = record;
  const end = kind.indexOf(`/${END}`, FACTS.length);
  if (end < 0) throw corruptRecord(record, "it is no fact: its kind names no namespace");
  return kind.slice(FACTS.length, end + 1);
}

/** The parts of a path that `pathOf` made. */
export function partsOf(path: string): Namespace {
  return path
    .slice(0, -1)
    .split("/")
    .map((part) => part.replaceAll("%2F", "/").replaceAll("%25", "%"));
}

/** The first kind behind all facts of a namespace itself. Namespaces below it lie before and behind. */
export function kindPast(path: string): string {
  return FACTS + path + PAST_END;
}

/** Reads where a page begins: what follows the prefix of all facts in a kind that begins with `prefix`. */
export function readPosition(value: unknown, prefix: string): string {
  const kind = FACTS + readText(value, "after", LIMITS.kindBytes - FACTS.length);
  if (!kind.startsWith(prefix)) throw invalid("after", "the `next` of a page of the same list");
  return kind;
}

/** The position of a kind. */
export function positionOf(kind: string): string {
  return kind.slice(FACTS.length);
}
