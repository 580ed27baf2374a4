import type { Failure } from "../harness/failure.js";
import type { CaseResult, Heading, StrayError } from "../runners/report.js";
import type { RunOptions } from "../runners/run-options.js";

/** What the process that runs the cases is started with: plain data, as JSON on its command line. */
export interface Assignment {
  /** The file URL of the module whose default export is the harness. */
  readonly module: string;
  readonly beside: boolean;
  readonly typed: boolean;
  readonly only: readonly string[];
  readonly bail: boolean;
  readonly concurrency: number;
  readonly timeoutMs: number;
  /** Which random histories are run. */
  readonly histories?: Pick<RunOptions, "seeds" | "minutes" | "seed">;
  /** The ids of the cases that are left to run; absent: all that `only` names. */
  readonly left?: readonly string[];
  /** Spaces of processes that ended early, to be removed. */
  readonly abandoned: readonly string[];
}

/** What that process tells, one line of JSON each. */
export type Message =
  /** The harness is loaded. With a debugger attached, the process may stand still for as long as it likes. */
  | {
      readonly is: "begun";
      readonly heading: Heading;
      readonly cases: readonly { readonly id: string; readonly rule: string }[];
      readonly notes: readonly string[];
      readonly isInspected: boolean;
      /** Whether the harness can remove spaces. */
      readonly removes: boolean;
    }
  /** It is alive, and its event loop turns. */
  | { readonly is: "alive" }
  | { readonly is: "started"; readonly id: string }
  | { readonly is: "ended"; readonly result: CaseResult }
  | { readonly is: "opened"; readonly space: string }
  | { readonly is: "removed"; readonly space: string }
  /** All errors so far that nobody handled, in groups. */
  | { readonly is: "stray"; readonly errors: readonly StrayError[] }
  /** It calls `process.exit`, in the course of this case if one is known. */
  | { readonly is: "exits"; readonly id?: string; readonly failure: Failure }
  /** The run is over, because of this if not because all is done. */
  | { readonly is: "over"; readonly refused?: Refusal };

/** Why no case could be run, or the run not be ended. */
export interface Refusal {
  /** `usage`: the command is wrong. `module`: the module is. `harness`: the harness failed. */
  readonly kind: "usage" | "module" | "harness";
  readonly failure: Failure;
}

/** How often a process says that it is alive. */
export const ALIVE_MS = 100;

/** The file descriptor on which it tells. */
export const CHANNEL = 3;
