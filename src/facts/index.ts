import type { StateStore } from "../contract/store.js";
import type { FactsOptions } from "./fact.js";
import { Facts } from "./facts.js";

/**
 * What is known about users, or in a whole tenant, in namespaces.
 *
 * @example
 * ```ts
 * import { createFacts } from "groundstate/facts";
 *
 * const facts = createFacts(store);
 * const ada = { tenant: "acme", user: "ada" };
 * await facts.put(ada, ["preferences", "food"], "breakfast", "porridge", { run: "run-1" });
 * const { facts: known } = await facts.list(ada, ["preferences"], { nested: true });
 * for (const { namespace, key, value, run } of known) console.log(namespace, key, value, run);
 * ```
 */
export function createFacts(store: StateStore, options?: FactsOptions): Facts {
  return new Facts(store, options);
}

export type {
  DeleteFact,
  DeleteFactOptions,
  Fact,
  FactPage,
  FactReceipt,
  FactsInOptions,
  FactsOf,
  FactsOptions,
  FactUpdater,
  Learned,
  ListFactsOptions,
  ListNamespacesOptions,
  Namespace,
  NamespacePage,
  PutFact,
  PutFactOptions,
  UpdateFactOptions,
} from "./fact.js";
export type { Facts } from "./facts.js";
export type { FactsInUnit } from "./in-unit.js";
