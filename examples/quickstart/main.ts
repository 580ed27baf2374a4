/**
 * Replays a recorded agent run: the agent dies while it waits for an approval, a person decides in another process, the
 * next agent dies when it has begun what was allowed, another takes the run over, and the store says what came of it. `agent.ts` is the part to read first: it is what
 * a runtime would do.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isStateError, newEventId } from "groundstate";
import "groundstate/drivers";
import type { Lease } from "groundstate/runs";
import { openRuntime } from "groundstate/runtime";
import type { Job, News } from "./agent.js";
import { BadRun, readRun, type Step } from "./recorded-run.js";
import { output, printReport } from "./report.js";
import { type About, startRun } from "./run.js";
import { readAs, readBack } from "./stored.js";

const USAGE = `npm run quickstart -- [path/to/run.traj] [--store URL]

  path/to/run.traj  a recorded run: JSON with trajectory[] or history[] (default: one the project ships)
  --store URL       where it is stored: sqlite:file.db or postgres://... (default: sqlite:quickstart.db)
`;

const SHIPPED = fileURLToPath(new URL("../../../examples/quickstart/run.traj", import.meta.url));

/** npm starts scripts in the package's folder; relative paths are meant from the user's current folder. */
const HERE = process.env.INIT_CWD ?? process.cwd();

/** A wrong command line, with what to change. */
class BadUse extends Error {}

interface Choice {
  readonly path: string;
  readonly store: string;
}

// A reader that has seen enough, such as head, closes the pipe; the agent ends with this process.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  const choice = readArguments();
  if (choice === "help") console.log(USAGE);
  else await quickstart(choice);
} catch (error) {
  if (!(error instanceof BadUse || error instanceof BadRun || isStateError(error))) throw error;
  output.failure(error.message);
  process.exitCode = isStateError(error) ? 1 : 2;
}

async function quickstart({ path, store: url }: Choice): Promise<void> {
  const { steps } = await readRun(path);
  const run = { tenant: "acme", user: "ada", session: newEventId(), run: "r1" };
  // A person has to allow the step after the first half. The agent dies while it waits for that, and the next one in the
  // middle of the command.
  const gate = Math.min(steps.length, Math.ceil(steps.length / 2) + 1);
  {
    // A store that cannot be opened is found out here, not by the agent.
    await using state = await openRuntime<About, Step>(url);
    await startRun(state, run, path, steps.length);
  }
  output.beginning(path, steps.length, url, run);
  const job: Job = { store: url, path, run, gate };

  const heard: News[] = [];
  await runAgent(job, heard, "asked");
  output.decided(await decide(url, run.tenant));
  await runAgent(job, heard, "begun");
  await runAgent(job, heard);

  const dead = heard.find((news) => news.is === "claimed")?.lease;
  await using state = await openRuntime<About, Step>(url);
  const stored = await readBack(state, run, steps, gate, dead as Lease);
  const elsewhere = await readAs(state, { ...run, tenant: "globex" }, gate);
  printReport(stored, steps.length, heard, elsewhere);
}

/**
 * Runs an agent in a process of its own, until it has ended or is killed at a piece of news. It waits after each of them until
 * it is told to go on.
 */
async function runAgent(job: Job, heard: News[], killAt?: News["is"]): Promise<void> {
  const agent = fork(fileURLToPath(new URL("./agent.js", import.meta.url)), [JSON.stringify(job)]);
  output.started("agent", agent.pid);
  agent.on("message", (news: News) => {
    output.news(news);
    heard.push(news);
    if (news.is === killAt) agent.kill("SIGKILL");
    else agent.send("go on");
  });
  await ended(agent, killAt === undefined ? null : "SIGKILL");
}

/** Lets a person decide, in a process of their own: how much there was to decide. */
async function decide(url: string, tenant: string): Promise<number> {
  const person = fork(fileURLToPath(new URL("./person.js", import.meta.url)), [url, tenant]);
  output.started("person", person.pid);
  let decided = 0;
  person.on("message", (count: number) => {
    decided = count;
  });
  const [code] = (await once(person, "exit")) as [number | null];
  if (code !== 0) throw new Error("the person did not decide");
  return decided;
}

async function ended(agent: ChildProcess, expected: NodeJS.Signals | null): Promise<void> {
  const [code, signal] = (await once(agent, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal !== expected || (signal === null && code !== 0))
    throw new Error("the agent did not end as planned");
  output.ended(agent.pid, signal);
}

function readArguments(): Choice | "help" {
  const { values, positionals } = parse();
  if (values.help) return "help";
  if (positionals.length > 1) throw new BadUse("give one recorded run at a time");
  const [run] = positionals;
  return { path: run === undefined ? SHIPPED : resolve(HERE, run), store: storeUrl(values.store) };
}

function parse() {
  const options = {
    store: { type: "string", default: "sqlite:quickstart.db" },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    return parseArgs({ allowPositionals: true, options });
  } catch (error) {
    const [problem] = (error as Error).message.split(". ");
    throw new BadUse(`${problem}. What there is: npm run quickstart -- --help`);
  }
}

function storeUrl(url: string): string {
  const file = /^sqlite:(.*)$/i.exec(url)?.[1];
  if (/^memory:/i.test(url) || file === ":memory:") {
    throw new BadUse("a store in memory would end with the process that is killed here");
  }
  return file ? `sqlite:${resolve(HERE, file)}` : url;
}
