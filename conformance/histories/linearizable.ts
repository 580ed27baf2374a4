import { hash } from "node:crypto";

/**
 * One call of an object that several callers share, as its own caller saw it: `began` is a moment before the call was
 * made and `ended` one after its answer came. Without an end nobody knows its outcome: it may have taken effect at any
 * time since it began, or never.
 */
export interface Operation {
  /** A time, in whatever unit the clock has that all callers share. */
  readonly began: number;
  /** A time of the same clock; absent where no answer came. */
  readonly ended?: number;
}

/** The object as a caller finds it who is alone with it. */
export interface Specification<S, O extends Operation> {
  /** The state before the first operation. */
  readonly initial: S;
  /**
   * The state that the operation leaves behind, if its answer is the one that is due in the given state; `undefined` if
   * it is not. Of an operation without an end the answer is not looked at.
   */
  step(state: S, operation: O): S | undefined;
  /** The same text for two states only if no operation can tell them apart. */
  key(state: S): string;
}

/** What a history was found to be. */
export type Verdict<S, O> =
  /** The operations, one after another, as they may have taken effect. */
  | { readonly is: "linearizable"; readonly order: readonly O[] }
  /** The longest order that there is, the state it leads to, and what might come next but did not get such an answer. */
  | {
      readonly is: "not linearizable";
      readonly order: readonly O[];
      readonly state: S;
      readonly stuck: readonly O[];
    }
  /** There are more orders than were to be tried. */
  | { readonly is: "undecided" };

/** A history of fifty operations takes about as many; each whose outcome is not known may double that. */
const MOST_STEPS = 300_000;

/**
 * Whether each operation may have taken effect at one moment between its beginning and its end (M. Herlihy and J. Wing,
 * "Linearizability: A Correctness Condition for Concurrent Objects", 1990). Searches the orders depth first (J. Wing and
 * C. Gong, "Testing and Verifying Concurrent Objects", 1993) and never goes on from the same state with the same
 * operations done a second time (G. Lowe, "Testing for Linearizability", 2017). `mostSteps` bounds the search, 300,000 unless given: about ten seconds.
 *
 * @example
 * ```ts
 * import { checkLinearizable, type Operation, type Specification } from "groundstate/conformance";
 *
 * type Use = Operation & ({ readonly write: number } | { readonly read: number });
 * const register: Specification<number, Use> = {
 *   initial: 0,
 *   step: (state, use) => ("write" in use ? use.write : use.ended === undefined || use.read === state ? state : undefined),
 *   key: String,
 * };
 * const history: Use[] = [
 *   { write: 1, began: 0, ended: 10 },
 *   { read: 1, began: 5, ended: 6 },
 *   { read: 0, began: 7, ended: 8 },
 * ];
 * console.log(checkLinearizable(history, register).is); // not linearizable: the second read is older than the first
 * ```
 */
export function checkLinearizable<S, O extends Operation>(
  history: readonly O[],
  specification: Specification<S, O>,
  mostSteps = MOST_STEPS,
): Verdict<S, O> {
  const search = new Search(history, specification);
  for (let steps = 0; !search.isDone(); steps++) {
    if (steps === mostSteps) return { is: "undecided" };
    if (!search.goOn()) return search.failure();
  }
  return { is: "linearizable", order: search.order() };
}

/** An order of some operations: its last one, the state it leads to, and what may come next. */
interface Place<S> {
  readonly last: number;
  readonly state: S;
  readonly key: string;
  readonly candidates: readonly number[];
  tried: number;
}

const NOTHING = -1;

class Search<S, O extends Operation> {
  readonly #history: readonly O[];
  readonly #specification: Specification<S, O>;
  readonly #waiting: Waiting;
  /** From the empty order to the one that is looked at. */
  readonly #path: Place<S>[] = [];
  readonly #seen = new Set<string>();
  #longest: Extract<Verdict<S, O>, { readonly is: "not linearizable" }> | undefined;

  constructor(history: readonly O[], specification: Specification<S, O>) {
    this.#history = history;
    this.#specification = specification;
    this.#waiting = new Waiting(history);
    this.#goTo(NOTHING, specification.initial, specification.key(specification.initial));
  }

  isDone(): boolean {
    return this.#waiting.isEmpty();
  }

  order(): readonly O[] {
    return this.#path.slice(1).map(({ last }) => this.#history[last] as O);
  }

  failure(): Verdict<S, O> {
    return this.#longest as Verdict<S, O>;
  }

  /** Tries one more operation behind the order, or shortens it where none is left; false when all was tried. */
  goOn(): boolean {
    const here = this.#path.at(-1) as Place<S>;
    const next = here.candidates[here.tried++];
    if (next === undefined) return this.#goBack(here);
    const state = this.#specification.step(here.state, this.#history[next] as O);
    if (state === undefined) return true;
    const key = this.#specification.key(state);
    // What has no end need not come at all.
    if (key === here.key && !this.#waiting.mustCome(next)) return true;
    this.#waiting.take(next);
    if (this.#isNew(key)) this.#goTo(next, state, key);
    else this.#waiting.putBack(next);
    return true;
  }

  #isNew(key: string): boolean {
    const before = this.#seen.size;
    // There may be hundreds of thousands, of states that take kilobytes to write down.
    return this.#seen.add(hash("sha256", `${this.#waiting.taken} ${key}`, "base64url")).size > before;
  }

  #goTo(last: number, state: S, key: string): void {
    this.#path.push({ last, state, key, candidates: this.#waiting.candidates(), tried: 0 });
  }

  #goBack({ last, state, candidates }: Place<S>): boolean {
    if (this.#path.length - 1 > (this.#longest?.order.length ?? NOTHING)) {
      const stuck = candidates.map((index) => this.#history[index] as O);
      this.#longest = { is: "not linearizable", order: this.order(), state, stuck };
    }
    this.#path.pop();
    if (last !== NOTHING) this.#waiting.putBack(last);
    return this.#path.length > 0;
  }
}

/** The operations that are not in the order yet. */
class Waiting {
  readonly #history: readonly Operation[];
  /** Those that must come, the one that ended first being the first, and those that need not. */
  readonly #ended: readonly number[];
  readonly #unended: readonly number[];
  readonly #isTaken: boolean[];
  #left: number;
  /** One bit for each operation that is in the order. */
  taken = 0n;

  constructor(history: readonly Operation[]) {
    const indices = [...history.keys()];
    this.#history = history;
    this.#ended = indices.filter((index) => this.mustCome(index)).sort((a, b) => this.#end(a) - this.#end(b));
    this.#unended = indices.filter((index) => !this.mustCome(index));
    this.#isTaken = history.map(() => false);
    this.#left = this.#ended.length;
  }

  isEmpty(): boolean {
    return this.#left === 0;
  }

  mustCome(index: number): boolean {
    return this.#history[index]?.ended !== undefined;
  }

  /**
   * What began before anything that waits had ended; at the same time, either may have been before the other. What need
   * not come is the last to be tried, for most often it did not.
   */
  candidates(): readonly number[] {
    const first = this.#ended.find((index) => !this.#isTaken[index]) as number;
    const mayCome = (index: number) =>
      !this.#isTaken[index] && (this.#history[index] as Operation).began <= this.#end(first);
    return [...this.#ended.filter(mayCome), ...this.#unended.filter(mayCome)];
  }

  take(index: number): void {
    this.#isTaken[index] = true;
    this.taken |= 1n << BigInt(index);
    if (this.mustCome(index)) this.#left--;
  }

  putBack(index: number): void {
    this.#isTaken[index] = false;
    this.taken &= ~(1n << BigInt(index));
    if (this.mustCome(index)) this.#left++;
  }

  #end(index: number): number {
    return this.#history[index]?.ended ?? Number.POSITIVE_INFINITY;
  }
}
