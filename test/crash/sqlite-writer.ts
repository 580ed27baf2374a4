import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { SqliteConfig } from "../../drivers/sqlite/config.js";
import type { RecordKey } from "../../src/contract/store.js";
import type { FullTimes } from "./disk-filling.mjs";
import type { Script, Step } from "./sqlite-scripts.js";

/** What a process that writes is told. Plain data. */
export interface WriterTask {
  readonly config: SqliteConfig;
  readonly scripts: readonly ScriptShare[];
  /** The store is closed and opened again between two legs. */
  readonly legs: number;
  /** It waits with the store open, when it has nothing more to do, until it is told to stop. */
  readonly stays?: boolean;
  /** A slot to count up in, together with others. */
  readonly count?: RecordKey & { readonly name: string };
  /** When it says that a write was answered: `early` is before it was asked for, which is wrong. */
  readonly acknowledges?: "early";
  /** A file to say things into, instead of aloud. */
  readonly sayInto?: string;
  readonly fullDisk?: FullTimes;
  /** Then the store itself may find a write carried out that it was in doubt about. */
  readonly syncsFail?: boolean;
}

/** Steps of a lane from one of them on. */
export interface ScriptShare {
  readonly name: string;
  readonly first: number;
  readonly steps: readonly Step[];
}

const WRITER = fileURLToPath(new URL("./sqlite-writer.mjs", import.meta.url));

export function shareOf({ name, steps }: Script, first = 0, count = steps.length): ScriptShare {
  return { name, first, steps: steps.slice(first, first + count) };
}

/** What writers said, together. */
export class Answers {
  /** Of each lane, how many of its steps were answered. */
  readonly acknowledged = new Map<string, number>();
  readonly errors: string[] = [];
  readonly wrong: string[] = [];
  counted = 0;
  /** How many answers there were. */
  total = 0;
  isDone = false;

  hear(...lines: readonly string[]): void {
    for (const line of lines) this.#hear(line);
  }

  #hear(line: string): void {
    const [what, name, steps] = line.split(" ") as [string, string, string];
    if (what === "ack") this.acknowledged.set(name, Number(steps));
    if (what === "count") this.counted++;
    if (what === "ack" || what === "count") this.total++;
    if (what === "error") this.errors.push(line.slice("error ".length));
    if (what === "wrong") this.wrong.push(line.slice("wrong ".length));
    if (what === "done") this.isDone = true;
  }
}

/** A process that writes. What it says the `answers` hear. */
export class Writer {
  /** When it is about to open the database, or has ended. */
  readonly begun: Promise<unknown>;
  /** The code or the signal it ended with; everything it said was heard. */
  readonly ended: Promise<number | string>;
  readonly #child: ChildProcess;
  readonly #lines: Interface;
  /** When it has nothing more to say before it is told to stop, or has ended. */
  readonly #saidAll: Promise<unknown>;

  constructor(task: WriterTask, answers: Answers, environment: NodeJS.ProcessEnv = {}) {
    const env = { ...process.env, ...environment };
    const child = spawn(process.execPath, [WRITER], { env, stdio: ["pipe", "pipe", "inherit"] });
    // A process that was killed does not read to the end.
    child.stdin.on("error", () => {});
    child.stdin.write(`${JSON.stringify(task)}\n`);
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
    this.#lines.on("line", (line) => answers.hear(line));
    this.ended = once(child, "close").then(([code, signal]) => signal ?? code);
    this.begun = Promise.race([once(this.#lines, "line"), this.ended]);
    const idle = new Promise<void>((resolve) => {
      this.#lines.on("line", (line) => line === "idle" && resolve());
    });
    this.#saidAll = Promise.race([idle, this.ended]);
  }

  /** When it has said so much more, or all it has to say. */
  async hasSaid(lines: number): Promise<void> {
    const enough = new Promise<void>((resolve) => {
      let left = lines;
      this.#lines.on("line", () => {
        if (--left <= 0) resolve();
      });
    });
    await Promise.race([enough, this.#saidAll]);
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Lets it finish what it is at, and end. */
  stop(): void {
    this.#child.stdin?.end();
  }
}
