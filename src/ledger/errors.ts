import type { Money } from "./money.js";

/** What a budget limits. */
export type BudgetUnit = "tokens" | "cost" | "calls";

declare module "../contract/error-details.js" {
  interface StateErrorDetails {
    /** A reservation would take a budget beyond its limit; nothing was reserved. Amounts in the unit's own measure. */
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
