import { describe, expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { forgetUser } from "../../src/forget-user/index.js";
import { type Identity, newEventId, userIdentity } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createQuestions } from "../../src/questions/index.js";
import { createRuns } from "../../src/runs/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { dyingAt } from "../sessions/rig.js";
import { onSharedStores } from "../typed/stores.js";
import { wholeDatabase } from "../typed/whole-database.js";

onSharedStores((opened) => {
  /** Two users of one tenant, with records of all kinds. The first one is to be forgotten. */
  async function populated() {
    const tenant = `tenant-${newEventId()}`;
    const [gone, stays] = ["ada@example.com", "grace"].map((name) => ({
      tenant,
      user: `${name}-${tenant}`,
    })) as [User, User];
    const sessions = createSessions(opened.store);
    const approvals = createApprovals(opened.store);
    const questions = createQuestions(opened.store);
    const ledger = createLedger(opened.store);
    const runs = createRuns(opened.store);
    const toolCalls = createToolCalls(opened.store);
    for (const user of [gone, stays]) {
      for (const session of ["s1", "s2", "s3"]) {
        const who = { ...user, session };
        await sessions.create(who, { metadata: { title: `of ${user.user}` } });
        await sessions.append(who, { value: `I am ${user.user}` });
        await approvals.request(who, { tool: "mail", arguments: { to: user.user } });
        await questions.ask(who, { text: `Who is ${user.user}?` });
        await toolCalls.begin(who, { id: "c", tool: "mail", arguments: { to: user.user }, run: "r" });
        await runs.start(who, { id: "r", name: "n", input: { of: user.user } });
        const { lease } = await runs.claim(who, "r", { worker: user.user, leaseMs: 1000 });
        await runs.step(lease, "s", () => user.user);
        await ledger.record(who, {
          provider: "p",
          model: session,
          promptTokens: 7,
          cost: "0.1",
          tags: { t: "x" },
        });
      }
      const decided = await approvals.request({ ...user, session: "no session of sessions" }, CALL);
      await approvals.decide(decided.approval.identity, decided.approval.id, {
        decision: "deny",
        by: "boss",
      });
      await sessions.userState(user).set("name", user.user);
      await ledger.setBudget(user, { cost: "5" });
      await ledger.reserve({ ...user, session: "s1" }, { cost: "1" });
      const own = {
        identity: userIdentity(tenant, user.user),
        kind: "app/profile",
        bytes: Buffer.from(user.user),
      };
      await opened.store.save({ ...own, eventId: newEventId() });
    }
    const sums = async () => {
      const of = { tenant };
      const by = ["day", "provider", "model", "session"] as const;
      const summaries = await Promise.all(by.map((dimension) => ledger.summarize(of, { by: dimension })));
      const { groups } = await ledger.summarize(of, { by: "user" });
      return {
        totals: await ledger.totals(of),
        days: summaries.slice(0, 3),
        all: summaries.map(({ total }) => total),
        ofNeighbour: [await ledger.totals(stays), groups.find(({ key }) => key === stays.user)],
      };
    };
    const ofNeighbour = async () => ({
      sessions: await sessions.list(stays),
      approvals: (await approvals.list({ tenant })).approvals.filter((a) => a.identity.user === stays.user),
      runs: (await runs.list(stays)).runs,
      toolCalls: (await toolCalls.list({ tenant })).calls.filter(
        ({ identity }) => identity.user === stays.user,
      ),
      budget: await ledger.budget(stays),
      profile: await opened.store.load(userIdentity(tenant, stays.user), "app/profile"),
    });
    return { gone, stays, sums, ofNeighbour };
  }

  test("of the other records under the user's own identity none is left, whatever their names", async () => {
    const { gone } = await populated();
    const owner = userIdentity(gone.tenant, gone.user);
    const kinds = [
      "a",
      "app",
      "app/",
      ...Array.from({ length: 60 }, (_, n) => `notes/${n}`),
      "sessio/x",
      "session/x",
      "z",
    ];
    for (const kind of kinds)
      await opened.store.save({ eventId: newEventId(), identity: owner, kind, bytes: Buffer.from("x") });
    await createSessions(opened.store).userState(gone).set("\u{10FFFF}\u{10FFFF}", 1);
    expect(await forgetUser(opened.store, gone)).toMatchObject({ records: kinds.length + 1 });
    expect(await opened.store.list(owner, "")).toEqual([]);
  });

  test("nothing in the database names a forgotten user, and every sum is what it was", async () => {
    const { gone, sums, ofNeighbour } = await populated();
    const before = [await sums(), await ofNeighbour()];
    expect(await wholeDatabase(opened.url)).toContain(gone.user);
    expect(await forgetUser(opened.store, gone)).toEqual({
      approvals: 4,
      questions: 3,
      entries: 3,
      runs: 3,
      toolCalls: 3,
      memories: 0,
      sessions: 3,
      records: 1,
    });
    expect(await wholeDatabase(opened.url)).not.toContain(gone.user);
    expect([await sums(), await ofNeighbour()]).toEqual(before);
    expect(await forgetUser(opened.store, gone)).toEqual({
      approvals: 0,
      questions: 0,
      entries: 0,
      runs: 0,
      toolCalls: 0,
      memories: 0,
      sessions: 0,
      records: 0,
    });
  });

  test("what is damaged in one wrapper does not keep the user in the others", async () => {
    const { gone, ofNeighbour } = await populated();
    const before = await ofNeighbour();
    const save = (identity: Identity, kind: string) =>
      opened.store.save({ eventId: newEventId(), identity, kind, bytes: Buffer.from("{") });
    const owner = userIdentity(gone.tenant, gone.user);
    const [entry] = await opened.store.list(owner, "question.user/");
    await save({ ...gone, session: "s1" }, "tool-call/c");
    await save(owner, entry?.kind as string);
    await expect(forgetUser(opened.store, gone)).rejects.toMatchObject({
      code: "CORRUPT",
      details: { at: { identity: owner, kind: entry?.kind } },
    });
    for (const session of ["s1", "s2", "s3"])
      expect(await opened.store.count({ ...gone, session }, "")).toBe(0);
    expect((await opened.store.list(owner, "")).map(({ kind }) => kind)).toEqual([entry?.kind]);
    expect(await ofNeighbour()).toEqual(before);
  });

  describe("interrupted", () => {
    test.each([1, 2, 3, 5, 8, 10])("at its commit %i it goes on when it is called again", async (commit) => {
      const { gone, sums, ofNeighbour } = await populated();
      const before = [await sums(), await ofNeighbour()];
      await expect(forgetUser(dyingAt(opened.store, "commit", commit), gone)).rejects.toThrow(
        "the process died",
      );
      expect(await sums()).toEqual(before[0]);
      await forgetUser(opened.store, gone);
      expect([await sums(), await ofNeighbour()]).toEqual(before);
      expect(await wholeDatabase(opened.url)).not.toContain(gone.user);
    });
  });

  test.each([{ tenant: "t" }, { tenant: "t", user: "u", session: "s" }, undefined])(
    "who is meant has a tenant and a name, and nothing else: %j",
    async (user) => {
      await expect(forgetUser(opened.store, user as never)).rejects.toMatchObject({
        code: expect.stringMatching(/^(INVALID_RECORD|IDENTITY_REQUIRED)$/),
      });
    },
  );
});

interface User {
  readonly tenant: string;
  readonly user: string;
}

const CALL = { tool: "rm", arguments: {} };
