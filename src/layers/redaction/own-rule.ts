import { types } from "node:util";
import { invalid, wrongType } from "../../contract/errors.js";
import { readNamed } from "../../validation/validate.js";
import type { Found, Rule } from "./rule.js";

/** Finds secrets of a kind of your own, by a pattern or by a function. */
export type Redactor = PatternRedactor | FindingRedactor;

/** Redacts what a pattern matches. */
export interface PatternRedactor {
  /** What stands in the marker: 1 to 64 small letters, digits and hyphens. */
  readonly kind: string;
  /**
   * Each match is redacted; what only has to stand around it goes into a lookbehind or lookahead. It is searched for in the
   * whole text, with or without the flag g. A pattern that matches the empty text is INVALID_RECORD. A slow one makes every
   * write slow.
   */
  readonly pattern: RegExp;
}

/** Redacts what a function finds. */
export interface FindingRedactor {
  /** What stands in the marker: 1 to 64 small letters, digits and hyphens. */
  readonly kind: string;
  /**
   * Where secrets are in the text, in any order. What it throws fails the write, and so does (TypeError) what is no part of
   * the text.
   */
  readonly find: (text: string) => Iterable<Found>;
}

const KIND = /^[a-z0-9-]{1,64}$/;

/** INVALID_RECORD. */
export function readOwnRule(value: unknown): Rule {
  const { kind, pattern, find } = readNamed(value, "redactors", ["kind", "pattern", "find"]) as {
    readonly [name in "kind" | "pattern" | "find"]?: unknown;
  };
  if (typeof kind !== "string") throw wrongType("redactors.kind", "a string", kind);
  if (!KIND.test(kind)) throw invalid("redactors.kind", "1 to 64 small letters, digits and hyphens");
  if ((pattern === undefined) === (find === undefined))
    throw invalid("redactors", "with a pattern or a find, and not both");
  if (find === undefined) return { kind, find: matchesOf(readPattern(pattern)) };
  if (typeof find !== "function") throw wrongType("redactors.find", "a function", find);
  return { kind, find: (text) => placesIn(text, find(text)) };
}

/** A copy, whose `lastIndex` nobody else moves. */
function readPattern(pattern: unknown): RegExp {
  if (!types.isRegExp(pattern)) throw wrongType("redactors.pattern", "a regular expression", pattern);
  const copy = new RegExp(pattern.source, `${pattern.flags.replace(/[gy]/g, "")}g`);
  if ("".match(copy) !== null)
    throw invalid("redactors.pattern", "a pattern that does not match the empty text");
  return copy;
}

function matchesOf(pattern: RegExp): (text: string) => Iterable<Found> {
  return function* (text) {
    for (const { index, 0: match } of text.matchAll(pattern))
      if (match !== "") yield { start: index, end: index + match.length };
  };
}

function* placesIn(text: string, found: Iterable<Found>): Generator<Found> {
  for (const { start, end } of found) {
    const isPlace = Number.isInteger(start) && Number.isInteger(end) && start >= 0 && end <= text.length;
    if (!isPlace || start >= end) throw new TypeError("find returned a place that the text does not have");
    yield { start, end };
  }
}
