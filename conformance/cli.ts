#!/usr/bin/env node
import { access } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import type { Harness } from "./harness/case.js";
import { failureLines, failureOf } from "./harness/failure.js";
import { type CaseResult, formatHeading, formatResult, formatSummary } from "./runners/report.js";
import { rulesTable } from "./runners/rules-table.js";
import { runConformance } from "./runners/run.js";
import { casesWith, MOST_TIMEOUT_MS, modeOf, readHarness } from "./runners/run-options.js";
import { suiteOf } from "./runners/suite.js";
import { versions } from "./runners/versions.js";

const HELP = `groundstate conformance <module> [--typed] [--beside] [--only <text>]... [--timeout <ms>] [--bail] [--json]
groundstate conformance --rules [--typed]

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

  --typed         the rules of the typed layer: sessions, approvals, ledger and the other wrappers on these stores
  --beside        beside another's data, which no case may see or change; run the suite both ways
  --only <text>   only cases whose id contains the text; may be given again
  --timeout <ms>  how long a case may take, 20000 unless given; one that starts processes, three times as long
  --bail          begin no case after one has failed
  --json          print the report as JSON, at the end
  --rules         print the rules as a Markdown table, one row per case, and run nothing
  --help          print this

Exit code: 0 when every case passed, 1 when one failed or no store could be opened, 2 when there was nothing to run.
`;

/** What the person at the keyboard has to put right in the command. */
class UsageError extends Error {}

/** What they have to put right in the module. */
class ModuleError extends Error {}

const LINGER_MS = 5_000;

main(process.argv.slice(2))
  .then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      process.stderr.write(`groundstate: ${failureLines(failureOf(error)).join("\n")}\n`);
      if (error instanceof UsageError) process.stderr.write("Try: groundstate --help\n");
      process.exitCode = error instanceof UsageError || error instanceof ModuleError ? 2 : 1;
    },
  )
  .finally(failIfKeptAlive);

async function main(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args);
  if (values.help) return print(HELP);
  const [command, module, ...rest] = positionals;
  if (command !== "conformance")
    throw new UsageError(command ? `there is no command ${command}` : "no command given");
  const { typed } = values;
  if (values.rules) return print(`${rulesTable(typed === undefined ? {} : { typed })}\n`);
  if (module === undefined || rest.length > 0)
    throw new UsageError("give one module whose default export is a harness");
  if (values.only?.some((text) => casesWith(text, suiteOf(typed)).length === 0))
    throw new UsageError("no case has an id that contains this text");
  const { beside, only, json, bail, timeout } = values;
  return run(module, {
    ...(beside === undefined ? {} : { beside }),
    ...(typed === undefined ? {} : { typed }),
    ...(only === undefined ? {} : { only }),
    ...(json === undefined ? {} : { json }),
    ...(bail === undefined ? {} : { bail }),
    ...(timeout === undefined ? {} : { timeoutMs: readMilliseconds(timeout) }),
  });
}

interface Options {
  readonly beside?: boolean;
  readonly typed?: boolean;
  readonly only?: string[];
  readonly json?: boolean;
  readonly bail?: boolean;
  readonly timeoutMs?: number;
}

async function run(module: string, { json, ...options }: Options): Promise<number> {
  const url = await locate(module);
  const harness = await loadHarness(url);
  const stray = watchForStrayErrors();
  const heading = {
    harness: harness.name,
    mode: modeOf(options.beside),
    ...(options.typed && { typed: true }),
    versions,
  };
  if (!json) print(formatHeading(heading));
  const report = await runConformance(harness, {
    modulePath: url,
    ...options,
    ...(json ? {} : { onResult: (result: CaseResult) => print(formatResult(result)) }),
  }).catch((error: unknown) => {
    if (json) print(`${JSON.stringify({ format: 1, ...heading, error: failureOf(error) }, null, 2)}\n`);
    throw error;
  });
  // A rejection counts as unhandled only once the turn it came in is over.
  await turn();
  const whole = { ...report, stray: stray.map((error) => failureOf(error)) };
  print(json ? `${JSON.stringify(whole, null, 2)}\n` : formatSummary(whole));
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
        bail: { type: "boolean" },
        beside: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        json: { type: "boolean" },
        only: { type: "string", multiple: true },
        rules: { type: "boolean" },
        timeout: { type: "string" },
        typed: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function readMilliseconds(text: string): number {
  const milliseconds = Number(text);
  if (Number.isInteger(milliseconds) && milliseconds > 0 && milliseconds <= MOST_TIMEOUT_MS)
    return milliseconds;
  throw new UsageError("--timeout takes a whole number of milliseconds");
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
    throw new UsageError(`there is no module ${module}: ${failureOf(error).message.split("\n")[0]}`);
  }
}

async function loadHarness(url: string): Promise<Harness> {
  const loaded = await import(url).catch((cause: unknown) => {
    throw new ModuleError("the module cannot be loaded", { cause });
  });
  const harness: unknown = (loaded as { default?: unknown }).default;
  try {
    return readHarness(harness);
  } catch (cause) {
    const wanted = "the module's default export must be a harness: { name, open(space, options) }";
    throw new UsageError(wanted, { cause });
  }
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
