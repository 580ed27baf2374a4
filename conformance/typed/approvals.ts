import assert from "node:assert/strict";
import { createApprovals } from "../../src/approvals/index.js";
import { refused } from "../assertions/expect.js";
import type { ConformanceCase } from "../harness/case.js";
import { anotherMillisecond, assertOneWinner, ROUNDS, severalOf } from "./several.js";

const CALL = { tool: "transfer", arguments: { to: "DE02", amount: 250 } };
const WAIT_MS = 5_000;

/** What approvals promise, as far as it depends on the store. */
export const approvalCases: readonly ConformanceCase[] = [
  {
    id: "approvals/decided-once",
    rule: "Of several stores that decide one request at once, one decides it, and the others are told ALREADY_DECIDED.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createApprovals);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await first.request(owner, CALL);
        const outcomes = await Promise.allSettled(
          wrappers.map((approvals, index) =>
            approvals.decide(owner, approval.id, {
              decision: index % 2 ? "approve" : "deny",
              by: `d-${index}`,
            }),
          ),
        );
        const winner = assertOneWinner(outcomes, "ALREADY_DECIDED", "decisions");
        const { decision } = await first.get(owner, approval.id);
        assert.equal(decision?.by, `d-${winner}`, "who decided");
      }
    },
  },
  {
    id: "approvals/claimed-once",
    rule: "Of several stores that claim one approved call at once, one gets it, and the others are told ALREADY_CLAIMED.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createApprovals);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await first.request(owner, CALL);
        await first.decide(owner, approval.id, { decision: "approve", by: "grace" });
        const outcomes = await Promise.allSettled(
          wrappers.map((approvals) => approvals.claim(owner, approval.id, CALL)),
        );
        assertOneWinner(outcomes, "ALREADY_CLAIMED", "claims");
      }
    },
  },
  {
    id: "approvals/votes-are-counted",
    rule: "Of stores that approve at once what two people have to approve, two are counted; the others get ALREADY_DECIDED or ALREADY_VOTED.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createApprovals);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await first.request(owner, { ...CALL, approvals: 2 });
        const outcomes = await Promise.allSettled(
          wrappers.flatMap((approvals, index) =>
            [`d-${index}`, "everybody"].map((by) =>
              approvals.decide(owner, approval.id, { decision: "approve", by }),
            ),
          ),
        );
        const counted = outcomes.filter(({ status }) => status === "fulfilled");
        assert.equal(counted.length, 2, "votes that were accepted");
        const { status, votes = [] } = await first.get(owner, approval.id);
        assert.equal(status, "approved", "the status");
        assert.equal(new Set(votes.map(({ by }) => by)).size, 2, "people who approved");
      }
    },
  },
  {
    id: "approvals/revoked-or-claimed",
    rule: "Of stores that revoke an approved call and claim it at once, one gets it: what was revoked is not claimed.",
    needs: "durable",
    async run(context) {
      const [first, other] = await severalOf(context, createApprovals);
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const { approval } = await first.request(owner, CALL);
        await first.decide(owner, approval.id, { decision: "approve", by: "grace" });
        const outcomes = await Promise.allSettled([
          first.revoke(owner, approval.id, { by: "grace" }),
          other.claim(owner, approval.id, CALL),
        ]);
        const won = outcomes.filter(({ status }) => status === "fulfilled");
        assert.equal(won.length, 1, "calls that took effect");
        const { status } = await first.get(owner, approval.id);
        assert.equal(status, outcomes[0].status === "fulfilled" ? "revoked" : "claimed", "the status");
      }
    },
  },
  {
    id: "approvals/claimed-as-edited",
    rule: "What one store approved with other arguments is claimed by these alone, also by stores that saw the request before.",
    needs: "durable",
    async run(context) {
      const [decider, ...agents] = await severalOf(context, createApprovals);
      const [agent, voter] = agents as [typeof decider, typeof decider];
      const owner = context.identity();
      const edited = { ...CALL, arguments: { ...CALL.arguments, amount: 25 } };
      const { approval } = await decider.request(owner, { ...CALL, approvals: 2 });
      for (const other of agents) await other.get(owner, approval.id);
      const edit = { decision: "approve", arguments: edited.arguments } as const;
      await decider.decide(owner, approval.id, { ...edit, by: "grace" });
      await refused("DIGEST_MISMATCH", "a vote for what was edited away", () =>
        voter.decide(owner, approval.id, { decision: "approve", by: "ada" }),
      );
      await voter.decide(owner, approval.id, { ...edit, by: "ada" });
      await refused("DIGEST_MISMATCH", "a claim of what was edited away", () =>
        agent.claim(owner, approval.id, CALL),
      );
      assert.equal((await agent.claim(owner, approval.id, edited)).status, "claimed", "the edited call");
    },
  },
  {
    id: "approvals/joined",
    rule: "Of several stores that request the same call at once with `join`, one makes a request, and the others get it.",
    needs: "durable",
    async run(context) {
      const wrappers = await severalOf(context, createApprovals);
      const [first] = wrappers;
      for (let round = 0; round < ROUNDS; round++) {
        const owner = context.identity();
        const receipts = await Promise.all(
          wrappers.map((approvals) => approvals.request(owner, { ...CALL, join: true })),
        );
        assert.equal(receipts.filter(({ duplicate }) => !duplicate).length, 1, "requests that were made");
        assert.equal(new Set(receipts.map(({ approval }) => approval.id)).size, 1, "different ids");
        assert.deepEqual(await first.count(owner, { status: "pending" }), { pending: 1 }, "pending ones");
      }
    },
  },
  {
    id: "approvals/decision-outlives-session",
    rule: "A decision stays in the audit list of its tenant when its session is erased, and the outcome of its call is added to it.",
    async run({ store, tenant }) {
      const approvals = createApprovals(store);
      const owner = { tenant: tenant(), user: "user", session: "s-1" };
      const { approval } = await approvals.request(owner, CALL);
      await approvals.decide(owner, approval.id, { decision: "approve", by: "grace" });
      await approvals.claim(owner, approval.id, CALL);
      await store.erase(owner);
      await approvals.complete(owner, approval.id, { result: "done" });
      const { entries } = await approvals.audit({ tenant: owner.tenant });
      const [entry] = entries;
      assert.equal(entries.length, 1, "entries");
      assert.equal(entry?.status, "completed", "the status");
      assert.equal(entry?.decision?.by, "grace", "who decided");
      assert.deepEqual(entry?.arguments, CALL.arguments, "the arguments");
    },
  },
  {
    id: "approvals/listed-by-status",
    rule: "Requests are listed by status, newest first, under their session and their tenant, and in no other tenant.",
    async run({ store, tenant }) {
      const approvals = createApprovals(store);
      const [own, other] = [tenant(), tenant()];
      const owners = ["s-1", "s-2"].map((session) => ({ tenant: own, user: "user", session }));
      const ids: string[] = [];
      for (const owner of [...owners, ...owners]) {
        ids.unshift((await approvals.request(owner, CALL)).approval.id);
        await anotherMillisecond();
      }
      const [first = ""] = ids.slice(-1);
      await approvals.decide({ tenant: own, user: "user", session: "s-1" }, first, {
        decision: "deny",
        by: "grace",
      });
      const listed = async (where: Parameters<typeof approvals.list>[0], status: "pending" | "denied") =>
        (await approvals.list(where, { status })).approvals.map(({ id }) => id);
      assert.deepEqual(
        await listed({ tenant: own }, "pending"),
        ids.slice(0, -1),
        "pending ones of the tenant",
      );
      assert.deepEqual(await listed({ tenant: own }, "denied"), [first], "denied ones of the tenant");
      const [session] = owners as [(typeof owners)[number]];
      assert.deepEqual(await listed(session, "pending"), [ids[1]], "pending ones of the session");
      assert.deepEqual(await listed({ tenant: other }, "pending"), [], "pending ones of another tenant");
    },
  },
  {
    id: "approvals/wait-sees-others",
    rule: "Who waits for a decision gets it, also when another store made it.",
    needs: "durable",
    async run(context) {
      const owner = context.identity();
      const [here, there] = await severalOf(context, createApprovals);
      const { approval } = await here.request(owner, CALL);
      const waiting = here.wait(owner, approval.id, { timeoutMs: WAIT_MS });
      await there.decide(owner, approval.id, { decision: "approve", by: "grace" });
      assert.equal((await waiting).status, "approved", "what the wait ended with");
    },
  },
];
