/** What became of damage, by its kind: the figures of a run. */
export class Tally {
  readonly #kinds = new Map<string, Map<string, number>>();

  count(kind: string, outcome: string): void {
    const outcomes = this.#kinds.get(kind) ?? new Map<string, number>();
    this.#kinds.set(kind, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
  }

  /** How often, over all kinds. */
  total(outcome?: string): number {
    let total = 0;
    for (const outcomes of this.#kinds.values())
      for (const [name, count] of outcomes) if (outcome === undefined || name === outcome) total += count;
    return total;
  }

  toString(): string {
    const lines = [...this.#kinds].map(([kind, outcomes]) => {
      const counts = [...outcomes].sort().map(([outcome, count]) => `${count} ${outcome}`);
      return `  ${kind}: ${counts.join(", ")}`;
    });
    return [`${this.total()} in all`, ...lines].join("\n");
  }
}
