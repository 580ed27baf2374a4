import type { Money } from "./money.js";

/** The units that a budget limits. */
export type BudgetUnit = "tokens" | "cost" | "calls" | `units.${string}`;

/** Which of the budgets it is: whose, and of which calls. */
export interface BudgetPlace {
  /** Whose budget it is. */
  readonly scope: "tenant" | "user" | "session" | "run";
  /** Its name, if it has one. */
  readonly name?: string;
  /** It limits the calls of this provider alone. */
  readonly provider?: string;
  /** It limits the calls of this model alone. */
  readonly model?: string;
  /** It limits the calls with these tags alone. */
  readonly tags?: Readonly<Record<string, string>>;
}

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** A reservation would exceed the limit of a budget. Nothing was reserved. `cost` is a decimal in text. */
    BUDGET_EXCEEDED: BudgetPlace & {
      readonly unit: BudgetUnit;
      /** The currency of a cost, if the budget names one. */
      readonly currency?: string;
      readonly limit: number | Money;
      readonly spent: number | Money;
      readonly reserved: number | Money;
      readonly requested: number | Money;
      /**
       * When the request may fit: the end of the budget's period or, of a rolling window, when enough of what was spent has
       * left it. Absent where time alone does not help.
       */
      readonly resetAt?: Date;
    };
  }
}
