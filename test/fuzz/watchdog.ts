import { Worker } from "node:worker_threads";

/**
 * Ends the process when one case takes longer than it may, and says which: work that never comes back to the event loop
 * would hold up the tests for ever.
 */
export class Watchdog {
  readonly #worker: Worker;

  /** With `flag`, its first element is set to 1 instead. */
  constructor(ms = 60_000, flag?: Int32Array) {
    this.#worker = new Worker(WATCH, { eval: true, workerData: { ms, flag } });
    this.#worker.unref();
  }

  /** The one before it has ended. */
  begin(what: string): void {
    this.#worker.postMessage(what);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** Written at once: the thread that is stuck is also the one that would pass it on. */
const WATCH = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { ms, flag } = workerData;
  let timer;
  const end = (what) => {
    if (flag) return Atomics.store(flag, 0, 1);
    require("node:fs").writeSync(2, "no answer within " + ms + " ms: " + what + "\\n");
    process.kill(process.pid, "SIGKILL");
  };
  parentPort.on("message", (what) => {
    clearTimeout(timer);
    timer = setTimeout(end, ms, what);
  });
`;
