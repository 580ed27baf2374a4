import { type Checkpoints, createCheckpoints } from "../../src/checkpoints/index.js";
import { maintenanceScope, type SessionIdentity, type StateStore } from "../../src/index.js";
import { digestOf } from "../../src/typed/names.js";
import { inMemory, onEveryStore } from "../typed/stores.js";
import { type BadCall, testBadInput } from "../wrappers/bad-input.js";
import { testDamagedRecords } from "../wrappers/damaged-record.js";
import { testErasedSessions } from "../wrappers/erased-session.js";
import { testHostileNames } from "../wrappers/hostile-names.js";
import { testLostAnswers } from "../wrappers/lost-answers.js";
import { testOtherIdentities } from "../wrappers/other-identities.js";
import type { WrapperTable } from "../wrappers/wrapper.js";

interface Opened {
  readonly saved: Checkpoints;
  readonly store: StateStore;
}

/** A lineage for each id, with a name that is allowed whatever the id is. */
function placeOf(id: string) {
  return { lineage: lineageOf(id) };
}

function lineageOf(id: string): string {
  return `of ${Buffer.from(String(id)).toString("hex").slice(0, 300)}`;
}

const VALUES = { messages: ["hello"] };

async function idsOf({ saved }: Opened, who: SessionIdentity): Promise<string[]> {
  const lineages = await saved.lineages(who);
  const pages = await Promise.all(lineages.map((place) => saved.list(who, { lineage: place.lineage })));
  return pages.flatMap(({ checkpoints }) => checkpoints.filter(({ parent }) => !parent).map(({ id }) => id));
}

const TABLE: WrapperTable<Opened> = {
  open: (store, options) => ({ saved: createCheckpoints(store, options), store }),
  make: ({ saved }, who, id) => saved.put(who, { ...placeOf(id), id, values: VALUES }),
  find: async ({ saved }, who, id) => {
    const tuple = await saved.tuple(who, { ...placeOf(id), id });
    return tuple && { ...tuple.checkpoint, writes: tuple.writes };
  },
  async listed(opened, where) {
    if ("session" in where) return idsOf(opened, where);
    const scope = maintenanceScope({ reason: "test", tenant: where.tenant });
    const found = await opened.store.listKind(scope, "checkpoint.lineage/");
    const owners = new Map(found.map(({ identity }) => [`${identity.user} ${identity.session}`, identity]));
    return (await Promise.all([...owners.values()].map((owner) => idsOf(opened, owner)))).flat();
  },
  sweep: ({ saved }, scope) => saved.recover(scope),
  methods: {
    get: ({ saved }, who, id) => saved.get(who, { ...placeOf(id), id }),
    history: ({ saved }, who, id) => saved.history(who, { ...placeOf(id), id }),
    fork: ({ saved }, who, id) => saved.fork(who, placeOf(id), { to: "copy", id }),
  },
  walk: {
    put: ({ saved }, who, id) => saved.put(who, { ...placeOf(id), id, values: VALUES }),
    putWrites: ({ saved }, who, id) =>
      saved.putWrites(who, { ...placeOf(id), id, task: "t", writes: [{ channel: "x", value: 1 }] }),
    next: ({ saved }, who, id) =>
      saved.put(who, { ...placeOf(id), id: "next", parent: id, values: { messages: [] }, inherit: true }),
    putAll: ({ saved }, who, id) =>
      saved.putAll(who, { ...placeOf(id), id: "last", parent: "next", values: {} }, [
        { task: "t", writes: [{ channel: "x", value: 2 }] },
      ]),
    fork: ({ saved }, who, id) => saved.fork(who, placeOf(id), { to: `${lineageOf(id)} copy`, id: "next" }),
  },
  kindOf: (id) => `checkpoint.lineage/${digestOf(lineageOf(id))}`,
  damages: (stored) => [
    { ...stored, name: "another's" },
    { ...stored, name: 1 },
    { ...stored, pool: null },
    { ...stored, next: 0 },
    { ...stored, next: "1" },
    { ...stored, createdAt: "now" },
    { ...stored, origin: {} },
    { ...stored, copied: 1 },
  ],
};

/** The lineage of the walk has a fork, which has checkpoints of the same ids. */
const WITHOUT_FORK = {
  ...TABLE,
  walk: Object.fromEntries(Object.entries(TABLE.walk).filter(([name]) => name !== "fork")),
};

const PLACE = { lineage: "l" };
const WRITE = { channel: "x", value: 1 };

// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
const put = (change: any) => (opened: Opened, who: SessionIdentity) =>
  opened.saved.put(who, { ...PLACE, id: "a", values: {}, ...change });
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
const write = (change: any) => (opened: Opened, who: SessionIdentity) =>
  opened.saved.putWrites(who, { ...PLACE, id: "a", task: "t", writes: [WRITE], ...change });
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
const list = (options: any) => (opened: Opened, who: SessionIdentity) =>
  opened.saved.list(who, PLACE, options);
// biome-ignore lint/suspicious/noExplicitAny: the calls are wrong on purpose.
const prune = (options: any) => (opened: Opened, who: SessionIdentity) =>
  opened.saved.prune(who, PLACE, options);

const BAD: readonly BadCall<Opened>[] = [
  ["lineage", "empty", put({ lineage: "" })],
  ["lineage", "left undefined", put({ lineage: undefined })],
  ["namespace", "no text", put({ namespace: 1 })],
  ["namespace", "left undefined", put({ namespace: undefined })],
  ["checkpoint", "misspelt", put({ metdata: {} })],
  ["id", "left undefined", put({ id: undefined })],
  ["parent", "left undefined", put({ parent: undefined })],
  ["parent", "missing for inherit", put({ inherit: true })],
  ["values", "missing", put({ values: undefined })],
  ["values", "a value that is undefined", put({ values: { a: undefined } })],
  ["values", "a value that JSON does not carry", put({ values: { a: new Date() } })],
  ["values", "a channel without a name", put({ values: { "": 1 } })],
  ["values", "a channel with a long name", put({ values: { ["x".repeat(256)]: 1 } })],
  [
    "values",
    "too many channels",
    put({ values: Object.fromEntries(Array.from({ length: 2_001 }, (_, i) => [i, 1])) }),
  ],
  ["versions", "no versions", put({ versions: { a: {} } })],
  ["versions", "NaN", put({ versions: { a: Number.NaN } })],
  ["inherit", "no boolean", put({ parent: "p", inherit: 1 })],
  ["without", "without inherit", put({ without: ["a"] })],
  ["without", "no list", put({ parent: "p", inherit: true, without: "a" })],
  ["metadata", "a list", put({ metadata: [] })],
  ["metadata", "no JSON", put({ metadata: { a: 1n } })],
  ["metadata", "too large", put({ metadata: { a: "x".repeat(300_000) } })],
  ["usage", "too large", put({ usage: "x".repeat(300_000) })],
  ["usage", "no JSON", put({ usage: Number.NaN })],
  ["step", "no whole number", put({ step: 0.5 })],
  ["parents", "no ids", put({ parents: { sub: "" } })],
  ["dependsOn", "empty", put({ dependsOn: "" })],
  ["task", "missing", write({ task: undefined })],
  ["path", "left undefined", write({ path: undefined })],
  ["writes", "none", write({ writes: [] })],
  ["writes", "no list", write({ writes: {} })],
  ["writes", "a value that is undefined", write({ writes: [{ channel: "x", value: undefined }] })],
  ["writes", "a value that JSON does not carry", write({ writes: [{ channel: "x", value: new Map() }] })],
  ["writes", "misspelt", write({ write: [] })],
  ["channel", "missing", write({ writes: [{ value: 1 }] })],
  ["index", "too low", write({ writes: [{ ...WRITE, index: -101 }] })],
  ["index", "twice the same", write({ writes: [WRITE, { ...WRITE, index: 0 }] })],
  ["existing", "no such word", write({ existing: "drop" })],
  ["id", "missing", ({ saved }, who) => saved.putAll(who, { ...PLACE, values: {} } as never, [])],
  ["tasks", "none", ({ saved }, who) => saved.putAll(who, { ...PLACE, id: "a", values: {} }, [])],
  ["limit", "zero", list({ limit: 0 })],
  ["limit", "too many", list({ limit: 1_001 })],
  ["filter", "a list", list({ filter: [] })],
  ["after", "no number", list({ after: "c-1" })],
  ["before", "empty", list({ before: "" })],
  ["options", "misspelt", list({ limits: 1 })],
  ["keep", "zero", prune({ keep: 0 })],
  ["keep", "missing", prune({})],
  ["abandonedMs", "negative", prune({ keep: 1, abandonedMs: -1 })],
  ["to", "missing", ({ saved }, who) => saved.fork(who, PLACE, {} as never)],
  ["signal", "no signal", ({ saved }, who) => saved.latest(who, PLACE, { signal: 1 as never })],
];

onEveryStore((opened) => {
  testOtherIdentities(opened, TABLE);
  testErasedSessions(opened, TABLE);
  testDamagedRecords(opened, TABLE);
  testLostAnswers(opened, WITHOUT_FORK);
});

inMemory((opened) => {
  testBadInput(opened, TABLE, BAD);
  testHostileNames(opened, WITHOUT_FORK);
});
