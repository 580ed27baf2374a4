import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as esbuild from "esbuild";
import * as vite from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import webpack from "webpack";
import { sampleOf } from "../soak.js";
import { node, ROOT } from "./installed.js";

/** Opens what it is told, saves and loads, and says how that went. */
const PROGRAM = `
  import { newEventId, openStore } from "groundstate";
  import "groundstate/drivers";
  import { createSessions } from "groundstate/sessions";

  async function main(url, options) {
    const store = await openStore(url, options);
    createSessions(store);
    const identity = { tenant: "acme", user: "ada", session: "s1" };
    await store.save({ eventId: newEventId(), identity, kind: "note", bytes: Buffer.from("hello"), version: 1 });
    const { bytes, version } = await store.load(identity, "note");
    await store.close();
    return Buffer.from(bytes).toString() + " " + version;
  }

  const [url, thread] = process.argv.slice(2);
  main(url, thread === undefined ? {} : { thread }).then(
    (said) => console.log(said),
    (error) => console.log([error.code, error.details?.reason, error.message].join(" | ")),
  );
`;

/** The database packages stay outside: one has a native part, the other is not asked for. */
const DATABASES = ["better-sqlite3", "postgres"];
const ALL = [...DATABASES, "groundstate", "groundstate/drivers", "groundstate/sessions"];

type Bundle = (entry: string, out: string, external: readonly string[]) => Promise<void>;

const BUNDLERS: Readonly<
  Record<
    string,
    {
      file: string;
      bundle: Bundle;
      /** What becomes of SQLite in the caller's thread when only better-sqlite3 is outside. */
      inline: "works" | "refused";
    }
  >
> = {
  "esbuild, ESM": { file: "out.mjs", bundle: byEsbuild("esm"), inline: "works" },
  "esbuild, CommonJS": { file: "out.cjs", bundle: byEsbuild("cjs"), inline: "works" },
  "Vite for a server": { file: "out.mjs", bundle: byVite, inline: "works" },
  webpack: { file: "out.cjs", bundle: byWebpack, inline: "refused" },
};

let folder: string;

/** As on a machine where it was installed and built, and another where only the bundle and the databases' packages are. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gs-bundles-"));
  await place("built", ["groundstate", ...DATABASES, "canonicalize", "croner", "minisearch", "ulid"]);
  await writeFile(join(folder, "built/program.mjs"), PROGRAM);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(sampleOf(Object.entries(BUNDLERS), 3))("bundled by %s", (name, { file, bundle, inline }) => {
  const home = (kind: string) => `${name}-${kind}`.replaceAll(/\W+/g, "-");
  const run = (kind: string, ...args: string[]) => node([file, ...args], join(folder, home(kind)));

  beforeAll(async () => {
    const entry = join(folder, "built/program.mjs");
    await place(home("inside"), ["better-sqlite3"]);
    await bundle(entry, join(folder, home("inside"), file), DATABASES);
    await place(home("outside"), [
      "groundstate",
      "better-sqlite3",
      "canonicalize",
      "croner",
      "minisearch",
      "ulid",
    ]);
    await bundle(entry, join(folder, home("outside"), file), ALL);
  });

  test("memory works with everything inside", async () => {
    expect(await run("inside", "memory:")).toEqual({ code: 0, out: "hello 1\n" });
  });

  test("SQLite works with groundstate and its package outside", async () => {
    expect(await run("outside", "sqlite:./state.db")).toEqual({ code: 0, out: "hello 1\n" });
  });

  test("SQLite with groundstate inside names the setting that leaves it out", async () => {
    const refused = async (thread: string) => {
      const { code, out } = await run("inside", `sqlite:./${thread}.db`, thread);
      expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^UNAVAILABLE \| setup \| /) });
      expect(out).toContain("serverExternalPackages");
      expect(out).toContain("external");
    };
    await refused("worker");
    if (inline === "refused") await refused("inline");
    else expect(await run("inside", "sqlite:./inline.db", "inline")).toEqual({ code: 0, out: "hello 1\n" });
  });

  test("Postgres without its package says so", async () => {
    const { code, out } = await run("inside", "postgres://ann@127.0.0.1:1/none");
    expect({ code, out }).toEqual({ code: 0, out: expect.stringMatching(/^UNAVAILABLE \| setup \| /) });
    expect(out).toContain("npm install postgres");
  });
});

/** A folder with these packages. */
async function place(name: string, packages: readonly string[]): Promise<void> {
  const modules = join(folder, name, "node_modules");
  await mkdir(modules, { recursive: true });
  await writeFile(join(folder, name, "package.json"), '{ "private": true }');
  for (const each of packages) {
    const target = join(modules, each);
    if (each === "groundstate") {
      for (const part of ["src", "drivers"])
        await cp(join(ROOT, "dist", part), join(target, "dist", part), { recursive: true });
      await cp(join(ROOT, "package.json"), join(target, "package.json"));
    } else {
      await symlink(join(ROOT, "node_modules", each), target).catch(() => {});
    }
  }
}

function byEsbuild(format: "esm" | "cjs"): Bundle {
  return async (entry, outfile, external) => {
    await esbuild.build({
      entryPoints: [entry],
      outfile,
      bundle: true,
      platform: "node",
      format,
      external: [...external],
      logLevel: "silent",
    });
  };
}

async function byVite(entry: string, out: string, external: readonly string[]): Promise<void> {
  await vite.build({
    root: join(entry, ".."),
    configFile: false,
    logLevel: "silent",
    ssr: { noExternal: true, external: [...external] },
    build: {
      ssr: entry,
      outDir: join(out, ".."),
      emptyOutDir: false,
      rollupOptions: { output: { entryFileNames: "out.mjs", chunkFileNames: "[name]-[hash].mjs" } },
    },
  });
}

async function byWebpack(entry: string, out: string, external: readonly string[]): Promise<void> {
  const commonjs = Object.fromEntries(external.map((name) => [name, `commonjs ${name}`]));
  const compiler = webpack({
    mode: "none",
    target: "node20",
    entry,
    output: { path: join(out, ".."), filename: "out.cjs" },
    externals: commonjs,
    infrastructureLogging: { level: "none" },
  });
  const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) => {
    compiler.run((error, done) => (error ? reject(error) : resolve(done)));
  });
  await new Promise((resolve) => compiler.close(resolve));
  expect(stats?.toJson({ all: false, errors: true }).errors).toEqual([]);
}
