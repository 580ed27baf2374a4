import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { Instrumenter } from "@stryker-mutator/instrumenter";
import { build } from "esbuild";
import { ROOT } from "./groups.mjs";

/** The words of messages are no behaviour that the contract gives. */
const EXCLUDED = ["StringLiteral"];
const SHIM = resolve(import.meta.dirname, "vitest.mjs");
const SILENT = { debug() {}, info() {}, warn() {}, isDebugEnabled: () => false };

/** Writes one module of the tests with every mutant of the sources in place; `__stryker__.activeMutant` chooses one. */
export async function bundle({ sources, tests }, outfile) {
  const files = sources.map((name) => ({
    name,
    content: readFileSync(resolve(ROOT, name), "utf8"),
    mutate: true,
  }));
  const options = { ignorers: [], excludedMutations: EXCLUDED, plugins: null };
  const { files: mutated, mutants } = await new Instrumenter(SILENT).instrument(files, options);
  const contents = new Map(mutated.map(({ name, content }) => [resolve(ROOT, name), content]));
  const imports = tests.map(
    (name) => `${JSON.stringify(name)}: () => import(${JSON.stringify(resolve(ROOT, name))})`,
  );
  await build({
    stdin: { contents: entryOf(imports), resolveDir: ROOT, loader: "js" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "error",
    outfile,
    alias: { vitest: SHIM },
    plugins: [{ name: "mutants", setup: (builder) => replaceSources(builder, contents) }],
  });
  return mutants.filter(({ status }) => status !== "Ignored").map((mutant) => describe(mutant, files));
}

function entryOf(imports) {
  return `
    import { begin, tests } from ${JSON.stringify(SHIM)};
    const FILES = { ${imports.join(", ")} };
    export async function load(file) { begin(file); await FILES[file](); return tests.filter((test) => test.file === file); }
  `;
}

function replaceSources(builder, contents) {
  builder.onLoad({ filter: /\.ts$/ }, ({ path }) =>
    contents.has(path) ? { contents: contents.get(path), loader: "ts" } : undefined,
  );
}

function describe({ id, fileName, location, mutatorName, replacement }, files) {
  const lines = files.find(({ name }) => name === fileName).content.split("\n");
  const { start, end } = location;
  const last = start.line === end.line ? end.column : undefined;
  const original = lines[start.line].slice(start.column, last);
  const change = [original, replacement]
    .map((text) => text.replaceAll(/\s+/g, " ").slice(0, 100))
    .join("  =>  ");
  const within = lines[start.line].trim();
  return { id, file: fileName, line: start.line + 1, within, mutator: mutatorName, change };
}
