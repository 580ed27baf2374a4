import type { SessionIdentity } from "../../src/index.js";
import { createSessions } from "../../src/sessions/index.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export type AnySessions = ReturnType<typeof createSessions>;

/** The session of a user whose name is the id. */
const at = (who: SessionIdentity, session: string): SessionIdentity => ({ ...who, session });

const create = (sessions: AnySessions, who: SessionIdentity, id: string) =>
  sessions.create(at(who, id), { eventId: "created", metadata: { title: "t" } });

/** Sessions, for the tests that all wrappers share. Their name is their id, and they are their user's. */
export const SESSIONS: WrapperTable<AnySessions> = {
  of: "user",
  idField: "session",
  open: (store, options) => createSessions(store, options),
  make: create,
  find: async (sessions, who, id) => {
    const found = await sessions.find(at(who, id));
    return found && { ...found, id: found.identity.session };
  },
  listed: async (sessions, where) => {
    const { tenant, user } = where as SessionIdentity;
    // Each list heals by itself when it is read.
    await sessions.list({ tenant, user }, { limit: 1000, orderBy: "lastEventAt" });
    const page = await sessions.list({ tenant, user }, { limit: 1000 });
    return page.sessions.map(({ identity }) => identity.session);
  },
  sweep: async () => {},
  methods: {
    get: (sessions, who, id) => sessions.get(at(who, id)),
    touch: (sessions, who, id) => sessions.touch(at(who, id)),
    pin: (sessions, who, id) => sessions.pin(at(who, id)),
    unpin: (sessions, who, id) => sessions.unpin(at(who, id)),
    close: (sessions, who, id) => sessions.close(at(who, id)),
    reopen: (sessions, who, id) => sessions.reopen(at(who, id)),
    changeMetadata: (sessions, who, id) => sessions.changeMetadata(at(who, id), () => ({})),
    append: (sessions, who, id) => sessions.append(at(who, id), { value: 1 }),
    read: (sessions, who, id) => sessions.read(at(who, id)),
    set: async (sessions, who, id) => sessions.sessionState(at(who, id)).set("k", 1),
  },
  absent: {
    delete: [(sessions, who, id) => sessions.delete(at(who, id)), false],
  },
  walk: {
    create,
    append: (sessions, who, id) => sessions.append(at(who, id), { id: "e", value: "hello" }),
    saveSummary: (sessions, who, id) =>
      sessions.saveSummary(at(who, id), { upTo: 1, value: "short", eventId: "s" }),
  },
  kindOf: () => "session",
  // Events and state depend on the record of the session's activity.
  notReadBy: ["append", "read", "set"],
  storedUnder: ({ tenant, user }, session) => ({ tenant, user, session }),
  damages: (stored) => [
    { ...stored, createdAt: "1" },
    { ...stored, createdAt: 1e300 },
    { ...stored, metadata: undefined },
    { ...stored, metadataVersion: -1 },
    { ...stored, creation: { eventId: "e" } },
  ],
};
