import { readOptions, USAGE, UsageError } from "./cli.js";
import { runBench } from "./run-bench.js";

process.exitCode = await main(process.argv.slice(2));

async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = readOptions(argv);
    if (options.help) {
      console.log(USAGE);
      return 0;
    }
    return await runBench(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\n\n${USAGE}`);
    return 2;
  }
}
