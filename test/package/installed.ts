import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The package as someone else gets it: packed, and installed in an empty folder. */
export interface Installed {
  readonly tarball: string;
  /** What the tarball holds. */
  readonly files: readonly string[];
  /** The folder it is installed in. */
  readonly folder: string;
  remove(): Promise<void>;
}

export interface Ran {
  readonly code: number;
  readonly out: string;
}

/** Packs what `npm run build` left in dist, and installs it with what it needs and nothing else. */
export async function installPackage(): Promise<Installed> {
  const place = await mkdtemp(join(tmpdir(), "package-"));
  const remove = () => rm(place, { recursive: true, force: true });
  try {
    // Without its scripts, which would build anew under the feet of other tests.
    const packed = await npm(ROOT, "pack", "--ignore-scripts", "--json", "--pack-destination", place);
    const [{ filename, files }] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
    const tarball = join(place, filename);
    const folder = join(place, "consumer");
    await mkdir(folder);
    await writeFile(join(folder, "package.json"), '{ "private": true }');
    await npm(folder, "install", "--prefer-offline", "--no-audit", "--no-fund", tarball);
    return { tarball, files: files.map(({ path }) => path), folder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Runs a program of one of this repository's development dependencies. */
export async function tool(name: string, program: string, args: readonly string[], cwd = ROOT): Promise<Ran> {
  const home = join(ROOT, "node_modules", name);
  const { bin } = JSON.parse(await readFile(join(home, "package.json"), "utf8")) as {
    bin: string | Record<string, string>;
  };
  const file = typeof bin === "string" ? bin : (bin[program] as string);
  return node([join(home, file), ...args], cwd);
}

/** Runs Node, and says how it ended and what it wrote. */
export async function node(args: readonly string[], cwd: string, env?: NodeJS.ProcessEnv): Promise<Ran> {
  try {
    const { stdout, stderr } = await run(process.execPath, args, {
      cwd,
      maxBuffer: 2 ** 24,
      ...(env && { env: { ...process.env, ...env } }),
    });
    return { code: 0, out: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

async function npm(cwd: string, ...args: string[]): Promise<string> {
  // What an npm that runs the tests tells its scripts about this repository is not meant for the one started here.
  const entries = Object.entries(process.env).filter(
    ([name]) => !/^npm_(package|lifecycle|config_local)/.test(name),
  );
  const shell = process.platform === "win32";
  const { stdout } = await run("npm", args, {
    cwd,
    env: Object.fromEntries(entries),
    shell,
    maxBuffer: 2 ** 24,
  });
  return stdout;
}
