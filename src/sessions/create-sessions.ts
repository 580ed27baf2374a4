import type { StateStore } from "../contract/store.js";
import type { JsonInputOf, JsonValue } from "../typed/json-value.js";
import type { Metadata, MetadataInputOf, SessionsOptions } from "./options.js";
import { Sessions } from "./sessions.js";

/**
 * Sessions on a store. `M` is their metadata, `E` their events; `MetadataInput` and `EventInput` may be written.
 *
 * @example
 * ```ts
 * import { createSessions } from "groundstate/sessions";
 *
 * const chats = createSessions<{ title: string }, { role: string; text: string }>(store);
 * const created = await chats.create({ tenant: "acme", user: "ada" }, { metadata: { title: "Invoices" } });
 * await chats.append(created.session.identity, { id: "m-1", value: { role: "user", text: "Which are open?" } });
 * ```
 */
export function createSessions<
  M = Metadata,
  E = JsonValue,
  MetadataInput = MetadataInputOf<M>,
  EventInput = JsonInputOf<E>,
>(
  store: StateStore,
  options: SessionsOptions<M, E, MetadataInput, EventInput> = {},
): Sessions<M, E, MetadataInput, EventInput> {
  return new Sessions(store, options);
}
