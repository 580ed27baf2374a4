import { writeSync } from "node:fs";
import { url as inspectorUrl } from "node:inspector";
import { setImmediate as turn } from "node:timers/promises";
import type { Harness } from "../harness/case.js";
import { type Failure, failureOf } from "../harness/failure.js";
import { withTimeLimit } from "../harness/time-limit.js";
import { HISTORY_IDS } from "../runners/history-cases.js";
import { readHarness } from "../runners/read-harness.js";
import { notesOn } from "../runners/report.js";
import { runPlan } from "../runners/run.js";
import { casesWith, modeOf, planOf, type RunPlan } from "../runners/run-options.js";
import { suiteOf } from "../runners/suite.js";
import { versions } from "../runners/versions.js";
import { ALIVE_MS, type Assignment, CHANNEL, type Message, type Refusal } from "./messages.js";
import { StrayErrors } from "./stray-errors.js";

/** How long a module may take to load, at least: a machine may be busy. */
const LEAST_LOAD_MS = 20_000;

/** Why the run cannot go on, and whose matter that is. */
class Refused extends Error {
  constructor(
    readonly kind: Refusal["kind"],
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

const stray = new StrayErrors();
let isOver = false;

/** The entry of the process that runs the cases. Whatever the driver does to it, the process that watches it reports. */
const assignment = JSON.parse(process.argv[2] ?? "{}") as Assignment;
process.on("exit", tellOfExit);
stray.watch();
const alive = setInterval(tellAlive, ALIVE_MS);
run(assignment).then(
  () => end(),
  (error: unknown) =>
    end({ kind: error instanceof Refused ? error.kind : "harness", failure: failureOf(error) }),
);

async function run(given: Assignment): Promise<void> {
  const { module, left, only, ...options } = given;
  const suite = [...suiteOf(given.typed), ...(given.histories ? HISTORY_IDS : [])];
  if (only.some((text) => casesWith(text, suite).length === 0))
    throw new Refused("usage", "no case has an id that contains this text");
  const harness = await loadHarness(module, given.timeoutMs);
  const { beside, typed, bail, concurrency, timeoutMs, histories } = options;
  const whole = planOf(harness, {
    ...(only.length > 0 && { only }),
    ...{ modulePath: module, beside, typed, bail, concurrency, timeoutMs },
    ...histories,
  });
  const cases = whole.cases.filter(({ id }) => left?.includes(id) ?? true);
  tellBegun(whole, given);
  stray.watchOutput();
  await runPlan({
    ...whole,
    cases,
    harness: followed(harness),
    onResult: (result) => tell({ is: "ended", result }),
    around: (id, work) => {
      tell({ is: "started", id });
      return stray.in(id, work);
    },
  });
  for (const space of given.abandoned) await removeAbandoned(harness, space, timeoutMs);
}

async function loadHarness(url: string, timeoutMs: number): Promise<Harness> {
  const limitMs = Math.max(timeoutMs, LEAST_LOAD_MS);
  const loaded = await withTimeLimit(import(url), limitMs, "loading it").catch((cause: unknown) => {
    throw new Refused("module", "the module cannot be loaded", { cause });
  });
  const harness: unknown = (loaded as { default?: unknown }).default;
  try {
    return readHarness(harness);
  } catch (cause) {
    const wanted = "the module's default export must be a harness: { name, open(space, options) }";
    throw new Refused("usage", wanted, { cause });
  }
}

function tellBegun(plan: RunPlan, { beside, typed }: Assignment): void {
  const { cases, harness } = plan;
  tell({
    is: "begun",
    heading: { harness: harness.name, mode: modeOf(beside), ...(typed && { typed }), versions },
    cases: cases.map(({ id, rule }) => ({ id, rule })),
    notes: notesOn(plan),
    isInspected: inspectorUrl() !== undefined,
    removes: harness.destroy !== undefined,
  });
}

/** The harness, with what it opens and removes told, so that another process can remove what this one leaves. */
function followed(harness: Harness): Harness {
  const { name, durable, exclusive } = harness;
  return {
    ...{ name, ...(durable && { durable }), ...(exclusive && { exclusive }) },
    open: (space, options) => {
      tell({ is: "opened", space });
      return harness.open(space, options);
    },
    ...(harness.destroy && {
      destroy: async (space: string) => {
        await harness.destroy?.(space);
        tell({ is: "removed", space });
      },
    }),
    ...(harness.damage && { damage: async (space, record) => harness.damage?.(space, record) }),
  };
}

/** Its failure would say nothing about the driver: a process that was killed may hold on to something for a while. */
async function removeAbandoned(harness: Harness, space: string, timeoutMs: number): Promise<void> {
  await withTimeLimit(Promise.resolve(harness.destroy?.(space)), timeoutMs, "destroy").catch(() => {});
}

async function end(refused?: Refusal): Promise<void> {
  // A rejection counts as unhandled only once the turn it came in is over.
  await turn();
  clearInterval(alive);
  tellStray();
  isOver = true;
  tell({ is: "over", ...(refused && { refused }) });
}

function tellAlive(): void {
  tellStray();
  tell({ is: "alive" });
}

function tellStray(): void {
  const errors = stray.news();
  if (errors) tell({ is: "stray", errors });
}

/** Runs where `process.exit` was called, so that the stack leads there. */
function tellOfExit(code: number): void {
  if (isOver) return;
  tellStray();
  const error = new Error(`process.exit(${code}) was called`);
  const id = stray.current;
  const failure: Failure = failureOf(error);
  tell({ is: "exits", ...(id !== undefined && { id }), failure });
}

/** At once: what is told asynchronously would be lost where the process ends. */
function tell(message: Message): void {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let written = 0; written < line.byteLength; ) {
    try {
      written += writeSync(CHANNEL, line, written);
    } catch (error) {
      if ((error as { code?: string }).code === "EAGAIN") continue;
      // Nobody is left to report to.
      isOver = true;
      process.exit(1);
    }
  }
}
