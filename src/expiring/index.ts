import type { StateStore } from "../contract/store.js";
import { Expiring } from "./expiring.js";
import type { ExpiringOptions } from "./value.js";

/**
 * Values with a time to live, of a session, a user or a tenant.
 *
 * @example
 * ```ts
 * import { maintenanceScope } from "groundstate";
 * import { createExpiring } from "groundstate/expiring";
 *
 * const expiring = createExpiring(store);
 * await expiring.set(session, "pages", "https://example.org", { title: "Example" }, { ttlMs: 600_000 });
 * console.log(await expiring.get(session, "pages", "https://example.org"));
 *
 * const scope = maintenanceScope({ reason: "values past their time", allTenants: true });
 * let after: string | undefined;
 * do ({ next: after } = await expiring.cleanup(scope, { after }));
 * while (after !== undefined);
 * ```
 */
export function createExpiring(store: StateStore, options?: ExpiringOptions): Expiring {
  return new Expiring(store, options);
}

export type { Cleanup, CleanupOptions } from "../content/clean-up-due.js";
export type { ListedOf } from "../lifecycle/options.js";
export type { Expiring } from "./expiring.js";
export type { ExpiringInUnit } from "./in-unit.js";
export type {
  DeleteExpiring,
  DeleteExpiringOptions,
  ExpiringOptions,
  ExpiringPage,
  ExpiringReceipt,
  ExpiringUpdater,
  ExpiringValue,
  ListExpiringOptions,
  SetExpiring,
  SetExpiringOptions,
  TimeToLive,
  TouchOptions,
  UpdateExpiringOptions,
} from "./value.js";
