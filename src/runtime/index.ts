import { invalid } from "../contract/errors.js";
import type { StateStore } from "../contract/store.js";
import type { Metadata, MetadataInputOf } from "../sessions/index.js";
import { openStore, type StoreConfig, type UrlOptions } from "../store/registry.js";
import type { JsonInputOf, JsonValue } from "../typed/json-value.js";
import { readOptions } from "../validation/validate.js";
import { type RuntimeOptions, WRAPPER_NAMES } from "./options.js";
import { Runtime } from "./runtime.js";

/**
 * All wrappers on a store that is open. Each takes its options under its name; an unknown name is INVALID_RECORD.
 *
 * @example
 * ```ts
 * import { createRuntime } from "groundstate/runtime";
 *
 * const runtime = createRuntime(store, { approvals: { requireOtherDecider: true } });
 * await runtime.together(async (unit) => {
 *   await runtime.sessions.in(unit).append(session, { id: "step-1", value: { text: "Done." } });
 *   await runtime.ledger.in(unit).record(session, { eventId: "step-1", provider: "p", model: "m", cost: "0.01" });
 * });
 * ```
 */
export function createRuntime<
  M = Metadata,
  E = JsonValue,
  MetadataInput = MetadataInputOf<M>,
  EventInput = JsonInputOf<E>,
  V = JsonValue,
  ValueInput = JsonInputOf<V>,
>(
  store: StateStore,
  options?: RuntimeOptions<M, E, MetadataInput, EventInput, V, ValueInput>,
): Runtime<M, E, MetadataInput, EventInput, V, ValueInput> {
  return new Runtime(store, options);
}

/** The options of `openRuntime`. */
export interface OpenRuntimeOptions<
  M = Metadata,
  E = JsonValue,
  MetadataInput = MetadataInputOf<M>,
  EventInput = JsonInputOf<E>,
  V = JsonValue,
  ValueInput = JsonInputOf<V>,
  Url extends string = string,
> extends RuntimeOptions<M, E, MetadataInput, EventInput, V, ValueInput> {
  /** What `openStore` takes beside a URL: the options of the store and of the driver. Beside a configuration: INVALID_RECORD. */
  readonly store?: UrlOptions<Url>;
}

/**
 * Opens a store as `openStore` does, with all wrappers on it. Rejects as `openStore` does; after
 * a wrong option of a wrapper, which is INVALID_RECORD, the store is closed.
 *
 * @example
 * ```ts
 * import "groundstate/drivers";
 * import { openRuntime } from "groundstate/runtime";
 *
 * await using runtime = await openRuntime("memory:");
 * const { session } = await runtime.sessions.create({ tenant: "acme", user: "ada" });
 * await runtime.sessions.append(session.identity, { value: { role: "user", text: "Which invoices are open?" } });
 * ```
 */
export async function openRuntime<
  M = Metadata,
  E = JsonValue,
  MetadataInput = MetadataInputOf<M>,
  EventInput = JsonInputOf<E>,
  V = JsonValue,
  ValueInput = JsonInputOf<V>,
  Url extends string = string,
>(
  target: Url | StoreConfig,
  options?: OpenRuntimeOptions<M, E, MetadataInput, EventInput, V, ValueInput, Url>,
): Promise<Runtime<M, E, MetadataInput, EventInput, V, ValueInput>> {
  const { store: given, ...rest } = readOptions(options, [
    "store",
    "clock",
    "redact",
    ...WRAPPER_NAMES,
  ]) as NonNullable<typeof options>;
  if (given !== undefined && typeof target !== "string")
    throw invalid("store", "left out beside a configuration, which holds the store's options");
  const store =
    typeof target === "string"
      ? await openStore(target as string, given)
      : await openStore(target as StoreConfig);
  try {
    return createRuntime(store, rest as typeof options);
  } catch (error) {
    await store.close();
    throw error;
  }
}

export type { Maintained } from "./maintenance.js";
export type { RuntimeOptions } from "./options.js";
export type { Runtime } from "./runtime.js";
