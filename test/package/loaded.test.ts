import { execFile } from "node:child_process";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { ROOT } from "./installed.js";

const run = promisify(execFile);

const DIST = pathToFileURL(`${ROOT}/dist/`).href;

/** Writes the URL of each ES module that is loaded into a line of its own. */
const HOOK = dataUrl(`
  import { writeSync } from "node:fs";
  export async function load(url, context, next) {
    writeSync(1, url + "\\n");
    return next(url, context);
  }
`);
const REGISTER = dataUrl(`import { register } from "node:module"; register(${JSON.stringify(HOOK)});`);

function dataUrl(code: string): string {
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** What a new process has loaded when it has run this: ES modules by URL, and CommonJS ones by path. */
async function loadedBy(code: string): Promise<string[]> {
  const program = `
    import { createRequire } from "node:module";
    ${code}
    console.log(Object.keys(createRequire(${JSON.stringify(DIST)}).cache).join("\\n"));
  `;
  const args = ["--import", REGISTER, "--input-type=module", "--eval", program];
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: "" } });
  return stdout.split("\n").filter((line) => line !== "");
}

const ENTRIES = `
  const core = await import("${DIST}src/index.js");
  await import("${DIST}drivers/index.js");
`;

const ofDriver = (loaded: readonly string[], driver: string) =>
  loaded.filter((each) => each.startsWith(`${DIST}drivers/${driver}/`));
const ofPackage = (loaded: readonly string[], name: string) =>
  loaded.filter((each) => each.includes(`node_modules/${name}/`));

test("importing the package loads no driver, no package of a database and nothing of the wrappers", async () => {
  const loaded = await loadedBy(ENTRIES);
  const own = loaded.filter((each) => each.startsWith(DIST)).map((each) => each.slice(DIST.length));
  expect(own).toContain("src/store/driver-store.js");
  expect(own.filter((path) => !path.startsWith("src/"))).toEqual(["drivers/index.js"]);
  expect(
    own.filter((path) =>
      /^src\/(sessions|approvals|tool-calls|runs|ledger|checkpoints|artifacts|content|policies|expiring|facts|memories|questions|lifecycle|search|typed|export-user|forget-user|move-user|retention|runtime|adapters|layers)\//.test(
        path,
      ),
    ),
  ).toEqual([]);
  const foreign = loaded.filter((each) => !each.startsWith(DIST) && /node_modules/.test(each));
  expect(foreign.filter((each) => !each.includes("node_modules/ulid/"))).toEqual([]);
});

test("opening a store loads its driver, that driver's package and no other's", async () => {
  const memory = await loadedBy(`${ENTRIES} await core.openStore("memory:");`);
  expect(ofDriver(memory, "memory").length).toBeGreaterThan(0);
  expect([...ofDriver(memory, "sqlite"), ...ofDriver(memory, "postgres")]).toEqual([]);
  expect([...ofPackage(memory, "better-sqlite3"), ...ofPackage(memory, "postgres")]).toEqual([]);

  const sqlite = await loadedBy(
    `${ENTRIES} const store = await core.openStore({ driver: "sqlite", path: ":memory:" }); await store.close();`,
  );
  expect(ofPackage(sqlite, "better-sqlite3").length).toBeGreaterThan(0);
  expect([...ofDriver(sqlite, "postgres"), ...ofPackage(sqlite, "postgres")]).toEqual([]);

  const address = `{ driver: "postgres", url: "postgres://nobody@127.0.0.1:1/none", openTimeoutMs: 0 }`;
  const refused = `await core.openStore(${address}).catch(() => {});`;
  const postgres = await loadedBy(`${ENTRIES} ${refused}`);
  expect(ofPackage(postgres, "postgres").length).toBeGreaterThan(0);
  expect([...ofDriver(postgres, "sqlite"), ...ofPackage(postgres, "better-sqlite3")]).toEqual([]);
});
