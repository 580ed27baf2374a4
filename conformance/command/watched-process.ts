import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ALIVE_MS, type Assignment, CHANNEL, type Message } from "./messages.js";

/** Compiled beside this file. */
const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));
/** How long a process may take to start and to load the module, at least. */
const LEAST_START_MS = 30_000;
/** What a case may take, its own limit judges; this much more, and the process itself stands still. */
const GRACE_MS = 1_000;
/** How long it may live on when all is done. */
const LINGER_MS = 5_000;
/** How long what it told may be on its way once it is gone. */
const ON_ITS_WAY_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** How the process that runs cases came to its end. */
export interface End {
  /** Why it ended before it had told that all is over. */
  readonly early?: string;
  /** It had to be killed, for it lived on when all was over. */
  readonly isKeptAlive: boolean;
}

/** Runs cases in a process of their own. Resolves, whatever becomes of it; its messages come before. */
export async function runWatched(
  assignment: Assignment,
  onMessage: (message: Message) => void,
): Promise<End> {
  const child = spawn(process.execPath, [...process.execArgv, WORKER, JSON.stringify(assignment)], {
    stdio: ["ignore", "pipe", "inherit", "pipe"],
  });
  const release = endWithThisProcess(child);
  // What is written to its standard output must not be in the midst of the report.
  child.stdout?.pipe(process.stderr, { end: false });
  const told = createInterface({ input: child.stdio[CHANNEL] as Readable });
  const watch = new Watch(child, assignment.timeoutMs);
  told.on("line", (line) => {
    const message = JSON.parse(line) as Message;
    watch.heard(message);
    onMessage(message);
  });
  const allTold = once(told, "close");
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    await Promise.race([allTold, sleep(ON_ITS_WAY_MS, undefined, { ref: false })]);
    return watch.end(code, signal);
  } finally {
    watch.stop();
    release();
  }
}

/** Kills the process when it stands still. */
class Watch {
  readonly #child: ChildProcess;
  readonly #caseMs: number;
  readonly #timer: NodeJS.Timeout;
  #limitMs: number;
  #heardAt = performance.now();
  #isOver = false;
  #isKilled = false;

  constructor(child: ChildProcess, timeoutMs: number) {
    this.#child = child;
    this.#caseMs = timeoutMs + GRACE_MS;
    this.#limitMs = Math.max(this.#caseMs, LEAST_START_MS);
    // What is on its way is heard first, however late this process is.
    this.#timer = setInterval(() => setImmediate(() => this.#killIfSilent()), ALIVE_MS);
  }

  heard(message: Message): void {
    this.#heardAt = performance.now();
    if (message.is === "begun") this.#limitMs = message.isInspected ? Infinity : this.#caseMs;
    if (message.is !== "over") return;
    this.#isOver = true;
    this.#limitMs = LINGER_MS;
  }

  end(code: number | null, signal: NodeJS.Signals | null): End {
    const isKeptAlive = this.#isOver && this.#isKilled;
    if (this.#isOver) return { isKeptAlive };
    if (this.#isKilled) {
      const seconds = (this.#limitMs / 1000).toFixed(1);
      return {
        early: `the event loop was blocked for ${seconds} s, and the process was killed`,
        isKeptAlive,
      };
    }
    const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
    return { early: `the process ${how}`, isKeptAlive };
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #killIfSilent(): void {
    if (performance.now() - this.#heardAt <= this.#limitMs) return;
    this.#isKilled = true;
    this.#child.kill("SIGKILL");
  }
}

/** It must not outlive this process: where its event loop is blocked, it would never end. */
function endWithThisProcess(child: ChildProcess): () => void {
  const kill = () => child.kill("SIGKILL");
  const pass = (signal: NodeJS.Signals) => {
    kill();
    release();
    process.kill(process.pid, signal);
  };
  const release = () => {
    process.off("exit", kill);
    for (const signal of SIGNALS) process.off(signal, pass);
  };
  process.on("exit", kill);
  for (const signal of SIGNALS) process.on(signal, pass);
  return release;
}
