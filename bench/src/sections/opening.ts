import { fileURLToPath } from "node:url";
import { runJob } from "../child-process.js";
import { eachDriver } from "../fresh-store.js";
import { runProgram } from "../run-program.js";
import type { Context } from "../section.js";
import { median } from "../statistics.js";

const LONGEST_MS = 60_000;
const DIST = new URL("../../../dist/", import.meta.url);
const CORE = "src/index.js";
const DRIVERS = "drivers/index.js";
const IMPORTS = [[CORE], [CORE, DRIVERS]];
const TIMES = 11;

/** How long a program waits until it has a store: importing the package, and opening a database that is there. */
export async function opening(context: Context): Promise<void> {
  const { findings } = context;
  for (const entries of IMPORTS) {
    context.say(`opening: importing ${entries.join(" and ")}`);
    findings.imports.push({ entries, ms: await importTime(entries) });
  }
  for await (const place of eachDriver(context, "opening")) {
    if (place.driver === "memory") continue;
    context.say(`opening: ${place.driver}`);
    await runJob("make-empty", place, LONGEST_MS);
    findings.openings.push(await runJob("opening", place, LONGEST_MS));
  }
}

/** In processes of plain Node, as a program that was built has it. */
async function importTime(entries: readonly string[]): Promise<number> {
  const imports = entries.map((entry) => `await import(${JSON.stringify(new URL(entry, DIST).href)});`);
  const script = `const started = performance.now(); ${imports.join(" ")} console.log(performance.now() - started);`;
  const times: number[] = [];
  const cwd = fileURLToPath(DIST);
  for (let run = 0; run < TIMES; run++) {
    const printed = await runProgram(process.execPath, ["--input-type=module", "--eval", script], {
      cwd,
      env: { NODE_OPTIONS: "" },
    });
    times.push(Number(printed));
  }
  return median(times);
}
