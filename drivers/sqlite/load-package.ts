import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

import type { Connect, Connection, ConnectOptions } from "./connection.js";
import { setup } from "./errors.js";

export interface PackageSearch {
  /** The file whose packages are searched. */
  readonly from?: string | URL;
  readonly nodeVersion?: string;
}

/** What is used of better-sqlite3. */
export interface SqlitePackage {
  readonly connect: Connect;
  readonly SqliteError: new (message: string, code: string) => Error;
}

interface ConnectionClass {
  new (path: string, options: ConnectOptions & { readonly timeout: number }): Connection;
  readonly SqliteError: SqlitePackage["SqliteError"];
}

let loaded: SqlitePackage | undefined;

/** better-sqlite3, loaded once. UNAVAILABLE, with what to install, when that cannot be done. */
export async function loadPackage(): Promise<SqlitePackage> {
  loaded ??= await loadPackageFrom({});
  return loaded;
}

/** The package that a file at this place would get, under this version of Node. */
export async function loadPackageFrom(search: PackageSearch): Promise<SqlitePackage> {
  const { from = import.meta.url, nodeVersion = process.versions.node } = search;
  const { version, entry } = find(from);
  if (major(version) >= 13 && major(nodeVersion) < 22) {
    // Loading it would end the process, with nothing to catch.
    throw setup(
      `better-sqlite3 ${version} needs Node 22 and this is Node ${nodeVersion}: npm install better-sqlite3@12`,
    );
  }
  try {
    const { default: Database } = (await import(pathToFileURL(entry).href)) as { default: ConnectionClass };
    // A timeout of SQLite's own would block the event loop while it waits.
    const connect: Connect = (path, options) => new Database(path, { ...options, timeout: 0 });
    // The native part is loaded with the first connection.
    connect(":memory:").close();
    return { connect, SqliteError: Database.SqliteError };
  } catch (error) {
    throw setup(
      `better-sqlite3 ${version} is installed but does not load: npm rebuild better-sqlite3 (its install script fetches or compiles the native part)`,
      error,
    );
  }
}

function find(from: string | URL): { version: string; entry: string } {
  const { resolve } = createRequire(from);
  try {
    const manifest = readFileSync(resolve("better-sqlite3/package.json"), "utf8");
    return { version: String(JSON.parse(manifest).version), entry: resolve("better-sqlite3") };
  } catch (error) {
    throw setup("the sqlite driver needs a package that is not here: npm install better-sqlite3@12", error);
  }
}

function major(version: string): number {
  return Number.parseInt(version, 10);
}
