/** Runs programs one after the other, in the folder of each: to start a process for each takes longer than they do. */
import { writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const PROGRAM_ENDED = "\u0004";
const MOST_MS = 10_000;
/** What the programs write goes to the test through these. */
const OUTPUTS = "PipeWrap";

for (const { program, cwd } of JSON.parse(process.argv[2])) {
  process.chdir(cwd);
  await import(program).then(
    () => untilNothingIsOpen(),
    (error) => console.error(error),
  );
  for (const output of [1, 2]) writeSync(output, PROGRAM_ENDED);
}

/** A program of its own would end now. */
async function untilNothingIsOpen() {
  const patience = AbortSignal.timeout(MOST_MS);
  const isOpen = () => process.getActiveResourcesInfo().some((resource) => resource !== OUTPUTS);
  while (isOpen() && !patience.aborted) await sleep(5);
  if (isOpen()) console.error(`left open: ${process.getActiveResourcesInfo()}`);
}
