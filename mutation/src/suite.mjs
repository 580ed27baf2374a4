import { KIT } from "./groups.mjs";
import { Judge } from "./judge.mjs";

/** What may make a test slower with a mutant, and still count as found by what it says. */
const PATIENCE_MS = 1500;
const PATIENCE = 10;
/** How many cases of the kit, which wait more than they compute, run at once. */
const CASES_AT_ONCE = 6;

/** The tests as they ran without a mutant: what each reaches, and how long it takes. */
export class Suite {
  #bundle;
  #times;
  /** The quickest first, and the cases of the kit last: to load them takes longest. */
  #names;
  #reaching = new Map();
  #statics;
  #limits;

  static async record(bundle, tests) {
    const recorder = new Judge(bundle);
    const base = await recorder.ask({ files: tests }, 600_000);
    recorder.stop();
    if (base.killedBy !== undefined) throw new Error(`the tests ended with ${base.killedBy}: ${base.error}`);
    for (const [name, error] of Object.entries(base.failures))
      console.log(`fails without a mutant: ${name}: ${error}`);
    return new Suite(bundle, base);
  }

  constructor(bundle, { times, failures, reached, statics }) {
    this.#bundle = bundle;
    this.#times = times;
    this.#statics = new Set(statics);
    const rank = (name) => (name.startsWith(KIT) ? 1e9 : 0) + times[name];
    this.#names = Object.keys(times)
      .filter((name) => !(name in failures))
      .sort((a, b) => rank(a) - rank(b));
    this.#limits = Object.fromEntries(
      this.#names.map((name) => [name, PATIENCE_MS + PATIENCE * times[name]]),
    );
    for (const name of this.#names)
      for (const id of reached[name] ?? []) this.#reaching.set(id, [...(this.#reaching.get(id) ?? []), name]);
  }

  get size() {
    return this.#names.length;
  }

  newJudge() {
    return new Judge(this.#bundle);
  }

  /** `killedBy` the test that found the mutant; none: it survived. `isEmptied`: with tests that do nothing. */
  async judge(judge, { id }, isEmptied = false) {
    const isStatic = this.#statics.has(id);
    const names = isStatic ? this.#names : (this.#reaching.get(id) ?? []);
    if (names.length === 0) return { isReached: false };
    const job = { mutant: id, groups: grouped(names), limits: this.#limits, isStatic, isEmptied };
    const limitMs = 60_000 + 10 * names.reduce((sum, name) => sum + this.#times[name], 0);
    // What runs while a module is loaded needs a process that has loaded none.
    if (isStatic) judge.stop();
    let answer = await judge.ask(job, limitMs);
    if (answer.isTainted) {
      judge.stop();
      answer = await judge.ask(job, limitMs);
    }
    if (isStatic || answer.isTainted) judge.stop();
    return { isReached: true, ...answer };
  }
}

function grouped(names) {
  const cases = names.filter((name) => name.startsWith(KIT));
  const groups = names.filter((name) => !name.startsWith(KIT)).map((name) => [name]);
  for (let from = 0; from < cases.length; from += CASES_AT_ONCE)
    groups.push(cases.slice(from, from + CASES_AT_ONCE));
  return groups;
}
