import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TIME_LIMIT_MS = 60_000;

/**
 * Runs a module in several processes that begin at the same moment, each with a store of its own on the same data.
 * Returns the parsed JSON that each printed. The module can use `store`, `args` and `me` (0, 1, ...), and imports the
 * package by name. `await meet()` waits for all others to arrive at the same point.
 */
export async function inProcesses<R>(
  count: number,
  url: string,
  args: unknown,
  source: string,
): Promise<R[]> {
  const children = Array.from({ length: count }, (_, me) => {
    const given = JSON.stringify({ url, args, me });
    return spawn(process.execPath, ["--input-type=module", "-e", PRELUDE + source + END, given], {
      cwd: ROOT,
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      timeout: TIME_LIMIT_MS,
      killSignal: "SIGKILL",
    });
  });
  letMeet(children);
  try {
    return await Promise.all(children.map((child) => printed<R>(child)));
  } finally {
    // Those that wait for one that failed would wait for ever.
    for (const child of children) child.kill("SIGKILL");
  }
}

/** Lets all go on as soon as all have arrived. */
function letMeet(children: readonly ChildProcess[]): void {
  let arrived = 0;
  for (const child of children) {
    child.on("message", () => {
      if (++arrived % children.length > 0) return;
      for (const each of children) if (each.connected) each.send("go on");
    });
  }
}

async function printed<R>(child: ChildProcess): Promise<R> {
  const [out, errors, [code, signal]] = await Promise.all([
    text(child.stdout as NonNullable<typeof child.stdout>),
    text(child.stderr as NonNullable<typeof child.stderr>),
    once(child, "exit"),
  ]);
  if (code !== 0) throw new Error(`a process ended with ${code ?? signal}: ${errors}`);
  return JSON.parse(out) as R;
}

const PRELUDE = `
  import { once as nextMessage } from "node:events";
  import { openStore } from "groundstate";
  import "groundstate/drivers";
  const { url, args, me } = JSON.parse(process.argv[1]);
  const meet = async () => {
    const all = nextMessage(process, "message");
    process.send("here");
    await all;
  };
  const store = await openStore(url);
  await meet();
`;

/** An open connection would keep the process alive. */
const END = `
  await store.close();
`;
