import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { StateError, type StateErrorCode } from "../../src/index.js";

const SERVER = fileURLToPath(new URL("./remote-store.mjs", import.meta.url));

/** What became of a call in another process, and when it began and ended there, by the clock that all processes share. */
export interface Answer {
  readonly value?: unknown;
  readonly error?: StateError;
  readonly began: bigint;
  readonly ended: bigint;
}

interface Message extends Omit<Answer, "error"> {
  readonly id: number;
  readonly error?: { readonly code: StateErrorCode; readonly message: string; readonly details: never };
}

type Waiting = { readonly resolve: (answer: Answer) => void; readonly reject: (error: StateError) => void };

/** A store in a process of its own, which ends with the test. */
export class RemoteStore {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #isThere = true;

  /** The module's default export is a harness, which opens the space. */
  static async start(module: string, space: string): Promise<RemoteStore> {
    // Flags of this process (a test runner's) are not the other's.
    const server = fork(SERVER, [module, space], { execArgv: [], serialization: "advanced" });
    const store = new RemoteStore(server);
    onTestFinished(() => store.kill());
    const gone = once(server, "exit").then(() =>
      Promise.reject(new Error("the process ended before it was ready")),
    );
    await Promise.race([once(server, "message"), gone]);
    return store;
  }

  private constructor(server: ChildProcess) {
    this.#process = server;
    server.on("message", (message: Message) => this.#settle(message));
    server.on("exit", () => this.#end());
  }

  get isThere(): boolean {
    return this.#isThere;
  }

  get isBusy(): boolean {
    return this.#waiting.size > 0;
  }

  /** Rejects when the process ends before it has answered. */
  ask(method: string, args: readonly unknown[]): Promise<Answer> {
    const id = this.#asked++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#process.send({ id, method, args }, (error) => error && this.#end());
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

  #settle({ id, error, ...answer }: Message): void {
    const failure = error && { error: new StateError(error.code, error.message, error) };
    this.#waiting.get(id)?.resolve({ ...answer, ...failure });
    this.#waiting.delete(id);
  }

  #end(): void {
    this.#isThere = false;
    for (const { reject } of this.#waiting.values()) {
      reject(new StateError("OUTCOME_UNKNOWN", "the process is gone", { details: {} }));
    }
    this.#waiting.clear();
  }
}
