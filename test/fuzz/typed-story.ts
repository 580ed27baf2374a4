import { createApprovals } from "../../src/approvals/index.js";
import { createArtifacts, createErrors, createResults } from "../../src/artifacts/index.js";
import { createExpiring } from "../../src/expiring/index.js";
import { createFacts } from "../../src/facts/index.js";
import { maintenanceScope, type StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createMemories } from "../../src/memories/index.js";
import { createSchedules } from "../../src/schedules/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { Collection, Journal, json, TypedSlot } from "../../src/typed/index.js";
import { ACTIONS, CALL, HOUR } from "../approvals/states.js";
import { withMethods } from "../sessions/rig.js";

const TENANT = "acme";
const USER = { tenant: TENANT, user: "ann" };
export const WHO = { ...USER, session: "s1" };
const CLOSED = { ...USER, session: "s2" };
const RUN = { ...WHO, run: "r1" };
const NOON = Date.UTC(2026, 0, 2, 12);
const DAY = 86_400_000;

const CREATION = { metadata: { title: "Invoices", deep: [1, { b: null }] }, eventId: "created" };
const EVENTS = [{ id: "e1", value: { text: "first" } }, { value: [1, 2, 3] }, { value: "third" }];
/** A number with so many digits that its record has no room for it. Each of its two chunks is JSON too. */
const LARGE = Buffer.from(`0.${"0".repeat(2_046)}5`);
const REQUEST = { ...CALL, requester: "ann", question: "Pay?", ttlMs: HOUR };
const APPROVALS = ["pending", "approved", "denied", "cancelled", "claimed", "completed", "failed"];
const SPENT = { provider: "p", model: "m", promptTokens: 12, completionTokens: 3, cost: "0.0000000375" };
const ENTRY = {
  ...SPENT,
  eventId: "l1",
  responseId: "resp-1",
  turn: 1,
  runName: "nightly",
  tags: { team: "search" },
};
const FORGOTTEN = { ...USER, session: "gone" };
const FORGOTTEN_ENTRY = { ...SPENT, eventId: "forgotten" };

const PAGE = { title: "Invoices", links: ["x"] };

const REMEMBERED = { topics: ["drinks"], metadata: { n: 1 }, run: "r1", ttlMs: HOUR };
const EMBED = {
  model: "lengths",
  vectorsOf: (texts: readonly string[]) => texts.map(({ length }) => [length, 1]),
};

/** Entries of indexes whose payload nobody reads: what they say is in their kind. */
export const UNREAD = /^(expiring\.(due|live)|memories\.(new|due|changed))\//;

const ARTIFACT = {
  name: "a.txt",
  content: '"first"',
  contentType: "text/plain",
  metadata: { a: 1 },
  id: "put-1",
};
const RESULT = { id: "r-1", content: '"found"', tool: "search", ttlMs: HOUR };
const FAILURE = { id: "f-1", tool: "search", message: "timeout", arguments: { q: "cats" }, stack: "at x" };

const COUNTED = json<{ count: number }>({
  version: 2,
  upgrades: { 1: (old: { n: number }) => ({ count: old.n }) },
});

/** All wrappers over a store, at the same moment whenever they are asked. */
export function wrappersOf(store: StateStore, clock = () => NOON) {
  return {
    store,
    sessions: createSessions(store, { clock }),
    approvals: createApprovals(store, { clock }),
    ledger: createLedger(store, { clock }),
    expiring: createExpiring(store, { clock }),
    facts: createFacts(store, { clock }),
    memories: createMemories(store, { clock, embed: EMBED }),
    schedules: createSchedules(store, { clock }),
    artifacts: createArtifacts(store, { clock }),
    results: createResults(store, { clock }),
    errors: createErrors(store),
    slot: new TypedSlot(store, "settings", { codec: COUNTED }),
    older: new TypedSlot<{ n: number }>(store, "older", { codec: json<{ n: number }>({ version: 1 }) }),
    upgraded: new TypedSlot(store, "older", { codec: COUNTED }),
    notes: new Collection<{ text: string }>(store, "notes"),
    journal: new Journal<{ step: number }>(store, "steps"),
  };
}

/** Leaves one record at least of every kind that the wrappers write. */
export async function tellStory(store: StateStore): Promise<void> {
  const all = wrappersOf(store);
  const { sessions, approvals, ledger, expiring, facts, memories, artifacts, results, errors } = all;
  const { schedules, slot, older, notes, journal } = all;
  await sessions.create(WHO, CREATION);
  await sessions.append(WHO, EVENTS);
  // Little is large where a record has little room.
  const limits = { ...store.limits, maxBytes: 2_048 };
  const events = { version: 0, encode: () => LARGE, decode: () => 0 };
  await createSessions(withMethods(store, { limits }), { clock: () => NOON, events }).append(WHO, {
    id: "e4",
    value: 0,
  });
  await sessions.saveSummary(WHO, { upTo: 2, value: { said: "two events" } });
  await sessions.sessionState(WHO).set("key", { a: 1 });
  await sessions.userState(USER).set("language", "en");
  await sessions.tenantState(TENANT).set("plan", ["free"]);
  await sessions.create(CLOSED);
  await sessions.close(CLOSED);
  await sessions.pin(WHO);
  // The first such list makes a note.
  await sessions.list(USER, { orderBy: "lastEventAt" });
  await sessions.create({ ...USER, session: "s3" });
  await sessions.delete({ ...USER, session: "s3" });

  for (const id of APPROVALS) await approvals.request(WHO, { ...REQUEST, id });
  for (const id of ["approved", "claimed", "completed", "failed"]) await ACTIONS.approve(approvals, WHO, id);
  for (const id of ["claimed", "completed", "failed"]) await ACTIONS.claim(approvals, WHO, id);
  await ACTIONS.deny(approvals, WHO, "denied");
  await ACTIONS.cancel(approvals, WHO, "cancelled");
  await ACTIONS.complete(approvals, WHO, "completed");
  await ACTIONS.fail(approvals, WHO, "failed");

  for (const scope of [{ tenant: TENANT }, USER, WHO])
    await ledger.setBudget(scope, { tokens: 100_000, cost: "10", calls: 50 });
  await ledger.record(RUN, ENTRY);
  await ledger.record(WHO, { ...SPENT, cost: "1.5", at: new Date(NOON - 2 * DAY), responseId: "resp-2" });
  await ledger.record(RUN, { provider: "q", model: "n", promptTokens: 7, at: new Date(NOON - DAY) });
  await ledger.reserve(WHO, { id: "settled", tokens: 100, cost: "0.5" });
  await ledger.settle(WHO, "settled", { ...SPENT, cost: "0.4" });
  await ledger.reserve(WHO, { id: "open", tokens: 100, cost: "0.5" });
  await ledger.record(FORGOTTEN, FORGOTTEN_ENTRY);
  await ledger.attempt(RUN, { id: "sent", turn: 1, provider: "p", model: "m", estimate: { cost: "0.1" } });
  await ledger.attempt(RUN, {
    id: "ended",
    turn: 1,
    provider: "p",
    model: "m",
    outcome: "failed",
    reason: "no",
  });
  await ledger.forget(FORGOTTEN);
  await ledger.record({ ...WHO, session: "s4" }, { ...ENTRY, eventId: "sent again" });
  await ledger.record({ ...WHO, user: "bob" }, { ...SPENT, at: new Date(NOON - DAY) });
  await ledger.forgetUser({ tenant: TENANT, user: "bob" });
  await ledger.reconcile(
    { tenant: TENANT },
    { provider: "p", reported: { cost: "2", calls: 4 }, since: new Date(NOON - 3 * DAY) },
  );

  await expiring.set(WHO, "pages", "a", PAGE, { ttlMs: HOUR, id: "x1" });
  await expiring.set(USER, "pages", "b", [1], { ttlMs: HOUR });
  const monthly = {
    name: "monthly",
    when: { cron: "0 9 1 * *", timeZone: "Europe/Berlin" },
    action: { n: 1 },
  };
  await schedules.put({ tenant: TENANT }, { ...monthly, source: "config" });
  const when = { at: new Date(NOON - HOUR) };
  for (const name of ["failed", "open"]) {
    await schedules.put({ tenant: TENANT }, { name, when, action: name });
    const claimed = await schedules.claimDue({ tenant: TENANT }, { worker: "w", leaseMs: HOUR });
    if (name === "failed" && claimed !== undefined)
      await schedules.finish(claimed.lease, { status: "failed", error: "no" });
  }

  await facts.put(USER, ["food", "at home"], "breakfast", { is: "porridge" }, { run: "r1", id: "f1" });
  await facts.put({ tenant: TENANT }, ["food"], "lunch", "at noon");

  await memories.add(USER, "likes tea", { ...REMEMBERED, id: "m1" });
  await memories.update(USER, "m1", { content: "likes black tea" });
  await memories.add(USER, "likes rain", { id: "m2" });

  await artifacts.put(WHO, ARTIFACT);
  await artifacts.put(WHO, { name: "a.txt", content: '"second"' });
  await results.put(WHO, RESULT);
  await errors.record(WHO, FAILURE);

  await slot.set(WHO, { count: 3 });
  await older.set(WHO, { n: 4 });
  await notes.put(WHO, "n1", { text: "one" });
  await notes.put(WHO, "n2", { text: "two" });
  await journal.append(WHO, [{ value: { step: 1 } }, { value: { step: 2 } }]);
}

export type Read = (wrappers: ReturnType<typeof wrappersOf>) => Promise<unknown>;

/** Every way to read what the story left. */
export const READS: Readonly<Record<string, Read>> = {
  "sessions.get": ({ sessions }) => sessions.get(WHO),
  "sessions.get, closed": ({ sessions }) => sessions.get(CLOSED),
  "sessions.find": ({ sessions }) => sessions.find(WHO),
  "sessions.list": ({ sessions }) => sessions.list(USER),
  "sessions.list, closed": ({ sessions }) => sessions.list(USER, { status: "closed", limit: 1 }),
  "sessions.list, by event": ({ sessions }) =>
    sessions.list(USER, { orderBy: "lastEventAt", order: "oldest" }),
  "sessions.list, pinned": ({ sessions }) => sessions.list(USER, { pinned: true }),
  "sessions.list, pinned, by event": ({ sessions }) =>
    sessions.list(USER, { pinned: "first", orderBy: "lastEventAt" }),
  "sessions.read": ({ sessions }) => sessions.read(WHO),
  "sessions.read, reverse": ({ sessions }) => sessions.read(WHO, { reverse: true, limit: 2 }),
  "sessions.latestSummary": ({ sessions }) => sessions.latestSummary(WHO),
  "sessions.summaries": ({ sessions }) => sessions.summaries(WHO),
  "sessionState.get": ({ sessions }) => sessions.sessionState(WHO).get("key"),
  "sessionState.entries": ({ sessions }) => sessions.sessionState(WHO).entries(),
  "userState.find": ({ sessions }) => sessions.userState(USER).find("language"),
  "tenantState.entries": ({ sessions }) => sessions.tenantState(TENANT).entries(),
  "approvals.get": ({ approvals }) =>
    Promise.all(["pending", "claimed", "failed"].map((id) => approvals.get(WHO, id))),
  "approvals.find": ({ approvals }) =>
    Promise.all(["approved", "denied", "cancelled", "completed"].map((id) => approvals.find(WHO, id))),
  "approvals.wait": ({ approvals }) => approvals.wait(WHO, "denied", { timeoutMs: 1_000 }),
  "approvals.list of a session": ({ approvals }) => approvals.list(WHO),
  "approvals.list of a tenant": ({ approvals }) => approvals.list({ tenant: TENANT }, { limit: 1000 }),
  "approvals.locate": ({ approvals }) =>
    Promise.all([...APPROVALS, "unknown"].map((id) => approvals.locate(TENANT, id))),
  "approvals.audit": ({ approvals }) => approvals.audit({ tenant: TENANT }, { limit: 1000 }),
  "ledger.entries": ({ ledger }) => ledger.entries(WHO),
  "ledger.entries of a run": ({ ledger }) => ledger.entries(RUN, { since: new Date(NOON - DAY) }),
  "ledger.attempts": ({ ledger }) => ledger.attempts(RUN),
  "ledger.attempt again": ({ ledger }) =>
    ledger.attempt(RUN, { id: "sent", turn: 1, provider: "p", model: "m" }),
  "ledger.export": async ({ ledger }) => {
    const pieces = [];
    for await (const piece of ledger.export({ tenant: TENANT }, { format: "jsonl" })) pieces.push(piece);
    return pieces;
  },
  "ledger.summarize, by two things": ({ ledger }) =>
    ledger.summarize({ tenant: TENANT }, { by: ["hour", "model"] }),
  "ledger.totals": ({ ledger }) =>
    Promise.all([{ tenant: TENANT }, USER, WHO, RUN].map((scope) => ledger.totals(scope))),
  "ledger.budget": ({ ledger }) =>
    Promise.all([{ tenant: TENANT }, USER, WHO].map((scope) => ledger.budget(scope))),
  "ledger.budget, of what is overdue": ({ store }) => {
    const later = createLedger(store, { clock: () => NOON + HOUR });
    return Promise.all([{ tenant: TENANT }, USER, WHO].map((scope) => later.budget(scope)));
  },
  "ledger.reconciliations": ({ ledger }) => ledger.reconciliations({ tenant: TENANT }),
  ...summaries(),
  "expiring.get": ({ expiring }) => expiring.get(USER, "pages", "b"),
  "expiring.find": ({ expiring }) => expiring.find(WHO, "pages", "a"),
  "expiring.list": ({ expiring }) => expiring.list(WHO, "pages"),
  "facts.get": ({ facts }) => facts.get({ tenant: TENANT }, ["food"], "lunch"),
  "facts.find": ({ facts }) => facts.find(USER, ["food", "at home"], "breakfast"),
  "facts.list": ({ facts }) => facts.list(USER, [], { nested: true }),
  "schedules.get": ({ schedules }) =>
    Promise.all(["monthly", "failed", "open"].map((name) => schedules.get({ tenant: TENANT }, name))),
  "schedules.list": ({ schedules }) => schedules.list({ tenant: TENANT }),
  "schedules.list of a source": ({ schedules }) => schedules.list({ tenant: TENANT }, { source: "config" }),
  "schedules.due": ({ schedules }) => schedules.due({ tenant: TENANT }, { at: new Date(NOON + 40 * DAY) }),
  "schedules.occurrences": ({ schedules }) => schedules.occurrences({ tenant: TENANT }),
  "schedules.dueTenants, of what is overdue": async ({ store }) => {
    const later = createSchedules(store, { clock: () => NOON + 2 * HOUR });
    const tenants = [];
    for await (const tenant of later.dueTenants(maintenanceScope({ reason: "fuzz", tenant: TENANT })))
      tenants.push(tenant);
    return tenants;
  },
  "schedules.history": ({ schedules }) =>
    Promise.all(["failed", "open"].map((name) => schedules.history({ tenant: TENANT }, name))),
  "memories.get": ({ memories }) => memories.get(USER, "m1"),
  "memories.read": ({ memories }) => memories.read(USER),
  "memories.search": ({ memories }) => memories.search(USER, "who likes tea?"),
  "artifacts.get": async ({ artifacts }) => textOf(await artifacts.get(WHO, "a.txt")),
  "artifacts.get of a version": async ({ artifacts }) =>
    textOf(await artifacts.get(WHO, "a.txt", { version: 1 })),
  "artifacts.list": ({ artifacts }) => artifacts.list(WHO),
  "artifacts.versions": ({ artifacts }) => artifacts.versions(WHO, "a.txt"),
  "results.get": async ({ results }) => textOf(await results.get(WHO, "r-1")),
  "results.list": ({ results }) => results.list(WHO),
  "errors.get": ({ errors }) => errors.get(WHO, "E1"),
  "errors.list": ({ errors }) => errors.list(WHO),
  "slot.get": ({ slot }) => slot.get(WHO),
  "slot.find, upgraded": ({ upgraded }) => upgraded.find(WHO),
  "collection.get": ({ notes }) => notes.get(WHO, "n1"),
  "collection.list": ({ notes }) => notes.list(WHO),
  "journal.read": ({ journal }) => journal.read(WHO),
  "journal.bounds": ({ journal }) => journal.bounds(WHO),
};

/** What was done is asked for again, which reads what remembers it. */
export const RETRIES: Readonly<Record<string, Read>> = {
  "sessions.create again": ({ sessions }) => sessions.create(WHO, CREATION),
  "sessions.append again": ({ sessions }) => sessions.append(WHO, EVENTS[0] as (typeof EVENTS)[0]),
  "approvals.request again": ({ approvals }) => approvals.request(WHO, { ...REQUEST, id: "denied" }),
  "artifacts.put again": ({ artifacts }) => artifacts.put(WHO, ARTIFACT),
  "artifacts.delete": ({ artifacts }) => artifacts.delete(WHO, "a.txt"),
  "results.put again": ({ results }) => results.put(WHO, RESULT),
  "results.cleanup": ({ store }) => {
    const later = createResults(store, { clock: () => NOON + 2 * HOUR });
    return later.cleanup(maintenanceScope({ reason: "test", tenant: TENANT }));
  },
  "errors.record again": ({ errors }) => errors.record(WHO, FAILURE),
  "ledger.record again": ({ ledger }) => ledger.record(RUN, ENTRY),
  "ledger.record again, by the provider's id": ({ ledger }) =>
    ledger.record(WHO, { ...SPENT, cost: "1.5", responseId: "resp-2" }),
  "ledger.record again what was forgotten": ({ ledger }) => ledger.record(FORGOTTEN, FORGOTTEN_ENTRY),
  "ledger.reserve again what is open": ({ ledger }) =>
    ledger.reserve(WHO, { id: "open", tokens: 100, cost: "0.5" }),
  "ledger.reserve again what was settled": ({ ledger }) =>
    ledger.reserve(WHO, { id: "settled", tokens: 100 }),
  "ledger.record again what another session recorded": ({ ledger }) =>
    ledger.record({ ...WHO, session: "s4" }, { ...ENTRY, eventId: "sent again" }),
  "ledger.forget what was only sent again": ({ ledger }) => ledger.forget({ ...WHO, session: "s4" }),
  "expiring.set again": ({ expiring }) => expiring.set(WHO, "pages", "a", PAGE, { ttlMs: HOUR, id: "x1" }),
  "facts.put again": ({ facts }) =>
    facts.put(USER, ["food", "at home"], "breakfast", { is: "porridge" }, { run: "r1", id: "f1" }),
  "memories.add again": ({ memories }) => memories.add(USER, "likes rain", { id: "m2" }),
  "approvals.complete, once the session is gone": async ({ approvals, store }) => {
    await store.erase(WHO);
    return approvals.complete(WHO, "claimed", { token: "done" });
  },
};

function textOf<F extends { readonly bytes: Uint8Array }>({ bytes, ...info }: F) {
  return { ...info, text: Buffer.from(bytes).toString() };
}

function summaries(): Record<string, Read> {
  const ways = ["provider", "model", "day", "user", "session", "runName", { tag: "team" }] as const;
  // The edges of a period come from entries, and the days between them from sums.
  const periods = [
    {},
    { since: new Date(NOON - 2 * DAY - HOUR), until: new Date(NOON + HOUR) },
    { since: new Date(NOON - DAY - HOUR), until: new Date(NOON - HOUR) },
  ];
  const reads = periods.map((period, index): [string, Read] => [
    `ledger.summarize, period ${index}`,
    ({ ledger }) => Promise.all(ways.map((by) => ledger.summarize({ tenant: TENANT }, { by, ...period }))),
  ]);
  return Object.fromEntries(reads);
}
