import type { Harness } from "../case.js";
export interface Mutant {
  readonly id: string;
  readonly breaks: string;
  readonly harness: Harness;
  readonly modulePath?: string;
}
export const mutants: readonly Mutant[] = [];
