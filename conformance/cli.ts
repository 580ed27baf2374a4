#!/usr/bin/env node
import { access, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import {
  type Command,
  type Format,
  HELP,
  type RunCommand,
  readCommand,
  UsageError,
} from "./command/arguments.js";
import { junitReport, tapReport } from "./command/machine-formats.js";
import type { Refusal } from "./command/messages.js";
import { type Supervised, SupervisedRun } from "./command/supervised-run.js";
import { type Failure, failureLines, failureOf } from "./harness/failure.js";
import { formatHeading, formatReport, formatResult, formatSummary, type Report } from "./runners/report.js";
import { versions } from "./runners/versions.js";

const KEPT_ALIVE = "every store was closed, and still something of the driver keeps the process alive\n";

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.exitCode = complain(failureOf(error), error instanceof UsageError ? "usage" : "harness");
  },
);

async function main(args: string[]): Promise<number> {
  const command = readCommand(args);
  if (command.is === "run") return run(command);
  process.stdout.write(await textOf(command));
  return 0;
}

/** What is printed where nothing is run. The cases are loaded only where they are needed: they are many. */
async function textOf(command: Exclude<Command, RunCommand>): Promise<string> {
  if (command.is === "help") return HELP;
  if (command.is === "version") return `${versions.groundstate}\n`;
  const { typed, only } = command;
  if (command.is === "rules") return `${(await import("./runners/rules-table.js")).rulesTable({ typed })}\n`;
  const { suiteOf } = await import("./runners/suite.js");
  const listed = suiteOf(typed).filter(
    ({ id }) => only.length === 0 || only.some((text) => id.includes(text)),
  );
  return listed.map(({ id }) => `${id}\n`).join("");
}

async function run({ is: _, module, format, output, ...options }: RunCommand): Promise<number> {
  const url = await locate(module);
  // Before the run, which takes long, and so that no report of an earlier one stays there.
  if (output !== undefined) await writeOutput(output, "");
  const isPretty = output !== undefined || format === "pretty";
  const print = (text: string) => isPretty && process.stdout.write(text);
  const supervised = await new SupervisedRun(
    { module: url, ...options, abandoned: [] },
    {
      onBegun: (heading) => print(formatHeading(heading)),
      onResult: (result) => print(formatResult(result)),
    },
  ).run();
  const { report, refusal, isKeptAlive } = supervised;
  if (report) print(formatSummary(report));
  const text = textIn(format, supervised);
  if (output !== undefined) await writeOutput(output, text);
  else if (!isPretty) process.stdout.write(text);
  if (isKeptAlive) process.stderr.write(KEPT_ALIVE);
  if (refusal) return complain(refusal.failure, refusal.kind);
  return report === undefined || report.failed > 0 || report.stray?.length || isKeptAlive ? 1 : 0;
}

/** Where no case could be run, `json` has an error in place of results, and the other formats say nothing. */
function textIn(format: Format, { report, heading, refusal }: Supervised): string {
  if (report) return FORMATTERS[format](report);
  if (format !== "json" || heading === undefined) return "";
  return `${JSON.stringify({ format: 1, ...heading, error: refusal?.failure }, null, 2)}\n`;
}

const FORMATTERS: Readonly<Record<Format, (report: Report) => string>> = {
  pretty: formatReport,
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  tap: tapReport,
  junit: junitReport,
};

function complain(failure: Failure, kind: Refusal["kind"]): number {
  process.stderr.write(`groundstate: ${failureLines(failure).join("\n")}\n`);
  if (kind === "usage") process.stderr.write("Try: groundstate --help\n");
  return kind === "harness" ? 1 : 2;
}

async function writeOutput(file: string, text: string): Promise<void> {
  await writeFile(file, text).catch((cause: unknown) => {
    throw new UsageError(`--output ${file} cannot be written`, { cause });
  });
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
