/** The program of every process that is measured: it holds one contestant, or does one job. */
import type { Contestant, ContestantModule, Setting } from "./contestant.js";
import { measure } from "./measure.js";

export type Request =
  | { readonly ask: "open"; readonly module: string; readonly setting: Setting }
  | { readonly ask: "round"; readonly operation: string; readonly callers: number; readonly ms: number }
  | { readonly ask: "check" }
  | { readonly ask: "close" }
  | { readonly ask: "job"; readonly module: string; readonly input: unknown };

export type Answer = { readonly done: unknown } | { readonly failed: string };

let contestant: Contestant | undefined;

process.on("disconnect", () => process.exit());
process.on("message", async (request: Request) => {
  let answer: Answer;
  try {
    answer = { done: await perform(request) };
  } catch (error) {
    answer = { failed: reasonOf(error) };
  }
  process.send?.(answer);
});

async function perform(request: Request): Promise<unknown> {
  switch (request.ask) {
    case "open": {
      const { open } = (await load("contestants", request.module)) as ContestantModule;
      contestant = await open(request.setting);
      return { settings: contestant.settings, operations: Object.keys(contestant.operations) };
    }
    case "round":
      return measure(present(), request.operation, request.callers, request.ms);
    case "check":
      await present().check();
      // In KiB, everywhere.
      return process.resourceUsage().maxRSS * 1024;
    case "close":
      await present().close();
      return undefined;
    case "job": {
      const { run } = (await load("jobs", request.module)) as { run(input: unknown): Promise<unknown> };
      return run(request.input);
    }
  }
}

function load(folder: string, module: string): Promise<unknown> {
  return import(new URL(`./${folder}/${module}.ts`, import.meta.url).href);
}

function present(): Contestant {
  if (contestant === undefined) throw new Error("the contestant was not opened");
  return contestant;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return inner === undefined ? error.message : `${error.message} (${reasonOf(inner)})`;
}
