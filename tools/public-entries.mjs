import { readFileSync } from "node:fs";

const { exports } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/**
 * What can be imported from the package, and the source that it is built from: `groundstate/sessions` and
 * `src/sessions/index.ts`.
 *
 * @type {readonly { readonly name: string, readonly source: string }[]}
 */
export const publicEntries = Object.entries(exports)
  .filter(([, entry]) => typeof entry === "object")
  .map(([path, entry]) => ({
    name: path.replace(/^\./, "groundstate"),
    source: entry.default.replace(/^\.\/dist\//, "").replace(/\.js$/, ".ts"),
  }));
