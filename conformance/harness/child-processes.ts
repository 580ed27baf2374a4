import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { errorOf, type Failure } from "./failure.js";

/** What a process is started with. */
export interface Assignment {
  /** The file URL of the module whose default export is the harness. */
  readonly module: string;
  readonly space: string;
  readonly role: string;
  readonly task: unknown;
}

/** What a process reports. */
export type Message =
  | { readonly is: "ready" }
  | { readonly is: "said"; readonly value: unknown }
  | { readonly is: "done"; readonly value: unknown }
  | { readonly is: "failed"; readonly failure: Failure };

/** Lets processes begin at the same moment, their stores open, so that they meet each other. */
export async function begin(...children: readonly Child<unknown>[]): Promise<void> {
  await Promise.all(children.map((child) => child.ready()));
  for (const child of children) child.go();
}

/** Another process that plays a role on the shared space; `R` is what the role returns. */
export class Child<R> {
  /** What it returned. Rejects when it failed, or ended without an answer. */
  readonly result: Promise<R>;
  #isReady = false;
  readonly #process: ChildProcess;
  readonly #said: unknown[] = [];
  #heard: (() => void) | undefined;

  constructor(assignment: Assignment) {
    // Compiled beside this file. Flags of this process (a test runner's) are not the child's.
    this.#process = fork(fileURLToPath(new URL("./child.js", import.meta.url)), [], {
      execArgv: [],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.result = this.#listen(assignment.role);
    this.result.catch(() => {});
    this.#process.send(assignment);
  }

  /** Waits until its store is open, whereupon it waits for `go`. */
  async ready(): Promise<void> {
    await this.#until(() => this.#isReady);
  }

  go(): void {
    this.#process.send("go");
  }

  /** Everything it said until now. */
  get said(): readonly unknown[] {
    return this.#said;
  }

  /** Waits until it has said this many things. Rejects when it ends before. */
  async hasSaid(count: number): Promise<void> {
    await this.#until(() => this.#said.length >= count);
  }

  /** SIGKILL: it gets no chance to tidy up. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const closed = once(this.#process, "close");
    this.#process.kill("SIGKILL");
    await closed;
  }

  async #until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      const heard = new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
      await Promise.race([heard, this.result]);
    }
  }

  #listen(role: string): Promise<R> {
    let stderr = "";
    this.#process.stderr?.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    return new Promise<R>((resolve, reject) => {
      this.#process.on("message", (message: Message) => {
        if (message.is === "done") resolve(message.value as R);
        if (message.is === "failed") {
          const cause = errorOf(message.failure);
          reject(new Error(`the process that was to ${role} failed: ${cause.message}`, { cause }));
        }
        if (message.is === "ready") this.#isReady = true;
        if (message.is === "said") this.#said.push(message.value);
        this.#heard?.();
      });
      this.#process.on("error", reject);
      // Not at exit: what it said last may still be on its way then.
      this.#process.on("close", (code, signal) =>
        reject(
          new Error(`the process that was to ${role} ended early (${signal ?? code}) ${stderr.slice(-2000)}`),
        ),
      );
    });
  }
}
