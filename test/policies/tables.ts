import { type SessionIdentity, tenantIdentity } from "../../src/index.js";
import { createPolicies, type Policies } from "../../src/policies/index.js";
import { digestOf, itemKind } from "../../src/typed/names.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

export const CAREFUL = {
  tools: ["files.read", "files.delete"],
  approvals: [{ sideEffect: "write*" }],
  budget: { cost: "1.50", loops: 10 },
  metadata: { owner: "ops" },
};

/** Policies, for the tests that all wrappers share. Their name is their id. */
export const POLICIES: WrapperTable<Policies> = {
  of: "tenant",
  idField: "name",
  open: (store, options) => createPolicies(store, options),
  make: (policies, who, name) => policies.put(who, { ...CAREFUL, name }),
  find: async (policies, who, name) => {
    const found = await policies.find(who, name);
    return found && { ...found, id: found.name };
  },
  listed: async (policies, where) =>
    (await policies.list(where, { limit: 1_000 })).policies.map(({ name }) => name),
  sweep: async () => {},
  methods: { get: (policies, who, name) => policies.get(who, name) },
  absent: {
    versions: [(policies, who, name) => policies.versions(who, name), { policies: [] }],
    judge: [
      (policies, who, name) => policies.judge(who, { policy: name, tool: "files.read" }),
      { verdict: "forbid", because: "no policy" },
    ],
    delete: [(policies, who, name) => policies.delete(who, name), false],
  },
  walk: {
    put: (policies, who, name) => policies.put(who, { ...CAREFUL, name, id: "1" }),
    "put of the next": (policies, who, name) => policies.put(who, { name, tools: "any", id: "2" }),
    "put of the first content again": (policies, who, name) =>
      policies.put(who, { ...CAREFUL, name, id: "3" }),
  },
  kindOf: (name) => itemKind("policy", digestOf(name)),
  storedUnder: ({ tenant }) => tenantIdentity(tenant),
  damages: (stored) => [
    { ...stored, tools: undefined },
    { ...stored, tools: "all" },
    { ...stored, approvals: undefined },
    { ...stored, approvals: [{}] },
    { ...stored, metadata: undefined },
    { ...stored, budget: {} },
    { ...stored, name: "another's" },
    { ...stored, version: 0 },
    { ...stored, more: 1 },
  ],
};

const GRANT = { by: "grace", reason: "she said so" };

/** Grants of a session. Their tool is their id. */
export const GRANTS: WrapperTable<Policies> = {
  isListedByTenant: false,
  idField: "tool",
  open: (store, options) => createPolicies(store, options),
  make: (policies, who, tool) =>
    policies.remember(who, { ...GRANT, tool, id: `of ${digestOf(String(tool))}` }),
  find: async (policies, who, tool) => {
    const found = (await policies.grants(who)).find((grant) => grant.tool === tool);
    return found && { ...found, id: found.tool };
  },
  listed: async (policies, where) =>
    (await policies.grants(where as SessionIdentity)).map(({ tool }) => tool),
  sweep: async () => {},
  methods: {},
  absent: { revoke: [(policies, who, tool) => policies.revoke(who, { tool }), false] },
  walk: {
    remember: (policies, who, tool) => policies.remember(who, { ...GRANT, tool, id: `of ${digestOf(tool)}` }),
    "remember for an hour": (policies, who, tool) =>
      policies.remember(who, { ...GRANT, tool, ttlMs: 3_600_000, id: `2 ${digestOf(tool)}` }),
  },
  kindOf: (tool) => itemKind("policy.grant", digestOf(tool, "")),
  damages: (stored) => [
    { tool: stored.tool },
    { ...stored, tool: "another" },
    { ...stored, by: "" },
    { ...stored, ttlMs: 0 },
    { ...stored, policy: 1 },
  ],
};
