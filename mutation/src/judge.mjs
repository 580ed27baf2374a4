import { fork } from "node:child_process";
import { resolve } from "node:path";

/** A process that judges mutants one after another; a new one takes its place when it hangs, ends, or is stopped. */
export class Judge {
  #child;
  #bundle;

  constructor(bundle) {
    this.#bundle = bundle;
  }

  /** Resolves with the process's answer, or with how it ended. */
  ask(job, limitMs) {
    this.#child ??= fork(resolve(import.meta.dirname, "process.mjs"), {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      execArgv: ["--max-old-space-size=1500"],
    });
    const child = this.#child;
    return new Promise((done) => {
      let isLate = false;
      const timer = setTimeout(() => {
        isLate = true;
        child.kill("SIGKILL");
      }, limitMs);
      const end = (answer) => {
        clearTimeout(timer);
        child.removeAllListeners();
        done(answer);
      };
      child.once("message", end);
      child.once("exit", (code, signal) => {
        this.#child = undefined;
        end(isLate ? { killedBy: "time" } : { killedBy: `exit ${code ?? signal}` });
      });
      child.send({ bundle: this.#bundle, ...job });
    });
  }

  stop() {
    this.#child?.removeAllListeners();
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }
}
