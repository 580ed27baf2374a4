import type { Rule } from "./rule.js";
import type { Sieve } from "./sieve.js";

/** A part of a text that is redacted. */
interface Part {
  readonly start: number;
  end: number;
  /** The rule that names it, as its place in the list. */
  rule: number;
}

/** A text whose secrets are markers, and the kind of each. */
export interface Redacted {
  readonly text: string;
  readonly kinds: readonly string[];
}

/** Only names with one of these are worth a look. */
const TELLING_NAME = /auth|key|secret/i;
const LONGEST_NAME = 64;

/**
 * `undefined` if the text has none. All rules look at the text as it is given, so their order changes no result. `name` is
 * that of the property that has the text.
 */
export function redactText(text: string, sieve: Sieve, name = ""): Redacted | undefined {
  const { rules } = sieve;
  const before = name.length <= LONGEST_NAME && TELLING_NAME.test(name) ? `${name}=` : "";
  const named = before + text;
  const found: Part[] = [];
  for (const rule of sieve.candidates(named)) {
    const { find, readsNames } = rules[rule] as Rule;
    const size = readsNames ? before.length : 0;
    for (const { start, end } of find(readsNames ? named : text))
      if (end > size) found.push({ start: Math.max(0, start - size), end: end - size, rule });
  }
  const parts = found.length === 0 ? found : withoutMarkers(text, merged(found));
  if (parts.length === 0) return undefined;
  let redacted = "";
  let from = 0;
  const kinds = [];
  for (const { start, end, rule } of parts) {
    const { kind } = rules[rule] as Rule;
    redacted += `${text.slice(from, start)}«redacted:${kind}»`;
    kinds.push(kind);
    from = end;
  }
  return { text: redacted + text.slice(from), kinds };
}

/** What overlaps becomes one part, named by the first rule of those. */
function merged(found: Part[]): Part[] {
  const parts: Part[] = [];
  for (const part of found.sort((one, other) => one.start - other.start)) {
    const last = parts.at(-1);
    if (last === undefined || part.start >= last.end) {
      parts.push(part);
      continue;
    }
    last.end = Math.max(last.end, part.end);
    last.rule = Math.min(last.rule, part.rule);
  }
  return parts;
}

/** What was redacted before stays as it is, so that a text that is given again is stored the same. */
function withoutMarkers(text: string, parts: Part[]): Part[] {
  if (!text.includes("«redacted:")) return parts;
  const markers = [...text.matchAll(/«redacted:[a-z0-9-]{1,64}»/g)];
  let next = 0;
  return parts.filter(({ start, end }) => {
    const endOf = (at: number) => (markers[at]?.index ?? text.length) + (markers[at]?.[0].length ?? 0);
    while (next < markers.length && endOf(next) <= start) next++;
    const marker = markers[next];
    return marker === undefined || start < marker.index || end > endOf(next);
  });
}
