import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { loadPackageFrom } from "../../drivers/sqlite/load-package.js";
import { failure, folder } from "./sqlite-rig.js";

/** The path of a file that would load the given code as better-sqlite3. */
function besidePackage(version: string, code: string): string {
  const place = folder();
  const root = join(place, "node_modules", "better-sqlite3");
  mkdirSync(root, { recursive: true });
  writeFileSync(
    join(root, "package.json"),
    JSON.stringify({ name: "better-sqlite3", version, main: "main.js" }),
  );
  writeFileSync(join(root, "main.js"), code);
  return join(place, "app.js");
}

/** A package whose SQLite says that it is of this version. */
function withLibrary(version: string): string {
  return `module.exports = class {
    constructor(...given) { this.given = given; }
    prepare() { return { raw: () => ({ get: () => ["${version}"] }) }; }
    close() {}
  };`;
}

const NODE_NOW = Number.parseInt(process.versions.node, 10);
const NODE_20 = "20.19.0";

describe("better-sqlite3", () => {
  test("is not there", async () => {
    const error = await failure(loadPackageFrom({ from: join(folder(), "app.js") }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain(`npm install better-sqlite3@${NODE_NOW < 22 ? 12 : 13}`);
    expect(error.message).toContain("serverExternalPackages");
  });

  test("13 on Node 20 is refused before it is loaded, which would end the process", async () => {
    const from = besidePackage("13.0.1", "process.kill(process.pid, 'SIGKILL')");
    const error = await failure(loadPackageFrom({ from, nodeVersion: NODE_20 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("npm install better-sqlite3@12");
  });

  test("13 on Node 22, and 12 on Node 20, are loaded", async () => {
    const code = withLibrary("3.53.2");
    for (const [version, nodeVersion] of [
      ["13.0.1", "22.0.0"],
      ["12.11.1", NODE_20],
    ] as const) {
      const { connect } = await loadPackageFrom({ from: besidePackage(version, code), nodeVersion });
      // It must never wait for a lock by itself.
      expect(connect("a.db")).toMatchObject({ given: ["a.db", { timeout: 0 }] });
    }
  });

  test.each([
    ["3.51.2", false],
    ["3.51.3", true],
    ["3.50.6", false],
    ["3.50.7", true],
    ["3.44.6", true],
    ["3.45.9", false],
    ["3.53.0", true],
    ["4.0.0", true],
  ])("with SQLite %s is taken: %s", async (library, taken) => {
    const opening = loadPackageFrom({
      from: besidePackage("12.6.2", withLibrary(library)),
      nodeVersion: NODE_20,
    });
    if (taken) return expect(await opening).toMatchObject({ connect: expect.any(Function) });
    const error = await failure(opening);
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain(`SQLite ${library}`);
    expect(error.message).toContain("npm install better-sqlite3@12");
  });

  test("without its native part says how to get it", async () => {
    const from = besidePackage(
      "12.11.1",
      "module.exports = class { constructor() { throw new Error('no bindings'); } }",
    );
    const error = await failure(loadPackageFrom({ from, nodeVersion: NODE_20 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE", details: { reason: "setup" } });
    expect(error.message).toContain("npm rebuild better-sqlite3");
  });
});

test("the declarations ask for no types of better-sqlite3", () => {
  const seen = new Set<string>();
  const visit = (file: string) => {
    if (seen.has(file)) return;
    seen.add(file);
    // Examples in doc comments import the package by its name.
    const declarations = readFileSync(file, "utf8").replace(/\/\*\*.*?\*\//gs, "");
    for (const [, target] of declarations.matchAll(/(?:\bfrom |import\()"([^"]+)"/g)) {
      expect(target).toMatch(/^\.|^node:/);
      if (target?.startsWith(".")) visit(join(dirname(file), target.replace(/js$/, "d.ts")));
    }
  };
  const entry = fileURLToPath(new URL("../../dist/drivers/sqlite/index.d.ts", import.meta.url));
  expect(existsSync(entry), `${pathToFileURL(entry)}: npm run build`).toBe(true);
  visit(entry);
  expect(seen.size).toBeGreaterThan(3);
});
