import type { StateError } from "../../src/index.js";
import type { Harness } from "../harness/case.js";
import { perform } from "./perform.js";
import type { Request, Response } from "./remote-store.js";

/**
 * The entry of a process that serves a store to the one that started it. Each message is a step; the answer comes with the
 * times, by the clock that all processes share, between which the store had it. A store that does not open ends the process.
 */
async function serve(module: string, space: string): Promise<void> {
  const { default: harness } = (await import(module)) as { default: Harness };
  const store = await harness.open(space, {});
  process.on("message", async ({ id, step }: Request) => {
    const began = process.hrtime.bigint();
    const answer = await perform(store, step).then(
      (value) => ({ value }),
      (error: StateError) => ({
        error: { code: error.code, message: error.message, details: error.details },
      }),
    );
    process.send?.({ id, ...answer, began, ended: process.hrtime.bigint() } satisfies Response);
  });
  process.send?.({ isReady: true });
}

// Nobody is left to answer to.
process.once("disconnect", () => process.exit());

const [module, space] = process.argv.slice(2) as [string, string];
void serve(module, space);
