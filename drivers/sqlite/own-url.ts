import { pathToFileURL } from "node:url";

/** What a bundler has to be told: it sees neither the module of the thread nor the native part of better-sqlite3. */
export const BUNDLE_ADVICE =
  'leave groundstate and better-sqlite3 out of the bundle (Next.js: serverExternalPackages: ["groundstate", "better-sqlite3"]; esbuild, webpack and Vite: external) and have both installed where it runs (docs/recipes/bundlers.md, also for traced deployments)';

/**
 * Where this code lies, as a `file:` URL; `undefined` when that cannot be known. To be asked when it is needed and not
 * when a module is loaded: a bundle of CommonJS has no `import.meta.url`.
 */
export function ownUrl(): string | undefined {
  const url: unknown = import.meta.url;
  if (typeof url === "string" && url.startsWith("file:")) return url;
  return typeof __filename === "string" ? pathToFileURL(__filename).href : undefined;
}
