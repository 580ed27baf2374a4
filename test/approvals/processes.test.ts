import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { isSoak } from "../soak.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onSharedStores } from "../typed/stores.js";
import { CALL } from "./states.js";

const ROUNDS = isSoak ? 10 : 5;
/** Each costs a quarter of a second of one core. */
const PROCESSES = isSoak ? 8 : 3;

interface Answer {
  readonly decide: readonly string[];
  readonly claim: readonly string[];
  readonly requested: readonly boolean[];
}

/** Each process requests, decides and claims the same calls, and prints its answers as `code: winner`. */
const CONTENDER = `
  import { createApprovals } from "groundstate/approvals";
  const approvals = createApprovals(store);
  const by = "process-" + me;
  const told = (work) => work.then(
    ({ decision, claim }) => "won: " + (claim ?? decision).by,
    ({ code, details }) => code + ": " + (details.winner ?? details).by,
  );
  const requested = [], decide = [], claim = [];
  for (let round = 0; round < args.rounds; round++) {
    const id = "call-" + round;
    requested.push((await approvals.request(args.who, { ...args.call, id })).duplicate);
    const decision = args.decisions[me % args.decisions.length];
    decide.push(await told(approvals.decide(args.who, id, { decision, by, token: by })));
    claim.push(await told(approvals.claim(args.who, id, { ...args.call, by, token: by })));
  }
  console.log(JSON.stringify({ requested, decide, claim }));
`;

onSharedStores((opened) => {
  async function contend(decisions: readonly string[]) {
    const who = newSession();
    const args = { who, call: CALL, rounds: ROUNDS, decisions };
    const answers = await inProcesses<Answer>(PROCESSES, opened.url, args, CONTENDER);
    const approvals = createApprovals(opened.store);
    const stored = await Promise.all(
      Array.from({ length: ROUNDS }, (_, round) => approvals.get(who, `call-${round}`)),
    );
    expect((await approvals.list({ tenant: who.tenant })).approvals).toHaveLength(ROUNDS);
    return { answers, stored };
  }

  test("of many processes one asks, one decides and one claims, and all others are told who", async () => {
    const { answers, stored } = await contend(["approve"]);
    for (const [round, { status, decision, claim }] of stored.entries()) {
      expect(status).toBe("claimed");
      expect(answers.filter(({ requested }) => requested[round] === false)).toHaveLength(1);
      expect(answers.map(({ decide }) => decide[round]).sort()).toEqual([
        ...new Array(PROCESSES - 1).fill(`ALREADY_DECIDED: ${decision?.by}`),
        `won: ${decision?.by}`,
      ]);
      expect(answers.map((answer) => answer.claim[round]).sort()).toEqual([
        ...new Array(PROCESSES - 1).fill(`ALREADY_CLAIMED: ${claim?.by}`),
        `won: ${claim?.by}`,
      ]);
    }
  });

  test("where they disagree, one decision holds for the claims of all", async () => {
    const { answers, stored } = await contend(["approve", "deny"]);
    for (const [round, { status, decision, claim }] of stored.entries()) {
      expect(answers.filter(({ decide }) => decide[round] === `won: ${decision?.by}`)).toHaveLength(1);
      const claims = answers.map((answer) => answer.claim[round]);
      if (decision?.status === "denied") {
        expect(status).toBe("denied");
        expect(claims).toEqual(new Array(PROCESSES).fill(`ALREADY_DECIDED: ${decision.by}`));
      } else {
        expect(claims.filter((told) => told === `won: ${claim?.by}`)).toHaveLength(1);
        expect(claims.filter((told) => told === `ALREADY_CLAIMED: ${claim?.by}`)).toHaveLength(PROCESSES - 1);
      }
    }
  });

  test("the check detects a gate that lets two through (control)", async () => {
    const who = newSession();
    // As it is where the state is read, and then written whatever it has become.
    const answers = await inProcesses<string>(
      2,
      opened.url,
      { who },
      `
        import { newEventId } from "groundstate";
        const found = await store.find(args.who, "gate");
        await meet();
        if (found === undefined) await store.save({ eventId: newEventId(), identity: args.who, kind: "gate", bytes: new Uint8Array() });
        console.log(JSON.stringify(found === undefined ? "won" : "late"));
      `,
    );
    expect(answers).toEqual(["won", "won"]);
  });
});
