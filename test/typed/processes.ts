import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Runs a module in several processes that begin at the same moment, each with a store of its own on the same data.
 * Returns the parsed JSON that each printed. The module can use `store`, `args` and `me` (0, 1, ...), and imports the
 * package by name.
 */
export async function inProcesses<R>(
  count: number,
  url: string,
  args: unknown,
  source: string,
): Promise<R[]> {
  const start = Date.now() + 1000;
  const run = async (me: number) => {
    const given = [
      "--input-type=module",
      "-e",
      PRELUDE + source + END,
      JSON.stringify({ url, args, me, start }),
    ];
    const { stdout } = await promisify(execFile)(process.execPath, given, { cwd: ROOT, timeout: 60_000 });
    return JSON.parse(stdout) as R;
  };
  return Promise.all(Array.from({ length: count }, (_, me) => run(me)));
}

const PRELUDE = `
  import { setTimeout as sleepUntilStart } from "node:timers/promises";
  import { openStore } from "groundstate";
  import "groundstate/drivers";
  const { url, args, me, start } = JSON.parse(process.argv[1]);
  const store = await openStore(url);
  await sleepUntilStart(Math.max(0, start - Date.now()));
`;

/** An open connection would keep the process alive. */
const END = `
  await store.close();
`;
