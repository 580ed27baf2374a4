import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createApprovals } from "../../src/approvals/index.js";
import { createCheckpoints } from "../../src/checkpoints/index.js";
import type { StateStore } from "../../src/index.js";
import { createLedger } from "../../src/ledger/index.js";
import { createSessions } from "../../src/sessions/index.js";
import { createToolCalls } from "../../src/tool-calls/index.js";
import { expectBalanced } from "../ledger/accounts.js";
import { isSoak, soak } from "../soak.js";
import { inProcesses } from "../typed/processes.js";
import { newSession, onSharedStores, type TestStore } from "../typed/stores.js";
import { report } from "./figures.js";
import { urlOfWorkers, workersHaveEnded } from "./killed-workers.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** `step(unit)` and `alone()` make the same calls. */
const STEPS = `
  import { createApprovals } from "groundstate/approvals";
  import { createCheckpoints } from "groundstate/checkpoints";
  import { createLedger } from "groundstate/ledger";
  import { createSessions } from "groundstate/sessions";
  import { createToolCalls } from "groundstate/tool-calls";
  import { together } from "groundstate/typed";
  const stepsOn = (store, who) => {
    const wrappers = [createSessions, createApprovals, createLedger, createToolCalls, createCheckpoints].map((create) =>
      create(store),
    );
    const call = { tool: "t", arguments: { n: 1 } };
    const make = async ([events, gates, accounts, calls, checkpoints], id) => {
      await events.append(who, { id, value: id });
      await accounts.record(who, { eventId: id, provider: "p", model: "m", cost: "0.01" });
      await gates.request(who, { ...call, id });
      await gates.decide(who, id, { decision: "approve", by: "grace", token: id });
      await calls.begin(who, { ...call, id, approval: id, token: id });
      await calls.succeed(who, id, { result: id, token: id });
      await checkpoints.put(who, { lineage: "thread", id, values: { last: id } });
    };
    return {
      step: (id) => (unit) => make(wrappers.map((wrapper) => wrapper.in(unit)), id),
      alone: (id) => make(wrappers, id),
    };
  };
`;

const WORKER = `
  import { openStore } from "groundstate";
  import "groundstate/drivers";
  ${STEPS}
  const { url, who, round, isTogether } = JSON.parse(process.argv[1]);
  const store = await openStore(url);
  const { step, alone } = stepsOn(store, who);
  for (let n = 0; ; n++) {
    const id = round + "-" + n;
    if (isTogether) await together(store, step(id));
    else await alone(id);
    if (n === 0) process.stdout.write("ready");
  }
`;

onSharedStores((opened) => {
  test("a process that is killed leaves all of a unit or nothing; calls alone are caught half done (control)", async () => {
    const rounds = isSoak ? soak(3) : 1;
    const who = await newAgent(opened.store);
    let units = 0;
    for (let round = 0; round < rounds; round++) {
      await killed(opened, { who, round, isTogether: true });
      await workersHaveEnded(opened.url);
      expect(await torn(opened.store, who)).toEqual([]);
      units = (await stepsOf(opened.store, who)).events.length;
    }
    expect(units).toBeGreaterThanOrEqual(rounds);
    await expectBalanced(opened.store, who.tenant);

    const control = await newAgent(opened.store);
    let round = 0;
    for (; (await torn(opened.store, control)).length === 0; round++) {
      expect(round).toBeLessThan(20);
      await killed(opened, { who: control, round, isTogether: false });
      await sleep(50);
    }
    report("together, killed", { rounds, units, "rounds until calls alone were half done": round });
  }, 600_000);

  test("processes contend for one session and one budget: each unit once, numbers without a gap, exact sums", async () => {
    const [count, each] = [isSoak ? 8 : 2, soak(5)];
    const who = await newAgent(opened.store);
    const ledger = createLedger(opened.store);
    await ledger.setBudget({ tenant: who.tenant }, { calls: 1_000_000 });
    await inProcesses(
      count,
      opened.url,
      { who, each },
      `${STEPS}
      const { step } = stepsOn(store, args.who);
      for (let n = 0; n < args.each; n++) {
        const id = me + "-" + n;
        await together(store, step(id), { attempts: 1000 });
        // Every third one is sent again, as after a lost answer.
        if (n % 3 === 0) await together(store, step(id), { attempts: 1000 });
      }
      console.log("0");`,
    );
    const expected = Array.from({ length: count }, (_, me) =>
      Array.from({ length: each }, (__, n) => `${me}-${n}`),
    ).flat();
    for (const ids of Object.values(await stepsOf(opened.store, who))) expect(ids).toEqual(expected.sort());
    const numbers = (await createSessions(opened.store).read(who)).map(({ number }) => number);
    expect(numbers).toEqual(expected.map((_, n) => n + 1));
    expect((await ledger.budget({ tenant: who.tenant }))?.spent.calls).toBe(expected.length);
    await expectBalanced(opened.store, who.tenant);
  }, 600_000);
});

type Who = ReturnType<typeof newSession>;

async function newAgent(store: StateStore): Promise<Who> {
  const who = newSession();
  await createSessions(store).create(who);
  return who;
}

/** Lets a worker make steps, and kills it at a random moment after its first. */
async function killed({ url }: TestStore, given: { who: Who; round: number; isTogether: boolean }) {
  const args = ["--input-type=module", "-e", WORKER, JSON.stringify({ url: urlOfWorkers(url), ...given })];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exit = once(child, "exit");
  await Promise.race([once(child.stdout as NodeJS.ReadableStream, "data"), exit]);
  await sleep(Math.random() * 60);
  child.kill("SIGKILL");
  expect((await exit)[1]).toBe("SIGKILL");
}

/** The ids of the steps of which there is an event, an entry, a claim that was used, a call's outcome and a checkpoint. */
async function stepsOf(store: StateStore, who: Who) {
  const [approvals, calls, checkpoints] = [
    createApprovals(store),
    createToolCalls(store),
    createCheckpoints(store),
  ];
  const ids = {
    events: (await createSessions(store).read(who)).map(({ id }) => id),
    entries: (await createLedger(store).entries(who)).map(({ eventId }) => eventId as string),
    claims: await everyId(async (after: string | undefined) => {
      const { approvals: page, next } = await approvals.list(who, {
        status: "completed",
        limit: 1000,
        after,
      });
      return { page, next };
    }),
    outcomes: await everyId(async (after: string | undefined) => {
      const { calls: page, next } = await calls.list(who, { status: "succeeded", limit: 1000, after });
      return { page, next };
    }),
    checkpoints: await everyId(async (after: number | undefined) => {
      const { checkpoints: page, next } = await checkpoints.list(
        who,
        { lineage: "thread" },
        { limit: 1000, after },
      );
      return { page, next };
    }),
  };
  for (const list of Object.values(ids)) list.sort();
  return ids;
}

async function everyId<After>(
  read: (after: After | undefined) => Promise<{ page: readonly { id: string }[]; next: After | undefined }>,
): Promise<string[]> {
  const ids: string[] = [];
  for (let after: After | undefined; ; ) {
    const { page, next } = await read(after);
    ids.push(...page.map(({ id }) => id));
    if (next === undefined) return ids;
    after = next;
  }
}

/** The steps of which some is there and some is not. */
async function torn(store: StateStore, who: Who): Promise<string[]> {
  const all = Object.values(await stepsOf(store, who));
  const ids = new Set(all.flat());
  return [...ids].filter((id) => !all.every((part) => part.includes(id)));
}
