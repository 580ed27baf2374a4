import type { CallOptions, Identity, NewRecord, StateStore } from "../../src/index.js";

/** One operation of a store, as a case calls it to see what the store refuses. */
export interface Operation {
  readonly name: string;
  readonly call: (store: StateStore, record: NewRecord, options?: CallOptions) => Promise<unknown>;
}

/** Every operation that takes an identity, called with the identity of the record. */
export const identityOperations: readonly Operation[] = [
  { name: "save", call: (store, record, options) => store.save(record, options) },
  { name: "load", call: (store, { identity, kind }, options) => store.load(identity, kind, options) },
  { name: "find", call: (store, { identity, kind }, options) => store.find(identity, kind, options) },
  {
    name: "loadByEventId",
    call: (store, { identity, eventId }, options) => store.loadByEventId(identity, eventId, options),
  },
  { name: "delete", call: (store, { identity, kind }, options) => store.delete(identity, kind, options) },
  {
    name: "commit of a save",
    call: (store, record, options) => store.commit([{ op: "save", record }], options),
  },
  {
    name: "commit of a delete",
    call: (store, { identity, kind }, options) => store.commit([{ op: "delete", identity, kind }], options),
  },
  {
    name: "commit of a check",
    call: (store, { identity, kind }, options) =>
      store.commit([{ op: "check", identity, kind, expect: null }], options),
  },
  { name: "list", call: (store, { identity }, options) => store.list(identity, "", options) },
  { name: "count", call: (store, { identity }, options) => store.count(identity, "", options) },
  { name: "erase", call: (store, { identity }, options) => store.erase(sessionOf(identity), options) },
  {
    name: "erase by prefix",
    call: (store, { identity, kind }, options) => store.erase(identity, { ...options, prefix: kind }),
  },
];

/** Every operation that takes a kind, called with the kind of the record. */
export const kindOperations: readonly Operation[] = identityOperations.filter(
  ({ name }) => !["loadByEventId", "list", "count", "erase", "erase by prefix"].includes(name),
);

/** Without the run. A value that is no object is passed on as it is. */
function sessionOf(identity: Identity): Identity {
  if (typeof identity !== "object" || identity === null || identity.run === undefined) return identity;
  const { run: _, ...session } = identity;
  return session;
}
