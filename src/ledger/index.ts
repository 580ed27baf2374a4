import type { StateStore } from "../contract/store.js";
import { Ledger, type LedgerOptions } from "./ledger.js";

/**
 * The accounts of what model calls used and cost.
 *
 * @example
 * ```ts
 * import { createLedger, priceOf } from "groundstate/ledger";
 *
 * const accounts = createLedger(store);
 * const tokens = { promptTokens: 1_200, completionTokens: 80 };
 * const cost = priceOf({ tokens, perMillion: { promptTokens: "10", completionTokens: "12.5" } });
 * await accounts.record(identity, { provider: "anthropic", model: "opus", ...tokens, cost, responseId: "msg_01" });
 * ```
 */
export function createLedger(store: StateStore, options?: LedgerOptions): Ledger {
  return new Ledger(store, options);
}

export type { Correction, CorrectionReceipt } from "./adjust.js";
export type { Amounts, AmountsInput } from "./amounts.js";
export type { Attempt, AttemptInput, AttemptOutcome, AttemptReceipt } from "./attempt.js";
export type { AttemptsOptions } from "./attempts.js";
export type { Budget } from "./budget.js";
export type { BudgetPeriod, BudgetPeriodsOptions } from "./budget-lists.js";
export type { BudgetScope } from "./budget-scope.js";
export type { BudgetWarning } from "./budget-warning.js";
export type { BudgetInput } from "./budgets.js";
export type { CalendarPeriod } from "./calendar.js";
export type { Scope } from "./cells.js";
export type { CorrectionValues } from "./correction-values.js";
export type { CorrectedEntry, GivenCounts, LedgerEntry, NewLedgerEntry } from "./entry.js";
export type { BudgetPlace, BudgetUnit } from "./errors.js";
export type { ExportOptions, ExportPiece } from "./export.js";
export type { UsageGroup, UsageSummary } from "./groups.js";
export type { LedgerInUnit } from "./in-unit.js";
export type { BudgetOptions, EntriesOptions, Ledger, LedgerOptions } from "./ledger.js";
export { type Money, type MoneyInput, moneyFrom } from "./money.js";
export type { Period } from "./period.js";
export { type PriceInput, priceOf } from "./price.js";
export { type CallUsage, type UsageApi, usageFrom } from "./provider-usage.js";
export type { Quantities } from "./quantity.js";
export type {
  ComparedUsage,
  ReconcileInput,
  Reconciliation,
  ReconciliationsOptions,
  ReportedUsage,
} from "./reconcile.js";
export type { RecordReceipt } from "./record.js";
export type { ExtendInput, OpenReservation, Reservation, ReserveInput } from "./reservation.js";
export type { SummarizeOptions } from "./summarize.js";
export type { SummarizeBy, SummaryDimension } from "./summary-query.js";
export type { TokenCounts, Usage } from "./usage.js";
export type { WindowInput } from "./window.js";
