import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./package/installed.js";

const run = promisify(execFile);

const { dependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as {
  dependencies: Record<string, string>;
};

/** Newer Nodes than the tests' own, and the better-sqlite3 that they need, as packages of their own. */
export const NEWER_NODES = join(ROOT, "test/runtimes");

/** Where their binaries are in packages: https://www.npmjs.com/package/node */
export const HAS_NEWER_NODES = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);

/** The program of a version: 22 or 24. */
export function newerNode(version: number): string {
  return join(NEWER_NODES, `node_modules/node-${version}-${process.platform}-${process.arch}/bin/node`);
}

let installing: Promise<unknown> | undefined;

/** Installs them, unless they are there. */
export async function installNewerNodes(): Promise<void> {
  if (existsSync(newerNode(24))) return;
  installing ??= run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: NEWER_NODES,
  });
  await installing;
}

/** A folder with the package as it ships, the better-sqlite3 of `home`, and other packages of this repository. */
export async function packageFolder(home: string, others: readonly string[] = []): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gs-runtimes-"));
  const packages = join(folder, "node_modules");
  await mkdir(packages);
  // A copy, for a link would lead to the better-sqlite3 of this repository.
  await cp(join(ROOT, "dist"), join(packages, "groundstate/dist"), { recursive: true });
  await cp(join(ROOT, "package.json"), join(packages, "groundstate/package.json"));
  await symlink(join(home, "node_modules/better-sqlite3"), join(packages, "better-sqlite3"));
  for (const name of [...Object.keys(dependencies), "postgres", ...others]) {
    await mkdir(dirname(join(packages, name)), { recursive: true });
    await symlink(join(ROOT, "node_modules", name), join(packages, name));
  }
  // Deno looks for packages where there is one.
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  return folder;
}
