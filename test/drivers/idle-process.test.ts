import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import "../../drivers/index.js";
import { openStore, type StateStore } from "../../src/index.js";
import { migratedDatabase } from "./postgres-rig.js";

/** The built package, for child processes. */
const built = (path: string) => JSON.stringify(new URL(`../../dist/${path}`, import.meta.url).href);

const ANN = { tenant: "acme", user: "ann", session: "s1" };

/** Scripts that never close their store. */
const SCRIPTS: readonly (readonly [name: string, source: string])[] = [
  ["has saved", "await save('a');"],
  ["does not wait for its save", "void save('a');"],
  ["has had many calls at once", "await Promise.all(Array.from('abcdefgh', save));"],
];

const STORES: Readonly<Record<string, () => Promise<string>>> = {
  memory: async () => "memory:",
  sqlite: async () => {
    const folder = await mkdtemp(join(tmpdir(), "idle-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    return `sqlite:${join(folder, "state.db")}`;
  },
  postgres: () => migratedDatabase(),
};

test.each(
  Object.keys(STORES).flatMap((driver) => SCRIPTS.map(([name, source]) => [driver, name, source] as const)),
)("an open %s store lets a process end that %s", async (driver, _, source) => {
  const url = await (STORES[driver] as () => Promise<string>)();
  const script = `
    import { openStore } from ${built("src/index.js")};
    import ${built("drivers/index.js")};
    const store = await openStore(${JSON.stringify(url)});
    const save = (kind) =>
      store.save({ eventId: kind, identity: ${JSON.stringify(ANN)}, kind, bytes: new Uint8Array(1) });
    ${source}
  `;
  // A process that does not end is killed, and fails the test.
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], {
    timeout: 60_000,
  });
  expect(await run).toEqual({ stdout: "", stderr: "" });
  if (driver !== "memory") expect(await findA(url)).toBe(true);
});

async function findA(url: string): Promise<boolean> {
  const store: StateStore = await openStore(url);
  const found = await store.find(ANN, "a");
  await store.close();
  return found !== undefined;
}
