import { createApprovals } from "../../src/approvals/index.js";
import { createArtifacts } from "../../src/artifacts/index.js";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import { newEventId, type StateStore, type UserIdentity, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createPolicies } from "../../src/policies/index.js";
import { createQuestions } from "../../src/questions/index.js";
import { createRuns } from "../../src/runs/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";

/** All wrappers on a store. */
export function wrappersOn(store: StateStore) {
  return {
    sessions: createSessions(store),
    approvals: createApprovals(store),
    questions: createQuestions(store),
    runs: createRuns(store),
    toolCalls: createToolCalls(store),
    checkpoints: createCheckpoints(store),
    artifacts: createArtifacts(store),
    policies: createPolicies(store),
    ledger: createLedger(store),
  };
}

export type Wrappers = ReturnType<typeof wrappersOn>;

/** A user of a new tenant, who has records of all wrappers, and the name of another. */
export function newVisitor(): { readonly visitor: UserIdentity; readonly member: UserIdentity } {
  const tenant = `tenant-${newEventId()}`;
  return { visitor: { tenant, user: "visitor" }, member: { tenant, user: "member" } };
}

/** Writes something with every wrapper, in one session. */
export async function useEverything(all: Wrappers, user: UserIdentity, session: string): Promise<void> {
  const { sessions, approvals, questions, runs, toolCalls, checkpoints, artifacts, policies, ledger } = all;
  const who = { ...user, session };
  await sessions.create(who, { metadata: { title: session } });
  await sessions.append(who, [
    { id: "m-1", value: "one" },
    { id: "m-2", value: "two" },
    { id: "m-3", value: "three" },
  ]);
  await sessions.redact(who, 2, { by: "boss", reason: "personal" });
  await sessions.sessionState(who).set("step", 1, { eventId: "set-1" });
  await sessions.saveSummary(who, { upTo: 1, value: "short" });
  await sessions.pin(who);
  for (const id of ["a-1", "a-2"])
    await approvals.request(who, { id, tool: "mail", arguments: { id }, run: "r" });
  await approvals.decide(who, "a-2", { decision: "approve", by: "boss" });
  await questions.ask(who, { id: "q-1", text: "Which?" });
  await runs.start(who, { id: "r", name: "n", input: { a: 1 } });
  const { lease } = await runs.claim(who, "r", { worker: "w", leaseMs: 60_000 });
  await runs.step(lease, "s", () => "result");
  await runs.complete(lease);
  await toolCalls.begin(who, { id: "c-1", tool: "mail", arguments: {}, run: "r" });
  const place = { lineage: "main", namespace: "ns" };
  await checkpoints.put(who, { ...place, id: "p-1", values: { a: [1], b: "x".repeat(50) } });
  await checkpoints.putWrites(who, { ...place, id: "p-1", task: "t", writes: [{ channel: "a", value: 2 }] });
  await checkpoints.fork(who, place, { to: "copy" });
  for (const content of ["one", "two"]) await artifacts.put(who, { name: "a/b.txt", content, id: content });
  await artifacts.put(who, { name: "c.txt", content: "one" });
  await policies.remember(who, { tool: "mail", by: "boss" });
  for (const run of ["r", undefined])
    await ledger.record(run === undefined ? who : { ...who, run }, {
      eventId: `e-${run}`,
      provider: "p",
      model: "m",
      promptTokens: 7,
      cost: "0.25",
      tags: { t: "x" },
    });
  await ledger.attempt(who, { id: "try-1", turn: 1, provider: "p", model: "m" });
}

/** What lies under the user's own identity. */
export async function useAccount(all: Wrappers, store: StateStore, user: UserIdentity): Promise<void> {
  const { sessions, policies, ledger, artifacts } = all;
  await artifacts.put(user, { name: "photo.png", content: "pixels" });
  await sessions.userState(user).set("language", "no");
  await policies.remember(user, { tool: "search", by: "boss" });
  await ledger.setBudget(user, { cost: "5" });
  await ledger.setBudget(user, { name: "daily", calls: 100, every: "day" });
  await ledger.reserve({ ...user, session: "s-1" }, { id: "h-1", cost: "1", calls: 1 });
  const own = { identity: userIdentity(user.tenant, user.user), kind: "app/profile" };
  await store.save({ ...own, eventId: newEventId(), bytes: Buffer.from("profile") });
}

/** Everything that the wrappers say of a user, as JSON. What names the user says USER instead. */
export async function everythingOf(all: Wrappers, store: StateStore, user: UserIdentity): Promise<unknown> {
  const { sessions, approvals, questions, runs, toolCalls, policies, ledger } = all;
  const { tenant } = user;
  const ofUser = <T extends { readonly identity: { readonly user: string } }>(found: readonly T[]) =>
    found.filter(({ identity }) => identity.user === user.user);
  const list = (await sessions.list(user)).sessions;
  const listed = {
    sessions: list,
    byEvent: (await sessions.list(user, { orderBy: "lastEventAt" })).sessions,
    pinned: (await sessions.list(user, { pinned: true })).sessions,
    state: (await sessions.userState(user).entries()).map(({ key, value }) => [key, value]),
    approvals: ofUser((await approvals.list({ tenant })).approvals),
    ofUser: (await approvals.list(user)).approvals,
    located: ofUser(await approvals.locate(tenant, "a-1")),
    audit: ofUser((await approvals.audit({ tenant })).entries),
    questions: ofUser((await questions.list({ tenant })).questions),
    runs: (await runs.list(user)).runs,
    ofName: ofUser((await runs.list({ tenant }, { name: "n" })).runs),
    toolCalls: ofUser((await toolCalls.list({ tenant })).calls),
    grants: (await policies.grants(user)).map(({ tool, by }) => ({ tool, by })),
    total: await ledger.totals(user),
    byUser: (await ledger.summarize({ tenant }, { by: "user" })).groups.filter(
      ({ key }) => key === user.user,
    ),
    budgets: await collect(ledger.budgets(user)),
    reservations: (await collect(ledger.reservations(user))).map(({ identity, id }) => ({ identity, id })),
    photo: await all.artifacts.find(user, "photo.png"),
    profile: (await store.find(userIdentity(tenant, user.user), "app/profile"))?.bytes.toString(),
    each: await Promise.all(
      list
        .filter(({ identity }) => identity.session !== "large")
        .map(({ identity }) => sessionOf(all, identity)),
    ),
  };
  const told = JSON.parse(JSON.stringify(listed).replaceAll(`"${user.user}"`, '"USER"'));
  // Of one millisecond, the order in lists of a tenant or user follows from the names.
  for (const name of ["approvals", "ofUser", "audit", "questions", "runs", "ofName", "toolCalls"])
    told[name] = told[name].map((each: unknown) => JSON.stringify(each)).sort();
  return told;
}

/** Everything of one session. */
export async function sessionOf(
  { sessions, approvals, questions, runs, toolCalls, checkpoints, artifacts, policies, ledger }: Wrappers,
  who: { readonly tenant: string; readonly user: string; readonly session: string },
): Promise<unknown> {
  const place = { lineage: "main", namespace: "ns" };
  return {
    session: await sessions.get(who),
    events: await sessions.read(who),
    state: (await sessions.sessionState(who).entries()).map(({ key, value }) => [key, value]),
    summaries: await sessions.summaries(who),
    approvals: (await approvals.list(who)).approvals,
    questions: (await questions.list(who)).questions,
    runs: (await runs.list(who)).runs,
    steps: (await runs.steps(who, "r")).steps,
    calls: (await toolCalls.list(who)).calls,
    lineages: await checkpoints.lineages(who),
    latest: await checkpoints.latest(who, place),
    tuple: await checkpoints.tuple(who, { ...place, id: "p-1" }),
    copy: await checkpoints.get(who, { ...place, lineage: "copy", id: "p-1" }),
    artifacts: (await artifacts.list(who)).artifacts,
    versions: (await artifacts.versions(who, "a/b.txt")).versions,
    content: (await artifacts.get(who, "a/b.txt", { version: 1 })).bytes,
    grants: (await policies.grants(who)).map(({ tool }) => tool).sort(),
    entries: await ledger.entries(who),
    attempts: await ledger.attempts(who),
    ofRun: await ledger.entries({ ...who, run: "r" }),
    total: await ledger.totals(who),
    ofRunTotal: await ledger.totals({ ...who, run: "r" }),
  };
}

export async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of all) found.push(each);
  return found;
}
