import { type ChildProcess, fork } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

const TIME_LIMIT_MS = 60_000;
const RUNNER = fileURLToPath(new URL("process-runner.mjs", import.meta.url));
/** The last line of what a process prints for one task; how it failed follows, if it did. */
const END = "\u0004";
/** How many a worker keeps for its next tests. */
const KEPT = 5;

/**
 * Runs a module in several processes that begin at the same moment, each with a store of its own on the same data.
 * Returns the parsed JSON that each printed. The module can use `store`, `args` and `me` (0, 1, ...), and imports the
 * package by name. `await meet()` waits for all others to arrive at the same point. It may end its process.
 */
export async function inProcesses<R>(
  count: number,
  url: string,
  args: unknown,
  source: string,
): Promise<R[]> {
  const runners = Array.from({ length: count }, () => idle.pop() ?? new Runner());
  const stopMeeting = letMeet(runners);
  const killAllBut = (kept: readonly Runner[]): void => {
    for (const runner of runners) if (!kept.includes(runner)) runner.kill();
  };
  const timer = setTimeout(killAllBut, TIME_LIMIT_MS, []);
  try {
    const results = await Promise.all(runners.map((runner, me) => runner.run<R>({ url, args, me, source })));
    idle.push(...runners.filter(({ isIdle }) => isIdle).slice(0, KEPT - idle.length));
    return results;
  } finally {
    clearTimeout(timer);
    stopMeeting();
    // Those that wait for one that failed would wait for ever.
    killAllBut(idle);
  }
}

/** For the next test: their modules are read. */
const idle: Runner[] = [];

/** Lets all go on as soon as all have arrived. */
function letMeet(runners: readonly Runner[]): () => void {
  let arrived = 0;
  const arrive = (): void => {
    if (++arrived % runners.length === 0) for (const each of runners) each.goOn();
  };
  for (const { child } of runners) child.on("message", arrive);
  return () => {
    for (const { child } of runners) child.off("message", arrive);
  };
}

interface Task {
  readonly url: string;
  readonly args: unknown;
  readonly me: number;
  readonly source: string;
}

/** A process that runs one module after the other. To start one takes longer than most tests. */
class Runner {
  /** It ends with this process, for its channel closes then. */
  readonly child: ChildProcess = fork(RUNNER, [], { execArgv: [], stdio: ["ignore", "pipe", "pipe", "ipc"] });
  #errors = "";
  #isIdle = true;

  constructor() {
    this.#stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#errors += text;
    });
    this.#stdout.setEncoding("utf8");
  }

  get isIdle(): boolean {
    return this.#isIdle && this.child.connected;
  }

  async run<R>(task: Task): Promise<R> {
    this.#isIdle = false;
    this.#keepAlive(true);
    this.child.send(task);
    const printed = await this.#printed();
    this.#keepAlive(false);
    this.#isIdle = true;
    return JSON.parse(printed) as R;
  }

  goOn(): void {
    if (this.child.connected) this.child.send("go on");
  }

  kill(): void {
    this.child.kill("SIGKILL");
  }

  /** Until the task is done, or has ended the process. */
  #printed(): Promise<string> {
    return new Promise((resolve, reject) => {
      let out = "";
      const onText = (text: string): void => {
        out += text;
        const [printed, failed] = out.split(END);
        if (failed === undefined || !out.endsWith("\n")) return;
        done();
        if (failed === "\n") resolve(printed as string);
        else reject(new Error(`a process failed: ${failed}`));
      };
      const onClose = (code: number | null, signal: string | null): void => {
        done();
        if (code === 0) resolve(out);
        else reject(new Error(`a process ended with ${code ?? signal}: ${this.#errors}`));
      };
      const done = (): void => {
        this.#stdout.off("data", onText);
        this.child.off("close", onClose);
      };
      this.#stdout.on("data", onText);
      this.child.on("close", onClose);
    });
  }

  /** While it is idle, it keeps nobody from ending. */
  #keepAlive(does: boolean): void {
    const handles = [this.child, this.child.channel, this.#stdout, this.#stderr];
    for (const handle of handles as ({ ref(): void; unref(): void } | null)[])
      does ? handle?.ref() : handle?.unref();
  }

  get #stdout(): Readable {
    return this.child.stdout as Readable;
  }

  get #stderr(): Readable {
    return this.child.stderr as Readable;
  }
}
