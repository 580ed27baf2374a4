import { createFacts, type Facts, type FactsOf } from "../../src/facts/index.js";
import { userIdentity } from "../../src/index.js";
import { digestOf } from "../../src/typed/names.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const FOOD = ["preferences", "food"];

const idOf = (key: string) => `of ${digestOf(String(key))}`;

/** The user of a session; what is wrong is passed on. */
function of(who: object): FactsOf {
  if (who === undefined || !("session" in who) || "run" in who || "sesion" in who) return who as FactsOf;
  const { session: _, ...rest } = who;
  // Without a user it would be the tenant.
  return ("user" in rest ? rest : who) as unknown as FactsOf;
}

/** Facts of users, for the tests that all wrappers share. Their key is their id. */
export const FACTS: WrapperTable<Facts> = {
  of: "user",
  isListedByTenant: false,
  idField: "key",
  open: (store, options) => createFacts(store, options),
  make: (facts, who, key) => facts.put(of(who), FOOD, key, { of: key }, { run: "r1", id: idOf(key) }),
  find: async (facts, who, key) => {
    const found = await facts.find(of(who), FOOD, key);
    return found && { ...found, id: found.key };
  },
  listed: async (facts, where) =>
    (await facts.list(of(where), FOOD, { limit: 1_000 })).facts.map(({ key }) => key),
  sweep: async () => {},
  methods: {},
  absent: {
    get: [(facts, who, key) => facts.get(of(who), FOOD, key), undefined],
    delete: [(facts, who, key) => facts.delete(of(who), FOOD, key), false],
    "list of those below": [(facts, who) => facts.list(of(who), ["preferences"]), { facts: [] }],
  },
  walk: {
    put: (facts, who, key) => facts.put(of(who), FOOD, key, { of: key }, { run: "r1", id: idOf(key) }),
    "put of another": (facts, who, key) => facts.put(of(who), FOOD, key, [null], { id: `2 ${idOf(key)}` }),
  },
  kindOf: (key) => `facts/preferences/food//${key}`,
  storedUnder: ({ tenant, user }) => userIdentity(tenant, user),
  damages: (stored) => [
    { ...stored, namespace: [] },
    { ...stored, namespace: ["preferences/food"] },
    { ...stored, namespace: "preferences" },
    { ...stored, key: "another" },
    { ...stored, run: "" },
    { ...stored, value: undefined },
  ],
};

/** The methods that read a fact. */
export const READING: WrapperTable<Facts> = {
  ...FACTS,
  methods: {
    get: (facts, who, key) => facts.get(of(who), FOOD, key),
    update: (facts, who, key) => facts.update(of(who), FOOD, key, () => 1),
  },
};
