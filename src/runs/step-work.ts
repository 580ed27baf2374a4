import { invalid } from "../contract/errors.js";
import type { CallOptions } from "../contract/store.js";
import type { Codec } from "../typed/codec.js";
import type { Unit } from "../typed/together/unit.js";
import type { BeginStepInput } from "./actions.js";
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

/** Collects what the work of a step adds to its commit. */
export class StepCollector {
  readonly #parts: StepPart[] = [];
  #usage: UsageSums = NO_USAGE;
  #hasLoops = false;
  #isOver = false;

  context(key: string, signal: AbortSignal | undefined): StepContext {
    return Object.freeze({
      key,
      signal,
      together: (part: StepPart) => this.#addPart(part),
      use: (usage: StepUsageInput) => this.#addUsage(usage),
    });
  }

  /** What was collected. Nothing can be added from now on: it would be lost. */
  close(): { readonly parts: readonly StepPart[]; readonly usage: UsageSums } {
    this.#isOver = true;
    return { parts: this.#parts, usage: this.#hasLoops ? this.#usage : { ...this.#usage, loops: 1 } };
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

  #refuseIfOver(): void {
    if (this.#isOver) throw invalid("step", "used before its work has ended");
  }
}
