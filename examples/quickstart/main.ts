/**
 * Replays a recorded agent run into a store, kills the agent half-way, starts it again, and shows what the store
 * holds in the end. `agent.ts` is the part to read first: it is what a runtime would do.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Identity, isStateError, newEventId, openStore } from "groundstate";
import "groundstate/drivers";
import type { Job, Sent } from "./agent.js";
import { BadRun, readRun } from "./recorded-run.js";
import { printReport, say } from "./report.js";
import { readAs, readBack } from "./stored.js";

const USAGE = `npm run quickstart -- [path/to/run.traj] [--store URL]

  path/to/run.traj  a recorded run: JSON with trajectory[] or history[] (default: one the project ships)
  --store URL       where it is stored: sqlite:file.db or postgres://... (default: sqlite:quickstart.db)
`;

const SHIPPED = fileURLToPath(new URL("../../../examples/quickstart/run.traj", import.meta.url));

/** npm starts scripts in the package's folder; paths are meant from where the person stands. */
const HERE = process.env.INIT_CWD ?? process.cwd();

/** What the person at the keyboard has to change, in one line. */
class BadUse extends Error {}

interface Choice {
  readonly run: string;
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
  say.failure(error.message);
  process.exitCode = isStateError(error) ? 1 : 2;
}

async function quickstart({ run, store: url }: Choice): Promise<void> {
  const recorded = await readRun(run);
  const identity: Identity = { tenant: "acme", user: "ada", session: "quickstart", run: newEventId() };
  await (await openStore(url)).close(); // A store that cannot be opened is found out here, not by the agent.
  say.beginning(run, recorded.length, url, identity);
  const job: Job = { store: url, run, identity };

  const half = Math.ceil(recorded.length / 2);
  const first = startAgent(job, ({ step }, agent) => {
    if (step < recorded.length) agent.send("go on");
    if (step === half) agent.kill("SIGKILL");
  });
  await ended(first, "SIGKILL");

  const restartedAt = new Date();
  const second = startAgent(job, (_, agent) => agent.send("go on"));
  await ended(second, null);

  await using store = await openStore(url);
  const stored = await readBack(store, identity, recorded, restartedAt);
  const elsewhere = await readAs(
    store,
    { ...identity, tenant: "globex" },
    stored.steps[0]?.record.eventId ?? "none",
  );
  printReport(stored, recorded.length, elsewhere);
}

/** Starts the agent in a process of its own; it waits after each step until it is told to go on. */
function startAgent(job: Job, onSent: (sent: Sent, agent: ChildProcess) => void): ChildProcess {
  const agent = fork(fileURLToPath(new URL("./agent.js", import.meta.url)), [JSON.stringify(job)]);
  say.started(agent.pid);
  agent.on("message", (sent: Sent) => {
    say.sent(sent);
    onSent(sent, agent);
  });
  return agent;
}

async function ended(agent: ChildProcess, expected: NodeJS.Signals | null): Promise<void> {
  const [code, signal] = (await once(agent, "exit")) as [number | null, NodeJS.Signals | null];
  if (signal !== expected || (signal === null && code !== 0))
    throw new Error("the agent did not end as planned");
  say.ended(agent.pid, signal);
}

function readArguments(): Choice | "help" {
  const { values, positionals } = parse();
  if (values.help) return "help";
  if (positionals.length > 1) throw new BadUse("give one recorded run at a time");
  const [run] = positionals;
  return { run: run === undefined ? SHIPPED : resolve(HERE, run), store: storeUrl(values.store) };
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
