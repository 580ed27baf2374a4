import { performance } from "node:perf_hooks";

/** How long shrinking may take, and how often it may try. */
export class ShrinkBudget {
  readonly #until: number;
  #tries: number;

  constructor({ milliseconds, tries }: { readonly milliseconds: number; readonly tries: number }) {
    this.#until = performance.now() + milliseconds;
    this.#tries = tries;
  }

  /** False when it is used up. */
  spend(): boolean {
    return this.#tries-- > 0 && performance.now() < this.#until;
  }
}

/**
 * A part of the list, in its order, that still fails though no single one of it may be left out, as far as the budget
 * allows (A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
 */
export async function shortestFailing<T>(
  list: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  budget: ShrinkBudget,
): Promise<readonly T[]> {
  let rest = list;
  for (let size = Math.ceil(rest.length / 2); size >= 1; ) {
    const before = rest.length;
    // From the end: what came last most often needs only a part of what came before.
    for (let end = rest.length; end > 0; end -= size) {
      const part = [...rest.slice(0, Math.max(0, end - size)), ...rest.slice(end)];
      if (part.length === 0) continue;
      if (!budget.spend()) return rest;
      if (await fails(part)) rest = part;
    }
    if (size === 1 && rest.length === before) break;
    size = size === 1 ? 1 : Math.ceil(size / 2);
  }
  return rest;
}

/** The list with its members made simpler, one after another, as long as it fails and the budget allows. */
export async function simplestFailing<T>(
  list: readonly T[],
  simpler: (member: T) => Iterable<T>,
  fails: (list: readonly T[]) => Promise<boolean>,
  budget: ShrinkBudget,
): Promise<readonly T[]> {
  const members = [...list];
  for (let index = 0; index < members.length; index++) {
    for (let isSimpler = true; isSimpler; ) {
      isSimpler = false;
      for (const candidate of simpler(members[index] as T)) {
        if (!budget.spend()) return members;
        const changed = members.with(index, candidate);
        if (!(await fails(changed))) continue;
        members[index] = candidate;
        isSimpler = true;
        break;
      }
    }
  }
  return members;
}
