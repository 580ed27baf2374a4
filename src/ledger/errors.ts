import type { Money } from "./money.js";

/** The units that a budget limits. */
export type BudgetUnit = "tokens" | "cost" | "calls";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** A reservation would exceed the limit of a budget. Nothing was reserved. `cost` is a decimal in text. */
    BUDGET_EXCEEDED: {
      readonly scope: "tenant" | "user" | "session";
      readonly unit: BudgetUnit;
      readonly limit: number | Money;
      readonly spent: number | Money;
      readonly reserved: number | Money;
      readonly requested: number | Money;
    };
  }
}
