import type { StateStore } from "../contract/store.js";
import { Retention, type RetentionOptions } from "./retention.js";

/**
 * What is kept how long, over all wrappers.
 *
 * @example
 * ```ts
 * import { maintenanceScope } from "groundstate";
 * import { createRetention } from "groundstate/retention";
 *
 * const scope = maintenanceScope({ reason: "retention", tenant: "acme" });
 * const { records } = await createRetention(store).apply(scope, { idleSessions: "90d" });
 * console.log(`${records} sessions were deleted`);
 * ```
 */
export function createRetention(store: StateStore, options?: RetentionOptions): Retention {
  return new Retention(store, options);
}

export type { UserData } from "../typed/moving/user-data.js";
export type {
  Retained,
  RetainedData,
  RetainOptions,
  RetentionCutoffs,
} from "../typed/retaining/retained-data.js";
export type {
  PastSession,
  PastSessionPage,
  PastSessionSource,
  PastSessionsOptions,
} from "./past-sessions.js";
export type { Duration, RetentionPolicy, SortPolicy } from "./policy.js";
export type { ApplyRetentionOptions, RetentionCounts, RetentionReport } from "./report.js";
export type { Retention, RetentionOptions } from "./retention.js";
