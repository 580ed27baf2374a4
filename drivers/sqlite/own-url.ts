import { pathToFileURL } from "node:url";

/** Advice for bundles: a bundler sees neither the worker thread's module nor the native part of better-sqlite3. */
export const BUNDLE_ADVICE =
  'leave groundstate and better-sqlite3 out of the bundle (Next.js: serverExternalPackages: ["groundstate", "better-sqlite3"]; esbuild, webpack and Vite: external) and have both installed where it runs (docs/recipes/bundlers.md, also for traced deployments)';

/**
 * The `file:` URL of this module; `undefined` when it is unknown. Call it when the URL is needed and not when a module is
 * loaded: a CommonJS bundle has no `import.meta.url`.
 */
export function ownUrl(): string | undefined {
  const url: unknown = import.meta.url;
  if (typeof url === "string" && url.startsWith("file:")) return url;
  return typeof __filename === "string" ? pathToFileURL(__filename).href : undefined;
}
