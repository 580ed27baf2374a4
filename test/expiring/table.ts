import { createExpiring, type Expiring } from "../../src/expiring/index.js";
import { digestOf } from "../../src/typed/names.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const GROUP = "pages";
export const HOUR = 3_600_000;

const LONG = { ttlMs: HOUR };
const idOf = (key: string) => `of ${digestOf(String(key))}`;

/** Values of sessions, for the tests that all wrappers share. Their key is their id. */
export const EXPIRING: WrapperTable<Expiring> = {
  isListedByTenant: false,
  idField: "key",
  open: (store, options) => createExpiring(store, options),
  make: (expiring, who, key) => expiring.set(who, GROUP, key, { of: key }, { ...LONG, id: idOf(key) }),
  find: async (expiring, who, key) => {
    const found = await expiring.find(who, GROUP, key);
    return found && { ...found, id: found.key };
  },
  listed: async (expiring, where) =>
    (await expiring.list(where, GROUP, { limit: 1_000 })).values.map(({ key }) => key),
  sweep: (expiring, scope) => expiring.cleanup(scope),
  methods: {},
  absent: {
    get: [(expiring, who, key) => expiring.get(who, GROUP, key), undefined],
    touch: [(expiring, who, key) => expiring.touch(who, GROUP, key, LONG), undefined],
    delete: [(expiring, who, key) => expiring.delete(who, GROUP, key), false],
    count: [(expiring, who) => expiring.count(who, "another"), 0],
  },
  walk: {
    set: (expiring, who, key) => expiring.set(who, GROUP, key, { of: key }, { ...LONG, id: idOf(key) }),
    "set of another": (expiring, who, key) =>
      expiring.set(who, GROUP, key, { a: [null] }, { ttlMs: 2 * HOUR, id: `2 ${idOf(key)}` }),
  },
  kindOf: (key) => `expiring/${digestOf(GROUP)}/${key}`,
  damages: (stored) => [
    { ...stored, group: "another" },
    { ...stored, key: "another" },
    { ...stored, ttlMs: 0 },
    { ...stored, ttlMs: "1" },
    { ...stored, value: undefined },
  ],
};

/** The methods that read a value, for the test of damaged ones. */
export const READING: WrapperTable<Expiring> = {
  ...EXPIRING,
  methods: {
    get: (expiring, who, key) => expiring.get(who, GROUP, key),
    touch: (expiring, who, key) => expiring.touch(who, GROUP, key, LONG),
    update: (expiring, who, key) => expiring.update(who, GROUP, key, () => 1, LONG),
    "set on a condition": (expiring, who, key) =>
      expiring.set(who, GROUP, key, 1, { ...LONG, expect: "some event" }),
    "delete on a condition": (expiring, who, key) =>
      expiring.delete(who, GROUP, key, { expect: "some event" }),
  },
};
