import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Random, seeded } from "../../conformance/inputs/seeded.js";
import type { SessionIdentity, StateStore } from "../../src/index.js";
import { createRuns } from "../../src/runs/index.js";
import type { RunAccount } from "./judge.js";

export interface CrewTask {
  readonly workers: number;
  readonly runs: number;
  readonly steps: number;
  /** How many workers are killed, each replaced by a new one. */
  readonly kills: number;
  readonly leaseMs: number;
  /** The share of steps that take longer than the lease. */
  readonly stalls: number;
  /** Control: false, where a worker writes whether or not its lease holds. */
  readonly fencing: boolean;
  readonly seed: number;
}

const WORKER = fileURLToPath(new URL("worker.mjs", import.meta.url));

/** Lets processes work off a queue of runs, kills some at random moments, and returns what became of each run. */
export async function workOff(
  { store, url }: { readonly store: StateStore; readonly url: string },
  who: SessionIdentity,
  task: CrewTask,
): Promise<readonly RunAccount[]> {
  const runs = createRuns(store);
  const folder = mkdtempSync(join(tmpdir(), "groundstate-runs-"));
  const ids = Array.from({ length: task.runs }, (_, n) => `run-${n}`);
  await Promise.all(ids.map((id) => runs.start(who, { id, name: "work" })));
  const { steps, leaseMs, stalls, fencing } = task;
  const given = { url, tenant: who.tenant, folder, steps, leaseMs, stalls, fencing };
  const crew = new Crew((me) => JSON.stringify({ ...given, me }), seeded(task.seed));
  try {
    for (let n = 0; n < task.workers; n++) crew.hire();
    await crew.kill(task.kills, async (share) => (await countOpen(store, who)) > share * task.runs);
    await crew.end();
    return await Promise.all(
      ids.map(async (id) => ({
        run: await runs.get(who, id),
        steps: (await runs.steps(who, id)).steps,
        lines: linesOf(join(folder, id)),
      })),
    );
  } finally {
    crew.dismiss();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function countOpen(store: StateStore, who: SessionIdentity): Promise<number> {
  const [pending, running] = await Promise.all(
    ["pending", "running"].map((status) => store.count(who, `run.session/${status}/`)),
  );
  return (pending ?? 0) + (running ?? 0);
}

class Crew {
  readonly #argument: (me: number) => string;
  readonly #random: Random;
  readonly #working = new Map<ChildProcess, Promise<void>>();
  readonly #errors: string[] = [];
  #hired = 0;

  constructor(argument: (me: number) => string, random: Random) {
    this.#argument = argument;
    this.#random = random;
  }

  hire(): void {
    const child = spawn(process.execPath, [WORKER, this.#argument(this.#hired++)], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let said = "";
    child.stderr?.on("data", (data) => {
      said += String(data);
    });
    const ended = new Promise<void>((resolve) => {
      child.on("exit", (code, signal) => {
        this.#working.delete(child);
        if (signal !== "SIGKILL" && code !== 0) this.#errors.push(said);
        resolve();
      });
    });
    this.#working.set(child, ended);
  }

  /** Kills workers while there is work, spread over the work, and hires others. */
  async kill(count: number, isMoreOpenThan: (share: number) => Promise<boolean>): Promise<void> {
    for (let n = 1; n <= count; n++) {
      const share = 1 - n / (count + 2);
      while ((await isMoreOpenThan(share)) && this.#working.size > 0) await sleep(5);
      await sleep(this.#random(20));
      const all = [...this.#working.keys()];
      all[this.#random(Math.max(1, all.length))]?.kill("SIGKILL");
      this.hire();
    }
  }

  async end(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working.values());
    if (this.#errors.length > 0) throw new Error(`a worker ended with: ${this.#errors.join("\n")}`);
  }

  dismiss(): void {
    for (const child of this.#working.keys()) child.kill("SIGKILL");
  }
}

function linesOf(path: string): string[] {
  return readFileSync(path, "utf8").split("\n").filter(Boolean);
}
