import { parseArgs } from "node:util";
import { randomSeed, SEEDS } from "../inputs/seeds.js";
import {
  DEFAULT_CONCURRENCY,
  DEFAULT_TIMEOUT_MS,
  MOST_CONCURRENCY,
  MOST_MINUTES,
  MOST_SEEDS,
  MOST_TIMEOUT_MS,
} from "../runners/run-bounds.js";
import type { RunOptions } from "../runners/run-options.js";

export const HELP = `groundstate conformance <module> [--typed] [--beside] [--only <text>]... [--bail] [--timeout <ms>]
    [--concurrency <n>] [--seeds <n>] [--minutes <m>] [--seed <s>] [--format <format>] [--output <file>]
groundstate conformance --list | --rules [--typed]

Runs the conformance suite against the harness that <module> exports as its default. A space is an isolated
name; here it becomes a path. Other processes import the module too and must come to the same path.

  import { rm } from "node:fs/promises";
  import { tmpdir } from "node:os";
  import { join } from "node:path";
  import { createStore } from "groundstate";
  import { MyDriver } from "./my-driver.mjs";

  const pathOf = (space) => join(tmpdir(), \`my-driver-\${space}\`);

  export default {
    name: "my driver",
    durable: true,
    open: async (space, options) => createStore(await MyDriver.open(pathOf(space)), options),
    destroy: (space) => rm(pathOf(space), { recursive: true, force: true }),
  };

Where a storage locks its folder, say exclusive: true as well, and let stores of one process share what holds the lock.

  --typed            the rules of the typed layer: sessions, approvals, ledger and the other wrappers on these stores
  --beside           beside another's data, which no case may see or change; run the suite both ways
  --only <text>      only cases whose id contains the text; may be given again
  --timeout <ms>     how long a case may take, 20000 unless given; one that starts processes, three times as long
  --concurrency <n>  how many cases run side by side, 4 unless given
  --seeds <n>        random histories behind the cases: so many of each kind, of those over processes a tenth
  --minutes <m>      random histories for so long; with --seeds, until the first of both is reached
  --seed <s>         the first of them, random unless given; alone, this one and no other, to repeat a failure
  --bail             begin no case after one has failed
  --format <format>  pretty, json, tap or junit; what is printed, or written to --output
  --json             the same as --format json
  --output <file>    writes the report to the file, at the end; the pretty one is printed all the same
  --list             print the ids of the cases, and run nothing
  --rules            print the rules as a Markdown table, one row per case, and run nothing
  --version          print the version
  --help             print this

The cases run in a process of their own. When the driver ends that process or blocks it, the case has failed, and the rest
runs in another one.

Exit code: 0 when every case passed, 1 when one failed or no store could be opened, 2 when there was nothing to run.
`;

/** What the person at the keyboard has to put right in the command. */
export class UsageError extends Error {}

export const FORMATS = ["pretty", "json", "tap", "junit"] as const;
export type Format = (typeof FORMATS)[number];

/** What is asked for. */
export type Command =
  | { readonly is: "help" }
  | { readonly is: "version" }
  | { readonly is: "list" | "rules"; readonly typed: boolean; readonly only: readonly string[] }
  | RunCommand;

export interface RunCommand {
  readonly is: "run";
  readonly module: string;
  readonly typed: boolean;
  readonly beside: boolean;
  readonly bail: boolean;
  readonly only: readonly string[];
  readonly timeoutMs: number;
  readonly concurrency: number;
  /** Which random histories are run. */
  readonly histories?: Pick<RunOptions, "seeds" | "minutes" | "seed">;
  readonly format: Format;
  readonly output: string | undefined;
}

export function readCommand(args: string[]): Command {
  const { values, positionals } = parsed(args);
  if (values.help) return { is: "help" };
  if (values.version) return { is: "version" };
  const [command, module, ...rest] = positionals;
  if (command !== "conformance")
    throw new UsageError(command ? `there is no command ${command}` : "no command given");
  const { typed = false, beside = false, bail = false, only = [] } = values;
  if (values.list || values.rules) return { is: values.list ? "list" : "rules", typed, only };
  if (module === undefined || rest.length > 0)
    throw new UsageError("give one module whose default export is a harness");
  const timeoutMs = readWhole(
    values.timeout,
    "--timeout",
    "milliseconds",
    DEFAULT_TIMEOUT_MS,
    MOST_TIMEOUT_MS,
  );
  const concurrency = readWhole(
    values.concurrency,
    ...(["--concurrency", "cases", DEFAULT_CONCURRENCY, MOST_CONCURRENCY] as const),
  );
  const { output } = values;
  const histories = readHistories(values);
  return {
    is: "run",
    module,
    typed,
    beside,
    bail,
    only,
    timeoutMs,
    concurrency,
    ...(histories && { histories }),
    format: readFormat(values),
    output,
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        bail: { type: "boolean" },
        beside: { type: "boolean" },
        concurrency: { type: "string" },
        format: { type: "string" },
        help: { type: "boolean", short: "h" },
        json: { type: "boolean" },
        list: { type: "boolean" },
        only: { type: "string", multiple: true },
        output: { type: "string" },
        minutes: { type: "string" },
        rules: { type: "boolean" },
        seed: { type: "string" },
        seeds: { type: "string" },
        timeout: { type: "string" },
        typed: { type: "boolean" },
        version: { type: "boolean", short: "v" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readFormat({ json, format }: { json?: boolean; format?: string }): Format {
  const found = FORMATS.find((each) => each === (format ?? (json ? "json" : "pretty")));
  if (found === undefined) throw new UsageError(`--format takes one of ${FORMATS.join(", ")}`);
  if (json && found !== "json") throw new UsageError(`--json is --format json, and not ${found}`);
  return found;
}

/** The seed is chosen here, so that every process of the run has the same. */
function readHistories(values: { seeds?: string; minutes?: string; seed?: string }): RunCommand["histories"] {
  const { seeds, minutes, seed } = values;
  if (seeds === undefined && minutes === undefined && seed === undefined) return undefined;
  return {
    seed: seed === undefined ? randomSeed() : readNumber(seed, "--seed", 0, SEEDS - 1),
    ...(seeds !== undefined && { seeds: readWhole(seeds, "--seeds", "histories", 1, MOST_SEEDS) }),
    ...(minutes !== undefined && { minutes: readNumber(minutes, "--minutes", 0.001, MOST_MINUTES) }),
  };
}

function readNumber(text: string, option: string, least: number, most: number): number {
  const number = text.trim() === "" ? Number.NaN : Number(text);
  const isWhole = least > 0 || Number.isInteger(number);
  if (isWhole && number >= least && number <= most) return number;
  throw new UsageError(`${option} takes a ${least > 0 ? "" : "whole "}number from ${least} to ${most}`);
}

function readWhole(
  text: string | undefined,
  option: string,
  of: string,
  otherwise: number,
  most: number,
): number {
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number <= most) return number;
  throw new UsageError(`${option} takes a whole number of ${of}`);
}
