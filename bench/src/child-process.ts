import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, Request } from "./child.js";

const PROGRAM = fileURLToPath(new URL("./child.ts", import.meta.url));
const KEPT_OF_STDERR = 2_000;

/** A process that is measured, asked one thing at a time. It inherits the loader of TypeScript. */
export class Child {
  readonly #process: ChildProcess;
  #said = "";

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.#process = fork(PROGRAM, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#process.stderr?.on("data", (text) => {
      this.#said = (this.#said + text).slice(-KEPT_OF_STDERR);
    });
  }

  /** Rejects when it fails, ends, or does not answer in time; in the last two cases it can be asked nothing more. */
  ask<T>(request: Request, timeoutMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer);
        this.#process.off("message", onAnswer);
        this.#process.off("exit", onExit);
        action();
      };
      const onAnswer = (answer: Answer): void =>
        settle(() => ("failed" in answer ? reject(new Error(answer.failed)) : resolve(answer.done as T)));
      const onExit = (): void => settle(() => reject(new Error(`its process ended: ${this.#lastWords()}`)));
      const timer = setTimeout(() => {
        this.kill();
        settle(() => reject(new Error(`no answer to "${request.ask}" in ${timeoutMs / 1_000} s`)));
      }, timeoutMs);
      this.#process.on("message", onAnswer);
      this.#process.on("exit", onExit);
      if (this.#process.connected) this.#process.send(request);
      else onExit();
    });
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  #lastWords(): string {
    return this.#said.trim().split("\n").slice(-3).join(" ") || "it said nothing";
  }
}

/** Does a job in a process of its own. */
export async function runJob<T>(module: string, input: unknown, timeoutMs: number): Promise<T> {
  const child = new Child();
  try {
    return await child.ask<T>({ ask: "job", module, input }, timeoutMs);
  } finally {
    child.kill();
  }
}
