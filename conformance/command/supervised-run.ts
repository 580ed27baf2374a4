import { performance } from "node:perf_hooks";
import type { Failure } from "../harness/failure.js";
import { type CaseResult, type Heading, type Report, reportOf, type StrayError } from "../runners/report.js";
import type { Assignment, Message, Refusal } from "./messages.js";
import { type End, runWatched } from "./watched-process.js";

/** What a run tells while it goes on. */
export interface Listener {
  onBegun(heading: Heading): void;
  onResult(result: CaseResult): void;
}

/** What became of a run. */
export interface Supervised {
  /** Present once the harness was loaded. */
  readonly heading?: Heading;
  /** Absent where there was nothing to run. */
  readonly report?: Report;
  /** Why there was nothing to run. */
  readonly refusal?: Refusal;
  /** Something of the driver kept a process alive when all stores were closed. */
  readonly isKeptAlive: boolean;
}

/** A process ended, and it is not known which of these cases did it. */
interface Mystery {
  readonly why: string;
  readonly suspects: readonly string[];
}

/**
 * Runs the cases in a process of their own, and goes on in another one when that process ends early: with `process.exit`,
 * by a signal, or killed because its event loop was blocked. The case in whose course it ended has failed. Where several
 * were under way, each of them is run again alone.
 */
export class SupervisedRun {
  readonly #assignment: Assignment;
  readonly #listener: Listener;
  readonly #startedAt = new Map<string, number>();
  readonly #results = new Map<string, CaseResult>();
  readonly #fatal = new Set<string>();
  readonly #mysteries: Mystery[] = [];
  readonly #strays: (readonly StrayError[])[] = [];
  readonly #abandoned = new Set<string>();
  #begunAt = performance.now();
  #begun: Extract<Message, { is: "begun" }> | undefined;
  #rules = new Map<string, string>();
  #refusal: Refusal | undefined;
  #isKeptAlive = false;

  constructor(assignment: Assignment, listener: Listener) {
    this.#assignment = assignment;
    this.#listener = listener;
  }

  async run(): Promise<Supervised> {
    const alone: string[] = [];
    let isStuck = false;
    for (let left: readonly string[] | undefined; !isStuck; left = this.#next(alone)) {
      if (left?.length === 0) break;
      const known = this.#results.size;
      const { end, suspects, culprit } = await this.#work(left);
      if (this.#begun === undefined || this.#refusal !== undefined) break;
      if (culprit !== undefined) this.#fail(culprit.id, culprit.failure);
      else if (end.early !== undefined) alone.push(...this.#suspect(end.early, suspects));
      // Each process has to bring the run forward, or it would never end.
      isStuck = end.early !== undefined && alone.length === 0 && this.#results.size === known;
      if (this.#assignment.bail && this.#hasFailed()) break;
    }
    return this.#end();
  }

  /** Cases for the next process: one that is suspected, or all that have no result. */
  #next(alone: string[]): readonly string[] {
    for (let id = alone.shift(); id !== undefined; id = alone.shift())
      if (!this.#results.has(id)) return [id];
    return [...this.#rules.keys()].filter((id) => !this.#results.has(id));
  }

  async #work(left: readonly string[] | undefined) {
    const running = new Set<string>();
    const stray = this.#strays.push([]) - 1;
    const abandoned = [...this.#abandoned];
    let exits: Extract<Message, { is: "exits" }> | undefined;
    const hear = (message: Message): void => {
      if (message.is === "begun") this.#begin(message);
      if (message.is === "started") running.add(message.id);
      if (message.is === "started") this.#startedAt.set(message.id, performance.now());
      if (message.is === "opened") this.#abandoned.add(message.space);
      if (message.is === "removed") this.#abandoned.delete(message.space);
      if (message.is === "stray") this.#strays[stray] = message.errors;
      if (message.is === "exits") exits = message;
      if (message.is === "over" && message.refused) this.#refuse(message.refused);
      if (message.is !== "ended") return;
      running.delete(message.result.id);
      this.#settle(message.result);
    };
    const end = await runWatched({ ...this.#assignment, ...(left && { left }), abandoned }, hear);
    if (end.early === undefined) for (const space of abandoned) this.#abandoned.delete(space);
    this.#isKeptAlive ||= end.isKeptAlive;
    if (this.#begun === undefined && end.early !== undefined)
      this.#refuse({
        kind: "module",
        failure: exits?.failure ?? { message: `${end.early} while the module was loaded` },
      });
    return { end, suspects: [...running], culprit: culpritOf(end, exits, [...running]) };
  }

  #begin(message: Extract<Message, { is: "begun" }>): void {
    if (this.#begun !== undefined) return;
    this.#begun = message;
    this.#begunAt = performance.now();
    this.#rules = new Map(message.cases.map(({ id, rule }) => [id, rule]));
    this.#listener.onBegun(message.heading);
  }

  #settle(result: CaseResult): void {
    this.#results.set(result.id, result);
    this.#listener.onResult(result);
  }

  #fail(id: string, error: Failure): void {
    this.#fatal.add(id);
    const rule = this.#rules.get(id) ?? "";
    const milliseconds = Math.round(performance.now() - (this.#startedAt.get(id) ?? this.#begunAt));
    this.#settle({ id, rule, outcome: "failed", milliseconds, error });
  }

  /** Where the harness failed after cases were run, their results stay. */
  #refuse(refusal: Refusal): void {
    if (this.#results.size === 0) this.#refusal ??= refusal;
    else this.#strays.push([{ ...refusal.failure, times: 1, cases: [] }]);
  }

  #suspect(why: string, suspects: readonly string[]): readonly string[] {
    this.#mysteries.push({ why, suspects });
    return suspects;
  }

  #hasFailed(): boolean {
    return [...this.#results.values()].some(({ outcome }) => outcome === "failed");
  }

  async #end(): Promise<Supervised> {
    const isKeptAlive = this.#isKeptAlive;
    const heading = this.#begun?.heading;
    if (this.#begun === undefined || heading === undefined || this.#refusal !== undefined)
      return { ...(heading && { heading }), ...(this.#refusal && { refusal: this.#refusal }), isKeptAlive };
    if (this.#abandoned.size > 0 && this.#begun.removes) await this.#work([]);
    const unsolved = this.#mysteries.filter(({ suspects }) => !suspects.some((id) => this.#fatal.has(id)));
    const strays = [...this.#strays.flat(), ...unsolved.map(strayOf)];
    const all = [...this.#rules.keys()].map((id) => this.#results.get(id));
    const report = reportOf(heading, all, performance.now() - this.#begunAt, this.#begun.notes);
    return { heading, report: { ...report, stray: grouped(strays) }, isKeptAlive };
  }
}

function culpritOf(
  { early }: End,
  exits: Extract<Message, { is: "exits" }> | undefined,
  running: readonly string[],
): { id: string; failure: Failure } | undefined {
  if (early === undefined) return undefined;
  const [only, ...others] = running;
  const id = exits?.id ?? (others.length === 0 ? only : undefined);
  return id === undefined ? undefined : { id, failure: exits?.failure ?? { message: early } };
}

function strayOf({ why, suspects }: Mystery): StrayError {
  const where = suspects.length > 1 ? ", and with none of these cases alone" : "";
  return { message: `${why}${where}`, times: 1, cases: suspects };
}

/** Those of several processes that say the same are one. */
function grouped(strays: readonly StrayError[]): StrayError[] {
  const groups = new Map<string, StrayError>();
  for (const each of strays) {
    const known = groups.get(each.message);
    const cases = [...new Set([...(known?.cases ?? []), ...each.cases])].slice(0, 5);
    groups.set(each.message, { ...each, ...known, times: each.times + (known?.times ?? 0), cases });
  }
  return [...groups.values()];
}
