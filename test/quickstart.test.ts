import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import "../drivers/index.js";
import { createApprovals } from "../src/approvals/index.js";
import { openStore } from "../src/index.js";
import { createLedger } from "../src/ledger/index.js";
import { createRuns } from "../src/runs/index.js";
import { createSessions } from "../src/sessions/index.js";
import { createToolCalls } from "../src/tool-calls/index.js";
import { createDatabase } from "./postgres/database.js";
import { isSoak, sampleOf } from "./soak.js";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const MAIN = join(ROOT, "dist/examples/quickstart/main.js");
/** What can command a terminal: every control character but the end of a line, and what turns the direction of writing. */
const COMMANDS = /[^\P{Cc}\n]|\p{Bidi_Control}/u;

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "quickstart-"));
  return () => rm(folder, { recursive: true, force: true });
});

describe("the quickstart", () => {
  test("replays the run the project ships, into a file where the person stands", async () => {
    const { trajectory } = JSON.parse(await readFile(join(ROOT, "examples/quickstart/run.traj"), "utf8"));
    for (const time of isSoak ? ["first", "second"] : ["first"]) {
      const { code, out, err } = await quickstart();
      expect({ time, code, err }).toEqual({ time, code: 0, err: "" });
      expect(out).toContain(
        `${trajectory.length} of ${trajectory.length} steps, ${trajectory.length} of them exactly`,
      );
      await check(`sqlite:${join(folder, "quickstart.db")}`, out, trajectory, "0.0412875");
    }
    await replayHostile();
  });

  /** A run of one step into the file of an earlier run: its costs to the last digit, and nothing that commands the terminal. */
  async function replayHostile(): Promise<void> {
    const hostile = "\u001b[2J\u001b]0;title\u0007\u009b31m\u202Eright to left\r\n";
    const action = `${hostile}\ud800👩‍👩‍👧${"漢字".repeat(100)}`;
    const info = { model_stats: { instance_cost: 0.53839, tokens_sent: 52861, tokens_received: 326 } };
    const trajectory = [{ thought: hostile, action, observation: hostile }];
    const { code, out } = await quickstart(await recorded({ trajectory, info }));
    expect(code).toBe(0);
    expect(out).toContain("53187 tokens, $0.53839");
    expect(out).not.toMatch(COMMANDS);
    expect(out).toMatch(/(漢字)+漢?…\n/);
    // Half a character is none, which UTF-8 cannot say.
    const kept = [{ thought: hostile, action: action.replace("\ud800", "\ufffd"), observation: hostile }];
    await check(`sqlite:${join(folder, "quickstart.db")}`, out, kept, "0.53839");
  }

  test.runIf(isSoak)("replays the agent's turns of a run that has only a history", async () => {
    const history = [
      { role: "system", content: "You fix bugs." },
      { role: "assistant", is_demo: true, action: "demonstrate", thought: "not part of the run" },
      { role: "user", content: "It does not start." },
      { role: "assistant", action: "ls", thought: "What is there?" },
      { role: "tool", content: "main.py" },
      { role: "assistant", action: "submit" },
    ];
    const store = `sqlite:${join(folder, "other.db")}`;
    const { code, out } = await quickstart("--store", store, await recorded({ history }));
    expect(code).toBe(0);
    await check(store, out, [
      { thought: "What is there?", action: "ls", observation: "main.py" },
      { thought: "", action: "submit", observation: "" },
    ]);
  });

  test("runs on Postgres, and keeps its password to itself", async () => {
    const database = await createDatabase();
    onTestFinished(database.drop);
    const trajectory = Array.from({ length: 30 }, (_, i) => ({
      thought: "",
      action: `do ${i}`,
      observation: "",
    }));

    const { code, out, err } = await quickstart("--store", database.url, await recorded({ trajectory }));

    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).not.toContain(new URL(database.url).password || "no password");
    expect(out).toContain("6 more");
    await check(database.url, out, trajectory);
  });

  test.runIf(isSoak)("replays several equal steps", async () => {
    const trajectory = Array.from({ length: 7 }, () => ({ thought: "", action: "submit", observation: "" }));
    const { code, out } = await quickstart(await recorded({ trajectory }));
    expect(code).toBe(0);
    await check(`sqlite:${join(folder, "quickstart.db")}`, out, trajectory);
  });

  const oversized = { trajectory: [{ action: "small" }, { action: "x".repeat(1024 * 1024) }] };
  const faults = [
    ["a missing file", ["missing.traj"], 2, "cannot read the recorded run"],
    ["an unknown option", ["--nonsense"], 2, "Unknown option '--nonsense'"],
    ["two runs", ["one.traj", "two.traj"], 2, "one recorded run at a time"],
    ["a store in memory", ["--store", "memory:"], 2, "would end with the process"],
    ["an unknown store", ["--store", "nonsense:"], 1, "no driver called nonsense is registered"],
    ["a file that is not JSON", "\u001b[31mnonsense", 2, "is not JSON"],
    ["a run without steps", { trajectory: [] }, 2, "holds no steps"],
    ["JSON of something else", [1, 2, 3], 2, "holds no steps"],
    ["a step that is none", { trajectory: ["ls"] }, 2, "a step that is no object"],
    ["a step beyond the limit", oversized, 2, "step 2 has 1048619 bytes; it may have at most 1015808"],
  ] as const;
  test.each(sampleOf(faults, 5))(
    "says in one line what is wrong with %s",
    async (_, given, expected, words) => {
      const isArguments = Array.isArray(given) && typeof given[0] === "string";
      const { code, out, err } = await quickstart(
        ...(isArguments ? (given as readonly string[]) : [await recorded(given)]),
      );
      expect({ code, out }).toEqual({ code: expected, out: "" });
      expect(err).toContain(words);
      expect(err.trimEnd().split("\n")).toHaveLength(1);
      expect(existsSync(join(folder, "quickstart.db"))).toBe(false);
    },
  );
});

/** That the output is true: the store, asked by another process, holds these steps of the run and of nobody else. */
async function check(url: string, out: string, steps: readonly object[], cost = "0"): Promise<void> {
  const [tenant = "", user = "", session = "", run = ""] = out.match(/acme \/ .*/)?.[0].split(" / ") ?? [];
  const owner = { tenant, user, session };
  await using store = await openStore(url);
  const sessions = createSessions(store);
  expect((await sessions.get(owner)).status).toBe("closed");
  const events = await sessions.read(owner);
  expect(events.map(({ value }) => value)).toEqual(steps);
  const { approvals } = await createApprovals(store).list(owner);
  expect(approvals).toMatchObject([
    {
      status: "completed",
      requester: "ada",
      decision: { status: "approved", by: "grace" },
      claim: { at: expect.any(Date) },
    },
  ]);
  const before = Math.min(steps.length - 1, Math.ceil(steps.length / 2));
  const runs = createRuns(store);
  expect(await runs.get(owner, run)).toMatchObject({
    status: "completed",
    claims: 3,
    usage: { steps: steps.length, cost },
  });
  const kept = await runs.steps(owner, run);
  expect(kept.steps.map(({ status, attempts, fence }) => ({ status, attempts, fence }))).toEqual(
    steps.map((_, index) => ({ status: "finished", attempts: 1, fence: index < before ? 1 : 3 })),
  );
  const [id] = approvals.map((approval) => approval.id);
  const { action, observation } = { action: "", observation: "", ...steps[before] };
  expect((await createToolCalls(store).list({ ...owner, run })).calls).toMatchObject([
    {
      id,
      approval: id,
      status: "succeeded",
      arguments: { command: action },
      outcome: { result: observation },
    },
  ]);
  const ledger = createLedger(store);
  expect(await ledger.totals({ ...owner, run })).toMatchObject({ calls: steps.length, cost });
  expect((await ledger.entries({ ...owner, run })).length).toBe(steps.length);

  // What the agents said themselves, apart from the store: none of them did what was kept.
  expect(out).toContain(`${steps.length} turns done, ${2 * before} kept and not done again`);
  expect(out).toMatch(/the first agent: FENCED/);
  expect(out.match(/killed with SIGKILL/g)).toHaveLength(2);
  expect(out).toMatch(/command +of turn \d+ begun before, outcome unknown/);
  expect(out).toMatch(/command +succeeded, said by the agent; made once\n/);
  expect(out).toMatch(/approval +completed; .*a second claim: ALREADY_CLAIMED/);
  expect(out).toMatch(/costs +.*one more: BUDGET_EXCEEDED/);
  expect(out).toMatch(/seen by another tenant +0 sessions, 0 calls; .*NOT_FOUND, .*NOT_FOUND, .*NOT_FOUND/);
}

async function recorded(run: unknown): Promise<string> {
  const path = join(folder, "recorded.traj");
  await writeFile(path, typeof run === "string" ? run : JSON.stringify(run));
  return path;
}

async function quickstart(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { ...process.env, INIT_CWD: folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  const [code] = (await once(child, "close")) as [number];
  return { code, out, err };
}
