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

export type { Amounts, AmountsInput } from "./amounts.js";
export type { Budget } from "./budget.js";
export type { Scope } from "./cells.js";
export type { GivenCounts, LedgerEntry, NewLedgerEntry } from "./entry.js";
export type { BudgetUnit } from "./errors.js";
export type { UsageGroup, UsageSummary } from "./groups.js";
export type { LedgerInUnit } from "./in-unit.js";
export type { EntriesOptions, Ledger, LedgerOptions } from "./ledger.js";
export type { Money, MoneyInput } from "./money.js";
export type { Period } from "./period.js";
export { type PriceInput, priceOf } from "./price.js";
export type {
  ComparedUsage,
  ReconcileInput,
  Reconciliation,
  ReconciliationsOptions,
  ReportedUsage,
} from "./reconcile.js";
export type { RecordReceipt } from "./record.js";
export type { Reservation, ReserveInput } from "./reservation.js";
export type { BudgetInput } from "./reservations.js";
export type { SummarizeBy, SummarizeOptions } from "./summarize.js";
export type { TokenCounts, Usage } from "./usage.js";
