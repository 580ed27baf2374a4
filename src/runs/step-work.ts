import { invalid } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import type { Unit } from "../typed/together/unit.js";
import type { BeginStepInput, CompleteInput } from "./actions.js";
import type { NewEnd } from "./transitions.js";
import { addUsage, NO_USAGE, readUsage, type StepUsageInput, type UsageSums } from "./usage.js";

/** A part of a step's commit. */
export type StepPart = (unit: Unit) => unknown;

/** What `step` passes to its work. It is of use until the work has ended. */
export interface StepContext {
  /** The key of the step. */
  readonly key: string;
  /** Aborts with the signal of the call. */
  readonly signal: AbortSignal | undefined;
  /**
   * Adds calls of wrappers to the commit that keeps the result: either all of it took effect or none. `part` runs after the
   * work, and again when another writer was faster, so it must do nothing but make such calls through `in(unit)` and await
   * them.
   */
  readonly together: (part: StepPart) => void;
  /** Adds to what the step uses. Without `loops` in any of the calls the step counts as one loop. */
  readonly use: (usage: StepUsageInput) => void;
  /**
   * Completes the run in the commit that keeps the result, after the parts of `together`. The work is done, so the run is
   * `completed` also where this step uses up its budget.
   */
  readonly complete: (input?: CompleteInput) => void;
}

/**
 * The work of a step. It runs once for each key, unless its worker is killed before the result is kept. What it returns is
 * kept as the codec stores it; `undefined` is kept as well.
 */
export type StepWork<Input> = (step: StepContext) => Input | Promise<Input>;

/** How `step` keeps its result, and what the step is called. */
export interface StepOptions<T, Input> extends CallOptions, BeginStepInput {
  /** Default `json()`. A result that was kept earlier is read with its upgrades. */
  readonly codec?: Codec<T, Input>;
}

/** A step whose result was kept, by this call or before it. */
export interface KeptStep<T> {
  /** The result, as the codec reads it. */
  readonly result: T;
  /** It is the result of this call's work. Otherwise it was kept before. */
  readonly ran: boolean;
}

/** What a step adds to its commit. */
export interface CollectedStep {
  readonly parts: readonly StepPart[];
  readonly usage: UsageSums;
  /** How it ends the run, if it does. */
  readonly ending: NewEnd | undefined;
}

/** Collects what the work of a step adds to its commit. */
export class StepCollector {
  readonly #readEnding: (input: unknown) => Promise<NewEnd>;
  readonly #parts: StepPart[] = [];
  #usage: UsageSums = NO_USAGE;
  #hasLoops = false;
  #ending: Promise<NewEnd> | undefined;
  #isOver = false;

  constructor(readEnding: (input: unknown) => Promise<NewEnd>) {
    this.#readEnding = readEnding;
  }

  context(key: string, signal: AbortSignal | undefined): StepContext {
    return Object.freeze({
      key,
      signal,
      together: (part: StepPart) => this.#addPart(part),
      use: (usage: StepUsageInput) => this.#addUsage(usage),
      complete: (input: CompleteInput = {}) => this.#complete(input),
    });
  }

  /** What was collected. Nothing can be added from now on: it would be lost. INVALID_RECORD for what cannot be read. */
  async close(): Promise<CollectedStep> {
    this.#isOver = true;
    const usage = this.#hasLoops ? this.#usage : { ...this.#usage, loops: 1 };
    return { parts: this.#parts, usage, ending: await this.#ending };
  }

  #addPart(part: StepPart): void {
    this.#refuseIfOver();
    if (typeof part !== "function") throw invalid("part", "a function");
    this.#parts.push(part);
  }

  #addUsage(usage: StepUsageInput): void {
    this.#refuseIfOver();
    const used = readUsage(usage, "usage", 0);
    if ("loops" in usage) this.#hasLoops = true;
    this.#usage = addUsage(this.#usage, used);
  }

  #complete(input: CompleteInput): void {
    this.#refuseIfOver();
    this.#ending = this.#readEnding(input);
    // Work that throws afterwards leaves nobody to look at it.
    this.#ending.catch(() => {});
  }

  #refuseIfOver(): void {
    if (this.#isOver) throw invalid("step", "used before its work has ended");
  }
}
