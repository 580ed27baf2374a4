import { type Artifacts, createArtifacts, createResults, type Results } from "../../src/artifacts/index.js";
import type { SessionIdentity } from "../../src/index.js";
import { digestOf, itemKind } from "../../src/typed/names.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

const METADATA = { by: "agent", deep: [1, { b: null }] };

/** A call that is sent again is known by its id. */
function newArtifact(name: string, content = `content of ${name}`) {
  return { name, content, contentType: "text/plain", metadata: METADATA, id: digestOf(`${name}`, content) };
}

/** Artifacts of a session, for the tests that all wrappers share. Their name is their id. */
export const ARTIFACTS: WrapperTable<Artifacts> = {
  isListedByTenant: false,
  idField: "name",
  open: (store, options) => createArtifacts(store, options),
  make: (artifacts, who, name) => artifacts.put(who, newArtifact(name)),
  find: async (artifacts, who, name) => {
    const found = await artifacts.find(who, name);
    return found && { ...found, id: found.name };
  },
  listed: async (artifacts, where) =>
    (await artifacts.list(where as SessionIdentity, { limit: 1_000 })).artifacts.map(({ name }) => name),
  sweep: (artifacts, scope) => artifacts.cleanup(scope, { abandonedMs: 0 }),
  methods: {
    get: (artifacts, who, name) => artifacts.get(who, name),
    stat: (artifacts, who, name) => artifacts.stat(who, name),
    stream: async (artifacts, who, name) => {
      for await (const _ of artifacts.stream(who, name));
    },
  },
  absent: {
    versions: [(artifacts, who, name) => artifacts.versions(who, name), { versions: [] }],
    delete: [(artifacts, who, name) => artifacts.delete(who, name), false],
    "delete of a version": [(artifacts, who, name) => artifacts.delete(who, name, { version: 1 }), false],
  },
  walk: {
    put: (artifacts, who, name) => artifacts.put(who, newArtifact(name)),
    "put of the next": (artifacts, who, name) => artifacts.put(who, newArtifact(name, "other")),
    "put of the first content again": (artifacts, who, name) =>
      artifacts.put(who, { ...newArtifact(name), id: digestOf(name, "again") }),
    "delete of the first": (artifacts, who, name) => artifacts.delete(who, name, { version: 1 }),
  },
  kindOf: (name) => itemKind("artifact", name),
  damages: (stored) => [
    { ...stored, next: 1 },
    { ...stored, more: 1 },
    { next: 2 },
    { ...stored, last: { ...stored.last, name: "another's" } },
    { ...stored, last: { ...stored.last, version: 2 } },
    { ...stored, last: { ...stored.last, at: "now" } },
    { ...stored, last: { ...stored.last, content: {} } },
    { ...stored, last: { ...stored.last, content: { ...stored.last.content, sha256: "00" } } },
    { ...stored, last: { ...stored.last, metadata: [] } },
  ],
};

function newResult(id: string) {
  return { id, content: `result of ${id}`, tool: "search", metadata: METADATA, ttlMs: 3_600_000 };
}

/** Results of a session, for the same tests. */
export const RESULTS: WrapperTable<Results> = {
  isListedByTenant: false,
  open: (store, options) => createResults(store, options),
  make: (results, who, id) => results.put(who, newResult(id)),
  find: (results, who, id) => results.find(who, id),
  listed: async (results, where) =>
    (await results.list(where as SessionIdentity, { limit: 1_000 })).results.map(({ id }) => id),
  sweep: (results, scope) => results.cleanup(scope, { abandonedMs: 0 }),
  methods: {
    get: (results, who, id) => results.get(who, id),
    stat: (results, who, id) => results.stat(who, id),
    stream: async (results, who, id) => {
      for await (const _ of results.stream(who, id));
    },
  },
  absent: { delete: [(results, who, id) => results.delete(who, id), false] },
  walk: { put: (results, who, id) => results.put(who, newResult(id)) },
  kindOf: (id) => itemKind("result", id),
  damages: (stored) => [
    { ...stored, id: "another" },
    { ...stored, more: 1 },
    { ...stored, content: {} },
    { ...stored, preview: 1 },
    { ...stored, expiresAt: "soon" },
    { ...stored, isWhole: undefined },
  ],
};
