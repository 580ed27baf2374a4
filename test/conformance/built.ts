import { mkdir, mkdtemp, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { node, ROOT } from "../package/installed.js";

/** The package as `npm run build` left it: processes that the suite starts cannot run TypeScript. */
export const built = (await import(
  /* @vite-ignore */ fileURLToPath(new URL("../../dist/conformance/index.js", import.meta.url))
)) as typeof import("../../conformance/index.js");

/** How its mutants are made. */
export const { brokenDriver } = (await import(
  /* @vite-ignore */ fileURLToPath(new URL("../../dist/conformance/mutants/mutant.js", import.meta.url))
)) as typeof import("../../conformance/mutants/mutant.js");

/** A folder of someone who installed the package, with files of theirs. */
export async function project(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "conformance-"));
  await mkdir(join(folder, "node_modules"));
  await symlink(ROOT, join(folder, "node_modules", "groundstate"), "dir");
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** The command line, as `npx groundstate` starts it; the environment may come first. */
export function groundstate(folder: string, ...given: (string | NodeJS.ProcessEnv)[]) {
  const args = given.filter((each) => typeof each === "string");
  const [env] = given.filter((each) => typeof each !== "string");
  return node([join(ROOT, "dist/conformance/cli.js"), ...args], folder, env);
}
