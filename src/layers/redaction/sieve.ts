import type { Rule } from "./rule.js";

/** Hints that are searched for together. */
interface Group {
  /** What all of them hold: a text without it has none of them. */
  readonly holds: string;
  readonly hints: RegExp;
}

/** Most texts have none of some of these, and to see that takes no time. */
const RARE = ["_", "~", "=", "-"];

/** Says which rules a text has to be searched by: a few searches for the hints of all rules cost less than one for each. */
export class Sieve {
  readonly rules: readonly Rule[];
  readonly #always: readonly number[];
  readonly #byHint: ReadonlyMap<string, readonly number[]>;
  readonly #groups: readonly Group[];

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
    this.#groups = groupsOf(hints);
  }

  /** The places of the rules in the list. */
  candidates(text: string): Iterable<number> {
    let candidates: Set<number> | undefined;
    for (const { holds, hints } of this.#groups) {
      if (!text.includes(holds)) continue;
      hints.lastIndex = 0;
      for (let match = hints.exec(text); match !== null; match = hints.exec(text)) {
        candidates ??= new Set(this.#always);
        for (const rule of this.#byHint.get(match[0]) ?? []) candidates.add(rule);
        if (candidates.size === this.rules.length) return candidates;
        // One hint may begin within another.
        hints.lastIndex = match.index + 1;
      }
    }
    return candidates ?? this.#always;
  }
}

/** By the rare character that they hold; the others by the case of their first letter, which is quicker than all at once. */
function groupsOf(hints: readonly string[]): Group[] {
  const groups = new Map<string, string[]>();
  for (const hint of hints) {
    const rare = RARE.find((character) => hint.includes(character));
    const name = rare ?? (/^[A-Z]/.test(hint) ? "upper" : "other");
    groups.set(name, [...(groups.get(name) ?? []), hint]);
  }
  return [...groups].map(([name, own]) => ({
    holds: RARE.includes(name) ? name : "",
    hints: new RegExp(own.map(escaped).join("|"), "g"),
  }));
}

function escaped(hint: string): string {
  return hint.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
