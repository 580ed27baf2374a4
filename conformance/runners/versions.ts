import { createRequire } from "node:module";

/** What a report was made with. */
export interface Versions {
  /** The version of the package. */
  readonly groundstate: string;
  /** The Node that it was, or that another runtime passes for. */
  readonly node: string;
  /** What it was in truth: `node 20.19.0`, `bun 1.3.0`, `deno 2.5.0`. */
  readonly runtime: string;
}

const { version } = createRequire(import.meta.url)("groundstate/package.json") as { version: string };

export const versions: Versions = {
  groundstate: version,
  node: process.versions.node,
  runtime: runtimeOf(process.versions),
};

/** Others name themselves beside the Node that they pass for. */
export function runtimeOf(all: Readonly<Record<string, string | undefined>>): string {
  const name = ["bun", "deno"].find((each) => all[each] !== undefined) ?? "node";
  return `${name} ${all[name]}`;
}
