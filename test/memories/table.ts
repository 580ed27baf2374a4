import { userIdentity } from "../../src/index.js";
import { createMemories, type Memories, type MemoriesOf } from "../../src/memories/index.js";
import { digestOf } from "../../src/typed/names.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

/** The user of a session; what is wrong is passed on. */
export function of(who: object): MemoriesOf {
  if (who === undefined || !("session" in who) || "run" in who || "sesion" in who) return who as MemoriesOf;
  const { session: _, ...rest } = who;
  // Without a user it would be the tenant.
  return ("user" in rest ? rest : who) as unknown as MemoriesOf;
}

/** Two names that are the same to the letter have the same content. */
const contentOf = (id: unknown) => `content ${digestOf(String(id))}`;

const about = { topics: ["a topic"], metadata: { n: 1 }, run: "r1" };

/** Memories of users, for the tests that all wrappers share. */
export const MEMORIES: WrapperTable<Memories> = {
  of: "user",
  isListedByTenant: false,
  open: (store, options) => createMemories(store, options),
  make: (memories, who, id) => memories.add(of(who), contentOf(id), { ...about, id }),
  find: (memories, who, id) => memories.get(of(who), id),
  listed: async (memories, where) =>
    (await memories.read(of(where), { limit: 1_000 })).memories.map(({ id }) => id),
  sweep: async () => {},
  methods: {
    update: (memories, who, id) => memories.update(of(who), id, { topics: [] }),
  },
  absent: {
    delete: [(memories, who, id) => memories.delete(of(who), id), false],
    search: [async (memories, who) => (await memories.search(of(who), "content")).found, []],
  },
  walk: {
    add: (memories, who, id) => memories.add(of(who), contentOf(id), { ...about, id }),
    "add of the same content": (memories, who, id) => memories.add(of(who), contentOf(id)),
  },
  kindOf: (id) => `memories/${id}`,
  storedUnder: ({ tenant, user }) => userIdentity(tenant, user),
  damages: (stored) => [
    { ...stored, content: "" },
    { ...stored, content: 1 },
    { ...stored, topics: "a topic" },
    { ...stored, topics: [""] },
    { ...stored, metadata: [] },
    { ...stored, run: "" },
    { ...stored, ttlMs: 0 },
    { ...stored, createdAt: "yesterday" },
    { ...stored, expiresAt: 1e300 },
  ],
};
