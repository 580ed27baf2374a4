import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { StateError, type StateErrorCode } from "../../src/index.js";
import type { Step } from "./step.js";

/** Compiled beside this file. */
const SERVER = fileURLToPath(new URL("./served-store.js", import.meta.url));

export interface Request {
  readonly id: number;
  readonly step: Step;
}

/** What became of a step in another process, and when it began and ended there, by the clock that all processes share. */
export interface Response {
  readonly id: number;
  readonly value?: unknown;
  /** Without a code where it was no StateError. */
  readonly error?: {
    readonly code?: StateErrorCode;
    readonly message: string;
    readonly details?: unknown;
  };
  readonly began: bigint;
  readonly ended: bigint;
}

type Waiting = { readonly resolve: (answer: Response) => void; readonly reject: (error: Error) => void };

/** A store in a process of its own. */
export class RemoteStore {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #isThere = true;

  /** The module's default export is a harness, which opens the space. */
  static async start(module: string, space: string): Promise<RemoteStore> {
    // Flags of this process (a test runner's) are not the other's, and what it prints is not this one's report.
    const server = fork(SERVER, [module, space], {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const store = new RemoteStore(server);
    const gone = once(server, "exit").then(() =>
      Promise.reject(new Error("the process ended before it was ready")),
    );
    await Promise.race([once(server, "message"), gone]);
    return store;
  }

  private constructor(server: ChildProcess) {
    this.#process = server;
    server.on("message", (message: Response) => this.#settle(message));
    server.on("exit", () => this.#end());
  }

  get isThere(): boolean {
    return this.#isThere;
  }

  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** Rejects when the process ends before it has answered. */
  ask(step: Step): Promise<Response> {
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, step } satisfies Request, (error) => error && this.#end());
    });
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process.kill(signal);
  }

  /** It gets no chance to tidy up, nor to answer. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    this.#end();
    await gone;
  }

  #settle(response: Response): void {
    this.#waiting.get(response.id)?.resolve(response);
    this.#waiting.delete(response.id);
  }

  #end(): void {
    this.#isThere = false;
    for (const { reject } of this.#waiting.values()) {
      reject(new StateError("OUTCOME_UNKNOWN", "the process is gone", { details: {} }));
    }
    this.#waiting.clear();
  }
}

/** The error of a response, as it was where it came from. */
export function errorIn({ error }: Response): Error | undefined {
  if (error === undefined) return undefined;
  const { code, message, details } = error;
  return code === undefined
    ? new Error(message)
    : new StateError(code, message, { details: details as never });
}
