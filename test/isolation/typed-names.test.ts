import { expect, test } from "vitest";
import { CLOSEST_NAMES } from "../../conformance/inputs/hostile-names.js";
import { createApprovals } from "../../src/approvals/index.js";
import type { SessionIdentity, StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { onEveryStore } from "../typed/stores.js";

/** What everybody calls his own. */
const ID = "the same";
const CALL = { provider: "p", model: "m", cost: "0.5" };
const MOST = { limit: 1000 };

/** Names of every other confusion, with those that are close to one another still side by side. */
const SOME_NAMES = CLOSEST_NAMES.filter((_, index) => index % 4 < 2);

/** Sessions that differ in one name alone. */
const LOTS: [string, readonly SessionIdentity[]][] = [
  ["tenants", SOME_NAMES.map((tenant) => ({ tenant, user: "ann", session: "s1" }))],
  ["users", SOME_NAMES.map((user) => ({ tenant: "by user", user, session: "s1" }))],
  ["sessions", SOME_NAMES.map((session) => ({ tenant: "by session", user: "ann", session }))],
];

onEveryStore((opened) => {
  test.each(LOTS)("of %s, each sees its own and nothing of the others", async (_, owners) => {
    const wrappers = wrappersOf(opened.store);
    await Promise.all(owners.map((owner, number) => begin(wrappers, owner, number)));
    for (const [number, owner] of owners.entries()) {
      expect(await seenBy(wrappers, owner), JSON.stringify(owner)).toEqual(due(number));
    }
    await expectSums(wrappers, owners);
    // What half of them do is felt by none of the others.
    const leaving = owners.filter((_, number) => number % 2 === 0);
    await Promise.all(leaving.map((owner) => leave(wrappers, owner)));
    for (const [number, owner] of owners.entries()) {
      const left = leaving.includes(owner) ? NOTHING : due(number);
      expect(await seenBy(wrappers, owner), JSON.stringify(owner)).toEqual(left);
    }
  });

  test("of runs, keys, tags and ids of one session, each stands for itself", async () => {
    const { sessions, approvals, ledger } = wrappersOf(opened.store);
    const owner = { tenant: "within", user: "ann", session: "s1" };
    await sessions.create(owner);
    const state = sessions.sessionState(owner);
    const ids = CLOSEST_NAMES.filter((name) => Buffer.byteLength(name) <= 105);
    await Promise.all([
      ...CLOSEST_NAMES.map((name) => state.set(name, name)),
      ...CLOSEST_NAMES.map((name) =>
        ledger.record({ ...owner, run: name }, { ...CALL, model: name, tags: { of: name } }),
      ),
      ...ids.map((id) => approvals.request(owner, { id, tool: id, arguments: {} })),
      sessions.append(
        owner,
        ids.map((id) => ({ id, value: id })),
      ),
    ]);
    expect((await sessions.read(owner)).map(({ id, value }) => [id, value])).toEqual(
      ids.map((id) => [id, id]),
    );
    for (const name of CLOSEST_NAMES) {
      expect(await state.get(name)).toBe(name);
      expect((await ledger.totals({ ...owner, run: name })).calls).toBe(1);
    }
    for (const id of ids) expect((await approvals.get(owner, id)).tool).toBe(id);
    for (const by of ["model", { tag: "of" }] as const) {
      const { groups } = await ledger.summarize({ tenant: "within" }, { by });
      expect(groups.map(({ key, calls }) => [key, calls]).sort()).toEqual(
        CLOSEST_NAMES.map((name) => [name, 1]).sort(),
      );
    }
  });
});

type Wrappers = ReturnType<typeof wrappersOf>;

function wrappersOf(store: StateStore) {
  return { sessions: createSessions(store), approvals: createApprovals(store), ledger: createLedger(store) };
}

async function begin({ sessions, approvals, ledger }: Wrappers, owner: SessionIdentity, number: number) {
  await sessions.create(owner, { metadata: { number } });
  await Promise.all([
    sessions.append(owner, { id: ID, value: number }),
    sessions.sessionState(owner).set(ID, number),
    sessions.userState(owner).set(ID, owner.user),
    sessions.tenantState(owner.tenant).set(ID, owner.tenant),
    approvals.request(owner, { id: ID, tool: "t", arguments: { number } }),
    ledger.record(owner, { ...CALL, eventId: ID, promptTokens: number }),
    ledger.setBudget(owner, { tokens: 1000 + number }),
  ]);
}

/** Everything that goes with a session, and what its user and tenant keep beyond it. */
async function seenBy({ sessions, approvals, ledger }: Wrappers, owner: SessionIdentity) {
  const session = await sessions.find(owner);
  const [{ approvals: asked }, entries, totals, budget] = await Promise.all([
    approvals.list(owner, MOST),
    ledger.entries(owner),
    ledger.totals(owner),
    ledger.budget(owner),
  ]);
  return {
    session: session?.metadata.number,
    events: session && (await sessions.read(owner)).map(({ id, value }) => [id, value]),
    state: session && (await sessions.sessionState(owner).get(ID)),
    asked: asked.map(({ id, arguments: given }) => [id, given]),
    entries: entries.map(({ eventId, promptTokens }) => [eventId, promptTokens]),
    calls: totals.calls,
    budget: budget?.limits.tokens,
  };
}

function due(number: number) {
  return {
    session: number,
    events: [[ID, number]],
    state: number,
    asked: [[ID, { number }]],
    entries: [[ID, number]],
    calls: 1,
    budget: 1000 + number,
  };
}

const NOTHING = {
  session: undefined,
  events: undefined,
  state: undefined,
  asked: [],
  entries: [],
  calls: 0,
  budget: undefined,
};

/** What users and tenants see of the sessions below them, and keep beside them. */
async function expectSums({ sessions, approvals, ledger }: Wrappers, owners: readonly SessionIdentity[]) {
  const last = new Map(owners.map((owner) => [JSON.stringify([owner.tenant, owner.user]), owner]));
  for (const { tenant, user } of last.values()) {
    const inTenant = owners.filter((owner) => owner.tenant === tenant);
    const ofUser = inTenant.filter((owner) => owner.user === user);
    const { sessions: listed } = await sessions.list({ tenant, user }, MOST);
    expect(new Set(listed.map(({ identity }) => identity.session))).toEqual(
      new Set(ofUser.map(({ session }) => session)),
    );
    expect(await sessions.userState({ tenant, user }).get(ID)).toBe(user);
    expect(await sessions.tenantState(tenant).get(ID)).toBe(tenant);
    expect((await ledger.totals({ tenant, user })).calls).toBe(ofUser.length);
    expect((await ledger.totals({ tenant })).calls).toBe(inTenant.length);
  }
  for (const tenant of new Set(owners.map((owner) => owner.tenant))) {
    const { approvals: asked } = await approvals.list({ tenant }, MOST);
    const inTenant = owners.filter((owner) => owner.tenant === tenant);
    expect(asked).toHaveLength(inTenant.length);
    const { groups } = await ledger.summarize({ tenant }, { by: "user" });
    expect(new Set(groups.map(({ key }) => key))).toEqual(new Set(inTenant.map(({ user }) => user)));
  }
}

async function leave({ sessions, approvals, ledger }: Wrappers, owner: SessionIdentity) {
  await approvals.decide(owner, ID, { decision: "deny", by: "grace" });
  await ledger.forget(owner);
  await sessions.delete(owner);
}
