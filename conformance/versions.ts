import { createRequire } from "node:module";

/** What a report was made with. */
export interface Versions {
  readonly groundstate: string;
  readonly node: string;
}

const { version } = createRequire(import.meta.url)("groundstate/package.json") as { version: string };

export const versions: Versions = { groundstate: version, node: process.versions.node };
