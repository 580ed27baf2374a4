import type { Rule } from "./rule.js";

/** Says which rules a text has to be searched by: one search for the hints of all rules costs less than one for each. */
export class Sieve {
  readonly rules: readonly Rule[];
  readonly #always: readonly number[];
  readonly #byHint: ReadonlyMap<string, readonly number[]>;
  readonly #hints: RegExp | undefined;

  constructor(rules: readonly Rule[]) {
    this.rules = rules;
    this.#always = [...rules.keys()].filter((rule) => rules[rule]?.hints === undefined);
    // Of two hints that begin alike, the shorter one is found, and stands for both.
    const hints = [...new Set(rules.flatMap(({ hints: own = [] }) => own))].sort(
      (one, other) => one.length - other.length,
    );
    const rulesOf = (hint: string) =>
      [...rules.keys()].filter((rule) => rules[rule]?.hints?.some((own) => own.startsWith(hint)));
    this.#byHint = new Map(hints.map((hint) => [hint, rulesOf(hint)]));
    this.#hints = hints.length === 0 ? undefined : new RegExp(hints.map(escaped).join("|"), "g");
  }

  /** The places of the rules in the list. */
  candidates(text: string): Iterable<number> {
    if (this.#hints === undefined) return this.#always;
    this.#hints.lastIndex = 0;
    let match = this.#hints.exec(text);
    if (match === null) return this.#always;
    const candidates = new Set(this.#always);
    while (match !== null && candidates.size < this.rules.length) {
      for (const rule of this.#byHint.get(match[0]) ?? []) candidates.add(rule);
      // One hint may begin within another.
      this.#hints.lastIndex = match.index + 1;
      match = this.#hints.exec(text);
    }
    return candidates;
  }
}

function escaped(hint: string): string {
  return hint.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
