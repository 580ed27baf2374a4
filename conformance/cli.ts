#!/usr/bin/env node
import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Harness } from "./case.js";
import { formatReport } from "./report.js";
import { rulesTable } from "./rules-table.js";
import { runConformance, selectCases } from "./run.js";

const HELP = `groundstate conformance <module> [--only <text>]... [--json]
groundstate conformance --rules

Runs the conformance suite against the harness that <module> exports as its default:

  import { createStore } from "groundstate";
  export default {
    name: "my driver",
    durable: true,
    open: async (space, options) => createStore(await openMyDriver(space), options),
    destroy: async (space) => { /* remove what the space holds */ },
  };

  --only <text>  only cases whose id contains the text; may be given again
  --json         print the report as JSON
  --rules        print the rules as a Markdown table, one row per case, and run nothing
  --help         print this

Exit code: 0 when every case passed, 1 when one failed, 2 when there was nothing to run.
`;

/** What the person at the keyboard has to put right. */
class UsageError extends Error {}

const LINGER_MS = 5_000;

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`groundstate: ${error.message}\nTry: groundstate --help\n`);
    process.exitCode = 2;
  },
);

async function main(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args);
  if (values.help) return print(HELP);
  const [command, module, ...rest] = positionals;
  if (command !== "conformance")
    throw new UsageError(command ? `there is no command ${command}` : "no command given");
  if (values.rules) return print(`${rulesTable()}\n`);
  if (module === undefined || rest.length > 0)
    throw new UsageError("give one module whose default export is a harness");
  if (selectCases(values.only).length === 0)
    throw new UsageError("no case has an id that contains this text");
  return run(module, values);
}

async function run(module: string, options: { only?: string[]; json?: boolean }): Promise<number> {
  const url = await locate(module);
  const harness = await loadHarness(url);
  const stray = watchForStrayErrors();
  const only = options.only === undefined ? {} : { only: options.only };
  const report = await runConformance(harness, { modulePath: url, ...only });
  print(options.json ? `${JSON.stringify(report, null, 2)}\n` : formatReport(report));
  for (const error of stray) process.stderr.write(`nobody handled this error: ${describe(error)}\n`);
  failIfKeptAlive();
  return report.failed > 0 || stray.length > 0 ? 1 : 0;
}

/** A driver that holds on to something after its stores were closed would never let its users' processes end. */
function failIfKeptAlive(): void {
  const late = () => {
    process.stderr.write(
      "every store was closed, and still something of the driver keeps the process alive\n",
    );
    process.exit(1);
  };
  setTimeout(late, LINGER_MS).unref();
}

function readArguments(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        json: { type: "boolean" },
        only: { type: "string", multiple: true },
        rules: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** A path from where the command was given, or else a package that is installed there. */
async function locate(module: string): Promise<string> {
  const path = resolve(module);
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) return pathToFileURL(path).href;
  try {
    return pathToFileURL(createRequire(resolve("from-here.js")).resolve(module)).href;
  } catch (error) {
    throw new UsageError(`there is no module ${module}: ${describe(error).split("\n")[0]}`);
  }
}

async function loadHarness(url: string): Promise<Harness> {
  const loaded = await import(url).catch((error: unknown) => {
    throw new UsageError(`the module cannot be loaded: ${describe(error)}`);
  });
  const harness: unknown = (loaded as { default?: unknown }).default;
  if (isHarness(harness)) return harness;
  throw new UsageError("the module's default export must be a harness: { name, open(space, options) }");
}

function isHarness(value: unknown): value is Harness {
  if (typeof value !== "object" || value === null) return false;
  const { name, open } = value as Partial<Harness>;
  return typeof name === "string" && typeof open === "function";
}

/** A driver that lets an error escape would end the process of whoever uses it. */
function watchForStrayErrors(): readonly unknown[] {
  const stray: unknown[] = [];
  process.on("unhandledRejection", (error) => stray.push(error));
  process.on("uncaughtException", (error) => stray.push(error));
  return stray;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
