import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createStore,
  type NewRecord,
  type StateStore,
  type StoreOptions,
  type StoreRuntime,
} from "groundstate";
import { onTestFinished } from "vitest";
import { LevelDriver } from "../../examples/level-driver/driver.js";
import { ROOT } from "../package/installed.js";

export const IDENTITY = { tenant: "acme", user: "ada", session: "s-1" };

export function recordOf(eventId: string, fields: Partial<NewRecord> = {}): NewRecord {
  return {
    eventId,
    identity: IDENTITY,
    kind: `kind/${eventId}`,
    bytes: new TextEncoder().encode(eventId),
    ...fields,
  };
}

/** A folder that is gone after the test. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "level-driver-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A store that is closed when it is disposed of. */
export async function open(
  folder: string,
  options?: StoreOptions,
  runtime?: StoreRuntime,
): Promise<StateStore> {
  return createStore(await LevelDriver.open(folder), options, runtime);
}

/**
 * Runs a module in a process of its own that a limit on the size of its files does not kill. `args`, `createStore`,
 * `LevelDriver` as it was built, and `say`, which writes a line, are defined in it.
 */
export function startProcess(
  source: string,
  args: object,
): { child: ChildProcess; said: string[]; ended: Promise<unknown> } {
  const prelude = `
    import { createStore } from "groundstate";
    import { LevelDriver } from "./dist/examples/level-driver/driver.js";
    const args = ${JSON.stringify(args)};
    const say = (line) => process.stdout.write(line + "\\n");
  `;
  const given = [
    "-c",
    `trap '' XFSZ; exec "$0" --input-type=module -e "$1"`,
    process.execPath,
    prelude + source,
  ];
  const child = spawn("sh", given, { cwd: ROOT, stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const said: string[] = [];
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() as string;
    said.push(...lines);
    child.emit("said");
  });
  return { child, said, ended: new Promise((resolve) => child.once("close", resolve)) };
}
