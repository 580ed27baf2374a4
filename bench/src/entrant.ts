import { Child } from "./child-process.js";
import type { Round, Setting } from "./contestant.js";

/** What can be asked of an entrant that has started. */
export interface Racer {
  readonly settings: string;
  readonly operations: readonly string[];
  round(operation: string, callers: number, ms: number): Promise<Round>;
  /** Checks that it did what it was asked; the most memory it had, if that can be said. */
  check(): Promise<number | undefined>;
  close(): Promise<void>;
}

export interface Entrant {
  readonly name: string;
  start(): Promise<Racer>;
  /** Where it does not take part in everything. */
  readonly only?: { readonly operations?: readonly string[]; readonly callers?: readonly number[] };
}

/** Filling a store whose every write waits for a slow disk takes its time. */
const OPEN_MS = 180_000;
const CHECK_MS = 120_000;
const CLOSE_MS = 30_000;
const ROUND_MS = 120_000;

/** A contestant in a process of its own. */
export function forked(
  name: string,
  module: string,
  setting: Setting,
  rest: Pick<Entrant, "only"> & { readonly env?: Readonly<Record<string, string>> } = {},
): Entrant {
  const { env, ...entrant } = rest;
  return { name, ...entrant, start: () => startForked(module, setting, env) };
}

async function startForked(
  module: string,
  setting: Setting,
  env: Readonly<Record<string, string>> | undefined,
): Promise<Racer> {
  const child = new Child(env);
  try {
    const opened = await child.ask<Pick<Racer, "settings" | "operations">>(
      { ask: "open", module, setting },
      OPEN_MS,
    );
    return {
      ...opened,
      round: (operation, callers, ms) => child.ask({ ask: "round", operation, callers, ms }, ROUND_MS + ms),
      check: () => child.ask({ ask: "check" }, CHECK_MS),
      async close() {
        try {
          await child.ask({ ask: "close" }, CLOSE_MS);
        } finally {
          child.kill();
        }
      },
    };
  } catch (error) {
    child.kill();
    throw error;
  }
}
