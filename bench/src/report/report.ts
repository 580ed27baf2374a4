import { type Options, SECTIONS } from "../cli.js";
import { FULL, QUICK } from "../plan.js";
import { Readings } from "../readings.js";
import type { Remark, Results } from "../results.js";
import { TARGETS } from "../targets.js";
import { checkpointTexts } from "./checkpoints.js";
import { cleanupTexts } from "./cleanups.js";
import { costTexts } from "./costs.js";
import { machine } from "./machine.js";
import { NONE, table } from "./markdown.js";
import { neighbourTexts } from "./neighbours.js";
import { otherTexts } from "./others.js";
import { raceText } from "./races.js";
import { replaceTexts } from "./replaces.js";
import { retentionTexts } from "./retention.js";
import { runTexts } from "./runs.js";
import { searchTexts } from "./searches.js";
import { sharedTenantTexts } from "./shared-tenant.js";
import { stallTexts } from "./stalls.js";
import { versions } from "./versions.js";
import { watchTexts } from "./watch.js";

export interface RunFacts {
  readonly options: Options;
  readonly dataFolder: string;
  readonly ms: number;
}

const HOW_TO_READ = `\
Every entrant runs in a process of its own; one after another is asked for a round, another first each time. Shown are \
medians over the rounds, the slowest and the fastest round, and the median of the ratios to the reference's round. An \
entrant whose calls are synchronous serves one caller at a time: more callers add nothing, and it holds the event loop \
all the time. CPU time is per operation, of the entrant's process with all its threads and of the database server's \
processes; "CPU × reference" is the ratio of operations per second of CPU, both sides together, which hardly changes \
when other programs keep the machine busy. The delay of the event loop includes the 1 ms between two looks at it, and is not known (–) where a \
round never let go of the loop. (!) marks a peer at its own default where that is weaker than, or differs from, the \
write-ahead log and synchronous FULL of the others. pgbench writes down the latency of a tenth of its transactions, and \
draws its slots at random.`;

/** What a run found, as Markdown. */
export function report(results: Results, facts: RunFacts): string {
  return `${[
    "# Results",
    summary(facts),
    "## Machine",
    table(["", ""], machine(facts.dataFolder)),
    "## Versions",
    table(["package", "version"], versions()),
    "keyv is at the version that the newest of its adapters ask for.",
    ...settings(results),
    "## Targets",
    targetTable(results, facts.options),
    ...remarks("Skipped", results.skipped),
    ...remarks("Failed", results.failed),
    "## Figures",
    HOW_TO_READ,
    ...results.races.map(raceText),
    ...costTexts(results),
    ...otherTexts(results),
    ...stallTexts(results),
    ...neighbourTexts(results),
    ...watchTexts(results),
    ...runTexts(results),
    ...checkpointTexts(results),
    ...cleanupTexts(results),
    ...searchTexts(results),
    ...sharedTenantTexts(results),
    ...replaceTexts(results),
    ...retentionTexts(results),
  ].join("\n\n")}\n`;
}

function summary({ options, ms }: RunFacts): string {
  const { rounds, ms: length } = options.quick ? QUICK : FULL;
  const kind = options.quick ? "A quick run, which shows little more than that everything works" : "A run";
  return (
    `${kind}, ${new Date().toISOString().slice(0, 10)}, ${Math.ceil(ms / 60_000)} min: ` +
    `${options.sections.join(", ")}; ${rounds} rounds of ${length} ms each after one to warm up ` +
    "(pgbench and the slow disk longer). Made by `npm run bench`."
  );
}

function settings({ settings }: Results): string[] {
  if (settings.size === 0) return [];
  return ["## Postgres server", "Read back from it.", table(["setting", "value"], [...settings])];
}

/** Of a run of some sections, without the targets that are about others. */
function targetTable(results: Results, { sections }: Options): string {
  const readings = new Readings(results);
  const isWhole = sections.length === SECTIONS.length;
  const rows = TARGETS.flatMap((target) => {
    const reading = target.read(readings);
    if (reading === undefined && !isWhole) return [];
    if (reading === undefined || Number.isNaN(reading.value)) {
      return [[target.area, target.what, target.wanted, NONE, NONE, "not measured"]];
    }
    const where = reading.where === undefined ? "" : ` (${reading.where})`;
    const verdict = target.isMet(reading.value) ? "met" : "**not met**";
    const byCpu = reading.cpu === undefined ? NONE : target.show(reading.cpu);
    return [[target.area, target.what, target.wanted, target.show(reading.value) + where, byCpu, verdict]];
  });
  return table(["", "target", "wanted", "measured", "by CPU time", ""], rows);
}

function remarks(title: string, list: readonly Remark[]): string[] {
  if (list.length === 0) return [];
  return [`## ${title}`, list.map(({ what, why }) => `- ${what}: ${why}`).join("\n")];
}
