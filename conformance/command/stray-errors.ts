import { AsyncLocalStorage } from "node:async_hooks";
import { type Failure, failureOf } from "../harness/failure.js";
import type { StrayError } from "../runners/report.js";

/** More groups than this are not kept apart. */
const MOST_GROUPS = 50;
const MOST_CASES = 5;
const SHOWN_CHARACTERS = 80;

interface Group {
  readonly failure: Failure;
  readonly cases: Set<string>;
  times: number;
}

/**
 * What a driver lets escape: errors that nobody handles would end the process of whoever uses it, and what it writes to
 * standard output would be in the midst of theirs. Each is told with the cases in whose course it came.
 */
export class StrayErrors {
  readonly #case = new AsyncLocalStorage<string>();
  readonly #groups = new Map<string, Group>();
  #hasNews = false;

  /** Begins to watch errors. */
  watch(): void {
    const add = (error: unknown) => this.#add(failureOf(error));
    process.on("unhandledRejection", add);
    process.on("uncaughtException", add);
  }

  /** Begins to watch standard output. What is written there goes to standard error. */
  watchOutput(): void {
    const write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
      const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString();
      const shown = JSON.stringify(text.trim().slice(0, SHOWN_CHARACTERS));
      this.#add(
        failureOf(new Error(`the driver wrote to standard output: ${shown}`)),
        "the driver wrote to standard output",
      );
      return process.stderr.write(chunk, ...(rest as []));
    };
    process.stdout.write = write as typeof process.stdout.write;
  }

  /** Runs a case. What escapes in its course, also later, is told with its id. */
  in<T>(id: string, run: () => Promise<T>): Promise<T> {
    return this.#case.run(id, run);
  }

  /** The case in whose course this is called. */
  get current(): string | undefined {
    return this.#case.getStore();
  }

  /** All groups, if there is something new. */
  news(): StrayError[] | undefined {
    if (!this.#hasNews) return undefined;
    this.#hasNews = false;
    return [...this.#groups.values()].map(({ failure, cases, times }) => ({
      ...failure,
      times,
      cases: [...cases],
    }));
  }

  #add(failure: Failure, key = failure.message): void {
    const known = this.#groups.get(key);
    if (known === undefined && this.#groups.size === MOST_GROUPS) return;
    const group = known ?? { failure, cases: new Set<string>(), times: 0 };
    if (known === undefined) this.#groups.set(key, group);
    group.times++;
    const id = this.current;
    if (id !== undefined && group.cases.size < MOST_CASES) group.cases.add(id);
    this.#hasNews = true;
  }
}
