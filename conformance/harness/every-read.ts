import { isStateError, maintenanceScope, type NewRecord, type StateStore } from "../../src/index.js";

/** What one way of reading shows of some records: of each its event, or how many there are, or the names of their sessions. */
export interface WayToRead {
  readonly name: string;
  /** Asks a store about the session, and the kind, of this record. */
  ask(store: StateStore, place: NewRecord): Promise<readonly string[] | number>;
  /** What it has to show, of all that is current in the tenant. */
  expected(current: readonly NewRecord[], place: NewRecord): readonly string[] | number;
}

const eventsOf = (records: readonly { readonly eventId: string }[]) => records.map(({ eventId }) => eventId);
const inSession = (current: readonly NewRecord[], { identity: { user, session, run } }: NewRecord) =>
  current.filter(({ identity: at }) => at.user === user && at.session === session && at.run === run);
const inSlot = (current: readonly NewRecord[], place: NewRecord) =>
  inSession(current, place).filter(({ kind }) => kind === place.kind);
const byKind = (records: readonly NewRecord[]) => records.toSorted((a, b) => (a.kind < b.kind ? -1 : 1));
const scopeOf = ({ identity: { tenant } }: NewRecord) => maintenanceScope({ reason: "conformance", tenant });
const noneWhere = (error: unknown) => {
  if (isStateError(error, "NOT_FOUND")) return [];
  throw error;
};
const inOrder = (current: readonly NewRecord[]) =>
  eventsOf(
    current.toSorted((a, b) => {
      const [one, other] = [a, b].map(({ kind, identity: i }) =>
        [kind, i.user, i.session, i.run ?? ""].join("\0"),
      );
      return (one as string) < (other as string) ? -1 : 1;
    }),
  );

/** The sessions that the cases write in. */
export const SESSIONS: readonly string[] = ["another", "session"];

/** Every way to read; names in plain ASCII. */
export const WAYS_TO_READ: readonly WayToRead[] = [
  {
    name: "find",
    ask: async (store, { identity, kind }) =>
      eventsOf([await store.find(identity, kind)].filter((r) => r !== undefined)),
    expected: (current, place) => eventsOf(inSlot(current, place)),
  },
  {
    name: "load",
    ask: (store, { identity, kind }) =>
      store.load(identity, kind).then((record) => eventsOf([record]), noneWhere),
    expected: (current, place) => eventsOf(inSlot(current, place)),
  },
  {
    name: "loadByEventId",
    ask: (store, { identity, eventId }) =>
      store.loadByEventId(identity, eventId).then((record) => eventsOf([record]), noneWhere),
    expected: (current, place) => eventsOf(current.filter(({ eventId }) => eventId === place.eventId)),
  },
  {
    name: "list",
    ask: async (store, { identity }) => eventsOf(await store.list(identity, "")),
    expected: (current, place) => eventsOf(byKind(inSession(current, place))),
  },
  {
    name: "list in reverse",
    ask: async (store, { identity }) =>
      eventsOf(await store.list(identity, "kind", { reverse: true, limit: 100 })),
    expected: (current, place) => eventsOf(byKind(inSession(current, place)).toReversed()),
  },
  {
    name: "list without payloads",
    ask: async (store, { identity }) => eventsOf(await store.list(identity, "", { bytes: false })),
    expected: (current, place) => eventsOf(byKind(inSession(current, place))),
  },
  {
    name: "count",
    ask: (store, { identity }) => store.count(identity, ""),
    expected: (current, place) => inSession(current, place).length,
  },
  {
    name: "count with a prefix",
    ask: (store, { identity }) => store.count(identity, "kind", { limit: 100 }),
    expected: (current, place) => inSession(current, place).length,
  },
  {
    name: "listKind",
    ask: async (store, place) => eventsOf(await store.listKind(scopeOf(place), "kind")),
    expected: inOrder,
  },
  {
    name: "listKind without payloads",
    ask: async (store, place) =>
      eventsOf(await store.listKind(scopeOf(place), "kind", { bytes: false, limit: 100 })),
    expected: inOrder,
  },
  {
    name: "listSessions",
    // Beside another's data the user has more of them.
    ask: async (store, { identity: { tenant, user } }) =>
      (await store.listSessions({ tenant, user }))
        .map(({ session }) => session)
        .filter((session) => SESSIONS.includes(session)),
    expected: (current, { identity: { user } }) =>
      [
        ...new Set(
          current.filter(({ identity }) => identity.user === user).map(({ identity }) => identity.session),
        ),
      ].sort(),
  },
];
